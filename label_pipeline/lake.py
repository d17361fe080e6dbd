"""The lake: one Parquet partition a table, project and day. Everything in it can be rebuilt from landing.

A partition appears whole or not at all, and equal rows are equal bytes. What rows must keep is checked by
`contracts.rules` before they come here. Beside a table's partitions stands what columns they have, so that code with
other columns, older or newer, never reads them as if they were its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import Table
from label_pipeline.errors import UserError
from label_pipeline.files import TEMPORARY, remove_folder, replacing, write_text
from label_pipeline.folders import DataFolder

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 1 << 20  # rows
FORMAT = 3
"""Raised when columns stay the same and mean something else: older code refuses what newer code wrote."""
COLUMNS = "_columns.json"
DAY = re.compile(r"day=\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Lake:
    """One project's partitions. `before_write` is called right before each write, and may refuse it."""

    folder: DataFolder
    project: str
    before_write: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)

    def _root(self, table: Table) -> Path:
        return self.folder.lake / table.name / f"project={self.project}"

    def path(self, table: Table, day: date, part: str = "part") -> Path:
        """Where a partition lives; a table written by several assets has one `part` each."""
        return self._root(table) / f"day={day}" / f"{part}.parquet"

    def write(self, table: Table, day: date, rows: Any, part: str = "part") -> pa.Table:
        """Write a partition whole; returns the rows as stored."""
        stored = table.conform(rows)
        self.write_pieces(table, day, [stored], part)
        return stored

    def write_pieces(self, table: Table, day: date, pieces: Iterable[pa.Table], part: str = "part") -> None:
        """Write a partition of `pieces` in their order, one after the other in memory: the bytes of all at once."""
        self.before_write()
        if not self._told(table):
            write_text(self._root(table) / COLUMNS, json.dumps({"columns": columns_of(table), "format": FORMAT}) + "\n")
        self.require_ours(table)
        with replacing(self.path(table, day, part)) as beside:
            _write(beside, table, pieces)

    def read(self, table: Table, day: date, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a day; of a large table, `columns` alone take a share of the time and memory.

        Raises:
            UserError: the day was never computed.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        files = self.files_of(table, day)
        wanted = None if columns is None else list(columns)
        return pa.concat_tables(pq.read_table(f, columns=wanted, schema=table.schema, partitioning=None) for f in files)

    def files_of(self, table: Table, day: date) -> list[Path]:
        """The files of a day.

        Raises:
            UserError: the day was never computed.
        """
        self.require_ours(table)
        files = _whole(self.path(table, day).parent)
        if not files:
            raise UserError(
                f"{table.name} of {day} has not been computed, or was pruned",
                where=f"project {self.project}",
                do=f"Run: label-pipeline nightly --project {self.project} --from {day} --to {day}",
            )
        return files

    def parts(self, table: Table, day: date) -> Iterator[tuple[str, pa.Table]]:
        """The rows of a day part by part, each with the part's name; none where the day was never computed."""
        import pyarrow.parquet as pq

        self.require_ours(table)
        for file in _whole(self.path(table, day).parent):
            yield file.stem, pq.read_table(file, schema=table.schema, partitioning=None)

    def has(self, table: Table, day: date) -> bool:
        """Whether the day was computed."""
        return bool(_whole(self.path(table, day).parent))

    def days(self, table: Table) -> list[date]:
        """The days that were computed, in order."""
        return [day for day, _ in self._partitions(table)]

    def newest(self, table: Table, asked: date | None = None) -> date:
        """The day asked for, or the newest that was computed.

        Raises:
            UserError: no such day was computed.
        """
        known, where = self.days(table), f"project {self.project}"
        if not known:
            do = f"Run: label-pipeline nightly --project {self.project}"
            raise UserError("no night has been computed", where=where, do=do)
        if asked is not None and asked not in known:
            raise UserError(f"{asked} has not been computed", where=where, do=f"There are {known[0]} to {known[-1]}.")
        return asked or known[-1]

    def files(self, table: Table, until: date) -> list[Path]:
        """Partition files of all days up to and including `until`, in order of days."""
        self.require_ours(table)
        return [file for day, files in self._partitions(table) if day <= until for file in files]

    def _partitions(self, table: Table) -> Iterator[tuple[date, list[Path]]]:
        """The days that were computed, in order, with their files: asked in each step of each night, of all days."""
        root = self._root(table)
        for name in sorted(_names(root)):
            if DAY.fullmatch(name) and (files := _whole(root / name)):
                yield date.fromisoformat(name.removeprefix("day=")), files

    def forget(self, table: Table, day: date) -> None:
        """Delete a partition, whole."""
        remove_folder(self.path(table, day).parent)

    def forget_all(self, tables: Iterable[Table]) -> None:
        """Delete all partitions of the tables, in their order."""
        for table in tables:
            if self._root(table).is_dir():
                remove_folder(self._root(table))

    def is_ours(self, table: Table) -> bool:
        """Whether the partitions have the columns that this code writes; also where there are none.

        Raises:
            UserError: newer code wrote them.
        """
        told = self._told(table)
        if told and told["format"] > FORMAT:
            raise UserError(
                f"{table.name} was written by a newer label-pipeline: format {told['format']}, this one reads {FORMAT}",
                where=f"project {self.project}",
                do="Update label-pipeline.",
            )
        return not told or (told["format"], told["columns"]) == (FORMAT, columns_of(table))

    def require_ours(self, table: Table) -> None:
        """Refuse partitions that other code wrote.

        Raises:
            UserError: they have other columns, or newer code wrote them.
        """
        if not self.is_ours(table):
            raise UserError(
                f"{table.name} has other columns than this label-pipeline writes",
                where=f"project {self.project}",
                do=f"Run: label-pipeline nightly --project {self.project}. It computes all days again, from landing.",
            )

    def _told(self, table: Table) -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads((self._root(table) / COLUMNS).read_text(encoding="utf-8"))
            return told
        except FileNotFoundError:
            return {}


def columns_of(table: Table) -> str:
    """What tells a table's columns, key and types from others', in 16 hexadecimal digits."""
    told = [table.key, [(c.name, c.kind, c.nullable) for c in table.columns]]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _whole(folder: Path) -> list[Path]:
    """A partition's files that are there whole: what is being written, or a kill left half written, is not."""
    names = (name for name in _names(folder) if name.endswith(".parquet") and not name.startswith(TEMPORARY))
    return [folder / name for name in sorted(names)]


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # a third of the time of a glob
    except FileNotFoundError:
        return []


def _write(path: Path, table: Table, pieces: Iterable[pa.Table]) -> None:
    import pyarrow.parquet as pq

    # Where most columns are ids, looking for few values in them costs more than writing them.
    few = list(table.coded) or True
    with pq.ParquetWriter(path, table.schema, compression="zstd", use_dictionary=few) as writer:
        # One piece each: how rows lie in memory would else show in the bytes.
        for group in _row_groups(table, pieces):
            writer.write_table(group.cast(table.schema).combine_chunks())


def _row_groups(table: Table, pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of `pieces`, `ROW_GROUP` at a time; an empty table where there are none."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    n = 0
    for piece in pieces:
        waiting.append(piece)
        n += len(piece)
        if n > ROW_GROUP:
            rows = pa.concat_tables(waiting)
            full = (n - 1) // ROW_GROUP * ROW_GROUP
            yield from (rows.slice(start, ROW_GROUP) for start in range(0, full, ROW_GROUP))
            waiting, n = [rows.slice(full)], n - full
    yield pa.concat_tables(waiting) if waiting else table.empty()
