"""Which classes are taken for each other: counted on items, by what was said there, with no truth assumed.

Here belong the counts, the items behind them, and which pairs look like a fault of the guideline rather than of one
person. What agreement is stands in `agreement`; who is good, and the queue's view of confused pairs, in `relabel`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from label_pipeline.estimates import Estimate, wilson
from label_pipeline.votes import BoolArray, IntArray, Votes

MOST_PAIRS = 20
"""Pairs that are told, the most frequent ones."""
LEAST_PEOPLE = 3
"""Annotators who must stand on the rarer side before a guideline and not a person is at fault."""
LEAST_SHARE = 0.05
"""Share of the items of two classes on which both are said that must be exceeded beyond doubt."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Two classes said of the same items.

    `share` is of the items with two answers or more on which anybody said either, those on which both were said
    (n counts the former, `both` the latter). `people` gave the rarer answer on those, and `largest` is the share of
    these answers that one of them gave, 0 to 1. `first` comes before `second` in the order of classes.
    """

    first: str
    second: str
    share: Estimate
    both: int
    people: int
    largest: float

    @property
    def shared(self) -> bool:
        """Whether several people confuse the two, no one of them mostly."""
        return self.people >= LEAST_PEOPLE and self.largest <= 0.5

    @property
    def ambiguous(self) -> bool:
        """Whether several people, no one of them mostly, confuse the two more than now and then."""
        assert self.share.ci_low is not None
        return self.shared and self.share.ci_low > LEAST_SHARE


def confusions(votes: Votes, *, most: int = MOST_PAIRS) -> list[Confusion]:
    """The pairs of classes said of one item, those of most items first, then in the order of classes."""
    from scipy.sparse import coo_array, triu

    pairable = votes.per_item >= 2
    said = _said(votes, pairable)
    item, label = np.divmod(said, votes.n_classes)
    shape = (votes.n_items, votes.n_classes)
    table = coo_array((np.ones(len(said), np.int64), (item, label)), shape=shape).tocsr()
    on = np.asarray(table.sum(axis=0)).ravel()
    both = triu(table.T @ table, k=1).tocoo()
    order = np.lexsort((both.col, both.row, -both.data))[:most]
    # Who stands where shows on the items with several classes: most answers are on others.
    votes = votes.keep((np.bincount(item, minlength=votes.n_items) > 1)[votes.item])
    found = []
    for a, b, n in zip(both.row[order], both.col[order], both.data[order], strict=True):
        people, largest = _dissenters(votes, split_items(votes, int(a), int(b)), int(a), int(b))
        share = wilson(int(n), int(on[a] + on[b] - n))
        found.append(Confusion(votes.classes[a], votes.classes[b], share, int(n), people, largest))
    return found


def share_of(votes: Votes, first: str, second: str) -> Estimate:
    """Of the items with two answers or more on which anybody said either class, those on which both were said."""
    a, b = votes.classes.index(first), votes.classes.index(second)
    pairable = votes.per_item >= 2
    of_a, of_b = (np.bincount(votes.item[votes.label == code], minlength=votes.n_items) > 0 for code in (a, b))
    return wilson(int((of_a & of_b & pairable).sum()), int(((of_a | of_b) & pairable).sum()))


def split_items(votes: Votes, a: int, b: int) -> IntArray:
    """The items with answers of both classes (codes), the most answers of the rarer one first, then by item."""
    of_a, of_b = (np.bincount(votes.item[votes.label == code], minlength=votes.n_items) for code in (a, b))
    rarer = np.minimum(of_a, of_b)
    split = np.flatnonzero(rarer)
    return np.asarray(split[np.argsort(-rarer[split], kind="stable")], dtype=np.int64)


def _said(votes: Votes, items: BoolArray) -> IntArray:
    """Each class said of each of the items once, as item × n_classes + class."""
    kept = items[votes.item]
    said = np.sort(votes.item[kept].astype(np.int64) * votes.n_classes + votes.label[kept])
    return said[np.insert(said[1:] != said[:-1], 0, True)] if len(said) else said


def _dissenters(votes: Votes, items: IntArray, a: int, b: int) -> tuple[int, float]:
    """How many gave the rarer of two answers on these items, either where they are even, and the largest share."""
    of_a, of_b = (np.bincount(votes.item[votes.label == code], minlength=votes.n_items) for code in (a, b))
    here = np.zeros(votes.n_items, dtype=np.bool_)
    here[items] = True
    rarer = (votes.label == a) & (of_a <= of_b)[votes.item] | (votes.label == b) & (of_b <= of_a)[votes.item]
    counts = np.bincount(votes.annotator[rarer & here[votes.item]], minlength=votes.n_annotators)
    return int((counts > 0).sum()), float(counts.max(initial=0) / max(int(counts.sum()), 1))
