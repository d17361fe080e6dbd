"""The mart: one DuckDB file a project that a person or a BI tool opens. Built beside and swapped whole.

Readers keep the file they opened; the next open sees the new one. Its tables are the newest state in the
lake's shapes; `kpis` and `gates` hold every day. What is asked of them every day is a view (`mart_views`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from label_pipeline.contracts.tables import (
    ANNOTATOR_QUALITY,
    ANNOTATOR_STANDING,
    BATCHES,
    CONSENSUS_EVIDENCE,
    CONSENSUS_LABELS,
    DISPATCHES,
    GATES,
    GOLD_ASKS,
    GOLD_PLAN,
    GOLD_SCORES,
    GOLD_SET,
    GUIDELINE_AGREEMENT,
    GUIDELINE_CHANGES,
    GUIDELINE_CONFUSIONS,
    GUIDELINE_EXAMPLES,
    GUIDELINE_VERSIONS,
    KPIS,
    LABEL_ISSUES,
    LANDINGS,
    QUARANTINE,
    RELABEL_OUTCOMES,
    RELABEL_QUEUE,
    SPLITS,
    Table,
)
from label_pipeline.files import replacing
from label_pipeline.lake import Lake
from label_pipeline.mart_views import VIEWS
from label_pipeline.sql import connect, file_list, identifier, literal

NEWEST = (
    RELABEL_QUEUE,
    BATCHES,
    DISPATCHES,
    GOLD_SET,
    GOLD_ASKS,
    GOLD_PLAN,
    CONSENSUS_LABELS,
    CONSENSUS_EVIDENCE,
    LABEL_ISSUES,
    ANNOTATOR_QUALITY,
    ANNOTATOR_STANDING,
    GOLD_SCORES,
    GUIDELINE_VERSIONS,
    GUIDELINE_AGREEMENT,
    GUIDELINE_CONFUSIONS,
    GUIDELINE_CHANGES,
    GUIDELINE_EXAMPLES,
    SPLITS,
)
EVERY_DAY = (KPIS, GATES, LANDINGS, QUARANTINE, RELABEL_OUTCOMES)


def build_mart(
    lake: Lake,
    path: Path,
    day: date,
    *,
    newest: Sequence[Table] = NEWEST,
    every_day: Sequence[Table] = EVERY_DAY,
    shown: Callable[[Table], Table] = lambda table: table,
    more: Mapping[Table, Mapping[str, Any]] = MappingProxyType({}),
    mode: int = 0o644,
) -> dict[str, int]:
    """Build the mart as of `day` and put it in place; returns the rows of each table.

    `shown` says which columns of a table are in it; `more` are tables that are not the lake's, by their columns.
    """
    rows: dict[str, int] = {}
    with replacing(path, mode) as beside, connect() as con:
        # 1.4's storage format: DuckDB 1.4 and newer can all read the file.
        con.execute(f"ATTACH {literal(str(beside))} AS mart (STORAGE_VERSION 'v1.4.0')")
        try:
            for table in newest:
                files = [f for f in lake.files(table, day) if f.parent.name == f"day={day}"]
                source = f"read_parquet({file_list(files)})"
                if not files:  # the day was computed before there was such a table
                    source = identifier(f"no {table.name}")
                    con.register(f"no {table.name}", table.empty())
                # What one partition holds stands in key order there: sorting millions of rows again is for nothing.
                ordered = len(files) == 1 and not table.as_given
                rows[table.name] = _create(con, shown(table), f"DATE {literal(str(day))}", source, ordered=ordered)
            for table in every_day:
                source = (
                    f"read_parquet({file_list(lake.files(table, day))}, hive_partitioning = true, union_by_name = true)"
                )
                rows[table.name] = _create(con, shown(table), "day::DATE", source)
            for table, columns in more.items():
                con.register(f"more {table.name}", table.conform(dict(columns)))
                rows[table.name] = _create(con, table, "", identifier(f"more {table.name}"))
            _create_views(con, set(rows))
        finally:
            con.execute("DETACH mart")  # the process's one database would keep it, and refuse the next of this name
    return rows


def _create_views(con: Any, tables: set[str]) -> None:
    """The views whose tables are there."""
    con.execute("USE mart")
    try:
        for view in VIEWS:
            if {table.name for table in view.tables} <= tables:
                con.execute(f"CREATE VIEW {identifier(view.name)} AS {view.query}")
                con.execute(f"COMMENT ON VIEW {identifier(view.name)} IS {literal(view.meaning)}")
    finally:
        con.execute("USE memory")  # a database in use cannot be let go


def _create(con: Any, table: Table, day: str, source: str, *, ordered: bool = False) -> int:
    """One table of the mart, in key order, its meaning and its columns' kept as comments; returns its rows."""
    name = f"mart.{identifier(table.name)}"
    columns = ", ".join([f"{day} AS day"] * bool(day) + [identifier(c) for c in table.names])
    order = ", ".join(["day"] * bool(day) + [identifier(k) for k in table.key])
    by_key = "" if ordered else f" ORDER BY {order}"
    con.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM {source}{by_key}")
    con.execute(f"COMMENT ON TABLE {name} IS {literal(table.meaning)}")
    for column in table.columns:
        con.execute(f"COMMENT ON COLUMN {name}.{identifier(column.name)} IS {literal(column.meaning)}")
    return int(con.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])
