"""Which method to believe, by how well each predicts annotators it has not seen.

Here belong dealing annotators into parts, fitting every method without one part, judging by that part, and
averaging the winners. Which methods compete stands in `methods`; what gold adds to the verdict, in `selection`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from label_pipeline.consensus.base import Estimator, vote_shares
from label_pipeline.votes import AnyArray, BoolArray, FloatArray, IntArray, Votes

PARTS = 3
"""Annotators are dealt into this many parts; each draw leaves one out."""

ROUNDS = 8
"""How often they are dealt, for votes of at most `SAMPLE` annotations."""

SAMPLE = 100_000
"""Methods are compared on items of about this many annotations; beyond it only the winner sees all."""

CELLS_PER_VOTE = 10
"""A probability costs about a tenth of an annotation."""

TRUST = 2.0
"""A judge with n annotations weighs n / (n + TRUST): all nearly alike, save for those with very few."""


EVERYBODY = 0.2
"""The say of the winners fitted to all annotators, beside the draws."""


@dataclass(frozen=True)
class Verdict:
    """What the draws found.

    `scores` (n_draws, n_methods) is each method's agreement beyond chance with the annotators left out, and
    `winner` (n_draws,) the index of the best. `probabilities` (n_items, n_classes) is the mean of the winners'
    posteriors, `by_method` (n_methods, n_items, n_classes) each method's mean over draws, or None beyond
    `SAMPLE`. For gold items both come only from draws that did not show their gold label.
    """

    methods: tuple[str, ...]
    scores: FloatArray
    winner: IntArray
    probabilities: FloatArray
    by_method: FloatArray | None

    @property
    def wins(self) -> FloatArray:
        """The share of draws each method won, (n_methods,)."""
        return np.asarray(np.bincount(self.winner, minlength=len(self.methods)) / max(len(self.winner), 1))


def deliberate(
    votes: Votes,
    methods: Mapping[str, Estimator],
    *,
    gold: IntArray,
    probabilities: FloatArray | None = None,
    scale: FloatArray | None = None,
    seed: int = 0,
) -> Verdict:
    """Deal annotators into parts, again and again; fit every method without one part, and let that part judge.

    Errors of annotators are correlated, and some annotators give most of the labels, so annotations cannot be
    held out one by one: a clique would vouch for itself. A part of the annotators is left out instead, its
    members weigh nearly alike, and a method's consensus without them is scored by how far they agree with it
    (see `Judges`). The best method of a draw speaks for it, and the draws are averaged. So a label rests on many
    subsets of annotators and its probability tells how often they would agree on it: resampling shrinks the
    certainty that independence of errors would pretend. A share `EVERYBODY` of the average goes to the same
    methods, as often as they won, fitted to all annotators: where errors are independent nothing beats that.

    `gold` (n_items,) holds class codes or -1; gold items are dealt in the same way, half of them hidden in each
    draw; a hidden one has no more annotations than the others have (see `surplus`), so that what is learnt of its
    posterior holds for theirs. `probabilities` (n_items, n_classes) are a model's. `scale` (n_classes,) are the
    values of ordered classes. The part of an annotator depends on `seed`, their id and the draw, and on nobody else.
    Beyond `SAMPLE` annotations there are fewer rounds, each draw compares methods on a sample of items, and the
    winner alone is fitted to all.

    Averaging over resampled annotators is the bagging of Breiman 1996, "Bagging predictors", Machine Learning 24.
    """
    size = max(votes.n, votes.n_items * votes.n_classes // CELLS_PER_VOTE)
    whole = size <= SAMPLE
    draws = PARTS * (ROUNDS if whole else max(1, round(ROUNDS * (SAMPLE / size) ** 0.5)))
    average = _Average(votes, 1 + len(methods) if whole else 1)
    scores, winner, settled = [], [], np.flatnonzero(gold >= 0)
    beyond = surplus(votes, gold, seed)
    for draw in range(draws):
        out = deal(votes.annotators, PARTS, seed, draw)
        hidden = np.zeros(votes.n_items, dtype=bool)
        hidden[settled] = deal(votes.items[settled], 2, seed, draw)
        shown = np.where(hidden, -1, gold).astype(np.int32)
        seated = votes.keep(~(out[votes.annotator] | (beyond & hidden[votes.item])))
        if seated.n == 0:
            continue
        heard, panel, model, known = votes, seated, probabilities, shown
        if not whole:
            items = np.random.default_rng([seed, draw]).random(votes.n_items) < SAMPLE / size
            heard, panel, known = only(votes, items), only(seated, items), shown[items]
            model = None if probabilities is None else probabilities[items]
        judges = Judges.of(heard, out[heard.annotator] & (panel.per_item > 0)[heard.item], scale)
        fitted = [method.fit(panel, probabilities=model, gold=known) for method in methods.values()]
        scores.append([judges.agreement(method.labels_) for method in fitted])
        # The first of those that do as well as the best: rounding must not choose.
        winner.append(int(np.argmax(np.array(scores[-1]) >= max(scores[-1]) - 1e-9)))
        best = fitted[winner[-1]]
        spoken = [best, *fitted] if whole else [best.fit(seated, probabilities=probabilities, gold=shown)]
        average.add((seated.per_item > 0) & ((gold < 0) | hidden), [method.probabilities_ for method in spoken])
    means = average.means()
    free = (gold < 0) & (votes.per_item > 0)
    means[0, free] *= 1.0 - EVERYBODY
    for index, n in zip(*np.unique(winner, return_counts=True), strict=True):
        best = list(methods.values())[index].fit(votes, probabilities=probabilities, gold=gold)
        means[0, free] += EVERYBODY * n / len(winner) * best.probabilities_[free]
    return Verdict(
        tuple(methods),
        np.array(scores, dtype=np.float64).reshape(-1, len(methods)),
        np.array(winner, dtype=np.int64),
        means[0],
        means[1:] if whole else None,
    )


@dataclass(frozen=True)
class Judges:
    """Annotations of annotators left out, by which a consensus without them is judged.

    `item` and `label` (n,) are codes, `weight` (n,) sums to one, `frequency` (n_classes,) is the weight of each
    class. `scale` (n_classes,) are the values of ordered classes, or None.
    """

    item: IntArray
    label: IntArray
    weight: FloatArray
    frequency: FloatArray
    scale: FloatArray | None

    @classmethod
    def of(cls, votes: Votes, judging: BoolArray, scale: FloatArray | None = None) -> Self:
        """The annotations of `votes` where the (n,) mask is true, each annotator weighing as `TRUST` says."""
        rows = np.flatnonzero(judging)
        annotator, label = votes.annotator[rows], votes.label[rows]
        n = np.bincount(annotator, minlength=votes.n_annotators).astype(np.float64)
        weight = 1.0 / (n + TRUST)[annotator]
        weight /= max(float(weight.sum()), 1e-300)
        frequency = np.bincount(label, weight, votes.n_classes).astype(np.float64)
        return cls(votes.item[rows], label, weight, frequency, scale)

    def agreement(self, labels: IntArray) -> float:
        """Agreement beyond chance of the consensus `labels` (n_items,) with the judges.

        1 − D / D_e, with D the mean disagreement of an item's label with an annotation on it, and D_e that of
        two labels drawn from the frequencies of both sides together. Disagreement is 0 or 1, or the squared
        distance on the scale. 1 is perfect, 0 chance; 0 where all labels are of one class or nobody judges. A
        consensus that gives the annotators' favourite class more often than they do gains nothing by it.

        Source: Scott 1955, "Reliability of content analysis: the case of nominal scale coding"; on a scale it is
        Krippendorff's alpha between the two sides.
        """
        if len(self.item) == 0:
            return 0.0
        ours = labels[self.item]
        pooled = (np.bincount(ours, self.weight, len(self.frequency)) + self.frequency) / 2.0
        if self.scale is None:
            found = float(self.weight[ours != self.label].sum())
            expected = 1.0 - float(pooled @ pooled)
        else:
            found = float((self.weight * (self.scale[ours] - self.scale[self.label]) ** 2).sum())
            expected = 2.0 * float(pooled @ (self.scale - pooled @ self.scale) ** 2)
        return 1.0 - found / expected if expected > 1e-12 else 0.0


def deal(ids: AnyArray, parts: int, seed: int, draw: int) -> BoolArray:
    """Who is in the part of this draw, (n,): of `parts` consecutive draws everybody is in exactly one.

    The part is a hash of the id, `seed` and the round: it depends on nobody else, so that newcomers leave the
    parts of the others as they were.
    """
    from pandas.util import hash_array

    key = np.random.SeedSequence([seed, parts, draw // parts]).generate_state(1, np.uint64)[0]
    return np.asarray(_mixed(hash_array(ids, categorize=False) ^ key) % np.uint64(parts) == draw % parts)


def surplus(votes: Votes, gold: IntArray, seed: int) -> BoolArray:
    """Which annotations (n,) gold items have beyond what items without gold have.

    Gold checks are shown to everybody, so gold often has many more annotations than what it speaks for, and a
    posterior that is safe there says little of one that rests on a single annotation. The gold items in order of
    their annotations keep as many as the other items have at the same place in theirs, at least one; which they
    keep is decided by a hash of item, annotator and `seed`. None where there is no gold, or nothing else.
    """
    from pandas.util import hash_array

    counts = votes.per_item
    settled, others = (np.flatnonzero((counts > 0) & mask) for mask in (gold >= 0, gold < 0))
    kept = np.array(counts)
    if len(settled) and len(others):
        place = (np.arange(len(settled)) + 0.5) / len(settled)
        usual = np.quantile(counts[others], place, method="inverted_cdf")
        ranked = settled[np.argsort(counts[settled], kind="stable")]
        kept[ranked] = np.minimum(counts[ranked], usual)
    if np.array_equal(kept, counts):
        return np.zeros(votes.n, dtype=np.bool_)
    key = np.random.SeedSequence([seed]).generate_state(1, np.uint64)[0]
    of_annotator = _mixed(hash_array(votes.annotators, categorize=False) ^ key)
    of_item = np.zeros(votes.n_items, dtype=np.uint64)
    of_item[settled] = _mixed(hash_array(votes.items[settled], categorize=False) ^ key)
    # Only gold items can have too many: theirs are ranked, and no others.
    rows = np.flatnonzero((gold >= 0)[votes.item])
    item, annotator = votes.item[rows], votes.annotator[rows]
    order = np.lexsort((_mixed(of_item[item] + of_annotator[annotator]), item))
    first = np.flatnonzero(np.insert(item[1:] != item[:-1], 0, True))
    rank = np.arange(len(rows)) - np.repeat(first, np.diff(np.append(first, len(rows))))
    beyond = np.zeros(votes.n, dtype=np.bool_)
    beyond[rows[order]] = rank >= kept[item]
    return beyond


def _mixed(bits: AnyArray) -> AnyArray:
    """The finaliser of splitmix64: every bit that goes in reaches every bit that comes out."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def only(votes: Votes, items: BoolArray) -> Votes:
    """The votes on the items where the (n_items,) mask is true, and no other items."""
    offsets = np.concatenate([[0], np.cumsum(votes.per_item[items])]).astype(np.int64)
    kept = items[votes.item]
    return Votes(votes.items[items], votes.annotators, votes.classes, offsets, votes.annotator[kept], votes.label[kept])


class _Average:
    """Means of posteriors over the draws that tell of an item."""

    def __init__(self, votes: Votes, n_kinds: int) -> None:
        self.votes = votes
        self.sums = np.zeros((n_kinds, votes.n_items, votes.n_classes))
        self.n = np.zeros(votes.n_items)

    def add(self, told: BoolArray, posteriors: list[FloatArray]) -> None:
        for total, posterior in zip(self.sums, posteriors, strict=True):
            np.add(total, posterior, out=total, where=told[:, None])
        self.n += told

    def means(self) -> FloatArray:
        """The means; the vote shares of items of which no draw tells, such as those without annotations."""
        np.divide(self.sums, np.maximum(self.n, 1)[None, :, None], out=self.sums)
        silent = self.n == 0
        if silent.any():
            self.sums[:, silent] = vote_shares(self.votes)[silent]
        return self.sums
