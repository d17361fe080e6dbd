"""The mart: one DuckDB file a project that a person or a BI tool opens. Built beside and swapped whole.

Readers keep the file they opened; the next open sees the new one. Its tables are the newest state in the
lake's shapes; `kpis` and `gates` hold every day.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from label_pipeline.contracts.tables import (
    ANNOTATOR_QUALITY,
    CONSENSUS_EVIDENCE,
    CONSENSUS_LABELS,
    GATES,
    GOLD_SET,
    KPIS,
    LABEL_ISSUES,
    LANDINGS,
    QUARANTINE,
    RELABEL_QUEUE,
    Table,
)
from label_pipeline.files import replacing
from label_pipeline.lake import Lake
from label_pipeline.sql import connect, file_list, identifier, literal

NEWEST = (RELABEL_QUEUE, GOLD_SET, CONSENSUS_LABELS, CONSENSUS_EVIDENCE, LABEL_ISSUES, ANNOTATOR_QUALITY)
EVERY_DAY = (KPIS, GATES, LANDINGS, QUARANTINE)


def build_mart(lake: Lake, path: Path, day: date) -> dict[str, int]:
    """Build the mart as of `day` and put it in place; returns the rows of each table."""
    rows: dict[str, int] = {}
    with replacing(path) as beside:
        with connect() as con:
            # 1.4's storage format: DuckDB 1.4 and newer can all read the file.
            con.execute(f"ATTACH {literal(str(beside))} AS mart (STORAGE_VERSION 'v1.4.0')")
            for table in NEWEST:
                files = [f for f in lake.files(table, day) if f.parent.name == f"day={day}"]
                columns = ", ".join(identifier(c) for c in table.names)
                _create(
                    con,
                    table,
                    f"SELECT DATE {literal(str(day))} AS day, {columns} FROM read_parquet({file_list(files)})",
                )
                rows[table.name] = con.execute(f"SELECT count(*) FROM mart.{identifier(table.name)}").fetchone()[0]
            for table in EVERY_DAY:
                columns = ", ".join(identifier(c) for c in table.names)
                source = f"read_parquet({file_list(lake.files(table, day))}, hive_partitioning = true)"
                _create(con, table, f"SELECT day::DATE AS day, {columns} FROM {source}")
                rows[table.name] = con.execute(f"SELECT count(*) FROM mart.{identifier(table.name)}").fetchone()[0]
            con.execute("DETACH mart")
    return rows


def _create(con: Any, table: Table, query: str) -> None:
    """One table of the mart, in key order, its meaning and its columns' kept as comments."""
    name = f"mart.{identifier(table.name)}"
    order = ", ".join(["day", *(identifier(k) for k in table.key)])
    con.execute(f"CREATE TABLE {name} AS {query} ORDER BY {order}")
    con.execute(f"COMMENT ON TABLE {name} IS {literal(table.meaning)}")
    for column in table.columns:
        comment = f"COMMENT ON COLUMN {name}.{identifier(column.name)} IS {literal(column.meaning)}"
        con.execute(comment)
