"""Which KPIs moved by more than they are uncertain by. What figures are is `definition`'s, telling is the report's."""

from __future__ import annotations

import math

NIGHTS_BACK = {"yesterday": 1, "a week ago": 7}
"""What a night is compared with, in days."""

Interval = tuple[float | None, float | None, float | None]


def beyond_interval(now: Interval, before: Interval) -> bool:
    """Whether two figures (value, ci_low, ci_high) lie outside each other's 95% interval.

    An end that is not known reaches everything; a figure that was counted has no interval, and is never called out.
    Nights share most of their data, so this asks for more than two independent samples would have to show.
    """
    values = [_known(now[0]), _known(before[0])]
    ends = [(_known(low), _known(high)) for _, low, high in (now, before)]
    if None in values or (None, None) in ends:
        return False
    return all(_outside(value, *end) for value, end in zip(values, reversed(ends), strict=True))


def _outside(value: float | None, low: float | None, high: float | None) -> bool:
    assert value is not None
    return (low is not None and value < low) or (high is not None and value > high)


def _known(number: float | None) -> float | None:
    return None if number is None or math.isnan(number) else float(number)
