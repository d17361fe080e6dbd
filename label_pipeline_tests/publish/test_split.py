from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.errors import UserError
from label_pipeline.publish.split import assign, gold_split, places

SHARES = {"train": 0.8, "validation": 0.1, "test": "gold"}


def test_places_never_change():
    """Loss: a new hash would move items between training and validation of every project."""
    assert places(["a", "Ünï-🐈"]).tolist() == pytest.approx([0.6905872569381128, 0.5960638174959477], abs=1e-12)
    assert len(places([])) == 0


@given(st.lists(st.text(), max_size=30), st.lists(st.text(), max_size=30))
def test_an_item_stays_where_it_is_when_items_are_added(old, new):
    """Loss: an item that moves from validation to train makes the old validation score a lie."""
    assert assign(old + new, SHARES)[: len(old)] == assign(old, SHARES)


def test_shares_are_relative_and_met():
    """Loss: a third of the items in validation because 0.8 and 0.1 were read as ends of [0, 1]."""
    counts = Counter(assign((f"item {i}" for i in range(20_000)), SHARES))
    assert set(counts) == {"train", "validation"}
    assert counts["train"] / 20_000 == pytest.approx(8 / 9, abs=0.01)


def test_a_share_of_zero_gets_nothing():
    assert set(assign(map(str, range(500)), {"train": 0.5, "validation": 0.0})) == {"train"}


@pytest.mark.parametrize("splits", [{"test": "gold"}, {"train": -0.1}, {"train": 1.5}, {"train": 0.0}])
def test_splits_without_a_usable_share_are_refused(splits):
    with pytest.raises(UserError, match="share"):
        assign(["a"], splits)


def test_gold_has_one_place():
    assert gold_split(SHARES) == "test"
    assert gold_split({"train": 1.0}) is None
    with pytest.raises(UserError, match="one place"):
        gold_split({"a": "gold", "b": "gold", "train": 1.0})
