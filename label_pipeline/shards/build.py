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
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from label_pipeline.contracts.tables import ANNOTATION_EVENTS, ITEMS
from label_pipeline.files import remove_folder, replacing_folder, temporary_folder
from label_pipeline.lake import Lake
from label_pipeline.shards.base import Shards
from label_pipeline.shards.disk import Stored, write_shard
from label_pipeline.shards.runners import InProcess, Runner
from label_pipeline.sql import connect, literal
from label_pipeline.state import counted, current_of, held, hidden_questions
from label_pipeline.votes import FloatArray, Votes

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SHARD_SIZE = 1_000_000
"""Annotations of a shard, about; memory grows with it and with nothing else."""
EVENTS = "event_id, source, annotation_id, item_id, annotator_id, label, status, is_gold_check, annotated_at"


@dataclass(frozen=True)
class Facts:
    """What else than events a project's votes depend on.

    `people` is the roster; `truth` gives items the label that the consensus may know (`settle.known_checks`); `checks`
    and `evaluation` are the gold items of each role, `test_sources` the sources that hide test questions, as in
    `state.counted`. `predictions` are files of the table of that name: of several models of an item the mean counts.
    """

    people: pd.DataFrame
    truth: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[str] = ()
    evaluation: Sequence[str] = ()
    test_sources: Sequence[str] = ()
    predictions: Sequence[Path] = ()


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


def _model(folder: Path, index: int, votes: Votes, n_classes: int) -> FloatArray:
    """The mean of the models' probabilities of each item, (n_items, n_classes); NaN where there are none."""
    import pandas as pd

    rows = _column(folder, "predictions", index, "probabilities")
    matrix = pd.DataFrame(np.array(rows, dtype=np.float64).reshape(-1, n_classes))
    by_item = matrix.groupby(np.array(_column(folder, "predictions", index, "item_id"), dtype=object)).mean()
    return np.asarray(by_item.reindex(votes.items).to_numpy(), dtype=np.float64)


def _column(folder: Path, kind: str, index: int, name: str) -> list[Any]:
    """A column of what fell into a shard."""
    import pyarrow.parquet as pq

    pieces = _pieces(folder, kind, index)
    return [value for piece in pieces for value in pq.read_table(piece, columns=[name])[name].to_pylist()]


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
    items = set(_column(plan.folder, "items", index, "item_id"))
    if facts.test_sources:
        gold = [*facts.checks, *facts.evaluation]
        items -= set(hidden_questions(current, test_sources=facts.test_sources, gold=gold)["item_id"].to_pylist())
    votes = Votes.build(annotations, classes=plan.classes, items=sorted(items))
    code = {name: k for k, name in enumerate(plan.classes)}
    truth = np.array([code.get(facts.truth.get(item, ""), -1) for item in votes.items], dtype=np.int32)
    model = _model(plan.folder, index, votes, n_classes) if facts.predictions else None
    write_shard(plan.folder, index, votes, truth, model)
    known = np.empty((0, n_classes)) if model is None else model[~np.isnan(model[:, 0])]
    return Gathered([str(name) for name in votes.annotators], known.sum(axis=0), len(known))
