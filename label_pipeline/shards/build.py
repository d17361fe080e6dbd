"""A project's shards from its lake: by a hash of the item, in two rounds, each in bounded memory.

Here belongs the way from partitions to shards. First each file of the lake is split by the hash of the item; then all
that fell into one shard is put together: the newest version of each answer, the votes among them, coded. All versions
of an answer are on one item (intake sets others aside), so that a shard decides alone which is the newest.

The shards lie beside the lake's events for as long as they are used, and are swept where a run was killed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from label_pipeline.contracts.tables import ANNOTATION_EVENTS, CONSENSUS_LABELS, ITEMS, PREDICTIONS
from label_pipeline.files import remove_folder, replacing_folder, temporary_folder
from label_pipeline.lake import Lake
from label_pipeline.shards.base import Shards
from label_pipeline.shards.disk import Stored, write_shard
from label_pipeline.shards.runners import InProcess, Runner
from label_pipeline.sql import connect, literal
from label_pipeline.state import counted, current_of, held, hidden_questions
from label_pipeline.votes import AnyArray, FloatArray, Votes

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SHARD_SIZE = 1_000_000
"""Annotations of a shard, about; memory grows with it and with nothing else."""
EVENTS = "event_id, source, annotation_id, item_id, annotator_id, label, status, is_gold_check, annotated_at"


TABLES = {"events": ANNOTATION_EVENTS, "items": ITEMS, "predictions": PREDICTIONS, "previous": CONSENSUS_LABELS}
"""By the kind of files that are split, the table they are of."""


@dataclass(frozen=True)
class Facts:
    """What else than events a project's votes depend on.

    `people` is the roster; `truth` gives items the label that the consensus may know (`settle.known_checks`); `checks`
    and `evaluation` are the gold items of each role, `test_sources` the sources that hide test questions, as in
    `state.counted`. `predictions` are files of the table of that name: of several models of an item the mean counts.
    `previous` are files of consensus_labels of the day before, of which settled items keep their day.
    """

    people: pd.DataFrame
    truth: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[str] = ()
    evaluation: Sequence[str] = ()
    test_sources: Sequence[str] = ()
    predictions: Sequence[Path] = ()
    previous: Sequence[Path] = ()


class Split(NamedTuple):
    """One file to be split: its columns as SQL, and the name of what comes of it."""

    kind: str
    file: Path
    columns: str
    place: Path


class Gathered(NamedTuple):
    """What is known of a shard once it is written: whose votes it holds, the sum and number of its model's rows."""

    annotators: list[str]
    model: FloatArray
    modelled: int


class Plan(NamedTuple):
    """What every task of the second round needs."""

    folder: Path
    classes: tuple[str, ...]
    facts: Facts


@contextmanager
def lake_shards(
    lake: Lake,
    day: date,
    classes: Sequence[str],
    facts: Facts,
    *,
    size: int = SHARD_SIZE,
    runner: Runner | None = None,
) -> Iterator[Shards]:
    """The votes as of `day` in shards of about `size` annotations, the project's items without any among them.

    Only for who holds the project's lock: whoever takes it sweeps shards that others left.

    The same votes, items and gold labels as `state.counted` and `Votes.build` give; `facts.predictions` are aligned as
    a night's are: an item that no model knows gets the mean of the others. Without any there is no model.
    """
    events, items = lake.files(ANNOTATION_EVENTS, day), lake.files(ITEMS, day)
    runner = runner or InProcess()
    n = max(-(-_rows(events) // size), 1)
    place = lake.path(ANNOTATION_EVENTS, day).parent.parent
    with temporary_folder(place, "shards") as folder:
        splits = [
            *_splits("events", events, f"{EVENTS}, day AS landed_day", folder),
            *_splits("items", items, "item_id", folder),
            *_splits("predictions", facts.predictions, "item_id, probabilities", folder),
            *_splits("previous", facts.previous, "item_id, settled_on", folder),
        ]
        list(runner.map(_split, splits, n))
        made = list(runner.map(_gather, range(n), Plan(folder, tuple(classes), facts)))
        if splits:
            remove_folder(folder / "split")
        annotators = np.array(sorted({name for part in made for name in part.annotators}), dtype=object)
        modelled = sum(part.modelled for part in made)
        fill = np.sum([part.model for part in made], axis=0) / modelled if modelled else None
        yield Shards(annotators, tuple(classes), Stored(folder, n, annotators, tuple(classes), fill), runner)


def _splits(kind: str, files: Sequence[Path], columns: str, folder: Path) -> list[Split]:
    return [Split(kind, file, columns, folder / "split" / f"{kind}-{k:06d}") for k, file in enumerate(files)]


def _events(folder: Path, index: int) -> pa.Table:
    """The events that fell into a shard."""
    import pyarrow.parquet as pq

    coded = list(ANNOTATION_EVENTS.coded)
    pieces = _pieces(folder, "events", index)
    return held([pq.read_table(piece, read_dictionary=coded, partitioning=None) for piece in pieces])


def _models(folder: Path, index: int, n_classes: int) -> pd.DataFrame:
    """The mean of the models' probabilities by item, a column a class; also of items that are none of ours."""
    import pandas as pd
    import pyarrow.compute as pc

    rows = _columns(folder, "predictions", index, "item_id", "probabilities")
    matrix = pc.list_flatten(rows["probabilities"]).to_numpy().reshape(-1, n_classes)
    return pd.DataFrame(matrix, index=rows["item_id"].to_numpy()).groupby(level=0).mean()


def _settled(folder: Path, index: int, votes: Votes) -> AnyArray:
    """Since when each item was settled the day before, object (n_items,); None where it was not."""
    rows = _columns(folder, "previous", index, "item_id", "settled_on")
    since = dict(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))
    return np.array([since.get(item) for item in votes.items], dtype=object)


def _columns(folder: Path, kind: str, index: int, *names: str) -> pa.Table:
    """Columns of what fell into a shard."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([TABLES[kind].schema.field(name) for name in names])
    read = [pq.read_table(piece, columns=list(names), partitioning=None) for piece in _pieces(folder, kind, index)]
    return pa.concat_tables([schema.empty_table(), *(part.cast(schema) for part in read)])


def _pieces(folder: Path, kind: str, index: int) -> list[Path]:
    return sorted((folder / "split").glob(f"{kind}-*/shard={index}/*.parquet"))


def _rows(files: Sequence[Path]) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for file in files)


def _split(task: Split, n: int) -> None:
    """The rows of one file, a folder a shard: a task that is tried again replaces what it wrote."""
    with replacing_folder(task.place) as beside, connect() as con:
        con.execute(
            f"""
            COPY (
                SELECT {task.columns}, hash(item_id) % {n} AS shard
                FROM read_parquet({literal(str(task.file))}, hive_partitioning = true)
            ) TO {literal(str(beside))} (FORMAT parquet, PARTITION_BY (shard), OVERWRITE_OR_IGNORE)
            """
        )


def _gather(index: int, plan: Plan) -> Gathered:
    """Put a shard together, write it, and tell whose votes it holds."""
    facts, n_classes = plan.facts, len(plan.classes)
    current = current_of(_events(plan.folder, index), facts.people)
    annotations = counted(current, test_sources=facts.test_sources, gold=facts.checks, evaluation=facts.evaluation)
    items = set(_columns(plan.folder, "items", index, "item_id")["item_id"].to_pylist())
    if facts.test_sources:
        gold = [*facts.checks, *facts.evaluation]
        items -= set(hidden_questions(current, test_sources=facts.test_sources, gold=gold)["item_id"].to_pylist())
    votes = Votes.build(annotations, classes=plan.classes, items=sorted(items))
    code = {name: k for k, name in enumerate(plan.classes)}
    truth = np.array([code.get(facts.truth.get(item, ""), -1) for item in votes.items], dtype=np.int32)
    known = _models(plan.folder, index, n_classes) if facts.predictions else None
    model = None if known is None else known.reindex(votes.items).to_numpy()
    settled = _settled(plan.folder, index, votes) if facts.previous else None
    write_shard(plan.folder, index, votes, truth, model, settled)
    sums = (np.zeros(n_classes), 0) if known is None else (known.to_numpy().sum(axis=0), len(known))
    return Gathered([str(name) for name in votes.annotators], *sums)
