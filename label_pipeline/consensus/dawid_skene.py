"""Dawid–Skene: who confuses which class with which, and what the truth then is.

Here belong the two models of annotators' errors that are fitted by expectation maximisation, `DawidSkene`
(a confusion matrix an annotator) and `OneCoin` (one accuracy an annotator). Their loops over annotations
stand in `dawid_skene_loops`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from label_pipeline.consensus import dawid_skene_loops as loops
from label_pipeline.consensus.base import Fitted, check_gold, check_number, settle, vote_shares
from label_pipeline.errors import UserError, nearest
from label_pipeline.votes import AnyArray, FloatArray, IntArray, Votes, require_dense

Prior = Literal["none", "pooled"]
Law = Callable[[IntArray, IntArray, IntArray], FloatArray]
"""P(label | true class), from codes of annotators, labels and true classes that broadcast together."""

FLOOR = 1e-10
"""Under maximum likelihood no probability falls below this (as in crowd-kit): one odd label is no proof."""

CONFUSION_CELLS = 1 << 26
"""Confusion counts beyond this many cells (0.5 GB) are not kept; see `DawidSkene`."""


class ErrorModel(Fitted):
    """What both models know beside: `class_prior_` (n_classes,), how frequent each true class is."""

    class_prior_: FloatArray


@dataclass
class DawidSkene(ErrorModel):
    """Each annotator's confusion matrix, the class frequencies and the posterior of each item's true class.

    Given true class c, annotator j says o with probability e_j[c, o], independently of the others. E step:
    P(c | labels of i) ∝ π_c · Π_j e_j[c, l_ij]. M step: e_j[c, o] ∝ expected number of times that j said o
    when c was true, π_c ∝ expected number of items of class c. The first posteriors are the vote shares. Gold
    items keep their truth as posterior throughout and so teach how annotators err.

    `prior="none"` is maximum likelihood (Dawid & Skene 1979), with every entry of a label the annotator ever
    gave kept above 1e-10. `prior="pooled"` is the working default, maximum a posteriori: each row of an
    annotator's matrix has `strength` pseudo-counts spread as the same row of the matrix of all annotators
    together, which in turn is shrunk by `strength` towards one accuracy for all. An annotator with few labels
    is then taken for a typical one.

    Stops after `max_iter` E steps, or when the log-likelihood per annotation moves by less than `tol` (nats).
    `annotator_quality_` is Σ_c π_c e_j[c, c]; `annotator_weight_` is the mutual information, in nats, between
    the annotator's label and the truth (0 for someone whose labels do not depend on it). Where the confusions
    would need more than `CONFUSION_CELLS` cells, the one-coin model stands in: `confusion_` is None and
    `diagnostics_["one_coin"]` is 1. `confusion_` alone is None where only its dense form is too big.

    Source: Dawid & Skene 1979, https://doi.org/10.2307/2346806.
    """

    prior: Prior = "pooled"
    strength: float = 2.0
    max_iter: int = 100
    tol: float = 1e-6

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes`; a model's `probabilities` are not used. See `base.Estimator`."""
        check_parameters(self.prior, self.strength, self.max_iter, self.tol)
        known = check_gold(gold, votes)
        pairs = Pairs.of(votes)
        if pairs.too_many(votes.n_classes):
            return self._fit_one_coin(votes, known)
        posterior = vote_shares(votes)
        settle(posterior, votes, known)
        counts = np.zeros((pairs.n, votes.n_classes))
        mass = np.zeros(votes.n_classes)
        loops.sum_counts(votes.offsets, pairs.row, posterior, counts, mass, loops.SPLIT)
        before, likelihood, steps = -np.inf, 0.0, 0
        table, pi = self.maximise(pairs, counts, mass)
        while steps < self.max_iter:
            steps += 1
            counts[:], mass[:] = 0.0, 0.0
            likelihood = loops.em_pass(
                votes.offsets, pairs.row, known, pi, table, posterior, counts, mass, loops.SPLIT, loops.SHORT
            )
            table, pi = self.maximise(pairs, counts, mass)
            if abs(likelihood - before) < self.tol * votes.n:
                break
            before = likelihood
        self.class_prior_ = pi / max(pi.sum(), FLOOR)
        posterior[votes.per_item == 0] = self.class_prior_
        self.labels_ = settle(posterior, votes, known)
        self.probabilities_ = posterior
        self.describe(pairs, counts, table, self.class_prior_)
        self.diagnostics_ = {
            "iterations": float(steps),
            "log_likelihood": float(likelihood),
            "one_coin": 0.0,
        }
        return self

    def posterior(self, votes: Votes) -> FloatArray:
        """Class probabilities (n_items, n_classes) of `votes` under the parameters as fitted.

        `votes` have the annotators and classes of the fit; items without annotations get the class
        frequencies. Raises UserError where there is no `confusion_` or it belongs to others.
        """
        if self.confusion_ is None or self.confusion_.shape[:2] != (votes.n_annotators, votes.n_classes):
            raise UserError("no confusion matrices for these annotators and classes", do="Fit to these votes.")
        pairs = Pairs.of(votes)
        table = self.confusion_[pairs.annotator, :, pairs.label]
        result = np.tile(self.class_prior_, (votes.n_items, 1))
        sums = np.zeros_like(table), np.zeros(votes.n_classes)
        unknown = check_gold(None, votes)
        prior = self.class_prior_
        loops.em_pass(votes.offsets, pairs.row, unknown, prior, table, result, *sums, loops.SPLIT, loops.SHORT)
        return result

    def maximise(self, pairs: Pairs, counts: FloatArray, mass: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The M step: P(the pair's label | true class), (n_pairs, n_classes), and the class frequencies.

        `counts` (n_pairs, n_classes) and `mass` (n_classes,) are the expected annotations and items of each class.
        """
        pi = class_frequencies(mass, self.prior)
        if self.prior == "none":
            counts = np.maximum(counts, FLOOR)
            return counts / pairs.per_annotator(counts)[pairs.annotator], pi
        typical = self._typical(pairs, counts)
        table = counts + self.strength * typical(pairs.annotator[:, None], pairs.label[:, None], np.arange(len(pi)))
        return table / (pairs.per_annotator(counts) + self.strength)[pairs.annotator], pi

    def _typical(self, pairs: Pairs, counts: FloatArray) -> Law:
        """What annotators are shrunk to: P(label | true class) over all of them, shrunk towards one accuracy."""
        n_classes = counts.shape[1]
        together = np.zeros((n_classes, n_classes))
        loops.add_rows(together, pairs.label, counts)
        accuracy = pooled_accuracy(float(np.trace(together)), float(together.sum()), n_classes)
        coin = np.full((n_classes, n_classes), (1.0 - accuracy) / max(n_classes - 1, 1))
        np.fill_diagonal(coin, accuracy)
        pooled = (together + self.strength * coin) / (together.sum(axis=0) + self.strength)
        return lambda annotator, label, truth: pooled[label, truth]

    def describe(self, pairs: Pairs, counts: FloatArray, table: FloatArray, pi: FloatArray) -> None:
        """Set what is known of annotators, from the last counts, what `maximise` made of them, and frequencies."""
        n_annotators, n_classes = pairs.n_annotators, len(pi)
        typical = self._typical(pairs, counts)
        idle = np.ones(n_annotators, dtype=bool)
        idle[pairs.annotator] = False
        # How much of each row is the typical annotator's, where the annotator never gave the label.
        share = np.zeros((n_annotators, n_classes))
        if self.prior == "pooled":
            share = self.strength / (pairs.per_annotator(counts) + self.strength)
        share[idle] = 1.0

        everyone, classes = np.arange(n_annotators)[:, None], np.arange(n_classes)
        right = share * typical(everyone, classes, classes)
        right[pairs.annotator, pairs.label] = table[np.arange(pairs.n), pairs.label]
        self.annotator_quality_ = np.clip(right @ pi, 0.0, 1.0)
        self.annotator_weight_ = information(pairs, table, pi)
        self.confusion_ = None
        if n_annotators * n_classes**2 <= CONFUSION_CELLS:
            self.confusion_ = np.empty((n_annotators, n_classes, n_classes))
            for k in range(n_classes):
                self.confusion_[:, :, k] = share * typical(everyone, classes[k : k + 1], classes)
            self.confusion_[pairs.annotator, :, pairs.label] = table

    def _fit_one_coin(self, votes: Votes, known: IntArray) -> Self:
        coin = OneCoin(self.prior, self.strength, self.max_iter, self.tol).fit(votes, gold=known)
        self.labels_, self.probabilities_ = coin.labels_, coin.probabilities_
        self.annotator_quality_, self.annotator_weight_ = coin.annotator_quality_, coin.annotator_weight_
        self.confusion_, self.class_prior_ = None, coin.class_prior_
        self.diagnostics_ = coin.diagnostics_ | {"one_coin": 1.0}
        return self


@dataclass
class OneCoin(ErrorModel):
    """Dawid–Skene with one accuracy an annotator; wrong labels are spread evenly over the other classes.

    P(c | labels of i) ∝ π_c · Π_j (s_j if l_ij = c else (1 − s_j) / (K − 1)), and s_j is the mean posterior
    of the labels j gave. Under `prior="pooled"` each s_j is shrunk by `strength` pseudo-labels towards the
    accuracy of all annotators together; `prior="none"` is maximum likelihood. Time and memory of the
    iterations grow with the annotations plus the classes, so that a million classes are no harder than ten.

    `annotator_quality_` is s_j; `annotator_weight_` is the log of how much likelier the annotator makes a class by
    giving it, log(s_j (K − 1) / (1 − s_j)); there is no `confusion_`. Stops as `DawidSkene` does.
    """

    prior: Prior = "pooled"
    strength: float = 2.0
    max_iter: int = 100
    tol: float = 1e-6

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes`; a model's `probabilities` are not used. See `base.Estimator`."""
        check_parameters(self.prior, self.strength, self.max_iter, self.tol)
        known = check_gold(gold, votes)
        require_dense(votes.n_items, votes.n_classes)
        own, mass = np.empty(votes.n), np.zeros(votes.n_classes)
        loops.coin_start(votes.offsets, votes.label, known, own, mass)
        annotated = votes.per_item > 0
        before, likelihood, steps = -np.inf, 0.0, 0
        pi, skill = (
            class_frequencies(mass, self.prior),
            self.skills(coin_hits(votes, own), votes.per_annotator, votes.n_classes),
        )
        while steps < self.max_iter:
            steps += 1
            used = pi / max(pi.sum(), FLOOR)
            own, outside, mass, unseen, likelihood = coin_step(votes, known, used, skill)
            pi = class_frequencies(mass + used * (outside[annotated].sum() - unseen), self.prior)
            skill = self.skills(coin_hits(votes, own), votes.per_annotator, votes.n_classes)
            if abs(likelihood - before) < self.tol * votes.n:
                break
            before = likelihood
        self.class_prior_ = pi / max(pi.sum(), FLOOR)
        self.probabilities_ = coin_rows(votes, used, own, outside)
        self.labels_ = settle(self.probabilities_, votes, known)
        self.annotator_quality_ = skill
        self.annotator_weight_ = coin_logs(skill, votes.n_classes)[1]
        self.confusion_ = None
        self.diagnostics_ = {"iterations": float(steps), "log_likelihood": float(likelihood)}
        return self

    def posterior(self, votes: Votes) -> FloatArray:
        """Class probabilities (n_items, n_classes) of `votes` under the parameters as fitted.

        `votes` have the annotators and classes of the fit; items without annotations get the class
        frequencies. Raises UserError where the annotators or classes are others.
        """
        if (len(self.annotator_quality_), len(self.class_prior_)) != (votes.n_annotators, votes.n_classes):
            raise UserError("no accuracies for these annotators and classes", do="Fit to these votes.")
        step = coin_step(votes, check_gold(None, votes), self.class_prior_, self.annotator_quality_)
        return coin_rows(votes, self.class_prior_, step[0], step[1])

    def skills(self, hits: FloatArray, per_annotator: IntArray, n_classes: int) -> FloatArray:
        """Accuracies (n_annotators,), from the expected right annotations (`coin_hits`) and how many there are."""
        pooled = pooled_accuracy(float(hits.sum()), float(per_annotator.sum()), n_classes)
        strength = self.strength if self.prior == "pooled" else 0.0
        n = per_annotator + strength
        skills: FloatArray = np.divide(hits + strength * pooled, n, out=np.full(len(n), pooled), where=n > 0)
        return skills


@dataclass(frozen=True)
class Pairs:
    """The distinct (annotator, label) pairs, sorted: what a confusion matrix needs and no cell more.

    `annotator` and `label` are (n,) codes of each pair, `row` int32 gives each annotation its pair.
    """

    annotator: IntArray
    label: IntArray
    row: IntArray
    n_annotators: int

    @property
    def n(self) -> int:
        """Number of pairs."""
        return len(self.label)

    @classmethod
    def of(cls, votes: Votes) -> Pairs:
        """The pairs that occur in `votes`."""
        cells = votes.n_annotators * votes.n_classes
        if cells <= max(4 * votes.n, 1 << 20):
            seen = np.zeros(cells, dtype=np.int8)
            loops.mark_pairs(votes.annotator, votes.label, votes.n_classes, seen)
            key = np.flatnonzero(seen)
            rank = np.cumsum(seen, dtype=np.int32) - np.int32(1)
            row = loops.pair_rows(votes.annotator, votes.label, votes.n_classes, rank)
        else:
            wide = votes.annotator.astype(np.int64) * votes.n_classes + votes.label
            key, inverse = np.unique(wide, return_inverse=True)
            row = inverse.astype(np.int32)
        return cls.numbered(key, row, votes.n_annotators, votes.n_classes)

    @classmethod
    def numbered(cls, key: IntArray, row: IntArray, n_annotators: int, n_classes: int) -> Pairs:
        """Pairs whose sorted numbers are annotator · n_classes + label."""
        classes = max(n_classes, 1)
        return cls(key // classes, key % classes, row, n_annotators)

    def too_many(self, n_classes: int) -> bool:
        """Whether their confusion counts would exceed `CONFUSION_CELLS`."""
        return (self.n + self.n_annotators + n_classes) * n_classes > CONFUSION_CELLS

    def rows(self, votes: Votes) -> IntArray:
        """The pair of each annotation of `votes`, int32 (n,): some of the annotations whose pairs these are."""
        n_classes, key = votes.n_classes, self.annotator * votes.n_classes + self.label
        if self.n_annotators * n_classes > max(4 * votes.n, 1 << 20):
            wide = votes.annotator.astype(np.int64) * n_classes + votes.label
            return np.searchsorted(key, wide).astype(np.int32)
        rank = np.zeros(self.n_annotators * n_classes, dtype=np.int32)
        rank[key] = np.arange(self.n, dtype=np.int32)
        return loops.pair_rows(votes.annotator, votes.label, n_classes, rank)

    def per_annotator(self, values: FloatArray) -> FloatArray:
        """Sums of `values` (n, m) over each annotator's pairs, (n_annotators, m)."""
        sums = np.zeros((self.n_annotators, values.shape[1]))
        loops.add_rows(sums, self.annotator, values)
        return sums


def check_parameters(prior: str, strength: float, max_iter: int, tol: float) -> None:
    """Raises UserError for parameters of `DawidSkene` and `OneCoin` that have no meaning."""
    if prior not in ("none", "pooled"):
        raise UserError(f"prior is '{prior}'", do=nearest(str(prior), ("none", "pooled")))
    check_number("strength", strength, least=0.0, above=True)
    check_number("max_iter", max_iter, least=1)
    check_number("tol", tol, least=0.0)


def class_frequencies(mass: FloatArray, prior: Prior) -> FloatArray:
    """Class frequencies from the expected number of items of each class, (n_classes,).

    Under "pooled" one pseudo-item is spread evenly; under "none" no class falls below `FLOOR`.
    """
    n_classes = max(len(mass), 1)
    if prior == "pooled" or mass.sum() <= 0:
        mass = np.maximum(mass, 0.0) + 1.0 / n_classes
        return np.asarray(mass / mass.sum(), dtype=np.float64)
    return np.asarray(np.maximum(mass / mass.sum(), FLOOR), dtype=np.float64)


def pooled_accuracy(right: float, n: float, n_classes: int) -> float:
    """Accuracy of all annotators together, with one right and one wrong pseudo-label; 1 for a single class."""
    return (right + 1.0) / (n + 2.0) if n_classes > 1 else 1.0


def information(pairs: Pairs, table: FloatArray, pi: FloatArray) -> FloatArray:
    """Mutual information of each annotator's label and the truth in nats, (n_annotators,).

    `table` (n_pairs, n_classes) is P(label | true class); labels an annotator never gave count as one.
    """
    rest = np.clip(1.0 - pairs.per_annotator(table), 0.0, 1.0)
    gain = np.zeros((pairs.n_annotators, 1))
    loops.add_rows(gain, pairs.annotator, _gain(table, pi)[:, None])
    return np.maximum(gain[:, 0] + _gain(rest, pi), 0.0)


def _gain(table: AnyArray, pi: FloatArray) -> FloatArray:
    """Σ_c π_c e log(e / Σ_c π_c e) of each row of `table`."""
    overall = (table @ pi)[:, None]
    ratio = np.divide(table, overall, out=np.ones_like(table), where=(overall > 0) & (table > 0))
    return np.asarray((table * np.log(ratio)) @ pi)


def coin_hits(votes: Votes, own: FloatArray) -> FloatArray:
    """The expected right annotations of each annotator, (n_annotators,), from `own` (n,) as `coin_step` gives it."""
    rounded = own * loops.SPLIT - (own * loops.SPLIT - own)
    return np.asarray(np.bincount(votes.annotator, weights=rounded, minlength=votes.n_annotators), dtype=np.float64)


def coin_step(
    votes: Votes, gold: IntArray, pi: FloatArray, skill: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]:
    """One E step of the one-coin model: own, outside, mass, unseen of `loops.coin_pass`, and the likelihood."""
    own, outside = np.empty(votes.n), np.ones(votes.n_items)
    mass, unseen = np.zeros(votes.n_classes), np.zeros(votes.n_classes)
    likelihood = loops.coin_pass(
        votes.offsets, votes.annotator, votes.label, gold, pi, *coin_logs(skill, votes.n_classes),
        own, outside, mass, unseen, loops.SPLIT,
    )  # fmt: skip
    return own, outside, mass, unseen, likelihood


def coin_rows(votes: Votes, pi: FloatArray, own: FloatArray, outside: FloatArray) -> FloatArray:
    """Posteriors (n_items, n_classes) from what `coin_step` gives."""
    rows = np.multiply.outer(outside, pi)
    rows[votes.item, votes.label] = own
    return rows


def coin_logs(skill: FloatArray, n_classes: int) -> tuple[FloatArray, FloatArray]:
    """For each annotator, log P(one particular wrong label) and log of P(right) over that."""
    s = np.clip(skill, FLOOR, 1.0 - FLOOR)
    log_miss = np.log((1.0 - s) / max(n_classes - 1, 1))
    return log_miss, np.log(s) - log_miss
