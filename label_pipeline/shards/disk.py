"""Shards as Parquet files of a folder: as many annotations as the disk holds, one shard of them in memory.

Here belongs how a shard is written and read, and how results that are as many as items are written; `build` makes the
shards of a project. A shard is a folder of two files. `votes` has a row an annotation, by item and then annotator:
annotator_id and label. `items` has a row an item, sorted: item_id, how many annotations it has, its gold label or none,
a model's probabilities or none, and since when it was settled the day before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from label_pipeline.files import replacing, replacing_folder
from label_pipeline.shards.base import Shard, Shards
from label_pipeline.shards.fits import ShardFit
from label_pipeline.votes import AnyArray, FloatArray, IntArray, Votes

DICTIONARY = 1 << 26  # bytes: ids that repeat are written once, however many annotators there are


@dataclass(frozen=True, eq=False)
class Stored:
    """Shards of a folder that all who work on them can read: a `base.Source`.

    `fill` (n_classes,) are the probabilities of items that the model does not know; None where there is no model.
    """

    folder: Path
    n: int
    annotators: AnyArray
    classes: tuple[str, ...]
    fill: FloatArray | None = None

    def __len__(self) -> int:
        return self.n

    def open(self, index: int) -> Shard:
        """See `base.Source`."""
        import pyarrow.parquet as pq

        place = shard_folder(self.folder, index)
        given = pq.read_table(place / "votes.parquet", read_dictionary=["annotator_id", "label"])
        items = pq.read_table(place / "items.parquet", columns=["item_id", "annotations", "gold"])
        offsets = np.concatenate([[0], np.cumsum(items["annotations"].to_numpy())]).astype(np.int64)
        votes = Votes(
            items["item_id"].to_numpy(),
            self.annotators,
            self.classes,
            offsets,
            _codes(given["annotator_id"], self.annotators),
            _codes(given["label"], np.array(self.classes, dtype=object)),
        )
        gold = _codes(items["gold"].combine_chunks().dictionary_encode(), np.array(self.classes, dtype=object))
        return Shard(votes, gold, self._model(place), index)

    def _model(self, place: Path) -> FloatArray | None:
        import pyarrow.parquet as pq

        if self.fill is None:
            return None
        column = pq.read_table(place / "items.parquet", columns=["model"])["model"].combine_chunks()
        model = np.array(column.values, dtype=np.float64).reshape(len(column), len(self.classes))
        model[np.isnan(model[:, 0])] = self.fill
        model /= model.sum(axis=1, keepdims=True)
        return model


def shard_folder(folder: Path, index: int) -> Path:
    """Where a shard lies."""
    return folder / f"shard-{index:06d}"


def write_shard(
    folder: Path,
    index: int,
    votes: Votes,
    gold: IntArray,
    model: FloatArray | None,
    settled_on: AnyArray | None = None,
) -> None:
    """Write a shard whole.

    `model` (n_items, n_classes) has rows of NaN where nothing is known of an item, `settled_on` (n_items,) None where
    it was not settled.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names: Any = np.array([*votes.classes, None], dtype=object)
    given = pa.table(
        {
            "annotator_id": pa.DictionaryArray.from_arrays(votes.annotator, pa.array(votes.annotators, pa.string())),
            "label": pa.DictionaryArray.from_arrays(votes.label, pa.array(votes.classes, pa.string())),
        }
    )
    about = {
        "item_id": pa.array(votes.items, pa.string()),
        "annotations": pa.array(votes.per_item.astype(np.int32)),
        "gold": pa.array(names[gold], pa.string()),
        "settled_on": pa.nulls(votes.n_items, pa.date32()) if settled_on is None else pa.array(settled_on, pa.date32()),
    }
    if model is not None:
        flat = pa.array(np.ascontiguousarray(model).ravel())
        about["model"] = pa.FixedSizeListArray.from_arrays(flat, votes.n_classes)
    with replacing_folder(shard_folder(folder, index)) as place:
        pq.write_table(given, place / "votes.parquet", compression="lz4", dictionary_pagesize_limit=DICTIONARY)
        pq.write_table(pa.table(about), place / "items.parquet", compression="lz4", use_dictionary=["gold"])


def settled_before(folder: Path, index: int) -> AnyArray:
    """Since when each item of a shard was settled the day before, object (n_items,); None where it was not."""
    import pyarrow.parquet as pq

    column = pq.read_table(shard_folder(folder, index) / "items.parquet", columns=["settled_on"])["settled_on"]
    return np.array(column.to_pylist(), dtype=object)


def write_consensus(shards: Shards, fit: ShardFit, folder: Path) -> list[Path]:
    """What `fit` says of every item, a file a shard: item_id, label (none where nothing is known), probabilities.

    Whoever works on a shard writes its file, whole or not at all; those who work must reach the folder.
    """
    return [folder / name for name in shards.map(_write, (fit, folder))]


def _write(shard: Shard, ask: tuple[ShardFit, Path]) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fit, folder = ask
    labels, probabilities = fit.conclude(shard)
    names: Any = np.array([*shard.votes.classes, None], dtype=object)
    table = pa.table(
        {
            "item_id": pa.array(shard.votes.items, pa.string()),
            "label": pa.array(names[labels], pa.string()),
            "probabilities": pa.FixedSizeListArray.from_arrays(pa.array(probabilities.ravel()), len(names) - 1),
        }
    )
    path = folder / f"consensus-{shard.index:06d}.parquet"
    with replacing(path) as beside:
        pq.write_table(table, beside, compression="zstd")
    return path.name


def _codes(column: Any, names: AnyArray) -> IntArray:
    """Codes of a dictionary column against all `names`, int32 (n,); -1 where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [column] if isinstance(column, pa.DictionaryArray) else column.chunks
    found = [np.empty(0, dtype=np.int32)]
    for part in parts:
        code = pc.index_in(part.dictionary, value_set=pa.array(names, pa.string())).to_numpy(zero_copy_only=False)
        local = part.indices.fill_null(len(code)).to_numpy()
        found.append(np.append(code, -1).astype(np.int32)[local])
    return np.concatenate(found)
