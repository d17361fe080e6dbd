"""Each role's mart: what a role is not to find is not in its file, and nobody but its group opens it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from label_pipeline.contracts.people import ABOUT_PEOPLE, without_people
from label_pipeline.contracts.tables import ANNOTATION_EVENTS, GATES, LANDINGS, QUARANTINE, TABLES
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.mart import build_mart
from label_pipeline.mart_roles import build_role_marts
from label_pipeline.project_privacy import READERS
from label_pipeline_tests.test_mart import rows

NO_RUNS: dict[str, list[Any]] = {
    name: [] for name in ("run_id", "status", "started_at", "ended_at", "first_day", "last_day")
}


def cells(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every table and view of a DuckDB file, as rows."""
    with duckdb.connect(str(path), read_only=True) as con:
        names = [n for (n,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall()]
        return {name: con.sql(f'FROM "{name}"').to_arrow_table().to_pylist() for name in names}


def test_the_columns_that_are_listed_are_there() -> None:
    """Loss: a column that was renamed is left out by its old name, and stays in."""
    for name, columns in ABOUT_PEOPLE.items():
        assert set(columns) <= set(TABLES[name].names)


@pytest.fixture
def small(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path)
    lake = Lake(folder, "p")
    for table in (ANNOTATION_EVENTS, LANDINGS, QUARANTINE, GATES):
        lake.write(table, date(2026, 10, 5), rows(table, 2))
    return folder


def build(folder: DataFolder, *roles: str) -> None:
    tables = (ANNOTATION_EVENTS, LANDINGS, QUARANTINE, GATES)
    build_mart(Lake(folder, "p"), folder.mart("p"), date(2026, 10, 5), newest=(), every_day=tables)
    build_role_marts(
        Lake(folder, "p"), folder, "p", date(2026, 10, 5), roles=roles, newest=(), every_day=tables, runs=NO_RUNS
    )


def test_a_group_that_was_set_on_a_folder_stays(small: DataFolder) -> None:
    """Loss: the next night takes the role's group away from its file, and its readers with it."""
    build(small, *READERS)
    home = small.role_mart("training", "p").parent
    home.chmod(0o2750)
    build(small, *READERS)
    assert home.stat().st_mode & 0o7777 == 0o2750
    assert small.role_mart("training", "p").stat().st_gid == home.stat().st_gid


def test_a_role_that_is_no_longer_asked_for_has_no_file(small: DataFolder) -> None:
    """Loss: a view that nobody wants any more stays readable for ever, and grows old."""
    build(small, *READERS)
    build(small, "operations")
    assert [role for role in READERS if small.role_mart(role, "p").exists()] == ["operations"]


def test_answers_without_people_have_no_ids_made_of_them(small: DataFolder) -> None:
    """Loss: an id that is a hash of item and pseudonym tells the pseudonym to whoever tries all."""
    build(small, *READERS)
    (first, *_) = cells(small.role_mart("training", "p"))["annotation_events"]
    assert set(first) == {
        "day",
        "source",
        "item_id",
        "label",
        "status",
        "is_gold_check",
        "guideline_version",
        "batch_id",
    }
    assert without_people(ANNOTATION_EVENTS).key == ANNOTATION_EVENTS.key
