"""The table consensus_labels from shards: whoever works on a shard settles its rows, then all are put in order.

Here belongs the way from a fit to the rows of the table. What makes an item settled is `settle`'s, one shard as all at
once; where the rows then go is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from label_pipeline.contracts.rules import ITEM_STATUSES
from label_pipeline.contracts.tables import CONSENSUS_LABELS
from label_pipeline.files import replacing
from label_pipeline.settle import Policy, consensus_table
from label_pipeline.shards.base import Shard, Shards, Source, added
from label_pipeline.shards.disk import Stored, settled_before
from label_pipeline.shards.fits import ShardFit
from label_pipeline.shards.majority import fit_majority
from label_pipeline.sql import connect, file_list, identifier
from label_pipeline.votes import FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BINS = 1000
"""Of the histogram of confidences, from 0 to 1."""


class Seen(NamedTuple):
    """Sums over items: annotations; items of each of `ITEM_STATUSES`; of those with a confidence the sum, the number,
    and a histogram of `BINS` bins."""

    annotations: int
    statuses: IntArray
    confidence: float
    confident: int
    histogram: IntArray


class Settling(NamedTuple):
    """What every task is told.

    `unaided` is the majority that knew no gold, None where there is none; `gold` is the gold set in force; rows are
    written to `folder`, which all who work must reach.
    """

    fit: ShardFit
    unaided: ShardFit | None
    method: str
    gold: pd.DataFrame
    policy: Policy
    day: date
    folder: Path


@dataclass(frozen=True, eq=False)
class Untold:
    """The shards of `source` without what they know of gold: a `base.Source`."""

    source: Source

    def __len__(self) -> int:
        return len(self.source)

    def open(self, index: int) -> Shard:
        """See `base.Source`."""
        shard = self.source.open(index)
        return replace(shard, gold=np.full_like(shard.gold, -1))


def unaided_majority(shards: Shards) -> ShardFit:
    """What annotations alone say, whatever the shards know of gold."""
    return fit_majority(replace(shards, source=Untold(shards.source)))


def settled(shards: Shards, settling: Settling) -> Seen:
    """Write the rows of every shard, of those on disk, to a file of `settling.folder`; tells what they come to."""
    assert isinstance(shards.source, Stored)  # others know nothing of the day before
    seen: Seen = reduce(added, shards.map(_settle, (settling, shards.source.folder)))
    return seen


def in_order(folder: Path) -> Iterator[pa.Table]:
    """All rows that `settled` wrote, sorted by item, piece by piece; what does not fit memory is sorted on disk."""
    import pyarrow as pa

    files, key = file_list(sorted(folder.glob("*.parquet"))), ", ".join(map(identifier, CONSENSUS_LABELS.key))
    with connect() as con, con.sql(f"SELECT * FROM read_parquet({files}) ORDER BY {key}").to_arrow_reader() as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def middles() -> FloatArray:
    """The middle of each bin of `Seen.histogram`, (BINS,)."""
    return (np.arange(BINS) + 0.5) / BINS


def _settle(shard: Shard, ask: tuple[Settling, Path]) -> Seen:
    import pandas as pd
    import pyarrow.parquet as pq

    settling, place = ask
    votes, (labels, probabilities) = shard.votes, settling.fit.conclude(shard)
    voted = labels
    if settling.unaided is not None:
        alone = settling.unaided.conclude(replace(shard, gold=np.full_like(shard.gold, -1))).labels
        voted = np.where(shard.gold >= 0, alone, labels)
    gold = settling.gold
    table = consensus_table(
        votes,
        labels=labels,
        probabilities=probabilities,
        voted=voted,
        method=settling.method,
        gold=gold[gold["item_id"].isin(votes.items)],
        policy=settling.policy,
        previous=pd.DataFrame({"item_id": votes.items, "settled_on": settled_before(place, shard.index)}, dtype=object),
        day=settling.day,
    )
    with replacing(settling.folder / f"rows-{shard.index:06d}.parquet") as beside:
        pq.write_table(CONSENSUS_LABELS.conform(table), beside, compression="lz4")
    confidence: FloatArray = table["confidence"].dropna().to_numpy(np.float64)
    statuses = pd.Categorical(table["status"], categories=ITEM_STATUSES).codes
    return Seen(
        votes.n,
        np.bincount(statuses, minlength=len(ITEM_STATUSES)),
        float(confidence.sum()),
        len(confidence),
        np.histogram(confidence, bins=BINS, range=(0.0, 1.0))[0],
    )
