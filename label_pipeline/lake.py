"""The lake: one Parquet partition a table, project and day. Everything in it can be rebuilt from landing.

A partition appears whole or not at all, and equal rows are equal bytes. What rows must keep is checked by
`contracts.rules` before they come here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import Table
from label_pipeline.errors import UserError
from label_pipeline.files import TEMPORARY, replacing
from label_pipeline.folders import DataFolder

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 1 << 20  # rows


@dataclass(frozen=True, slots=True)
class Lake:
    """One project's partitions."""

    folder: DataFolder
    project: str

    def _root(self, table: Table) -> Path:
        return self.folder.lake / table.name / f"project={self.project}"

    def path(self, table: Table, day: date, part: str = "part") -> Path:
        """Where a partition lives; a table written by several assets has one `part` each."""
        return self._root(table) / f"day={day}" / f"{part}.parquet"

    def write(self, table: Table, day: date, rows: Any, part: str = "part") -> pa.Table:
        """Write a partition whole; returns the rows as stored."""
        import pyarrow.parquet as pq

        stored = table.conform(rows)
        with (
            replacing(self.path(table, day, part)) as beside,
            pq.ParquetWriter(beside, table.schema, compression="zstd") as writer,
        ):
            # One piece each: how rows lie in memory would else show in the bytes.
            for start in range(0, max(len(stored), 1), ROW_GROUP):
                writer.write_table(stored.slice(start, ROW_GROUP).combine_chunks())
        return stored

    def read(self, table: Table, day: date) -> pa.Table:
        """All rows of a day.

        Raises:
            UserError: the day was never computed.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        files = _whole(self.path(table, day).parent, "*.parquet")
        if not files:
            raise UserError(
                f"{table.name} of {day} has not been computed",
                where=f"project {self.project}",
                do=f"Run: label-pipeline nightly --project {self.project} --from {day} --to {day}",
            )
        return pa.concat_tables(pq.read_table(f, schema=table.schema, partitioning=None) for f in files)

    def has(self, table: Table, day: date) -> bool:
        """Whether the day was computed."""
        return bool(_whole(self.path(table, day).parent, "*.parquet"))

    def days(self, table: Table) -> list[date]:
        """The days that were computed, in order."""
        found = (p.parent.name.removeprefix("day=") for p in _whole(self._root(table), "day=????-??-??/*.parquet"))
        return sorted({date.fromisoformat(name) for name in found})

    def files(self, table: Table, until: date) -> list[Path]:
        """Partition files of all days up to and including `until`, in order of days."""
        return [
            f for day in self.days(table) if day <= until for f in _whole(self.path(table, day).parent, "*.parquet")
        ]


def _whole(folder: Path, pattern: str) -> list[Path]:
    """Files of partitions that are there whole: what is being written, or a kill left half written, is not."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith(TEMPORARY))
