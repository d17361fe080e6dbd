"""Examples for the next guideline, proposed from what is settled and what is disputed.

Here belongs which items show a class plainly, which lie between it and its commonest rival, and how few of them show
much. What they look like, and what the guideline says of them, is for people. Gold is never proposed: a check that
stands in the guideline checks nobody, and evaluation gold only measures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.guidelines.confusion import Confusion
from label_pipeline.votes import BoolArray, FloatArray, IntArray, Votes

EXAMPLES = 3
"""Examples of each kind that are proposed for a class."""
LOOKED_AT = 50
"""The best candidates of a kind, among which different ones are sought."""


@dataclass(frozen=True, slots=True)
class Example:
    """An item that shows something: `said` are the classes given on it with their number, most frequent first."""

    item_id: str
    said: tuple[tuple[str, int], ...]

    @property
    def words(self) -> str:
        """What was said, like `4: 2, 9: 1`."""
        return ", ".join(f"{name}: {n}" for name, n in self.said)


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
    classes: Sequence[int] | None = None,
    features: Callable[[Sequence[str]], FloatArray] | None = None,
    most: int = EXAMPLES,
) -> list[ClassExamples]:
    """Examples of every class, in order of classes, or of some `classes` (codes).

    `consensus` is a frame of consensus_labels, `probabilities` (n, K) the model's, `duplicate_set` (n,) as from
    `noise.neighbours`; all are aligned to `votes.items`. `features` gives the points (m, d) of a few item ids, in which
    similar items lie together. Clear are items accepted without a dissenting answer whose label the model shares
    (where there is one), those of most answers first, then those the model is surest of. Borderline are disputed items,
    open ones too, on which the class and its rival were both said, the most evenly split first. Of the best `LOOKED_AT`
    the first is taken, then always the one farthest from those taken. No two near duplicates, no gold (ids in `gold`)
    and nothing near it.
    """
    pool = _Pool(votes, consensus, probabilities, gold, duplicate_set, features)
    found = []
    for code in range(votes.n_classes) if classes is None else classes:
        name = votes.classes[code]
        rival = _rival(name, confusions)
        clear = pool.different(pool.clear(code), most)
        between = np.empty(0, dtype=np.int64) if rival is None else pool.between(code, votes.classes.index(rival))
        borderline = pool.different(between, most)
        found.append(ClassExamples(name, pool.shown(clear), rival, pool.shown(borderline)))
    return found


def _rival(name: str, confusions: Sequence[Confusion]) -> str | None:
    """The class that `name` is taken for most often by several people, else by anybody; None where by nobody."""
    pairs = sorted((pair for pair in confusions if name in (pair.first, pair.second)), key=lambda pair: not pair.shared)
    return next((pair.second if pair.first == name else pair.first for pair in pairs), None)


class _Pool:
    """The items that may be shown, and what was said of them."""

    def __init__(
        self,
        votes: Votes,
        consensus: pd.DataFrame,
        probabilities: npt.NDArray[np.float64] | None,
        gold: set[str],
        duplicate_set: IntArray,
        features: Callable[[Sequence[str]], FloatArray] | None,
    ) -> None:
        self.votes, self.sets, self.features = votes, duplicate_set, features
        status = consensus["status"]  # texts are compared by hash: sorting a million of them takes seconds
        hidden = pd.Index(votes.items).isin(gold)
        near_gold = np.isin(duplicate_set, duplicate_set[hidden & (duplicate_set >= 0)])
        free = ~hidden & ~near_gold
        self.label = pd.Categorical(consensus["label"], categories=list(votes.classes)).codes.astype(np.int64)
        self.plain = self._plain(free & (status == "accepted").to_numpy(), probabilities)
        unsettled = free & status.isin(["disputed", "open"]).to_numpy()
        self.unsettled = votes.keep(unsettled[votes.item])

    def _plain(self, settled: BoolArray, probabilities: npt.NDArray[np.float64] | None) -> IntArray:
        """The items that no answer and no model contradicts: best first within a class, class after class."""
        votes = self.votes
        same = np.bincount(votes.item[votes.label == self.label[votes.item]], minlength=votes.n_items)
        found = np.flatnonzero(settled & (same == votes.per_item) & (same >= 2))
        sure = np.ones(len(found))
        if probabilities is not None:
            agrees = probabilities[found].argmax(axis=1) == self.label[found]
            sure = np.where(agrees, probabilities[found, self.label[found]], 0.0)
        found, sure = found[sure > 0], sure[sure > 0]
        order = np.lexsort((-sure, -votes.per_item[found], self.label[found]))
        return np.asarray(found[order], dtype=np.int64)

    def clear(self, code: int) -> IntArray:
        """Plain items of a class, best first."""
        start, stop = np.searchsorted(self.label[self.plain], [code, code + 1])
        return self.plain[start:stop]

    def between(self, code: int, rival: int) -> IntArray:
        """Unsettled items on which both classes were said, the most evenly split and most answered first."""
        votes = self.unsettled
        one, other = (np.bincount(votes.item[votes.label == k], minlength=votes.n_items) for k in (code, rival))
        found = np.flatnonzero(np.minimum(one, other))
        order = np.lexsort((-votes.per_item[found], np.abs(one - other)[found], -np.minimum(one, other)[found]))
        return np.asarray(found[order], dtype=np.int64)

    def different(self, ranked: IntArray, most: int) -> list[int]:
        """At most `most` of the best, as different from each other as they come; no two near duplicates."""
        sets = self.sets[ranked]
        first = (sets < 0) | ~pd.Series(sets).duplicated().to_numpy()
        best = ranked[first][:LOOKED_AT]
        if self.features is None or len(best) <= most:
            return [int(item) for item in best[:most]]
        points = np.asarray(self.features([str(name) for name in self.votes.items[best]]), dtype=np.float64)
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
