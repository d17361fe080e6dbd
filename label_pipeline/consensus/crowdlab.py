"""CROWDLAB: annotators and a model pooled, each weighted by how well it agrees with the others.

Here belongs the method itself: what is estimated from which sums. The passes over all annotations stand in
`crowdlab_loops`, the ranking of items for another label in `activelab`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from label_pipeline.consensus import crowdlab_loops as loops
from label_pipeline.consensus.base import TIE, Fitted, check_gold, check_probabilities
from label_pipeline.consensus.dawid_skene import Pairs
from label_pipeline.errors import UserError
from label_pipeline.votes import BoolArray, FloatArray, IntArray, Votes

FLOOR = 1e-6
"""The least weight of an annotator or a model, and the least error of a guess."""


@dataclass
class CROWDLAB(Fitted):
    """Consensus of annotators and a model's class probabilities.

    Item i with n_i annotations l_ij and model probabilities p_ik has the posterior

        (W p_ik + Σ_j w_j (L if l_ij = k else (1 − L) / (K − 1))) / (W + Σ_j w_j)

    where, over the *telling* items (more than one annotation, or a gold label),

    - L is the mean share of an item's annotations that give its label,
    - E is the error of always guessing the most common label, r_j the share of comparisons with other
      annotators of the same items in which annotator j agreed, w_j = max(1 − (1 − r_j) / E, 1e-6), and
    - W = max(1 − e / E, 1e-6) √(mean n_i) with e the model's error.

    All of it is computed twice: with the majority vote as labels, then with the classes of the highest
    posterior (the vote stays where two are tied). Of classes with equally many votes the one of the highest
    model probability wins, then the rarest overall, then the one whose annotators are more often with the
    majority, then the first declared. A gold label is the item's label throughout, with certainty, and one
    more peer for its annotators. Items without annotations have the model's opinion. When no item is telling
    nobody can be compared: then every annotated item tells, each annotator weighs one, the given label stands.

    The posterior is a mean, not a product: an annotator who agrees draws it towards L, which lowers it where a
    sure model stood above L. Values within 1e-9 are tied, whatever the order of annotators. `compat` compares
    exactly, as cleanlab does, so that where two classes tie rounding decides as it does there.

    Beyond `base.Fitted`: `annotator_quality_` is V mean_i q_ij + (1 − V) a_j with q_ij the posterior of j's
    label, a_j the share of j's labels on telling items that are the item's label (the pooled share where j has
    none) and V the model's part of the weight on an average item. `model_weight_` is W. `confidence_`
    (n_items,) is the posterior of the item's label, `agreement_` (n_items,) the share of annotations that give
    it (0 for an item without any).

    Source: Goh, Tkachenko & Mueller 2022, "CROWDLAB", https://arxiv.org/abs/2210.06812; tie rules and the order
    of sums are those of cleanlab 2.9.
    """

    compat: bool = False

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes` and a model's `probabilities`, without which it raises UserError. See `base.Estimator`."""
        if probabilities is None:
            raise UserError(
                "CROWDLAB needs a model's class probabilities",
                do="Pass probabilities, or choose a method that does without, such as dawid_skene.",
            )
        model, predicted = read_model(probabilities, votes)
        truth = check_gold(gold, votes)
        telling = (truth >= 0) | (votes.per_item > 1)
        comparable = bool(telling.any())
        if not comparable:
            telling = votes.per_item > 0
        tie = 0.0 if self.compat else TIE
        labels, peers, agreement = vote(votes, model, truth, tie)

        def pool(weights: Weights, posterior: FloatArray) -> None:
            loops.pool(
                votes.offsets,
                votes.annotator,
                votes.label,
                truth,
                model,
                weights.annotator,
                weights.model,
                weights.hit,
                weights.miss,
                tie,
                telling,
                labels,
                agreement,
                posterior,
                confidence,
                tallies,
            )

        tallies = np.zeros((votes.n_annotators, 3))
        # Room for one number an item: the passes between use it until the last one writes the confidences.
        confidence = np.empty(votes.n_items)
        weights = weigh(votes, labels, agreement, predicted, telling, peers, confidence)
        pool(weights, np.empty((0, 0)))
        weights = weigh(votes, labels, agreement, predicted, telling, peers, confidence)
        self.probabilities_ = np.empty_like(model)
        pool(weights, self.probabilities_)

        self.labels_, self.agreement_, self.confidence_ = labels, agreement, confidence
        self.annotator_weight_, self.model_weight_ = weights.annotator, weights.model
        per_annotator, annotated = votes.per_annotator, int(np.count_nonzero(votes.per_item))
        self.annotator_quality_ = annotator_quality(
            weights, tallies, per_annotator, annotated, votes.n_classes, comparable=comparable
        )
        self.confusion_ = None
        self.diagnostics_ = {
            "model_weight": weights.model,
            "agreement": weights.hit,
            "telling_items": float(np.count_nonzero(telling)) if comparable else 0.0,
        }
        self._votes = votes
        return self

    @property
    def label_quality_(self) -> FloatArray:
        """The posterior of each annotation's label, (n,), in the order of the votes. Computed when asked for."""
        return np.asarray(loops.gather(self._votes.offsets, self._votes.label, self.probabilities_))

    @property
    def worst_class_(self) -> IntArray:
        """The class each annotator gives least reliably, int32 (n_annotators,); -1 for one without annotations.

        The one that is least often the item's label; of several the one given most often; then the one on items
        of the highest mean confidence; then the first declared. Computed when asked for.
        """
        votes, pairs = self._votes, Pairs.of(self._votes)
        given, right, confidence = loops.pair_tallies(
            votes.offsets, pairs.row, votes.label, self.labels_, self.confidence_, pairs.n
        )
        sure = np.round(confidence / given, 9)
        order = np.lexsort((pairs.label, -sure, -given, right / given, pairs.annotator))
        first = order[np.unique(pairs.annotator[order], return_index=True)[1]]
        worst = np.full(votes.n_annotators, -1, dtype=np.int32)
        worst[pairs.annotator[first]] = pairs.label[first]
        return worst


class Weights(NamedTuple):
    """What each source of opinion counts for, given a label of every item.

    `annotator` (n_annotators,) and `model` are weights; `hit` is the mean agreement of annotators with the
    labels, `miss` what that leaves for each other class.
    """

    annotator: FloatArray
    model: float
    hit: float
    miss: float


def read_model(probabilities: FloatArray, votes: Votes) -> tuple[FloatArray, IntArray]:
    """Checked probabilities (n_items, n_classes) and the model's class of each item, int32 (n_items,).

    Large arrays that need no correction are taken as they are, without a copy.
    """
    model = np.asarray(probabilities)
    if model.dtype == np.float64 and model.flags.c_contiguous and model.shape == (votes.n_items, votes.n_classes):
        predicted, sound = loops.most_likely(model, TIE)
        if sound:
            return model, predicted
    model = check_probabilities(probabilities, votes)
    return model, loops.most_likely(model, TIE)[0]


def vote(votes: Votes, model: FloatArray, gold: IntArray, tie: float) -> tuple[IntArray, FloatArray, FloatArray]:
    """The vote of each item, int32 (n_items,), each annotator's peer agreement, and each item's agreement.

    `model` (n_items, n_classes) breaks ties first, `gold` (n_items,) holds class codes or -1. Peer agreement
    (n_annotators,) is the share of comparisons with others on the same item, gold included, that agreed; an
    annotator who met nobody gets the mean of the others, and one where nobody met. Agreement (n_items,) is the
    share of the item's annotations that give its vote.
    """
    labels, agreement, tallies = cast(votes, gold)
    comparisons, agreed, settled, right = tallies.T
    trust = mean_for_others(right, settled)
    loops.break_ties(votes.offsets, votes.annotator, votes.label, model, votes.per_class, trust, tie, labels)
    return labels, mean_for_others(agreed, comparisons), agreement


def cast(votes: Votes, gold: IntArray) -> tuple[IntArray, FloatArray, IntArray]:
    """The vote of each item, -1 where classes tie, its agreement, and the tallies of `loops.cast_votes`."""
    tallies = np.zeros((votes.n_annotators, 4), dtype=np.int64)
    agreement = np.empty(votes.n_items)
    labels = loops.cast_votes(votes.offsets, votes.annotator, votes.label, gold, votes.n_classes, tallies, agreement)
    return labels, agreement, tallies


def weigh(
    votes: Votes,
    labels: IntArray,
    agreement: FloatArray,
    predicted: IntArray,
    telling: BoolArray,
    peers: FloatArray,
    room: FloatArray,
) -> Weights:
    """The weights that follow from a label of each item.

    `agreement` (n_items,) is the share of annotations that give it, `predicted` (n_items,) are the model's
    classes, `telling` (n_items,) marks the items to learn from, `peers` (n_annotators,) is the peer agreement.
    `room` (n_items,) is written over.
    """
    told = tell(votes, labels, agreement, predicted, telling, room)
    return weights_of(told, peers, votes.n / max(int(np.count_nonzero(votes.per_item)), 1))


class Told(NamedTuple):
    """What telling items say about classes, model and annotators; over shards of items it adds up.

    `sizes` (n_classes,) are the items of each label, `missed` those where the model has another; `agreement` is the
    sum of the agreement of the `voted` items that have annotations.
    """

    sizes: IntArray
    missed: int
    agreement: float
    voted: int


def tell(
    votes: Votes, labels: IntArray, agreement: FloatArray, predicted: IntArray, telling: BoolArray, room: FloatArray
) -> Told:
    """What the items of `votes` say; the arguments are those of `weigh`."""
    sizes, missed, voted = loops.tally(votes.offsets, labels, agreement, predicted, telling, votes.n_classes, room)
    return Told(sizes, missed, float(room[:voted].sum()), voted)


def weights_of(told: Told, peers: FloatArray, per_item: float) -> Weights:
    """The weights, from what telling items say, peer agreement, and the annotations an item that has any."""
    hit = told.agreement / told.voted if told.voted else 1.0
    n = max(int(told.sizes.sum()), 1)
    guess_error = max(float(told.sizes.sum() - told.sizes.max(initial=0)) / n, FLOOR)
    return Weights(
        annotator=np.maximum(1 - (1 - peers) / guess_error, FLOOR),
        model=max(1 - told.missed / n / guess_error, FLOOR) * max(per_item, 1.0) ** 0.5,
        hit=hit,
        miss=(1 - hit) / max(len(told.sizes) - 1, 1),
    )


def annotator_quality(
    weights: Weights,
    tallies: FloatArray,
    per_annotator: IntArray,
    annotated: int,
    n_classes: int,
    *,
    comparable: bool,
) -> FloatArray:
    """The quality of each annotator, (n_annotators,) in [0, 1].

    `tallies` (n_annotators, 3) are the sums of their labels' qualities, their annotations on telling items, and
    those that give the item's label; `per_annotator` (n_annotators,) all their annotations, `annotated` the number of
    items that have any. Where nobody is `comparable` the quality of their labels is all there is.
    """
    blind, n = 1 / max(n_classes, 1), int(per_annotator.sum())
    mean_quality = share(tallies[:, 0], per_annotator.astype(np.float64), blind)
    if not comparable or n == 0:
        return mean_quality
    crowd = float(weights.annotator.mean()) * n / annotated
    part = weights.model / (weights.model + crowd)
    return np.asarray(part * mean_quality + (1 - part) * share(tallies[:, 2], tallies[:, 1], blind))


def mean_for_others(part: IntArray, whole: IntArray) -> FloatArray:
    """`part / whole` (n,); where `whole` is zero the mean of the others, and one where it is zero throughout."""
    known = whole > 0
    shares = np.ones(len(part))
    shares[known] = part[known] / whole[known]
    if known.any():
        shares[~known] = shares[known].mean()
    return shares


def share(part: FloatArray, whole: FloatArray, nothing: float) -> FloatArray:
    """`part / whole` (n,), the pooled ratio where `whole` is zero, and `nothing` where it is zero throughout."""
    total = float(whole.sum())
    pooled = float(part.sum()) / total if total else nothing
    return np.asarray(np.divide(part, whole, out=np.full(len(part), pooled), where=whole > 0))
