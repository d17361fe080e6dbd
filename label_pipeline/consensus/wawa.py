"""Wawa, "worker agreement with aggregate": a vote in which each annotator weighs what the majority thinks of them.

Here belongs that one re-weighting. Methods that repeat it to the end, with a model of errors, stand in `dawid_skene`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from label_pipeline.compiled import compiled
from label_pipeline.consensus.base import (
    Fitted,
    annotator_sums,
    check_gold,
    means_of,
    settle,
    vote_shares,
)
from label_pipeline.votes import AnyArray, FloatArray, IntArray, Votes


@dataclass
class Wawa(Fitted):
    """Majority vote weighted by each annotator's agreement with the plain majority.

    w_j = mean over j's annotations of [l_ij = majority label of i] (gold label where known; one of m tied
    classes counts 1/m, so that no tie rule leaks into the weights), and
    P(i is c) = Σ_j w_j [l_ij = c] / Σ_j w_j over the annotators of i; plain shares where all of them weigh nothing.
    Both `annotator_quality_` and `annotator_weight_` are w_j.

    Source: Appen's Wawa, as described in
    https://success.appen.com/hc/en-us/articles/202703205-Calculating-Worker-Agreement-with-Aggregate-Wawa-.
    """

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes`; a model's `probabilities` are not used. See `base.Estimator`."""
        known = check_gold(gold, votes)
        weight = agreement_weights(votes, known)
        self.probabilities_ = weighted_shares(votes, weight)
        self.labels_ = settle(self.probabilities_, votes, known)
        self.annotator_quality_ = weight
        self.annotator_weight_ = weight.copy()
        self.confusion_ = None
        self.diagnostics_ = {"mean_weight": float(weight.mean()) if len(weight) else 0.0}
        return self


def agreement_weights(votes: Votes, gold: IntArray) -> FloatArray:
    """Each annotator's agreement with the majority or gold, (n_annotators,); `gold` (n_items,) as in `fit`."""
    return means_of(*agreement_weight_sums(votes, gold), votes.n_classes)


def agreement_weight_sums(votes: Votes, gold: IntArray) -> tuple[FloatArray, FloatArray]:
    """The sums and numbers behind `agreement_weights`, both (n_annotators,): over shards of items they add up."""
    return annotator_sums(_credit(votes.offsets, votes.label, gold, votes.n_classes), votes)


def weighted_shares(votes: Votes, weight: FloatArray, frequency: IntArray | None = None) -> FloatArray:
    """Each class's share of the weight on an item, (n_items, n_classes); plain shares where that is nothing.

    `weight` (n_annotators,) is not negative. An item without annotations gets the shares of all annotations, which
    `frequency` tells as in `base.class_shares`.
    """
    shares = vote_shares(votes, frequency)
    _weigh(votes.offsets, votes.annotator, votes.label, np.asarray(weight, dtype=np.float64), shares)
    return shares


@compiled
def _credit(offsets: AnyArray, label: AnyArray, gold: AnyArray, n_classes: int) -> AnyArray:
    credit = np.zeros(len(label))
    count = np.zeros(n_classes, dtype=np.int64)
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        for a in range(first, last):
            count[label[a]] += 1
        most = 0
        for a in range(first, last):
            most = max(most, count[label[a]])
        voters = 0
        for a in range(first, last):
            voters += count[label[a]] == most
        for a in range(first, last):
            if gold[i] >= 0:
                credit[a] = 1.0 if label[a] == gold[i] else 0.0
            elif count[label[a]] == most:
                credit[a] = most / voters
        for a in range(first, last):
            count[label[a]] = 0
    return credit


@compiled
def _weigh(offsets: AnyArray, annotator: AnyArray, label: AnyArray, weight: AnyArray, shares: AnyArray) -> None:
    for i in range(len(offsets) - 1):
        total = 0.0
        for a in range(offsets[i], offsets[i + 1]):
            total += weight[annotator[a]]
        if total <= 0.0:
            continue
        shares[i] = 0.0
        for a in range(offsets[i], offsets[i + 1]):
            shares[i, label[a]] += weight[annotator[a]] / total
