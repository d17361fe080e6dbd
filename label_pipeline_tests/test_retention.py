"""What may go, and from where it can be made again: hand-counted days."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from label_pipeline.contracts.tables import CONSENSUS_LABELS, GATES, GOLD_SET, ITEMS, KPIS, LANDINGS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.project import Project, load_project
from label_pipeline.retention import past_partitions, past_reports, rebuilt_from
from label_pipeline_tests.orchestration.runs import PETS, pets, write

START = date(2026, 10, 5)
POLICY = "retention: {as_of: 10d, reports: 40d}\n"


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=k) for k in range((last - first).days + 1)]


@pytest.fixture
def house(tmp_path: Path) -> tuple[DataFolder, Lake, Project]:
    """Fifty days of five tables and of reports."""
    folder = pets(tmp_path, days=0, project=PETS + POLICY)
    lake = Lake(folder, "pets")
    for day in days(START, START + timedelta(days=49)):
        for table in (ITEMS, LANDINGS, KPIS, GATES, GOLD_SET, CONSENSUS_LABELS):
            lake.write(table, day, table.empty())
        write(folder.report("pets", day), "x")
    write(folder.report_index("pets"), "x")
    return folder, lake, load_project(folder, "pets")


def test_old_states_go_and_months_first_stay(house: tuple[DataFolder, Lake, Project]) -> None:
    """Loss: a prune that takes what landed, what every day is told by, or the only state to rebuild from."""
    folder, lake, project = house
    newest = START + timedelta(days=49)  # 2026-11-23: ten days are kept, from the 14th on
    expected = [d for d in days(START, date(2026, 11, 13)) if d != date(2026, 11, 1)]
    going = past_partitions(lake, project)
    assert {past.table.name for past in going} == {"gold_set", "consensus_labels"}
    assert [past.day for past in going if past.table is GOLD_SET] == expected
    assert all(past.bytes > 0 for past in going)
    for past in going:
        lake.forget(past.table, past.day)
    assert lake.days(GOLD_SET) == [date(2026, 11, 1), *days(date(2026, 11, 14), newest)]
    assert len(lake.days(ITEMS)) == len(lake.days(KPIS)) == len(lake.days(GATES)) == len(lake.days(LANDINGS)) == 50
    assert past_partitions(lake, project) == []
    assert [path.stem for path in past_reports(folder, lake, project)] == [
        str(d) for d in days(START, date(2026, 10, 14))
    ]


def test_from_where_a_day_is_made_again(house: tuple[DataFolder, Lake, Project]) -> None:
    """Loss: a day that is made again from nothing, while the gold of its eve was only pruned, is another day."""
    _, lake, project = house
    for past in past_partitions(lake, project):
        lake.forget(past.table, past.day)
    for day, start in {
        START: START,
        date(2026, 10, 20): START,
        date(2026, 11, 1): START,
        date(2026, 11, 2): date(2026, 11, 2),
        date(2026, 11, 9): date(2026, 11, 2),
        date(2026, 11, 14): date(2026, 11, 2),
        date(2026, 11, 15): date(2026, 11, 15),
    }.items():
        assert rebuilt_from(lake, project, day) == start, day


def test_nothing_was_computed(tmp_path: Path) -> None:
    """Loss: a prune before the first night fails."""
    folder = pets(tmp_path, days=0)
    lake, project = Lake(folder, "pets"), load_project(folder, "pets")
    assert past_partitions(lake, project) == []
    assert past_reports(folder, lake, project) == []
