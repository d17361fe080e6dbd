import math

import pytest

from label_pipeline.kpis.change import Interval, beyond_interval


@pytest.mark.parametrize(
    ("now", "before", "beyond"),
    [
        ((0.90, 0.88, 0.92), (0.80, 0.78, 0.82), True),
        ((0.80, 0.78, 0.82), (0.90, 0.88, 0.92), True),
        ((0.83, 0.80, 0.86), (0.80, 0.78, 0.82), False),  # yesterday's value is on the edge of today's
        ((0.90, 0.70, 0.95), (0.80, 0.79, 0.81), False),
        ((0.90, 0.88, None), (0.80, 0.78, 0.82), True),
        ((0.90, None, 0.92), (0.80, 0.78, 0.82), False),
        ((9.0, None, None), (5.0, None, None), False),
        ((0.9, 0.88, 0.92), (5.0, None, None), False),
        ((None, None, None), (0.80, 0.78, 0.82), False),
        ((math.nan, math.nan, math.nan), (0.80, 0.78, 0.82), False),
    ],
)
def test_moves_by_hand(now: Interval, before: Interval, beyond: bool) -> None:
    """Guards against a jump that nobody is told of, and against noise that is called news."""
    assert beyond_interval(now, before) is beyond
