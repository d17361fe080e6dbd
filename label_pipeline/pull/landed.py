"""What was pulled before, told by the landing files alone: there is no other state that a kill could leave behind.

A pulled file is named `pull-<project>-<number>-<time>.json`: the tool's project, a number that rises with every file
of the source, and the time by the server's clock. In a file of deletions every annotation has `deleted_at`, and tasks
have no `updated_at`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.pull.label_studio import LISTING, Task
from label_pipeline.sql import file_list

NAME = re.compile(r"pull-(\d+)-(\d{8})-(\d{8}T\d{6})Z\.json")
SETTLED = timedelta(seconds=60)  # what was written down this soon after a change is asked for once more
MOMENT = timedelta(microseconds=1)  # by which a deletion is newer than what it deletes
LARGEST_TASK = 1 << 28  # bytes
TOLD = ("id", "data", "meta", "created_at")  # of a task in a file of deletions
COLUMNS = {
    "id": "BIGINT",
    "updated_at": "VARCHAR",
    "total_annotations": "BIGINT",
    "cancelled_annotations": "BIGINT",
    "annotations": "STRUCT(id BIGINT, updated_at VARCHAR, deleted_at VARCHAR)[]",
}


@dataclass(frozen=True, slots=True)
class PulledFile:
    """One pulled file: its path, its number, and when the server wrote its tasks down."""

    path: Path
    number: int
    at: datetime


def file_name(project: int, number: int, at: datetime) -> str:
    """The name of a pulled file."""
    return f"pull-{project}-{number:08d}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}.json"


def pulled_files(folder: DataFolder, project: str, source: str, number: int) -> list[PulledFile]:
    """All files that were pulled from the tool's project `number`, in their order."""
    found = []
    for path in folder.landing(project).glob(f"????-??-??/{source}/pull-{number}-*.json"):
        name = NAME.fullmatch(path.name)
        if name and path.is_file() and not path.is_symlink():
            found.append(PulledFile(path, int(name[2]), datetime.strptime(name[3] + "Z", "%Y%m%dT%H%M%S%z")))
    return sorted(found, key=lambda file: file.number)


class Landed:
    """What the pulled files hold, in temporary tables of `con`: the newest version of each task and annotation."""

    def __init__(self, con: Any, files: Sequence[PulledFile]) -> None:
        self._con = con
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        con.execute("CREATE TEMP TABLE files (filename VARCHAR, number BIGINT, written TIMESTAMPTZ)")
        con.execute(f"CREATE TEMP TABLE landed (filename VARCHAR, {columns})")
        con.execute(f"CREATE TEMP TABLE listed ({', '.join(f'{key} {COLUMNS[key]}' for key in LISTING)})")
        con.execute(
            """
            CREATE TEMP VIEW versions AS SELECT * FROM landed JOIN files USING (filename) WHERE updated_at IS NOT NULL
            QUALIFY row_number() OVER (PARTITION BY id ORDER BY number DESC) = 1
            """
        )
        con.execute(
            """
            CREATE TEMP VIEW mentions AS
            SELECT a.id AS annotation, task, filename, a.updated_at AS updated_at, a.deleted_at AS deleted_at
            FROM (SELECT filename, id AS task, unnest(annotations) AS a FROM landed) JOIN files USING (filename)
            QUALIFY row_number() OVER (PARTITION BY a.id ORDER BY number DESC) = 1
            """
        )
        self.add(files)

    def add(self, files: Sequence[PulledFile]) -> None:
        """Read more files. Raises UserError for one that was changed since it landed."""
        import duckdb

        if not files:
            return
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
        self._con.executemany("INSERT INTO files VALUES (?, ?, ?)", [(str(f.path), f.number, f.at) for f in files])
        try:
            self._con.execute(
                f"INSERT INTO landed SELECT filename, {', '.join(COLUMNS)} "
                f"FROM read_json({file_list(f.path for f in files)}, format = 'array', columns = {{{columns}}}, "
                f"filename = true, compression = 'uncompressed', maximum_object_size = {LARGEST_TASK})"
            )
        except duckdb.Error:  # its words repeat the file's content
            names = f"{files[0].path.name} … {files[-1].path.name}" if len(files) > 1 else files[0].path.name
            raise UserError(
                f"a pulled file cannot be read any more (among {names})",
                rule="landing files are never changed",
                do="Restore it, or take it away: what was in it is pulled again.",
            ) from None

    def note(self, tasks: Sequence[Task]) -> None:
        """Note that the server has these tasks now."""
        import pyarrow as pa

        if tasks:
            self._con.register("page", pa.Table.from_pylist([*tasks]))
            self._con.execute(f"INSERT INTO listed SELECT {', '.join(LISTING)} FROM page")
            self._con.unregister("page")

    def stale(self) -> list[int]:
        """Ids of listed tasks whose landed version is not certain to be the server's: what changed longest ago first.

        Times are compared for being other, never for being newer: the tool dates some changes by a clock hours off,
        and moves annotations between tasks without dating it, which only the counts tell.
        """
        rows = self._con.execute(
            """
            SELECT id FROM listed l LEFT JOIN versions v USING (id)
            WHERE v.id IS NULL OR v.updated_at <> l.updated_at OR v.total_annotations <> l.total_annotations
               OR v.cancelled_annotations <> l.cancelled_annotations
               OR v.written < try_cast(l.updated_at AS TIMESTAMPTZ) + to_seconds(?)
               OR id IN (SELECT id FROM (SELECT id, unnest(annotations).id AS annotation FROM versions)
                         JOIN mentions USING (annotation) WHERE deleted_at IS NOT NULL)
            ORDER BY l.updated_at, id
            """,
            [SETTLED.total_seconds()],
        ).fetchall()
        return [task for (task,) in rows]

    def deleted(self) -> dict[int, str]:
        """`deleted_at` of every annotation that landed as deleted and has not come back."""
        return dict(
            self._con.execute("SELECT annotation, deleted_at FROM mentions WHERE deleted_at IS NOT NULL").fetchall()
        )

    def gone(self) -> tuple[dict[str, dict[int, set[int]]], int, int]:
        """Annotations that no listed task has any more: by file and task, how many, and of how many known ones.

        One that moved to another task is not gone.
        """
        rows = self._con.execute(
            """
            SELECT filename, task, annotation FROM mentions WHERE deleted_at IS NULL AND annotation NOT IN (
                SELECT unnest(annotations).id FROM versions SEMI JOIN listed USING (id))
            """
        ).fetchall()
        ((known,),) = self._con.execute("SELECT count(*) FROM mentions WHERE deleted_at IS NULL").fetchall()
        found: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for file, task, annotation in rows:
            found[file][task].add(annotation)
        return found, len(rows), known

    def deletions(self, file: str, gone: dict[int, set[int]], at: datetime) -> list[Task]:
        """What lands for annotations of one file that are gone: each as it was last seen, without its answer."""
        rows = self._con.execute(
            f"SELECT json FROM read_json_objects({file_list([Path(file)])}, format = 'array', "
            f"compression = 'uncompressed', maximum_object_size = {LARGEST_TASK}) "
            "WHERE list_contains(?, (json ->> '$.id')::BIGINT)",
            [list(gone)],
        ).fetchall()
        tasks = []
        for task in (json.loads(text) for (text,) in rows):
            annotations = [
                annotation
                | {
                    "result": [],
                    "lead_time": None,
                    "ground_truth": False,
                    "deleted_at": _later(annotation["updated_at"], at),
                }
                for annotation in task["annotations"]
                if annotation["id"] in gone[task["id"]]
            ]
            tasks.append({key: task[key] for key in TOLD} | {"annotations": annotations})
        return tasks


def restored(task: Task, deleted: dict[int, str]) -> Task:
    """A task to land: annotations that had landed as deleted and are there again become newer than their deletion."""
    for annotation in task["annotations"]:
        if annotation["id"] in deleted:
            annotation["updated_at"] = _later(deleted[annotation["id"]], _time(annotation["updated_at"]))
    return task


def _later(before: str | None, at: datetime) -> str:
    """The time `at`, or the first moment after `before` where that is later."""
    return max(at, _time(before) + MOMENT).isoformat().replace("+00:00", "Z")


def _time(text: str | None) -> datetime:
    """A time of the tool; long ago where it gives none."""
    try:
        time = datetime.fromisoformat(text or "1990-01-01")
    except ValueError:
        return datetime(1990, 1, 1, tzinfo=UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
