"""Majority vote on shards: `consensus.majority.Majority` without its `compat`, in three passes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from label_pipeline.consensus.base import agreement_sums, means_of, settle, vote_shares
from label_pipeline.consensus.majority import voted_labels
from label_pipeline.consensus.wawa import agreement_weight_sums
from label_pipeline.shards.base import Shard, Shards
from label_pipeline.shards.fits import Concluded, totals
from label_pipeline.votes import FloatArray, IntArray


@dataclass(eq=False)
class MajorityFit:
    """A `fits.ShardFit`. Ties are decided by `trust` (n_annotators,), `most` and `frequency` as in `voted_labels`."""

    trust: FloatArray
    most: int
    frequency: IntArray
    annotator_quality_: FloatArray = field(default_factory=lambda: np.empty(0))
    annotator_weight_: FloatArray = field(default_factory=lambda: np.empty(0))
    confusion_: FloatArray | None = None
    diagnostics_: dict[str, float] = field(default_factory=dict)

    def conclude(self, shard: Shard) -> Concluded:
        """See `fits.ShardFit`."""
        shares = vote_shares(shard.votes, self.frequency)
        voted = voted_labels(shard.votes, shares, self.trust, most=self.most, frequency=self.frequency)
        settle(shares, shard.votes, shard.gold, self.frequency)
        return Concluded(np.where(shard.gold >= 0, shard.gold, voted).astype(np.int32), shares)


def fit_majority(shards: Shards) -> MajorityFit:
    """The majority of all shards."""
    total = totals(shards)
    trust = means_of(*shards.map_reduce(_trust, None), shards.n_classes)
    fit = MajorityFit(trust, max(total.census.most.value, 1), total.per_class)
    fit.annotator_quality_ = means_of(*shards.map_reduce(_agreement, fit), shards.n_classes)
    fit.annotator_weight_ = np.ones(shards.n_annotators)
    return fit


def _trust(shard: Shard, _: None) -> tuple[FloatArray, FloatArray]:
    return agreement_weight_sums(shard.votes, shard.gold)


def _agreement(shard: Shard, fit: MajorityFit) -> tuple[FloatArray, FloatArray]:
    return agreement_sums(fit.conclude(shard).labels, shard.votes, shard.gold)
