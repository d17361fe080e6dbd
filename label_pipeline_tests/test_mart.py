"""The mart: the lake's newest state in one file, swapped whole under whoever reads it."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from label_pipeline.contracts.tables import KPIS, TABLES, Table
from label_pipeline.files import TEMPORARY
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.mart import EVERY_DAY, NEWEST, build_mart

D1, D2 = date(2026, 10, 5), date(2026, 10, 6)
VALUES: dict[str, Any] = {
    "text": 'it\'s [a] "text"',
    "integer": 3,
    "float": 0.5,
    "flag": True,
    "time": datetime(2026, 10, 5, 12, tzinfo=UTC),
    "day": D1,
    "texts": ["x", "y"],
    "floats": [0.25, 0.75],
}


def rows(table: Table, n: int) -> dict[str, list[Any]]:
    """`n` rows of any table, their keys counted down so that the mart must order them."""
    columns = {c.name: [VALUES[c.kind]] * n for c in table.columns}
    for name in table.key:
        if table[name].kind == "integer":
            columns[name] = list(range(n, 0, -1))
        elif table[name].kind == "day":
            columns[name] = [D1 + timedelta(days=k) for k in range(n, 0, -1)]
        else:
            columns[name] = [f"{k:03d}" for k in range(n, 0, -1)]
    return columns


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Every table of the mart, with one row on the first day and two on the second."""
    lake = Lake(DataFolder(tmp_path / "it's data"), "p")
    for table in (*NEWEST, *EVERY_DAY):
        for n, day in enumerate((D1, D2), start=1):
            lake.write(table, day, rows(table, n))
    return lake


def read(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        found: list[tuple[Any, ...]] = con.execute(query).fetchall()
        return found


def test_newest_state_and_every_days_figures(lake: Lake, tmp_path: Path) -> None:
    """Loss: yesterday's labels beside today's double every count; a figure's history lost draws no line."""
    path = tmp_path / "m.duckdb"
    counted = build_mart(lake, path, D2)
    assert counted == {t.name: 2 for t in NEWEST} | {t.name: 3 for t in EVERY_DAY}
    for table in NEWEST:
        assert read(path, f"SELECT DISTINCT day FROM {table.name}") == [(D2,)]
    for table in EVERY_DAY:
        assert read(path, f"SELECT day, count(*) FROM {table.name} GROUP BY day ORDER BY day") == [(D1, 1), (D2, 2)]


def test_what_the_issue_asks_for_is_there() -> None:
    """Loss: a table that a dashboard is built on, gone after a renaming."""
    asked = {"relabel_queue", "gold_set", "consensus_labels", "label_issues", "annotator_quality", "kpis"}
    assert asked <= {table.name for table in (*NEWEST, *EVERY_DAY)}


def test_as_of_an_earlier_day_knows_nothing_later(lake: Lake, tmp_path: Path) -> None:
    """Loss: a mart of Monday with Tuesday's figures in it cannot be compared with Monday's report."""
    path = tmp_path / "m.duckdb"
    assert set(build_mart(lake, path, D1).values()) == {1}
    assert read(path, "SELECT max(day) FROM kpis") == [(D1,)]


def test_columns_types_and_order_are_the_lakes(lake: Lake, tmp_path: Path) -> None:
    """Loss: a time that became text, or a list that became one string, and every query must guess."""
    path = tmp_path / "m.duckdb"
    build_mart(lake, path, D2)
    kinds = {
        "text": "VARCHAR",
        "integer": "BIGINT",
        "float": "DOUBLE",
        "flag": "BOOLEAN",
        "time": "TIMESTAMP WITH TIME ZONE",
        "day": "DATE",
        "texts": "VARCHAR[]",
        "floats": "DOUBLE[]",
    }
    for table in (*NEWEST, *EVERY_DAY):
        shown = [(name, kind) for name, kind, *_ in read(path, f"DESCRIBE {table.name}")]
        assert shown == [("day", "DATE"), *((c.name, kinds[c.kind]) for c in table.columns)]
        keys = read(path, f"SELECT day, {', '.join(table.key)} FROM {table.name}")
        assert keys == sorted(keys)
    assert read(path, "SELECT DISTINCT label FROM gold_set") == [(VALUES["text"],)]


def test_meanings_are_comments(lake: Lake, tmp_path: Path) -> None:
    """Loss: an analyst who cannot see what a column means inside the file takes the name for it."""
    path = tmp_path / "m.duckdb"
    build_mart(lake, path, D2)
    tables = dict(read(path, "SELECT table_name, comment FROM duckdb_tables()"))
    assert tables == {table.name: table.meaning for table in (*NEWEST, *EVERY_DAY)}
    columns = read(path, "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'kpis'")
    assert dict(columns) | {"day": None} == {"day": None} | {c.name: c.meaning for c in KPIS.columns}


def test_a_reader_neither_blocks_nor_is_disturbed(lake: Lake, tmp_path: Path) -> None:
    """Loss: one open notebook would stop the night, or see a table vanish under it."""
    path = tmp_path / "m.duckdb"
    build_mart(lake, path, D1)
    asked, answered = multiprocessing.Pipe()
    reader = multiprocessing.get_context("spawn").Process(target=hold_open, args=(str(path), answered))
    reader.start()
    try:
        assert asked.poll(60)
        assert asked.recv() == 1
        build_mart(lake, path, D2)
        asked.send("again")
        assert asked.poll(60)
        assert asked.recv() == 1  # the file it opened
    finally:
        reader.kill()
        reader.join()
    assert read(path, "SELECT count(*) FROM gold_set") == [(2,)]


def hold_open(path: str, pipe: Any) -> None:
    """A reader in a process of its own: counts, waits to be asked, counts again."""
    with duckdb.connect(path, read_only=True) as con:
        while True:
            pipe.send(con.execute("SELECT count(*) FROM gold_set").fetchall()[0][0])
            pipe.recv()


def test_a_build_that_fails_leaves_the_old_one(lake: Lake, tmp_path: Path) -> None:
    """Loss: a night that breaks in the middle of the mart takes yesterday's dashboards with it."""
    path = tmp_path / "m.duckdb"
    build_mart(lake, path, D1)
    lake.path(KPIS, D2).write_bytes(b"no Parquet")
    before = path.read_bytes()
    with pytest.raises(duckdb.Error):
        build_mart(lake, path, D2)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(f"{TEMPORARY}*"))


def test_older_duckdb_can_open_it(lake: Lake, tmp_path: Path) -> None:
    """Loss: a BI tool with last year's DuckDB cannot open a file in this year's format."""
    path = tmp_path / "m.duckdb"
    build_mart(lake, path, D2)
    with duckdb.connect(str(path), read_only=True) as con:
        tags = con.execute("SELECT tags FROM duckdb_databases() WHERE NOT internal").fetchone()
    assert tags is not None
    assert tags[0]["storage_version"].startswith("v1.4.0")


def test_every_table_of_the_mart_is_registered() -> None:
    """Loss: a table outside the registry has no contract and no place in the documentation."""
    assert all(TABLES[table.name] is table for table in (*NEWEST, *EVERY_DAY))
