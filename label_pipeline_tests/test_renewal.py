"""Lakes that other code wrote: refused, or made anew; never read as if they were ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from label_pipeline import lake as lakes
from label_pipeline.contracts.tables import GATES, GOLD_SET, KPIS, LANDINGS, TABLES, Table
from label_pipeline.errors import UserError
from label_pipeline.files import remove_folder
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake, columns_of
from label_pipeline.project import load_project
from label_pipeline.renewal import renew, stale
from label_pipeline_tests.orchestration.runs import D1, pets


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake of one day in which nothing landed."""
    lake = Lake(DataFolder(tmp_path), "pets")
    for table in TABLES.values():
        lake.write(table, D1, table.empty())
    return lake


def older(table: Table) -> Table:
    """The table as it was before its last column was added."""
    return replace(table, columns=table.columns[:-1])


def written_by_older_code(lake: Lake, table: Table, day: date = D1) -> None:
    remove_folder(lake.path(table, day).parents[1])
    lake.write(older(table), day, older(table).empty())


def test_a_lake_of_ours_is_read(lake: Lake) -> None:
    """Loss: every night computes everything anew."""
    assert stale(lake) == []
    assert lake.read(GOLD_SET, D1).num_rows == 0
    assert columns_of(KPIS) != columns_of(older(KPIS))


def test_partitions_of_older_code_are_refused(lake: Lake) -> None:
    """Loss: a column that was not there is read as empty, and every figure that rests on it is wrong without a word."""
    written_by_older_code(lake, GOLD_SET)
    for read in (
        lambda: lake.read(GOLD_SET, D1),
        lambda: lake.files(GOLD_SET, D1),
        lambda: lake.write(GOLD_SET, date(2026, 10, 6), GOLD_SET.empty()),
    ):
        with pytest.raises(UserError, match=r"gold_set has other columns .* nightly --project pets"):
            read()
    assert [table.name for table in stale(lake)] == ["gold_set"]
    assert lake.read(KPIS, D1).num_rows == 0


def test_older_code_refuses_newer_data(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: after a downgrade, columns that mean something else now are read as they were."""
    with monkeypatch.context() as newer:
        newer.setattr(lakes, "FORMAT", lakes.FORMAT + 1)
        remove_folder(lake.path(KPIS, D1).parents[1])
        lake.write(KPIS, D1, KPIS.empty())
    for read in (lambda: lake.read(KPIS, D1), lambda: stale(lake), lambda: lake.write(KPIS, D1, KPIS.empty())):
        with pytest.raises(UserError, match=r"kpis was written by a newer label-pipeline.*Update label-pipeline"):
            read()


@pytest.mark.parametrize("table", [GOLD_SET, GATES, LANDINGS])
def test_a_stale_lake_goes_whole_whenever_it_is_killed(
    tmp_path: Path, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: a kill between two tables leaves days that count as done and have no gold set."""
    folder = pets(tmp_path, days=1)
    project, killed = load_project(folder, "pets"), 0
    calls: Iterator[int] = iter(())

    def remove(path: Path) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        remove_folder(path)

    while True:
        lake = Lake(folder, "pets")
        for each in TABLES.values():
            if not lake.has(each, D1) and lake.is_ours(each):
                lake.write(each, D1, each.empty())
        if lake.is_ours(table):
            written_by_older_code(lake, table)
        calls = iter(range(killed))
        with monkeypatch.context() as patch:
            patch.setattr(lakes, "remove_folder", remove)
            try:
                words = renew(lake, project)
            except KeyboardInterrupt:
                killed += 1
                # Either the next start finds it stale still, or nothing of it is left that counts as done.
                assert stale(lake) == [table]
                continue
        assert f"{table.name} had other columns" in words
        break
    assert killed == len(TABLES)
    assert not any(lake.days(each) for each in TABLES.values())
    assert renew(lake, project) == ""
