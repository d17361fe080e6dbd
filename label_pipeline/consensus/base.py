"""What all estimators share: their shape, the checks of their inputs, the tie rule, and settled items.

Here belongs what every method must do in the same way. A method's own mathematics stands in its own file.
"""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np

from label_pipeline.compiled import compiled
from label_pipeline.errors import UserError
from label_pipeline.votes import AnyArray, BoolArray, FloatArray, IntArray, Votes, require_dense

TIE = 1e-9
"""Scores closer than this are equal: sums in another order must not decide a label."""


class Estimator(Protocol):
    """One method of turning votes into labels; see `Fitted` for what `fit` leaves behind."""

    labels_: IntArray
    probabilities_: FloatArray
    annotator_quality_: FloatArray
    annotator_weight_: FloatArray
    confusion_: FloatArray | None
    diagnostics_: dict[str, float]

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes`.

        `probabilities` (n_items, n_classes) are a model's class probabilities in the order of `votes.items`;
        `gold` (n_items,) holds class codes where the truth is known and -1 elsewhere.
        """
        ...


class Fitted:
    """What a fitted estimator knows.

    `labels_` int32 (n_items,): class codes, -1 where an item has neither annotation nor gold label.
    `probabilities_` float64 (n_items, n_classes): rows sum to one; the class shares of all annotations where
    nothing is known of the item. `annotator_quality_` (n_annotators,) in [0, 1]: the chance that an annotation
    by this annotator is right; the pooled value where nothing is known. `annotator_weight_` (n_annotators,):
    what the annotator's vote counts for, in the method's own unit. `confusion_` (n_annotators, n_classes,
    n_classes): given the true class (row), the chance of each label; None where the method has none or it
    would not fit. `diagnostics_`: figures about the fit, such as iterations and log_likelihood.
    """

    labels_: IntArray
    probabilities_: FloatArray
    annotator_quality_: FloatArray
    annotator_weight_: FloatArray
    confusion_: FloatArray | None
    diagnostics_: dict[str, float]


def check_probabilities(probabilities: Any, votes: Votes) -> FloatArray:
    """A model's probabilities as a contiguous float64 (n_items, n_classes) whose rows sum to one.

    Raises UserError for another shape, NaN, a negative value, or a row that does not sum to one within 1e-3.
    """
    array = np.array(probabilities, dtype=np.float64, order="C")
    if array.shape != (votes.n_items, votes.n_classes):
        raise UserError(
            f"probabilities have shape {array.shape}, the votes {(votes.n_items, votes.n_classes)}",
            rule="a row for every item, a column for every class",
        )
    wrong = ~np.isfinite(array).all(axis=1) | (array < 0).any(axis=1)
    if wrong.any():
        raise UserError(
            f"{int(wrong.sum())} rows of probabilities hold missing or negative values",
            where=f"first at item '{votes.items[int(np.argmax(wrong))]}'",
            do="Give every item a probability for every class.",
        )
    total = array.sum(axis=1, keepdims=True)
    wrong = np.abs(total[:, 0] - 1) > 1e-3
    if wrong.any():
        raise UserError(
            f"{int(wrong.sum())} rows of probabilities do not sum to one",
            where=f"first at item '{votes.items[int(np.argmax(wrong))]}'",
            do="Pass probabilities, not scores or logits.",
        )
    array /= total
    return array


def check_gold(gold: Any, votes: Votes) -> IntArray:
    """Gold labels as int32 (n_items,) with -1 where none is known. Raises UserError for shape or range."""
    if gold is None:
        return np.full(votes.n_items, -1, dtype=np.int32)
    array = np.array(gold)
    if array.shape != (votes.n_items,) or not np.issubdtype(array.dtype, np.integer):
        raise UserError(
            f"gold labels are {array.dtype} of shape {array.shape}",
            rule="one class code for every item, -1 where the truth is unknown",
        )
    if len(array) and (array.min() < -1 or array.max() >= votes.n_classes):
        raise UserError("a gold label is no class code", rule=f"-1 or a code from 0 to {votes.n_classes - 1}")
    return array.astype(np.int32)


def check_number(name: str, value: float, *, least: float, above: bool = False) -> None:
    """Raises UserError where a parameter is no finite number of at least (or above) `least`."""
    if not np.isfinite(value) or value < least or (above and value == least):
        raise UserError(f"{name} is {value!r}", rule=f"{'above' if above else 'at least'} {least}")


def class_shares(votes: Votes, frequency: IntArray | None = None) -> FloatArray:
    """The share of each class among all annotations, (n_classes,); equal shares where there are none.

    `frequency` (n_classes,), here and below: how often each class was given in all, where `votes` are only some.
    """
    given = votes.per_class if frequency is None else frequency
    n = int(given.sum())
    if n == 0:
        return np.full(votes.n_classes, 1.0 / max(votes.n_classes, 1))
    return np.asarray(given / n, dtype=np.float64)


def vote_shares(votes: Votes, frequency: IntArray | None = None) -> FloatArray:
    """The share of each class among an item's annotations, (n_items, n_classes); `class_shares` where none."""
    require_dense(votes.n_items, votes.n_classes)
    return _vote_shares(votes.offsets, votes.label, class_shares(votes, frequency))


def pick_labels(scores: FloatArray, votes: Votes, frequency: IntArray | None = None) -> IntArray:
    """The class of the highest score of each item, int32 (n_items,); -1 for an item without annotations.

    Scores within `TIE` of the highest are tied. Of tied classes the one with most votes on the item wins, then
    the one that is *rarer* in all votes (careless annotators favour frequent classes, so a vote for a rare one
    says more), then the first declared: the same answer for every order of rows, items and annotators.
    """
    scores = np.ascontiguousarray(scores, dtype=np.float64)
    return _pick(scores, votes.offsets, votes.label, votes.per_class if frequency is None else frequency, TIE)


def settle(probabilities: FloatArray, votes: Votes, gold: IntArray, frequency: IntArray | None = None) -> IntArray:
    """Write gold labels into `probabilities` as certainty and return the labels of all items."""
    known = np.flatnonzero(gold >= 0)
    probabilities[known] = 0.0
    probabilities[known, gold[known]] = 1.0
    labels = pick_labels(probabilities, votes, frequency)
    labels[known] = gold[known]
    return labels


def annotator_means(values: AnyArray, votes: Votes, mask: BoolArray | None = None) -> FloatArray:
    """Mean over each annotator's annotations of `values` (n,), (n_annotators,).

    `mask` (n,) leaves annotations out. An annotator with none left gets the mean of all annotations left,
    and the chance of a blind guess where none is left at all.
    """
    return means_of(*annotator_sums(values, votes, mask), votes.n_classes)


def annotator_sums(values: AnyArray, votes: Votes, mask: BoolArray | None = None) -> tuple[FloatArray, FloatArray]:
    """The sums and numbers behind `annotator_means`, both (n_annotators,): over shards of items they add up."""
    weights = np.ones(votes.n) if mask is None else mask.astype(np.float64)
    total = np.bincount(votes.annotator, weights=weights * values, minlength=votes.n_annotators)
    n = np.bincount(votes.annotator, weights=weights, minlength=votes.n_annotators)
    return np.asarray(total, dtype=np.float64), np.asarray(n, dtype=np.float64)


def means_of(total: FloatArray, n: FloatArray, n_classes: int) -> FloatArray:
    """`annotator_means` from its sums and numbers."""
    pooled = total.sum() / n.sum() if n.sum() else 1.0 / max(n_classes, 1)
    means: FloatArray = np.divide(total, n, out=np.full(len(n), pooled), where=n > 0)
    return means


def agreement_with(labels: IntArray, votes: Votes, gold: IntArray) -> FloatArray:
    """How often each annotator gave the item's label, (n_annotators,).

    Counted on items with a gold label or more than one annotation: agreeing with one's own vote says nothing.
    """
    return means_of(*agreement_sums(labels, votes, gold), votes.n_classes)


def agreement_sums(labels: IntArray, votes: Votes, gold: IntArray) -> tuple[FloatArray, FloatArray]:
    """The sums and numbers behind `agreement_with`, both (n_annotators,)."""
    telling = (gold >= 0) | (votes.per_item > 1)
    return annotator_sums(votes.label == labels[votes.item], votes, telling[votes.item])


@compiled
def _vote_shares(offsets: AnyArray, label: AnyArray, empty: AnyArray) -> AnyArray:
    n_items = len(offsets) - 1
    shares = np.zeros((n_items, len(empty)))
    for i in range(n_items):
        n = offsets[i + 1] - offsets[i]
        for a in range(offsets[i], offsets[i + 1]):
            shares[i, label[a]] += 1.0
        for k in range(len(empty)):
            shares[i, k] = shares[i, k] / n if n else empty[k]
    return shares


@compiled
def _pick(scores: AnyArray, offsets: AnyArray, label: AnyArray, frequency: AnyArray, tie: float) -> AnyArray:
    n_items, n_classes = scores.shape
    labels = np.full(n_items, -1, dtype=np.int32)
    for i in range(n_items):
        if offsets[i] == offsets[i + 1]:
            continue
        highest = -np.inf
        for k in range(n_classes):
            highest = max(highest, scores[i, k])
        best, best_votes, tied = -1, -1, 0
        for k in range(n_classes):
            tied += scores[i, k] >= highest - tie
        for k in range(n_classes):
            if scores[i, k] < highest - tie:
                continue
            votes = 0
            if tied > 1:
                for a in range(offsets[i], offsets[i + 1]):
                    votes += label[a] == k
            if votes > best_votes or (votes == best_votes and frequency[k] < frequency[best]):
                best, best_votes = k, votes
        labels[i] = best
    return labels
