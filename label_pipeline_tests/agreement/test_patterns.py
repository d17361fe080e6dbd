"""Collapsing items to patterns loses nothing and depends on nothing but content."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.agreement.patterns import Patterns
from label_pipeline.votes import Votes
from label_pipeline_tests.agreement.tables import random_votes, tables, unhurried


def as_counter(patterns: Patterns) -> Counter[tuple[int, ...]]:
    """Sorted labels of a pattern -> items, rebuilt from the stored arrays."""
    rows = [patterns.label[a:b].repeat(patterns.count[a:b]) for a, b in pairwise(patterns.offsets)]
    assert [len(row) for row in rows] == patterns.size.tolist()
    return Counter({tuple(row.tolist()): int(n) for row, n in zip(rows, patterns.items, strict=True)})


def counted(votes: Votes) -> Counter[tuple[int, ...]]:
    labels = [votes.label[a:b] for a, b in pairwise(votes.offsets)]
    return Counter(tuple(sorted(row.tolist())) for row in labels if len(row) > 1)


@unhurried
@given(tables)
def test_patterns_count_the_pairable_items(votes: Votes) -> None:
    """A lost or doubled item would bias every agreement figure."""
    assert as_counter(Patterns.of(votes)) == counted(votes)


def test_long_items_and_many_classes() -> None:
    """More labels than the short sort handles, and classes far apart."""
    votes = random_votes(1, items=40, annotators=60, classes=100_000, density=1.0)
    assert as_counter(Patterns.of(votes)) == counted(votes)


@unhurried
@given(tables, st.data())
def test_among_and_merge_are_the_patterns_of_the_parts(votes: Votes, data: st.DataObject) -> None:
    """Slices and shards must agree with the whole."""
    patterns = Patterns.of(votes)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=votes.n_items, max_size=votes.n_items)))
    assert as_counter(patterns.among(mask)) == counted(votes.keep(mask[votes.item]))
    cut = votes.n_items // 2
    shards = [Patterns.of(votes.shard(0, cut)), Patterns.of(votes.shard(cut, votes.n_items))]
    merged = Patterns.merge(shards)
    for name in ("offsets", "label", "count", "size", "items"):
        assert np.array_equal(getattr(merged, name), getattr(patterns, name)), name


@unhurried
@given(tables, st.integers(0, 99))
def test_order_of_items_changes_nothing(votes: Votes, seed: int) -> None:
    """Permuted input must give the same bytes, intervals included."""
    order = np.random.default_rng(seed).permutation(votes.n_items)
    shuffled = Votes.of_codes(
        order[votes.item], votes.annotator, votes.label,
        items=votes.n_items, annotators=votes.n_annotators, classes=votes.n_classes,
    )  # fmt: skip
    one, other = Patterns.of(votes), Patterns.of(shuffled)
    for name in ("offsets", "label", "count", "size", "items"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
