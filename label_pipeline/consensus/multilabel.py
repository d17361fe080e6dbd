"""Consensus on label sets: for each class of an item, is it there?

Here belongs the multi-label model. One label an item stands in `dawid_skene`; how sets are coded, in
`label_sets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from label_pipeline.consensus import dawid_skene_loops as loops
from label_pipeline.consensus.base import TIE, check_number
from label_pipeline.errors import UserError
from label_pipeline.label_sets import LabelSets
from label_pipeline.votes import FloatArray, IntArray, require_dense

FIRST = 10.0
FIRST_RATES = np.array([0.01, 0.8])
"""How often people imagine and see a class, before anything is known, and how many decisions that weighs."""


@dataclass
class MultiLabel:
    """One decision a class, with annotators who err in the same way from class to class.

    Each class of each item is there (t = 1) or not (t = 0). Annotator j chooses class k with probability
    r_jk1 where it is there and r_jk0 where it is not; the posterior and the class frequencies follow as in
    Dawid–Skene with two classes. Fitted class by class, most r_jk would rest on a handful of decisions; and
    someone who overlooks one class tends to overlook the others. So each r_jkt has `strength` pseudo-decisions
    at what the annotator's and the class's own rates together suggest,

        logit(a_jkt) = logit(r_j·t) + logit(r_·kt) − logit(r_··t),

    with r_j·t over all classes and r_·kt over all annotators, each shrunk to r_··t by `strength` in turn, and r_··t to
    `FIRST_RATES` by `FIRST` pseudo-decisions. A
    class that no annotator of an item chose is taken as absent there and counts as a right "no" for each of
    them: the cost grows with the classes chosen, not with items × classes.

    Fitted: `probabilities_` (n_items, n_classes), the chance that each class is there (rows do not sum to
    one); `labels_` bool (n_items, n_classes), above one half (a tie is absent); `labelled_` bool (n_items,),
    whether anything is known of the item; `confidence_` (n_items,), the chance of its least certain decision;
    `annotator_quality_` (n_annotators,), the chance that a decision on a class somebody chose is right;
    `sensitivity_` and `false_alarms_` (n_annotators,), r_j·1 and r_j·0; `annotator_weight_`, their difference
    where positive (Youden's J); `diagnostics_`.
    """

    strength: float = 5.0
    max_iter: int = 100
    tol: float = 1e-6

    def fit(self, sets: LabelSets, *, gold: IntArray | None = None) -> Self:
        """Fit to `sets`; `gold` (n_items, n_classes) is 1 or 0 where the truth is known and -1 elsewhere.

        Raises UserError for gold of another shape or value, and for parameters without meaning.
        """
        check_number("strength", self.strength, least=0.0, above=True)
        check_number("max_iter", self.max_iter, least=1)
        check_number("tol", self.tol, least=0.0)
        require_dense(sets.n_items, sets.n_classes)
        known = _check_sets_gold(gold, sets)
        cells = Cells.of(sets, known)
        counts, mass = np.zeros((2 * cells.n_seats, 2)), np.zeros((sets.n_classes, 2))
        posterior = cells.start.copy()
        for k, part in cells.by_class():
            offsets = cells.offsets[part.start : part.stop + 1]
            loops.sum_counts(offsets, cells.row, posterior[part], counts, mass[k], loops.SPLIT)
        cells.forget_lone(counts, posterior)
        before, likelihood, steps = -np.inf, 0.0, 0
        while steps < self.max_iter:
            steps += 1
            table, pi = self._maximise(cells, counts, mass)
            counts[:], mass[:] = 0.0, 0.0
            likelihood = 0.0
            for k, part in cells.by_class():
                likelihood += loops.em_pass(
                    cells.offsets[part.start : part.stop + 1], cells.row, cells.gold[part],
                    np.array([1.0 - pi[k], pi[k]]), table, posterior[part], counts, mass[k],
                    loops.SPLIT, loops.SHORT,
                )  # fmt: skip
            cells.forget_lone(counts, posterior)
            if abs(likelihood - before) < self.tol * max(len(cells.row), 1):
                break
            before = likelihood
        self.diagnostics_ = {"iterations": float(steps), "log_likelihood": float(likelihood)}
        self._conclude(sets, cells, known, counts, mass, posterior)
        return self

    def _maximise(self, cells: Cells, counts: FloatArray, mass: FloatArray) -> tuple[FloatArray, FloatArray]:
        """P(answer | truth) of each (annotator, class, answer), and how often each class is there."""
        yes, n = cells.answers(counts)
        overall, by_annotator, by_class = self._rates(cells, yes, n)
        logit = _logit(by_annotator)[cells.seat_annotator] + _logit(by_class)[cells.seat_class] - _logit(overall)
        rate = (yes + self.strength / (1.0 + np.exp(-logit))) / (n + self.strength)
        table = np.empty_like(counts)
        table[0::2], table[1::2] = 1.0 - rate, rate
        return table, self._frequencies(cells, mass)

    def _rates(self, cells: Cells, yes: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """How often a class is chosen where it is not there and where it is: overall, by annotator, by class."""
        overall = (yes.sum(axis=0) + FIRST * FIRST_RATES) / (n.sum(axis=0) + FIRST)
        shrunk = []
        for rows, size in ((cells.seat_annotator, cells.n_annotators), (cells.seat_class, cells.n_classes)):
            hits, tries = np.zeros((size, 2)), np.zeros((size, 2))
            loops.add_rows(hits, rows, yes)
            loops.add_rows(tries, rows, n)
            shrunk.append((hits + self.strength * overall) / (tries + self.strength))
        return overall, shrunk[0], shrunk[1]

    @staticmethod
    def _frequencies(cells: Cells, mass: FloatArray) -> FloatArray:
        there = mass[:, 1]
        mean = (there.sum() + 0.5) / (cells.n_labelled * max(len(there), 1) + 1.0)
        return np.asarray((there + mean) / (cells.n_labelled + 1.0), dtype=np.float64)

    def _conclude(
        self,
        sets: LabelSets,
        cells: Cells,
        known: IntArray,
        counts: FloatArray,
        mass: FloatArray,
        posterior: FloatArray,
    ) -> None:
        annotated = np.diff(sets.offsets) > 0
        chance = np.zeros((sets.n_items, sets.n_classes))
        chance[~annotated] = self._frequencies(cells, mass)
        chance[cells.item, cells.cell_class] = posterior[:, 1]
        chance = np.where(known >= 0, known, chance).astype(np.float64)
        self.probabilities_ = chance
        self.labels_ = (chance > 0.5 + TIE) & (annotated[:, None] | (known >= 0))
        self.labelled_ = annotated | (known >= 0).any(axis=1)
        self.confidence_ = np.maximum(chance, 1.0 - chance).min(axis=1, initial=1.0)
        yes, n = cells.answers(counts)
        _, rate, _ = self._rates(cells, yes, n)
        self.false_alarms_, self.sensitivity_ = rate[:, 0], rate[:, 1]
        self.annotator_weight_ = np.maximum(rate[:, 1] - rate[:, 0], 0.0)
        right = cells.sums(counts[0::2, 0] + counts[1::2, 1])
        tries = cells.sums(counts.reshape(-1, 4).sum(axis=1))
        pooled = right.sum() / tries.sum() if tries.sum() else 0.5
        self.annotator_quality_ = np.divide(right, tries, out=np.full(len(tries), pooled), where=tries > 0)


@dataclass(frozen=True)
class Cells:
    """The decisions to take: (class, item) wherever an annotator of the item chose the class, or gold decides.

    Cells are sorted by class, then item. `item`, `cell_class` (n_cells,); `offsets` (n_cells + 1,) into `row`,
    which gives every annotator's answer its row, 2 · seat + answer, where a seat is an (annotator, class) that
    occurs; `seat_annotator`, `seat_class`, `silent` (n_seats,): the last counts the annotator's "no"s to the
    class outside the cells. `start` (n_cells, 2) are the first posteriors and `gold` (n_cells,) is 1, 0 or -1.
    """

    item: IntArray
    cell_class: IntArray
    offsets: IntArray
    row: IntArray
    seat_annotator: IntArray
    seat_class: IntArray
    silent: FloatArray
    start: FloatArray
    gold: IntArray
    n_labelled: int
    n_annotators: int
    n_classes: int

    @property
    def n_seats(self) -> int:
        """Number of (annotator, class) that occur."""
        return len(self.seat_class)

    @classmethod
    def of(cls, sets: LabelSets, known: IntArray) -> Cells:
        """The cells of `sets` with the gold decisions `known` (n_items, n_classes)."""
        n_classes = max(sets.n_classes, 1)
        per_item = np.diff(sets.offsets)
        item_of = np.repeat(np.arange(sets.n_items), per_item)
        owner = np.repeat(np.arange(sets.n), np.diff(sets.set_offsets))
        gold_item, gold_class = np.nonzero(known >= 0)
        key = sets.chosen.astype(np.int64) * sets.n_items + item_of[owner]
        key = np.unique(np.concatenate([key, gold_class * sets.n_items + gold_item]))
        cell_class, item = np.divmod(key, max(sets.n_items, 1))
        size = per_item[item]
        offsets = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
        cell = np.repeat(np.arange(len(item)), size)
        given = sets.offsets[item][cell] + np.arange(len(cell)) - offsets[cell]
        chosen = owner * n_classes + sets.chosen
        wanted = given * n_classes + cell_class[cell]
        at = np.minimum(np.searchsorted(chosen, wanted), max(len(chosen) - 1, 0))
        answer = chosen[at] == wanted if len(chosen) else np.zeros(len(wanted), dtype=bool)
        seat_key, seat = np.unique(sets.annotator[given] * np.int64(n_classes) + cell_class[cell], return_inverse=True)
        seat_annotator, seat_class = np.divmod(seat_key, n_classes)
        done = np.bincount(sets.annotator, minlength=sets.n_annotators)[seat_annotator]
        gold = known[item, cell_class].astype(np.int32)
        share = np.bincount(cell, weights=answer, minlength=len(item)) / np.maximum(size, 1)
        share = np.where(gold >= 0, gold, share)
        return cls(
            item, cell_class, offsets, (2 * seat + answer).astype(np.int32), seat_annotator, seat_class,
            (done - np.bincount(seat, minlength=len(seat_key))).astype(np.float64),
            np.stack([1.0 - share, share], axis=1), gold,
            int((per_item > 0).sum()), sets.n_annotators, sets.n_classes,
        )  # fmt: skip

    def by_class(self) -> list[tuple[int, slice]]:
        """Each class that has cells, with the slice of its cells."""
        ends = np.searchsorted(self.cell_class, np.arange(self.n_classes + 1))
        return [(k, slice(ends[k], ends[k + 1])) for k in range(self.n_classes) if ends[k] < ends[k + 1]]

    def answers(self, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """For each seat and truth, (n_seats, 2): expected times chosen, and expected decisions."""
        no = counts[0::2].copy()
        no[:, 0] += self.silent
        return counts[1::2], no + counts[1::2]

    def forget_lone(self, counts: FloatArray, posterior: FloatArray) -> None:
        """Take out of `counts` what an item's only answer says of who gave it: it would prove itself right or wrong."""
        lone = np.flatnonzero((np.diff(self.offsets) == 1) & (self.gold < 0))
        np.subtract.at(counts, self.row[self.offsets[lone]], posterior[lone])
        np.maximum(counts, 0.0, out=counts)  # sums are not exact

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums of `values` (n_seats,) over each annotator's seats, (n_annotators,)."""
        return np.asarray(np.bincount(self.seat_annotator, weights=values, minlength=self.n_annotators))


def _logit(p: FloatArray) -> FloatArray:
    return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float64)


def _check_sets_gold(gold: Any, sets: LabelSets) -> IntArray:
    if gold is None:
        return np.full((sets.n_items, sets.n_classes), -1, dtype=np.int32)
    array = np.asarray(gold)
    if array.shape != (sets.n_items, sets.n_classes) or not np.isin(array, (-1, 0, 1)).all():
        raise UserError(
            f"gold decisions have shape {array.shape}",
            rule=f"1, 0 or -1 in shape {(sets.n_items, sets.n_classes)}",
        )
    return array.astype(np.int32)
