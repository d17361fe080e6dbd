"""Days: their order, running one again, and all ways of getting to the same state."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.contracts.tables import GATES, LANDINGS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.orchestration import assets_labels
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.triggers import first_missing
from label_pipeline.project import load_project
from label_pipeline_tests.orchestration.runs import D1, D2, D3, INTAKE, ITEMS, answers, pets, put, run, state


def test_a_day_out_of_order_is_refused_with_what_to_run(folder: DataFolder) -> None:
    """Loss: a third day computed without the two before it has a wrong gold set and nobody would notice."""
    pets(folder.root)
    refused = run(folder, D3, D3)
    assert not refused.success
    assert refused.failures["pets__annotation_events"].user_failure_data.description == (
        "project pets: 2026-10-07 cannot be computed: 2 earlier day(s) from 2026-10-05 have not been "
        "[days run in order]. Run: label-pipeline nightly --project pets --from 2026-10-05 --to 2026-10-07"
    )
    assert state(folder) == {}


@pytest.mark.slow(seconds=30)
def test_every_way_leads_to_the_same_bytes(tmp_path: Path) -> None:
    """Loss: where the way to a state shows in it, a rebuilt lake can prove nothing about the old one."""
    night_by_night, backfilled = pets(tmp_path / "nights", days=2), pets(tmp_path / "backfill", days=2)
    assert run(backfilled, D1, D2).success
    expected = state(backfilled)
    assert any(name.startswith("published/pets/2026-10-06-") for name in expected)
    assert run(night_by_night, D1, D1).success
    assert run(night_by_night, D2, D2).success
    assert run(night_by_night, D1, D1).success
    assert state(night_by_night) == expected


def test_a_late_file_changes_the_days_from_its_own_on(folder: DataFolder) -> None:
    """Loss: a late file that moves a day before it rewrites history; one that moves no later day is lost."""
    pets(folder.root)
    assert run(folder, D1, D3, only=[*INTAKE, "gold_set", "gold_asks"]).success
    before = state(folder)
    put(folder, D2, "late.csv", answers(ITEMS[:2], D1, who="z"))
    assert run(folder, D2, D3, only=[*INTAKE, "gold_set", "gold_asks"]).success
    changed = {name for name, digest in state(folder).items() if before.get(name) != digest}
    assert {name.split("/")[1] for name in changed} == {"annotation_events", "landings", "logins"}  # `z` is new
    assert {name.split("/")[3] for name in changed} == {f"day={D2}"}


@pytest.mark.slow(seconds=30)
def test_a_night_that_broke_half_way_is_run_again(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: taking a half computed day for done leaves a hole that stops every later night."""
    pets(folder.root, days=2)
    desk = Desk(folder, load_project(folder, "pets"))
    assert first_missing(desk) == D1

    def breaks(*_: Any) -> Any:
        raise RuntimeError("the machine ran out of something")

    with monkeypatch.context() as broken:
        broken.setattr(assets_labels, "_consensus", breaks)
        night = run(folder, D1, D1)
    assert not night.success
    assert Lake(folder, "pets").has(LANDINGS, D1)
    assert first_missing(desk) == D1
    assert "the machine ran out of something" in str(night.failures["pets__consensus_labels"].error)
    assert run(folder, first_missing(desk), D2).success
    assert Lake(folder, "pets").days(GATES) == [D1, D2]
    assert first_missing(desk) == D3


@pytest.mark.slow(seconds=30)
def test_the_sample_rebuilt_from_nothing_is_the_same_bytes(simulated: DataFolder, folder: DataFolder) -> None:
    """Loss: what cannot be rebuilt from landing is a second source of truth that can be lost."""
    shutil.copytree(simulated.root, folder.root, dirs_exist_ok=True)
    last = date(2026, 10, 11)
    assert run(folder, D1, last, project="sample").success
    expected = state(folder)
    for part in ("lake", "marts", "published", "reports"):
        shutil.rmtree(folder.root / part)
    for day in range(5, 12):
        assert run(folder, date(2026, 10, day), date(2026, 10, day), project="sample").success
    assert state(folder) == expected
    assert run(folder, D2, D2, project="sample").success
    assert state(folder) == expected
