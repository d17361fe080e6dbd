"""What every method on shards gives: what it knows of annotators, and from that the labels of any shard.

Here belongs what fits have in common, and the one pass that all begin with. A method's own passes stand in its module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from label_pipeline.shards.base import Cells, Largest, Shard, Shards
from label_pipeline.votes import FloatArray, IntArray


class Concluded(NamedTuple):
    """Labels int32 (n_items,) and probabilities (n_items, n_classes) of a shard, as in `consensus.base.Fitted`."""

    labels: IntArray
    probabilities: FloatArray


class ShardFit(Protocol):
    """A fitted method. Its attributes are those of `consensus.base.Fitted`; it can be pickled."""

    annotator_quality_: FloatArray
    annotator_weight_: FloatArray
    confusion_: FloatArray | None
    diagnostics_: dict[str, float]

    def conclude(self, shard: Shard) -> Concluded:
        """Labels and probabilities of the items of a shard that was fitted to."""
        ...


def conclude(shard: Shard, fit: ShardFit) -> Concluded:
    """For `Shards.map`: what `fit` says of a shard."""
    return fit.conclude(shard)


class Census(NamedTuple):
    """What must be known of all annotations before any method begins.

    `given` counts annotator · n_classes + class; `items` is the number of items, `annotated` of those with annotations,
    `most` the largest number of annotations on one.
    """

    given: Cells
    items: int
    annotated: int
    most: Largest


@dataclass(frozen=True, eq=False)
class Totals:
    """The census of all shards, read: `per_class` (n_classes,) and `per_annotator` (n_annotators,) annotations."""

    census: Census
    per_class: IntArray
    per_annotator: IntArray

    @property
    def n(self) -> int:
        """Number of annotations."""
        return int(self.per_class.sum())


def totals(shards: Shards) -> Totals:
    """One pass over all shards."""
    census = shards.map_reduce(_census, None)
    annotator, label = np.divmod(census.given.key, max(shards.n_classes, 1))
    sizes = (label, shards.n_classes), (annotator, shards.n_annotators)
    per_class, per_annotator = (
        np.bincount(code, weights=census.given.times, minlength=size).astype(np.int64) for code, size in sizes
    )
    return Totals(census, per_class, per_annotator)


def _census(shard: Shard, _: None) -> Census:
    votes = shard.votes
    cells = votes.n_annotators * votes.n_classes
    key = votes.annotator.astype(np.int64) * votes.n_classes + votes.label
    if cells <= max(4 * votes.n, 1 << 20):
        count = np.bincount(key, minlength=cells)
        found = np.flatnonzero(count)
        given = Cells(found, count[found])
    else:
        given = Cells.of(key)
    annotated = int(np.count_nonzero(votes.per_item))
    return Census(given, votes.n_items, annotated, Largest(int(votes.per_item.max(initial=0))))
