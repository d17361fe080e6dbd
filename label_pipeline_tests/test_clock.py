"""Days and the instants at which they end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.clock import days, end_of_day, last_night, now, parse_day, today
from label_pipeline.errors import UserError


@pytest.mark.parametrize(
    ("day", "zone", "ends"),
    [
        (date(2026, 10, 5), "UTC", datetime(2026, 10, 6, tzinfo=UTC)),
        (date(2026, 10, 5), "Europe/Berlin", datetime(2026, 10, 5, 22, tzinfo=UTC)),
        (date(2026, 10, 25), "Europe/Berlin", datetime(2026, 10, 25, 23, tzinfo=UTC)),  # 25 hours long
        (date(2026, 3, 29), "Europe/Berlin", datetime(2026, 3, 29, 22, tzinfo=UTC)),  # 23 hours long
        (date(2026, 12, 31), "Pacific/Auckland", datetime(2026, 12, 31, 11, tzinfo=UTC)),
        (date(2026, 12, 31), "America/Los_Angeles", datetime(2027, 1, 1, 8, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_local_midnight(day: date, zone: str, ends: datetime) -> None:
    """Loss: on the days when clocks change an hour of answers would count for the wrong night."""
    assert end_of_day(day, zone) == ends


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo"]))
def test_days_follow_each_other_without_a_gap(day: date, zone: str) -> None:
    """Loss: a day of the wrong length counts answers twice or never."""
    length = end_of_day(day + timedelta(days=1), zone) - end_of_day(day, zone)
    assert timedelta(hours=23) <= length <= timedelta(hours=25)


def test_last_night_is_over_everywhere_it_is_said_to_be() -> None:
    """Loss: a night run on a day that is not over would publish half a day as whole."""
    for zone in ("Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"):
        assert end_of_day(last_night(zone), zone) <= now()
        assert today(zone) - last_night(zone) in (timedelta(days=1), timedelta(days=2))
    assert last_night("UTC", date(2020, 1, 5)) == date(2020, 1, 5)
    assert last_night("UTC", date(2999, 1, 1)) == last_night("UTC")


def test_days_are_written_one_way() -> None:
    """Loss: 05.10. read as the tenth of May runs the wrong night."""
    assert parse_day("2026-10-05") == date(2026, 10, 5)
    for text in ("05.10.2026", "2026-13-01", "yesterday", "", "2026-10-05T00:00:00"):
        with pytest.raises(UserError, match=r"is not a day .*Write it like 2026-10-05"):
            parse_day(text)


def test_days_include_both_ends() -> None:
    """Loss: a range that leaves its last day out backfills one night too few."""
    first, last = date(2026, 2, 27), date(2026, 3, 2)
    assert days(first, last) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)]
    assert days(first, first) == [first]
    assert days(last, first) == []
