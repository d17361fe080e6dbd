"""The mart's views, and every query that the documentation shows, against a mart of real nights."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from label_pipeline.contracts.tables import (
    CONSENSUS_LABELS,
    GATES,
    KPIS,
    LABEL_ISSUES,
    LANDINGS,
    RELABEL_QUEUE,
    Table,
)
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.mart import EVERY_DAY, NEWEST, build_mart
from label_pipeline.mart_views import VIEWS
from label_pipeline_tests.alerts.lakes import figure

D1, D2 = date(2026, 10, 5), date(2026, 10, 6)
DOCS = Path(__file__).resolve().parents[1] / "docs"
SQL = [
    pytest.param(query.strip(), id=f"{name}-{k}")
    for name in ("kpi-queries.md", "operations.md")
    for k, block in enumerate(re.findall(r"```sql\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.S))
    for query in block.split(";")
    if query.strip()
]
EMPTY: dict[str, Any] = {
    "text": "", "integer": 0, "float": 0.0, "flag": False, "time": None, "day": None, "texts": [], "floats": [],
}  # fmt: skip


def write(lake: Lake, table: Table, day: date, *rows: dict[str, Any]) -> None:
    full = [{c.name: row.get(c.name, None if c.nullable else EMPTY[c.kind]) for c in table.columns} for row in rows]
    lake.write(table, day, {name: [row[name] for row in full] for name in table.names})


@pytest.fixture(scope="module")
def mart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights by hand: a fall of alpha, a missed target, gates failed and overridden, a bad file, three issues."""
    lake = Lake(DataFolder(tmp_path_factory.mktemp("it's data")), "p")
    for table in (*NEWEST, *EVERY_DAY):
        for day in (D1, D2):
            write(lake, table, day)
    write(lake, KPIS, D1, figure("alpha", 0.8, 0.75, 0.85), figure("coverage", 0.5, 0.4, 0.6))
    write(
        lake, KPIS, D2,
        figure("alpha", 0.7, 0.65, 0.78), figure("coverage", 0.55, 0.45, 0.65), figure("turnaround_p90", 9.0, 3.0),
        figure("recall", 0.25, 0.1, 0.4, dimension="class", member="cat", target=0.5, status="missed"),
    )  # fmt: skip
    gates = [{"gate": g, "severity": s, "passed": ok, "words": f"see {g}"} for g, s, ok in
             [("coverage", "block", False), ("classes", "warn", False), ("rows", "block", True)]]  # fmt: skip
    write(lake, GATES, D1, *({**g, "passed": False} for g in gates))
    signed = {"gate": "signed", "severity": "block", "passed": False, "overridden": "a lead: we know"}
    write(lake, GATES, D2, *gates, signed)
    write(lake, LANDINGS, D1, {"landed_file": "crowd/old.csv", "problem": "no header"})
    write(lake, LANDINGS, D2, {"landed_file": "crowd/a.csv"}, {"landed_file": "crowd/b.csv", "problem": "no header"})
    issues = [("i1", 0.3, True), ("i2", 0.1, True), ("i3", 0.2, True), ("i4", 0.9, False), ("i5", None, True)]
    write(lake, LABEL_ISSUES, D2, *({"item_id": i, "label_quality": q, "is_issue": yes} for i, q, yes in issues))
    statuses = {"i1": "open", "i2": "accepted", "i3": "gold", "i4": "open", "i5": "disputed"}
    write(lake, CONSENSUS_LABELS, D2, *({"item_id": i, "status": s} for i, s in statuses.items()))
    write(lake, RELABEL_QUEUE, D2, {"rank": 1, "item_id": "i1", "route": "annotator", "within_budget": True})
    path = tmp_path_factory.mktemp("marts") / "p.duckdb"
    build_mart(lake, path, D2)
    return path


def ask(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        found: list[tuple[Any, ...]] = con.execute(query).fetchall()
        return found


def test_what_is_broken_now(mart: Path) -> None:
    """Loss: yesterday's trouble beside today's, or one of three kinds that nobody looks at."""
    assert sorted(ask(mart, "SELECT what, name, words FROM broken_now WHERE day = '2026-10-06'")) == [
        ("blocking gate", "coverage", "see coverage"),
        ("file", "crowd/b.csv", "no header"),
        ("gate", "classes", "see classes"),
        ("target", "recall cat", "0.25 misses its target 0.5"),
    ]
    assert ask(mart, "SELECT count(*) FROM broken_now") == [(4,)]


def test_the_course_of_figures(mart: Path) -> None:
    """Loss: a change within chance called one, or the first night compared with nothing."""
    found = ask(mart, "SELECT kpi, day, round(change, 3), beyond_interval FROM kpi_trend ORDER BY kpi, day")
    assert found == [
        ("alpha", D1, None, False),
        ("alpha", D2, -0.1, True),
        ("coverage", D1, None, False),
        ("coverage", D2, 0.05, False),
        ("turnaround_p90", D2, None, False),
    ]
    assert ask(mart, "SELECT DISTINCT day FROM kpi_latest") == [(D2,)]
    assert ask(mart, "SELECT count(*) FROM kpi_latest") == [(4,)]


def test_open_issues_are_in_the_order_of_work(mart: Path) -> None:
    """Loss: somebody looks again at what gold has settled, or at the best of the bad labels first."""
    found = ask(mart, "SELECT item_id, rank FROM open_issues")
    assert found == [("i1", 1), ("i2", None), ("i5", None)]


def test_views_are_explained_and_work_under_any_name(mart: Path, tmp_path: Path) -> None:
    """Loss: a view that names the database it was built in is dead in the file that people open."""
    comments = dict(ask(mart, "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"))
    assert comments == {view.name: view.meaning for view in VIEWS}
    moved = tmp_path / "another name.duckdb"
    moved.write_bytes(mart.read_bytes())
    with duckdb.connect(":memory:") as con:
        con.execute(f"ATTACH '{moved}' AS theirs (READ_ONLY)")
        for view in VIEWS:
            con.execute(f"SELECT * FROM theirs.{view.name}").fetchall()


def test_a_mart_without_labels_has_no_views(tmp_path: Path) -> None:
    """Loss: a project of texts or boxes has no mart, because a view asks for a table it does not have."""
    lake = Lake(DataFolder(tmp_path / "data"), "p")
    write(lake, LANDINGS, D1, {"landed_file": "crowd/a.csv"})
    build_mart(lake, tmp_path / "p.duckdb", D1, newest=(), every_day=(LANDINGS,))
    assert ask(tmp_path / "p.duckdb", "SELECT count(*) FROM duckdb_views() WHERE NOT internal") == [(0,)]


@pytest.mark.parametrize("query", SQL)
def test_documented_queries_run(query: str, mart: Path) -> None:
    """Loss: the first query somebody copies from the documentation fails."""
    ask(mart, query)


def test_the_documentation_names_every_view() -> None:
    """Loss: a view that nobody knows of; or queries that the test above no longer finds."""
    text = (DOCS / "kpi-queries.md").read_text(encoding="utf-8")
    assert all(f"| `{view.name}` |" in text for view in VIEWS)
    assert len(SQL) > 10
