"""Examples for the next guideline, proposed from what is settled and what is disputed.

Here belongs which items show a class plainly, which lie between it and its commonest rival, and how few of them show
much. What they look like, and what the guideline says of them, is for people. Gold is never proposed: a check that
stands in the guideline checks nobody, and evaluation gold only measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.guidelines.confusion import Confusion
from label_pipeline.votes import FloatArray, IntArray, Votes

EXAMPLES = 3
"""Examples of each kind that are proposed for a class."""
LOOKED_AT = 50
"""The best candidates of a kind, among which different ones are sought."""


@dataclass(frozen=True, slots=True)
class Example:
    """An item that shows something: `said` are the classes given on it with their number, most frequent first."""

    item_id: str
    said: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ClassExamples:
    """Examples of a class: `clear` ones, and `borderline` ones between it and its commonest `rival` (None: it has
    none)."""

    name: str
    clear: tuple[Example, ...]
    rival: str | None
    borderline: tuple[Example, ...]


def examples(
    votes: Votes,
    consensus: pd.DataFrame,
    probabilities: npt.NDArray[np.float64] | None,
    confusions: Sequence[Confusion],
    *,
    gold: set[str],
    duplicate_set: IntArray,
    features: FloatArray | None = None,
    most: int = EXAMPLES,
) -> list[ClassExamples]:
    """Examples of every class, in order of classes.

    `consensus` is a frame of consensus_labels, `probabilities` (n, K) the model's, `duplicate_set` (n,) as from
    `noise.neighbours` and `features` (n, d) points in which similar items lie together; all are aligned to
    `votes.items`. Clear are items accepted without a dissenting answer whose label the model shares (where there is
    one), those of most answers first, then those the model is surest of. Borderline are disputed items, open ones
    too, on which the class and its rival were both said, the most evenly split first. Of the best `LOOKED_AT` the first
    is taken, then always the one farthest from those taken. No two near duplicates, no gold (ids in `gold`) and
    nothing near it.
    """
    pool = _Pool(votes, consensus, probabilities, gold, duplicate_set, features)
    found = []
    for code, name in enumerate(votes.classes):
        rival = next(
            (p.second if p.first == name else p.first for p in confusions if name in (p.first, p.second)), None
        )
        clear = pool.different(pool.clear(code), most)
        between = np.empty(0, dtype=np.int64) if rival is None else pool.between(code, votes.classes.index(rival))
        borderline = pool.different(between, most)
        found.append(ClassExamples(name, pool.shown(clear), rival, pool.shown(borderline)))
    return found


class _Pool:
    """The items that may be shown, and what was said of them."""

    def __init__(
        self,
        votes: Votes,
        consensus: pd.DataFrame,
        probabilities: npt.NDArray[np.float64] | None,
        gold: set[str],
        duplicate_set: IntArray,
        features: FloatArray | None,
    ) -> None:
        self.votes, self.sets, self.points = votes, duplicate_set, features
        self.counts = votes.counts()
        codes = {name: k for k, name in enumerate(votes.classes)}
        self.label = np.array([codes.get(label, -1) for label in consensus["label"]], dtype=np.int64)
        self.status = consensus["status"].to_numpy()
        hidden = np.isin(votes.items, list(gold))
        near_gold = np.isin(duplicate_set, duplicate_set[hidden & (duplicate_set >= 0)])
        self.free = ~hidden & ~near_gold
        rows = np.arange(votes.n_items)
        self.sure = np.ones(votes.n_items)
        if probabilities is not None:
            agrees = probabilities.argmax(axis=1) == self.label
            self.sure = np.where(agrees, probabilities[rows, self.label], 0.0)

    def clear(self, code: int) -> IntArray:
        """Plain items of a class, best first."""
        per_item = self.votes.per_item
        plain = self.free & (self.status == "accepted") & (self.label == code) & (self.sure > 0)
        plain &= (self.counts[:, code] == per_item) & (per_item >= 2)
        found = np.flatnonzero(plain)
        return np.asarray(found[np.lexsort((-self.sure[found], -per_item[found]))], dtype=np.int64)

    def between(self, code: int, rival: int) -> IntArray:
        """Unsettled items on which both classes were said, the most evenly split and most answered first."""
        one, other = self.counts[:, code], self.counts[:, rival]
        found = np.flatnonzero(self.free & np.isin(self.status, ("disputed", "open")) & (np.minimum(one, other) > 0))
        order = np.lexsort((-self.votes.per_item[found], np.abs(one - other)[found], -np.minimum(one, other)[found]))
        return np.asarray(found[order], dtype=np.int64)

    def different(self, ranked: IntArray, most: int) -> list[int]:
        """At most `most` of the best, as different from each other as they come; no two near duplicates."""
        sets = self.sets[ranked]
        first = (sets < 0) | ~pd.Series(sets).duplicated().to_numpy()
        best = ranked[first][:LOOKED_AT]
        if self.points is None or len(best) <= most:
            return [int(item) for item in best[:most]]
        points = np.asarray(self.points[best], dtype=np.float64)
        taken, far = [0], np.linalg.norm(points - points[0], axis=1)
        while len(taken) < most:
            taken.append(int(far.argmax()))
            far = np.minimum(far, np.linalg.norm(points - points[taken[-1]], axis=1))
        return [int(item) for item in best[taken]]

    def shown(self, items: Sequence[int]) -> tuple[Example, ...]:
        """The items with what was said of them."""
        return tuple(Example(str(self.votes.items[item]), said(self.votes, item)) for item in items)


def said(votes: Votes, item: int) -> tuple[tuple[str, int], ...]:
    """The classes given on an item (code) with their number, most frequent first, then in the order of classes."""
    given = votes.label[votes.offsets[item] : votes.offsets[item + 1]]
    codes, counts = np.unique(given, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple((votes.classes[codes[k]], int(counts[k])) for k in order)
