"""CROWDLAB on shards, in five passes: who agrees with whom, the vote, its pool, the second pool, and all annotations.

Nothing is kept of an item between passes: its vote and what became of it are computed anew from the weights so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from label_pipeline.consensus import crowdlab_loops as loops
from label_pipeline.consensus.base import TIE
from label_pipeline.consensus.crowdlab import (
    Told,
    Weights,
    annotator_quality,
    cast,
    mean_for_others,
    read_model,
    tell,
    weights_of,
)
from label_pipeline.errors import UserError
from label_pipeline.shards.base import Shard, Shards
from label_pipeline.shards.fits import Concluded, totals
from label_pipeline.votes import BoolArray, FloatArray, IntArray


class Rules(NamedTuple):
    """How ties of the vote are broken, and which items tell.

    `frequency` (n_classes,) annotations of each class, `trust` (n_annotators,) as in `loops.break_ties`; items are
    telling as in `CROWDLAB`, all annotated ones where nobody is `comparable`.
    """

    frequency: IntArray
    trust: FloatArray
    comparable: bool


class Pooled(NamedTuple):
    """A shard after some pools: what stands on each item, (n_items,) each, but for `posterior` (n_items, n_classes)."""

    labels: IntArray
    agreement: FloatArray
    predicted: IntArray
    telling: BoolArray
    posterior: FloatArray
    confidence: FloatArray
    tallies: FloatArray


@dataclass(eq=False)
class CrowdlabFit:
    """A `fits.ShardFit`; `weights` are those of the first and of the second pool."""

    rules: Rules
    weights: tuple[Weights, Weights]
    annotator_quality_: FloatArray
    annotator_weight_: FloatArray
    diagnostics_: dict[str, float]
    confusion_: FloatArray | None = None

    def conclude(self, shard: Shard) -> Concluded:
        """See `fits.ShardFit`."""
        pooled = _pooled(shard, self.rules, self.weights)
        return Concluded(pooled.labels, pooled.posterior)


def fit_crowdlab(shards: Shards) -> CrowdlabFit:
    """CROWDLAB of all shards. Raises UserError where a shard has no model's probabilities, or wrong ones."""
    total = totals(shards)
    tallies, telling = shards.map_reduce(_peers, None)
    comparisons, agreed, settled, right = tallies.T
    peers = mean_for_others(agreed, comparisons)
    rules = Rules(total.per_class, mean_for_others(right, settled), comparable=telling > 0)
    per_item = total.n / max(total.census.annotated, 1)
    first = weights_of(shards.map_reduce(_told, (rules, ())), peers, per_item)
    second = weights_of(shards.map_reduce(_told, (rules, (first,))), peers, per_item)
    sums = shards.map_reduce(_qualities, (rules, (first, second)))
    quality = annotator_quality(
        second,
        sums,
        total.per_annotator,
        total.census.annotated,
        shards.n_classes,
        comparable=rules.comparable,
    )
    found = {"model_weight": second.model, "agreement": second.hit, "telling_items": float(telling)}
    return CrowdlabFit(rules, (first, second), quality, second.annotator, found)


def _peers(shard: Shard, _: None) -> tuple[IntArray, int]:
    """The tallies of `loops.cast_votes`, and how many items tell."""
    telling = (shard.gold >= 0) | (shard.votes.per_item > 1)
    return cast(shard.votes, shard.gold)[2], int(np.count_nonzero(telling))


def _told(shard: Shard, so_far: tuple[Rules, tuple[Weights, ...]]) -> Told:
    pooled = _pooled(shard, *so_far)
    return tell(
        shard.votes, pooled.labels, pooled.agreement, pooled.predicted, pooled.telling, np.empty(shard.votes.n_items)
    )


def _qualities(shard: Shard, so_far: tuple[Rules, tuple[Weights, ...]]) -> FloatArray:
    return _pooled(shard, *so_far).tallies


def _pooled(shard: Shard, rules: Rules, weights: tuple[Weights, ...]) -> Pooled:
    """The vote of a shard, pooled with the first of `weights`, and with the second where there is one."""
    votes = shard.votes
    if shard.model is None:
        raise UserError(
            "CROWDLAB needs a model's class probabilities",
            do="Pass probabilities, or choose a method that does without, such as dawid_skene.",
        )
    model, predicted = read_model(shard.model, votes)
    labels, agreement, _ = cast(votes, shard.gold)
    sparse = votes.offsets, votes.annotator, votes.label
    loops.break_ties(*sparse, model, rules.frequency, rules.trust, TIE, labels)
    telling = (shard.gold >= 0) | (votes.per_item > 1) if rules.comparable else votes.per_item > 0
    confidence, tallies = np.empty(votes.n_items), np.zeros((votes.n_annotators, 3))
    posterior: Any = np.empty((0, 0))
    for nth, weight in enumerate(weights):
        posterior = np.empty_like(model) if nth else posterior
        loops.pool(
            *sparse, shard.gold, model, weight.annotator, weight.model, weight.hit, weight.miss, TIE, telling,
            labels, agreement, posterior, confidence, tallies,
        )  # fmt: skip
    return Pooled(labels, agreement, predicted, telling, posterior, confidence, tallies)
