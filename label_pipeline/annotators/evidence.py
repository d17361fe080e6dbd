"""What gold and everyone else say about each annotation, and who gives which class for which.

Here belongs the evidence; judgements on it stand in `table`. An annotation is held against the gold label of its
item or, without one, against the labels of the other annotators alone, never against a consensus that it
helped to make: with three labels an item, a third of such a consensus would be the annotator's own voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from label_pipeline.compiled import compiled
from label_pipeline.votes import AnyArray, FloatArray, IntArray, Votes, require_dense

CONFUSION_CELLS = 1 << 26
"""The largest annotators × classes × classes array that is built."""
_EDGE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known about each annotation, and expected counts (n_annotators, true class, given class).

    `right` (n,) is the probability that the annotation is right, given its item's gold label or the other
    annotators; NaN with neither. In `consensus` the truth of an item is spread as its class probabilities say,
    in `others` as everyone but the annotator says; in both it is the gold label where there is one, and
    annotations without evidence count in neither. `chance` (n_annotators,) is the mean of `right` that shuffling
    the annotator's labels over the annotated items would give, `chance_error` its standard deviation under
    such shuffling, NaN without evidence.
    """

    right: FloatArray
    consensus: FloatArray
    others: FloatArray
    chance: FloatArray
    chance_error: FloatArray


def weigh(votes: Votes, probabilities: FloatArray, quality: FloatArray, gold: IntArray) -> Evidence:
    """The evidence on every annotation.

    The others vote with log q (K − 1) / (1 − q), q their `quality` (n_annotators,), from the mean of
    `probabilities` (n_items, n_classes) as prior: the posterior of a one-coin Dawid–Skene model without the
    annotator's own label. `gold` (n_items,) holds class codes, -1 where unknown. With so many classes that the
    counts would exceed `CONFUSION_CELLS`, they stay empty (no annotators), chance too.
    """
    labels = informed_labels(votes, gold)
    prior = probabilities.mean(axis=0) if votes.n_items else np.ones(votes.n_classes)
    return evidence_of(labels, *tally(votes, probabilities, prior, quality, gold, labels))


class Tally(NamedTuple):
    """What `tally` counts for each annotator; over shards of items it adds up.

    `consensus` and `others` are (n_annotators, given class, true class); with p the evidence on an annotation and v the
    annotator's label shares, `square` is Σ_a v·p_a² and `product` Σ_a (v·p_a)², both (n_annotators,).
    """

    consensus: FloatArray
    others: FloatArray
    square: FloatArray
    product: FloatArray


def informed_labels(votes: Votes, gold: IntArray) -> IntArray:
    """How often each annotator gave each class where there is evidence, (n_annotators, n_classes).

    No annotators where the confusion counts would exceed `CONFUSION_CELLS`.
    """
    n_classes = votes.n_classes
    informed = (votes.per_item > 1) | (gold >= 0)
    counted = votes.n_annotators if votes.n_annotators * n_classes**2 <= CONFUSION_CELLS else 0
    known = informed[votes.item] & (votes.annotator < counted)
    cell = votes.annotator[known].astype(np.int64) * n_classes + votes.label[known]
    return np.asarray(np.bincount(cell, minlength=counted * n_classes).reshape(counted, n_classes))


def tally(
    votes: Votes, probabilities: FloatArray, prior: FloatArray, quality: FloatArray, gold: IntArray, labels: IntArray
) -> tuple[FloatArray, Tally]:
    """`Evidence.right` (n,) of the annotations, and what they add to the counts of their annotators.

    `prior` (n_classes,) is the mean of all items' `probabilities`, `labels` are all annotators' `informed_labels`;
    other arguments as in `weigh`.
    """
    require_dense(votes.n_items, votes.n_classes)
    quality = np.clip(quality, _EDGE, 1 - _EDGE)
    weight = np.log(quality * max(votes.n_classes - 1, 1) / (1 - quality))
    scores = _scores(votes.offsets, votes.annotator, votes.label, weight, votes.n_classes)
    scores += np.log(np.maximum(prior, 1e-6))
    right, *counts = _tally(
        votes.offsets, votes.annotator, votes.label, scores, weight,
        np.ascontiguousarray(probabilities, dtype=np.float64), gold, _shares(labels),
    )  # fmt: skip
    return right, Tally(*counts)


def evidence_of(labels: IntArray, right: FloatArray, counts: Tally) -> Evidence:
    """The evidence, from all annotators' `informed_labels` and the counts of all annotations."""
    n, own, square, product = labels.sum(axis=1), _shares(labels), counts.square, counts.product
    consensus, others = counts.consensus.transpose(0, 2, 1), counts.others.transpose(0, 2, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        truth = others.sum(axis=2) / n[:, None]
        chance = (own * truth).sum(axis=1)
        spread = square / n - (own * truth**2).sum(axis=1) - (product / n - chance**2)
        error = np.sqrt(np.maximum(spread, 0.0) / n)
    return Evidence(right, consensus, others, chance, error)


def _shares(labels: IntArray) -> FloatArray:
    return np.asarray(labels / np.maximum(labels.sum(axis=1), 1)[:, None], dtype=np.float64)


@compiled
def _scores(offsets: AnyArray, annotator: AnyArray, label: AnyArray, weight: AnyArray, n_classes: int) -> AnyArray:
    scores = np.zeros((len(offsets) - 1, n_classes))
    for i in range(len(offsets) - 1):
        for a in range(offsets[i], offsets[i + 1]):
            scores[i, label[a]] += weight[annotator[a]]
    return scores


@compiled
def _tally(
    offsets: AnyArray,
    annotator: AnyArray,
    label: AnyArray,
    scores: AnyArray,
    weight: AnyArray,
    probabilities: AnyArray,
    gold: AnyArray,
    own: AnyArray,
) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray, AnyArray]:
    """The probability of being right; both counts, the given class before the true one, so that the inner loop
    walks memory in order; and two second moments of the evidence p: Σ_a v·p_a² and Σ_a (v·p_a)², v = `own`.
    """
    counted, n_classes = own.shape
    right = np.full(len(label), np.nan)
    consensus = np.zeros((counted, n_classes, n_classes))
    others = np.zeros((counted, n_classes, n_classes))
    square, product = np.zeros(counted), np.zeros(counted)
    share = np.empty(n_classes)
    for i in range(len(offsets) - 1):
        if gold[i] < 0 and offsets[i + 1] - offsets[i] < 2:
            continue
        for a in range(offsets[i], offsets[i + 1]):
            given, who = label[a], annotator[a]
            total = 0.0
            if gold[i] >= 0:
                share[:] = 0.0
                share[gold[i]] = total = 1.0
            else:
                top = scores[i, given] - weight[who]
                for k in range(n_classes):
                    if k != given and scores[i, k] > top:
                        top = scores[i, k]
                for k in range(n_classes):
                    share[k] = np.exp(scores[i, k] - (weight[who] if k == given else 0.0) - top)
                    total += share[k]
            right[a] = share[given] / total
            if counted == 0:
                continue
            dot = 0.0
            for k in range(n_classes):
                chance = share[k] / total
                others[who, given, k] += chance
                consensus[who, given, k] += chance if gold[i] >= 0 else probabilities[i, k]
                square[who] += own[who, k] * chance * chance
                dot += own[who, k] * chance
            product[who] += dot * dot
    return right, consensus, others, square, product
