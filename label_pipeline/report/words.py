"""Numbers and times as people read them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

MISSING = "–"


def known(value: Any) -> bool:
    """Whether there is a number at all."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def count(value: Any) -> str:
    """A whole number: 1,204."""
    return f"{int(value):,}" if known(value) else MISSING


def percent(value: Any) -> str:
    """A share: 93.1 %, 0 %, 0.05 %, with the digits that tell something; what is not quite nothing, or all, says so."""
    if not known(value):
        return MISSING
    if value in (0, 1):
        return f"{100 * value:.0f}\N{NO-BREAK SPACE}%"
    digits = 2 if round(100 * value, 1) in (0, 100) else 1
    shown = {0.0: "<0.01", 100.0: ">99.99"}.get(round(100 * value, digits), f"{100 * value:.{digits}f}")
    return f"{shown}\N{NO-BREAK SPACE}%"


def points(share: Any) -> str:
    """A difference of shares with its sign, in points: +1.2, −0.4."""
    return f"{100 * share:+.1f}".replace("-", "−") if known(share) else MISSING


def signed(value: Any) -> str:
    """A difference with its sign: +0.031, −2."""
    return ("+" if value > 0 else "") + number(value) if known(value) else MISSING


def _points(share: Any) -> str:
    return f"{points(share)} points" if known(share) else MISSING


def duration(seconds: Any) -> str:
    """Seconds in their two largest units: 42 s, 3 min 5 s, 2 h 10 min, 4 d 3 h."""
    if not known(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.3g} s"
    steps = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))
    large, name, small, rest = next(step for step in steps if seconds >= step[0])
    more = int(seconds % large // small)
    return f"{int(seconds // large)} {name}" + (f" {more} {rest}" if more else "")


def number(value: Any) -> str:
    """A plain number with three digits that count: 0.712, 12.3, 1,204."""
    if not known(value):
        return MISSING
    shown = count(round(value)) if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    return shown.replace("-", "−")


def hours(value: Any) -> str:
    """Hours as a duration."""
    return duration(3600 * value if known(value) else None)


def interval(shown: Callable[[Any], str], low: Any, high: Any) -> str:
    """A 95% interval, its unit told once: `88.6 to 94.3 %`, `at least 2 d` without an upper end; empty without any."""
    if not known(low) or not known(high):
        return f"at least {shown(low)}" if known(low) else f"at most {shown(high)}" if known(high) else ""
    first, last = shown(low), shown(high)
    for unit in ("\N{NO-BREAK SPACE}%", " points"):
        if last.endswith(unit):
            first = first.removesuffix(unit)
    return f"{first} to {last}"


FORMATS = {"share": percent, "points": _points, "count": count, "seconds": duration, "hours": hours, "number": number}


def change(before: Any, after: Any, unit: str) -> str:
    """The difference with its sign: `+1.2 points` for shares; empty where one side is missing or nothing moved."""
    if not known(before) or not known(after):
        return ""
    step = after - before
    if unit in ("share", "points"):
        shown, moved = f"{100 * abs(step):.1f} points", abs(step) >= 0.0005
    elif unit == "number":
        shown, moved = number(round(abs(step), 3)), abs(step) >= 0.0005
    else:
        shown, moved = FORMATS[unit](abs(step)), step != 0
    return ("+" if step > 0 else "−") + shown if moved else "unchanged"


def plural(n: int, one: str, many: str = "") -> str:
    """`1 item`, `2 items`."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"
