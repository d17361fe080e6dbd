"""A share watched over time: bounds against sums done by hand, and errors counted in simulation."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.annotators.sequential import ERROR, Stretch, bounds, stretches, upper_bound


def upper(right: int, n: int, **more: float) -> float:
    return float(upper_bound(np.array([right]), np.array([n]), **more)[0])


def test_the_bound_is_where_the_bets_have_won() -> None:
    """Loss: an interval that is not the test which decides contradicts the decision beside it."""
    limit = upper(3, 10)
    c = (np.arange(64) + 0.5) / 64
    capital = np.mean(c**3 * ((1 - c * limit) / (1 - limit)) ** 7)
    assert capital == pytest.approx(1 / (ERROR / 2), rel=1e-6)


@given(st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=60)
def test_bounds_hold_the_share_and_mirror_each_other(right: int, wrong: int) -> None:
    """Loss: an interval without the share itself, or one that depends on what is called a success."""
    n = right + wrong
    (low,), (high,) = bounds(np.array([right]), np.array([n]))
    assert 0 <= low <= high <= 1
    assert n == 0 or low <= right / n <= high
    (other_low,), (other_high,) = bounds(np.array([wrong]), np.array([n]))
    assert (1 - other_high, 1 - other_low) == pytest.approx((low, high), abs=1e-9)
    assert upper(right, n, weight=0.01) >= high


def test_nothing_is_said_of_nothing() -> None:
    """Loss: somebody nobody has checked yet is judged."""
    assert [float(end[0]) for end in bounds(np.array([0]), np.array([0]))] == [0.0, 1.0]
    assert stretches([], [], 0.7) == [Stretch(0, 0, False, 0, 0.5)]


def test_one_unlucky_answer_bars_nobody() -> None:
    """Loss: a good person is barred for a slip on the first day."""
    assert [len(stretches([0] * k, [1] * k, 0.7)) for k in (1, 2, 3)] == [1, 1, 1]
    assert not stretches([0, 0, 0], [1, 1, 1], 0.7)[-1].below
    assert stretches([0] * 8, [1] * 8, 0.7)[0].below


def test_a_turn_is_found_where_it_was_and_so_is_the_way_back() -> None:
    """Loss: good work is thrown out with what came after, or somebody who mended stays barred for ever."""
    right = [3] * 30 + [0] * 10 + [3] * 20
    found = stretches(right, [3] * 60, 0.7)
    assert [(s.first, s.last, s.below) for s in found] == [(0, 29, False), (30, 39, True), (40, 59, False)]
    bad, again = found[1:]
    assert 30 < bad.shown < 40
    assert 40 < again.shown < 50


def test_looks_later_on_change_nothing_of_what_showed() -> None:
    """Loss: a person is told tonight that it showed on another day than last night."""
    rng = np.random.default_rng(3)
    right = [*rng.binomial(3, 0.9, 40), *rng.binomial(3, 0.2, 60)]
    shown = [s for k in range(40, 100) for s in stretches(right[:k], [3] * k, 0.7) if s.below]
    assert len({(s.first, s.shown) for s in shown}) == 1


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=40), st.floats(0.05, 0.95))
def test_stretches_cover_all_looks_and_take_turns(looks: list[tuple[int, int]], limit: float) -> None:
    """Loss: a vote that falls between two stretches, or into both."""
    right, n = [r for r, _ in looks], [r + w for r, w in looks]
    found = stretches(right, n, limit)
    assert found[0].first == 0
    assert found[-1].last == max(len(n) - 1, 0)
    for before, after in pairwise(found):
        assert before.last + 1 == after.first
        assert before.below != after.below
    assert all(s.first <= s.shown for s in found)


def share_ever_below(p: float, limit: float, *, people: int, looks: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    n = np.full(looks, 2, dtype=np.int64)
    runs: Any = rng.binomial(2, p, (people, looks))
    return float(np.mean([any(s.below for s in stretches(right, n, limit)) for right in runs]))


def test_who_is_at_the_limit_is_hardly_ever_found_below_it() -> None:
    """Loss: looking every night bars one in three of those who just keep the limit."""
    false = share_ever_below(0.7, 0.7, people=400, looks=200, seed=1)
    assert false <= ERROR
    assert share_ever_below(0.85, 0.7, people=200, looks=200, seed=2) == 0.0


def test_who_answers_at_random_is_found_soon() -> None:
    """Loss: a limit so careful that a spammer is paid for a month."""
    rng = np.random.default_rng(4)
    runs: Any = rng.binomial(1, 0.1, (100, 60))
    shown = [next(s.shown for s in stretches(right, [1] * 60, 0.7) if s.below) + 1 for right in runs]
    assert np.median(shown) <= 10
    assert max(shown) <= 40
