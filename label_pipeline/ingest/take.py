"""Taking in one landed file: read, cleaned and judged, with nothing left of it on the connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import QUARANTINE
from label_pipeline.errors import UserError
from label_pipeline.ingest.clean import load_lookups
from label_pipeline.ingest.erased import leave_out
from label_pipeline.ingest.judge import Judged, judge, no_answers
from label_pipeline.ingest.read import read_file
from label_pipeline.landing import LandedFile
from label_pipeline.privacy.barred import Barred
from label_pipeline.privacy.persons import Met, Persons
from label_pipeline.project import Project
from label_pipeline.sources.reading import item_schema
from label_pipeline.sql import scratch

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Taken:
    """A landed file and what became of it.

    `landed` counts its answers, its unreadable lines and the rows of its `predictions`, or one for a file with a
    `problem`; `unread` are the quarantine rows of such lines, or of the whole file; `met` are the logins it names.
    What an erased person gave or an erased item is counted nowhere: `erased` says that there was such.
    """

    file: LandedFile
    problem: UserError | None
    landed: int
    unread: pa.Table
    items: pa.Table
    judged: Judged
    predictions: pa.Table | None = None
    met: Sequence[Met] = ()
    erased: bool = False


def take_in(
    con: Any, project: Project, day: date, file: LandedFile, persons: Persons, barred: Barred | None = None
) -> Taken:
    """Read, clean and judge one file, but for what is `barred`."""
    with scratch(con):
        read = read_file(con, project, file)
        if isinstance(read, UserError):
            words = " ".join(filter(None, (read.what + ".", read.do)))
            nothing = Judged(no_answers(), QUARANTINE.empty(), no_answers()["annotation_id"])
            unread = _unread(file, read.rule, [0], [words])
            return Taken(file, read, 1, unread, item_schema().empty_table(), nothing)
        rest = leave_out(con, project, file.source, read, barred) if barred else read
        erased, read = rest is not read, rest
        met = load_lookups(con, project, file.source, persons)
        judged = judge(con, project, day, file)
    broken, predictions = read.reading.broken, read.reading.predictions
    return Taken(
        file,
        None,
        read.answers + len(broken) + (0 if predictions is None else len(predictions)),
        _unread(file, "line_unreadable", broken["landed_row"].to_pylist(), broken["reason"].to_pylist()),
        read.items,
        judged,
        predictions,
        met,
        erased,
    )


def _unread(file: LandedFile, rule: str, rows: list[int], reasons: list[str]) -> pa.Table:
    """Quarantine rows of lines that could not be read; row 0 is the whole file."""
    same = {"landed_file": file.name, "answer": 0, "source": file.source, "rule": rule, "column": "", "raw": "{}"}
    return QUARANTINE.conform(
        {name: [value] * len(rows) for name, value in same.items()} | {"landed_row": rows, "reason": reasons}
    )
