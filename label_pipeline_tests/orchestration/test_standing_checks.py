"""What is broken now: days that are overdue, holes in the newest one, gates, targets, faults; and what to do."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from label_pipeline.contracts.tables import CONSENSUS_LABELS, KPIS, LANDINGS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import COLUMNS
from label_pipeline.orchestration import standing_checks
from label_pipeline.orchestration.build import build_definitions
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.standing_checks import MOST_SHOWN, UP_TO_DATE, WELL, due, found
from label_pipeline.orchestration.triggers import job_name, range_tags
from label_pipeline.project import load_project
from label_pipeline_tests.alerts.lakes import figure, lake, landing, night, write
from label_pipeline_tests.orchestration.runs import pets

D1, D2 = date(2026, 10, 5), date(2026, 10, 6)
MISSED = {"target": 0.9, "status": "missed"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """The project `pets` with a good night of 5 October, and all that it leaves behind."""
    folder = pets(tmp_path, days=1)
    house = lake(tmp_path)
    night(house, D1, gates={"coverage": (True, "0.9")}, kpis=[figure("alpha", 0.9, 0.8, 0.95)])
    house.write(CONSENSUS_LABELS, D1, CONSENSUS_LABELS.empty())
    for path in (folder.mart("pets"), folder.report("pets", D1)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made", encoding="utf-8")
    return Desk(folder, load_project(folder, "pets"))


def asked(desk: Desk, when: str = "2026-10-06T12:00+02:00", instance: dg.DagsterInstance | None = None) -> Any:
    with instance or dg.DagsterInstance.ephemeral() as known:
        return {name: [(b.what, b.where) for b in broken] for name, broken in found(desk, known, at(when)).items()}


@pytest.mark.parametrize(
    ("when", "day"),
    [
        ("2026-10-05T23:00+02:00", None),
        ("2026-10-06T04:29+02:00", None),  # the night runs at 02:30 and may take two hours
        ("2026-10-06T04:31+02:00", D1),
        ("2026-10-07T04:00+02:00", D1),
        ("2026-10-07T04:31+02:00", D2),
    ],
)
def test_a_day_is_due_when_its_night_should_be_over(desk: Desk, when: str, day: date | None) -> None:
    """Loss: an alarm every night while it is still running; or none on the morning after one that never came."""
    assert due(desk, at(when)) == day


def test_all_is_well(desk: Desk) -> None:
    """Loss: a check that is red on good days is one nobody reads."""
    assert asked(desk) == {UP_TO_DATE: [], WELL: []}


def test_days_that_never_came(desk: Desk) -> None:
    """Loss: the machine was off for a week, and nothing says so because nothing ran."""
    assert asked(desk, "2026-10-08T12:00+02:00") == {
        UP_TO_DATE: [("day", "2026-10-06"), ("day", "2026-10-07")], WELL: []
    }  # fmt: skip


def test_everything_that_can_be_broken(desk: Desk) -> None:
    """Loss: somebody is called at night and has to find out by themselves what is broken, and what to do."""
    house = lake(desk.folder.root)
    night(house, D2, gates={"coverage": (False, "0.4")}, kpis=[figure("alpha", 0.5, 0.4, 0.6, **MISSED)], unreadable=1)
    desk.folder.mart("pets").unlink()
    assert asked(desk)[WELL] == [
        ("partition", "consensus_labels 2026-10-06"),
        ("mart", "pets"),
        ("report", "2026-10-06"),
        ("files", "files 2026-10-06"),
        ("gate", "gate coverage"),
        ("target", "target alpha"),
    ]
    with dg.DagsterInstance.ephemeral() as instance:
        assert all(b.do.endswith(".") and b.words for b in found(desk, instance, at("2026-10-06T12:00Z"))[WELL])


def test_a_lake_of_other_code_is_told(desk: Desk) -> None:
    """Loss: the one time when nothing can be read, the check itself fails instead of saying why."""
    told = desk.lake.path(KPIS, D1).parents[1] / COLUMNS
    told.write_text(json.dumps(json.loads(told.read_text(encoding="utf-8")) | {"columns": "others"}), encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        [broken] = found(desk, instance, at("2026-10-06T12:00Z"))[WELL]
    assert (broken.what, broken.words) == ("lake", "kpis has other columns than this label-pipeline writes")
    assert broken.do


def test_the_run_that_failed(desk: Desk) -> None:
    """Loss: a night that broke off leaves yesterday's tables, which look well."""

    (desk.folder.project("pets") / "gold" / "seeds.csv").write_text("no,header\n", encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(desk.folder).resolve_job_def(job_name("pets"))
        result = job.execute_in_process(instance=instance, tags=range_tags(D1, D1), raise_on_error=False)
        assert not result.success
        [run] = [b for b in found(desk, instance, at("2026-10-06T12:00Z"))[WELL] if b.what == "run"]
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS, tags={"project": "toys"})
        assert [b for b in found(desk, instance, at("2026-10-06T12:00Z"))[WELL] if b.what == "run"] == [run]
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS, tags={"project": "pets"})
        assert not [b for b in found(desk, instance, at("2026-10-06T12:00Z"))[WELL] if b.what == "run"]
    assert run.words == f"The last run, {result.run_id[:8]} of 2026-10-05 to 2026-10-05, failed at gold_set."


def test_the_night_does_not_judge_whether_it_is_late(desk: Desk) -> None:
    """Loss: a backfill of an old day that warns of all the days after it."""
    definitions = build_definitions(desk.folder)
    job = definitions.resolve_job_def(job_name("pets"))
    names = {key.name for key in job.asset_layer.asset_graph.asset_check_keys}
    assert not names & {UP_TO_DATE, WELL}
    assert {UP_TO_DATE, WELL} <= {key.name for key in definitions.resolve_asset_graph().asset_check_keys}


def test_the_sensor_tells_what_has_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a check that says what was broken last week; or one that says the same every five minutes."""
    monkeypatch.setattr(standing_checks, "now", lambda: at("2026-11-30T12:00+01:00"))
    sensor = build_definitions(desk.folder).get_repository_def().get_sensor_def("standing__pets")
    with dg.DagsterInstance.ephemeral() as instance:
        first = sensor.evaluate_tick(dg.build_sensor_context(instance))
        told = {event.check_name: event for event in first.asset_events}
        assert {name: event.passed for name, event in told.items()} == {UP_TO_DATE: False, WELL: True}
        late = told[UP_TO_DATE]
        assert late.metadata["broken"].value == 55
        words = late.metadata["in words"].value
        assert words.count("| day |") == MOST_SHOWN
        assert words.endswith(f"The first {MOST_SHOWN} of 55.")
        assert late.description == (
            "2026-10-06 is due and was not computed to its end. Run `label-pipeline nightly --project pets`: it starts"
            " there. and 54 more"
        )
        again = sensor.evaluate_tick(dg.build_sensor_context(instance, cursor=first.cursor))
        assert not again.asset_events
        assert again.skip_message == "nothing has changed"


@pytest.mark.parametrize("names", [{UP_TO_DATE, WELL}, {WELL}])
def test_it_can_be_asked_at_any_time(desk: Desk, names: set[str]) -> None:
    """Loss: after something was mended, nobody can see whether it was; or one check cannot be asked alone."""
    job = build_definitions(desk.folder).resolve_implicit_global_asset_job_def()
    asked = {key for key in standing_checks.check_keys(desk) if key.name in names}
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.get_subset(asset_check_selection=asked).execute_in_process(instance=instance)
        outcome = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert set(outcome) == names
    assert outcome[WELL]


def test_other_projects_stay_out(tmp_path: Path) -> None:
    """Loss: a project of texts, which has no gates and no report, is broken for ever."""
    folder = DataFolder(tmp_path)
    text = "project: pets\nstart: 2026-10-05\nlabels: {type: text}\nsources: {crowd: {format: csv}}\n"
    folder.project_file("pets").parent.mkdir(parents=True)
    folder.project_file("pets").write_text(text, encoding="utf-8")
    house = lake(tmp_path)
    write(house, LANDINGS, D1, [landing("a.csv", 1, 0)])
    folder.mart("pets").parent.mkdir(parents=True)
    folder.mart("pets").write_text("made", encoding="utf-8")
    assert asked(Desk(folder, load_project(folder, "pets"))) == {UP_TO_DATE: [], WELL: []}
