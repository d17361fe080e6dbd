"""The order in which a pilot's items are drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.errors import UserError
from label_pipeline.pilot.draw import apart, check_size, drawing_order

POOLS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"), st.booleans()), min_size=1, max_size=120)


def pool(rows: list[tuple[str, str, bool]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["guess", "slice", "labelled"])
    return frame.assign(item_id=[f"i{k:04d}" for k in range(len(rows))])


def ids(frame: pd.DataFrame, seed: str = "p") -> list[str]:
    return list(frame["item_id"].iloc[drawing_order(frame, ["guess", "slice"], seed=seed)])


@settings(max_examples=30)
@given(POOLS, st.integers(0, 5))
def test_the_order_depends_on_items_and_not_on_rows(rows: list[tuple[str, str, bool]], shuffle: int) -> None:
    """Loss: a pilot drawn again after a replay is another pilot, and half the answers are of items nobody asked."""
    frame = pool(rows)
    mixed = frame.sample(frac=1, random_state=shuffle)
    assert ids(frame) == ids(mixed)
    assert sorted(ids(frame)) == list(frame["item_id"])


@settings(max_examples=30)
@given(POOLS)
def test_items_nobody_labelled_come_first(rows: list[tuple[str, str, bool]]) -> None:
    """Loss: a pilot spent on items that have their labels."""
    frame = pool(rows)
    labelled = frame.set_index("item_id")["labelled"].loc[ids(frame)].to_numpy()
    assert (np.diff(labelled.astype(int)) >= 0).all()


@settings(max_examples=30)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.text(max_size=4))
def test_every_beginning_keeps_the_shares(sizes: list[int], seed: str) -> None:
    """Loss: a pilot without the rare class, or mostly of it, whose figures speak for nothing."""
    rows = [("abcdef"[k], "xy"[j % 2], False) for k, size in enumerate(sizes) for j in range(size)]
    frame = pool(rows)
    guess = frame.set_index("item_id")["guess"].loc[ids(frame, seed)].to_numpy()
    for k, size in enumerate(sizes):
        so_far = np.cumsum(guess == "abcdef"[k])
        wanted = np.arange(1, len(frame) + 1) * size / len(frame)
        # Each of H strata is within one item of its turn, so that a share is off by 1 + H p at most.
        assert (np.abs(so_far - wanted) <= 1 + len(sizes) * size / len(frame) + 1e-9).all()


def test_slices_keep_their_shares_within_a_class() -> None:
    """Loss: of a class, only the items of one slice are seen."""
    frame = pool([("a", "x", False)] * 80 + [("a", "y", False)] * 20 + [("b", "x", False)] * 50)
    first = frame.set_index("item_id").loc[ids(frame)[:75]]
    counts = first.groupby(["guess", "slice"]).size()
    assert abs(counts["a", "x"] - 40) <= 2
    assert abs(counts["a", "y"] - 10) <= 2
    assert abs(counts["b", "x"] - 25) <= 2


def test_every_item_is_equally_likely() -> None:
    """Loss: items of small strata are never drawn, or always, and no figure of the pilot holds for all items."""
    frame = pool([("a", "x", False)] * 37 + [("b", "x", False)] * 3)
    drawn = np.zeros(40)
    for seed in range(120):
        drawn[drawing_order(frame, ["guess", "slice"], seed=str(seed))[:10]] += 1
    # 120 draws of a quarter: 30 ± 4 standard deviations of 4.7.
    assert drawn.min() > 11
    assert drawn.max() < 49


def test_near_duplicates_stand_apart() -> None:
    """Loss: a fifth of the pilot is one item five times; and evaluation gold leaks by its twin."""
    sets = np.array([-1, 0, 0, 1, 2, -1, 1, 2])
    hidden = np.array([False] * 6 + [True, False])
    assert apart(sets, hidden).tolist() == [True, True, False, False, True, True, False, False]


@pytest.mark.parametrize("size", [99, 1001, 0, -5])
def test_a_size_that_is_no_pilot_is_refused(size: int) -> None:
    """Loss: a pilot of ten items that decides about a year of work."""
    with pytest.raises(UserError, match="--size 100 to 1000"):
        check_size(size)
