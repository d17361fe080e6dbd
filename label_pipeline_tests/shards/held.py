"""Shards of votes that are in memory already: what sharding alone changes shows in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from label_pipeline.agreement.patterns import ranges
from label_pipeline.consensus.base import check_gold
from label_pipeline.shards.base import Shard, Shards
from label_pipeline.shards.runners import InProcess, Runner
from label_pipeline.votes import FloatArray, IntArray, Votes


@dataclass(frozen=True, eq=False)
class Held:
    """Shards that are held: a `base.Source`."""

    shards: tuple[Shard, ...]

    def __len__(self) -> int:
        return len(self.shards)

    def open(self, index: int) -> Shard:
        """See `base.Source`."""
        return self.shards[index]


def scattered(
    votes: Votes,
    shard_of: IntArray,
    *,
    gold: IntArray | None = None,
    model: FloatArray | None = None,
    runner: Runner | None = None,
) -> Shards:
    """`votes` with item i in shard `shard_of[i]`, and so its gold label (n_items,) and its row of `model`.

    There is at least one shard; those that no item is in are empty.
    """
    known = check_gold(gold, votes)
    parts = []
    for k in range(int(shard_of.max(initial=0)) + 1):
        items = np.flatnonzero(shard_of == k)
        rows = ranges(votes.offsets[items], votes.per_item[items])
        offsets = np.concatenate([[0], np.cumsum(votes.per_item[items])]).astype(np.int64)
        part = Votes(
            votes.items[items], votes.annotators, votes.classes, offsets, votes.annotator[rows], votes.label[rows]
        )
        parts.append(Shard(part, known[items], None if model is None else np.ascontiguousarray(model[items]), k))
    return Shards(votes.annotators, votes.classes, Held(tuple(parts)), runner or InProcess())
