"""Majority vote: the class most annotators gave.

Here belongs plain voting, with our tie rule or with cleanlab's. Votes that weigh differently stand elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, cast

import numpy as np

from label_pipeline.compiled import compiled
from label_pipeline.consensus.base import (
    Fitted,
    agreement_with,
    check_gold,
    check_probabilities,
    pick_labels,
    settle,
    vote_shares,
)
from label_pipeline.consensus.wawa import agreement_weights, weighted_shares
from label_pipeline.votes import AnyArray, FloatArray, IntArray, Votes


@dataclass
class Majority(Fitted):
    """The class with the most votes; its probability is its share of the item's votes.

    Ties go to the class whose voters agree more with the majority on the whole (their weights under `Wawa`), and
    where that ties too, by the rule of `base.pick_labels`. With `compat` they are broken as cleanlab 2.9
    does, in this order: the higher model probability (where `probabilities` are given), the lower overall
    class frequency, the higher mean quality of the annotators who chose it, and, in place of its unseeded
    draw, the first declared class.

    Quality is the share of an annotator's labels that equal the consensus; every vote weighs one.
    Source: Goh et al. 2022, "CROWDLAB", https://arxiv.org/abs/2210.06812, for the rules of `compat`.
    """

    compat: bool = False

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes`; `probabilities` matter for ties under `compat` only. See `base.Estimator`."""
        known = check_gold(gold, votes)
        model = None if probabilities is None else check_probabilities(probabilities, votes)
        self.probabilities_ = vote_shares(votes)
        if self.compat:
            voted = compat_labels(votes, model)
        else:
            voted = voted_labels(votes, self.probabilities_, agreement_weights(votes, known))
        settle(self.probabilities_, votes, known)
        self.labels_ = np.where(known >= 0, known, voted).astype(np.int32)
        self.annotator_quality_ = agreement_with(self.labels_, votes, known)
        self.annotator_weight_ = np.ones(votes.n_annotators)
        self.confusion_ = None
        self.diagnostics_ = {}
        return self


def voted_labels(
    votes: Votes, shares: FloatArray, weight: FloatArray, *, most: int | None = None, frequency: IntArray | None = None
) -> IntArray:
    """The class of most votes, of equal ones that of more `weight` (n_annotators,); int32 (n_items,), -1 without votes.

    `shares` are the `vote_shares`. Where `votes` are only some of all, `most` is the number of annotations on the item
    that has most of them, and `frequency` as in `base.class_shares`.
    """
    # One vote more is worth at least 1/n of the n votes on an item, so weights decide among equals only.
    most = max(int(votes.per_item.max(initial=1)), 1) if most is None else most
    return pick_labels(shares + weighted_shares(votes, weight, frequency) / (2 * most), votes, frequency)


def compat_labels(votes: Votes, probabilities: FloatArray | None = None) -> IntArray:
    """Majority labels under cleanlab's tie rules, int32 (n_items,); -1 for an item without annotations.

    `probabilities` (n_items, n_classes) is contiguous float64 or None. Scores are compared exactly, and
    summed in annotator order, as the reference does.
    """
    model = np.empty((0, votes.n_classes)) if probabilities is None else probabilities
    if votes.n == 0:
        return np.full(votes.n_items, -1, dtype=np.int32)
    left, labels, quality = _compat_votes(
        votes.offsets, votes.annotator, votes.label, model, votes.per_class, votes.n_annotators
    )
    if left.any() and not np.isnan(quality).all():
        quality[np.isnan(quality)] = quality[~np.isnan(quality)].mean()
        _compat_by_quality(votes.offsets, votes.annotator, votes.label, left, quality, labels)
    elif left.any():
        labels = np.where(left.any(axis=1), np.argmax(left, axis=1), labels)
    return cast(IntArray, labels.astype(np.int32))


@compiled
def _compat_votes(
    offsets: AnyArray,
    annotator: AnyArray,
    label: AnyArray,
    model: AnyArray,
    frequency: AnyArray,
    n_annotators: int,
) -> tuple[AnyArray, AnyArray, AnyArray]:
    n_items, n_classes = len(offsets) - 1, len(frequency)
    left = np.zeros((n_items, n_classes), dtype=np.bool_)
    labels = np.full(n_items, -1, dtype=np.int32)
    agreed, judged = np.zeros(n_annotators), np.zeros(n_annotators)
    count = np.zeros(n_classes, dtype=np.int64)
    for i in range(n_items):
        first, last = offsets[i], offsets[i + 1]
        if first == last:
            continue
        count[:] = 0
        for a in range(first, last):
            count[label[a]] += 1
        modes = count == count.max()
        tied = modes.sum()
        if tied == 1:
            labels[i] = np.argmax(count)
            for a in range(first, last):
                judged[annotator[a]] += 1
                agreed[annotator[a]] += label[a] == labels[i]
            continue
        if len(model) > 0:
            highest = -np.inf
            for k in range(n_classes):
                if modes[k]:
                    highest = max(highest, model[i, k])
            for k in range(n_classes):
                modes[k] = modes[k] and model[i, k] == highest
        rarest = np.iinfo(np.int64).max
        for k in range(n_classes):
            if modes[k]:
                rarest = min(rarest, frequency[k])
        for k in range(n_classes):
            modes[k] = modes[k] and frequency[k] == rarest
        if modes.sum() == 1:
            labels[i] = np.argmax(modes)
        else:
            left[i] = modes
    return left, labels, agreed / judged


@compiled
def _compat_by_quality(
    offsets: AnyArray, annotator: AnyArray, label: AnyArray, left: AnyArray, quality: AnyArray, labels: AnyArray
) -> None:
    for i in range(len(labels)):
        highest = -np.inf
        for k in range(left.shape[1]):
            if not left[i, k]:
                continue
            total, n = 0.0, 0
            for a in range(offsets[i], offsets[i + 1]):
                if label[a] == k:
                    total += quality[annotator[a]]
                    n += 1
            if total / n > highest:
                highest = total / n
                labels[i] = k
