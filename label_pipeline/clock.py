"""Time: the one place that reads the clock, and the one way to write days.

A day is a `datetime.date`, written `2026-10-05`. Kernels never come here; orchestration and the command
line ask for "last night" in a project's timezone and pass the day on.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from label_pipeline.errors import UserError


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def today(timezone: str) -> date:
    """The calendar day it is now in `timezone`."""
    return now().astimezone(ZoneInfo(timezone)).date()


def last_night(timezone: str, end: date | None = None) -> date:
    """The newest day that is over in `timezone`, or `end` for a project that ended before."""
    yesterday = today(timezone) - timedelta(days=1)
    return min(yesterday, end) if end else yesterday


def parse_day(text: str) -> date:
    """A day from `YYYY-MM-DD`, or a UserError that shows the form."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or str(day) != text:  # 20261005 and 2026-W41-1 are days too, but no folder's name
        raise UserError(f"'{text}' is not a day", rule="YYYY-MM-DD", do="Write it like 2026-10-05.")
    return day


def days(first: date, last: date) -> list[date]:
    """All days from `first` to `last`, both included; empty when `last` is earlier."""
    return [first + timedelta(days=k) for k in range((last - first).days + 1)]


def end_of_day(day: date, timezone: str) -> datetime:
    """The instant at which `day` ends in `timezone`, in UTC."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)) + timedelta(days=1)
    return midnight.astimezone(UTC)
