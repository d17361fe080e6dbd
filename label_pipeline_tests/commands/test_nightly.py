"""`nightly`: exit codes that a scheduler can trust, words that a person can act on, and no harm when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from label_pipeline.cli import main
from label_pipeline.commands.home import dagster_home
from label_pipeline.contracts.tables import GATES, LANDINGS
from label_pipeline.files import TEMPORARY
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.orchestration import assets_ingest
from label_pipeline.publish.manifest import latest
from label_pipeline_tests.orchestration.runs import D1, D2, ITEMS, Run, answers, mart, pets, put, told, write


def newest_run(folder: DataFolder) -> Run:
    """The newest run as the UI would show it: read from the instance that the command line wrote to."""
    with dg.DagsterInstance.from_config(str(dagster_home(folder))) as instance:
        run = instance.get_runs(limit=1)[0]
        entries = instance.all_logs(run.run_id)
        return told([e.dagster_event for e in entries if e.dagster_event], run.status == dg.DagsterRunStatus.SUCCESS)


@pytest.mark.slow
def test_what_nights_come_to(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a scheduler that reads success where a gate stopped, or a stop where one project of several is broken.

    Three nights of one story: a broken project beside a good one; a night that a gate stops; the same night mended.
    """
    pets(folder.root, days=1)
    write(folder.project_file("toys"), "project: toys\n")
    assert main(["nightly", "--day", "2026-10-05"]) == 2
    said = capsys.readouterr()
    assert "label-pipeline: projects/toys/project.yaml" in said.err
    assert "pets 2026-10-05: consensus_labels 8 rows" in said.err
    published = folder.published("pets")
    first = latest(published)
    assert first is not None
    places = dict(line.split(": ", 1) for line in said.out.splitlines())
    assert {name.strip(): path.strip() for name, path in places.items()} == {
        "mart": str(folder.mart("pets")),
        "training set": str(published / first),
        "report": str(folder.report("pets", D1)),
    }

    put(folder, D2, "answers.csv", answers(ITEMS[:4], D2, wrong=ITEMS[:4]))
    assert main(["nightly", "--project", "pets", "--day", "2026-10-06"]) == 1
    said = capsys.readouterr()
    assert f"a gate stopped the night; training jobs keep {first}." in said.err
    assert "label_accuracy is 0 (" in said.err
    assert "Dependencies for step" not in said.err
    assert latest(published) == first
    assert (published / "rejected" / "2026-10-06.json").is_file()
    assert folder.report("pets", D2).is_file()
    gates = {row[1]: row[3] for row in mart(folder.mart("pets"))["gates"] if row[0] == D2}
    assert not gates["kpi_label_accuracy"]
    stopped = newest_run(folder)
    assert not stopped.success
    assert stopped.failed_checks == {
        ("kpis_accuracy", "targets_accuracy"),
        ("kpis_throughput", "targets_throughput"),
        ("candidate", "accepted"),
    }
    assert all(stopped.checks[name].severity == dg.AssetCheckSeverity.WARN for name in stopped.failed_checks)
    assert set(stopped.failures) == {"pets__training_set"}
    assert {"mart", "report"} <= set(stopped.materialized)
    assert "training_set" not in stopped.materialized

    put(folder, D2, "mended.csv", answers(ITEMS[:12], D2).replace("T10:", "T11:"))
    assert main(["nightly", "--project", "pets", "--from", "2026-10-06", "--to", "2026-10-06"]) == 0
    second = latest(published)
    assert second is not None
    assert second.startswith("2026-10-06-")
    assert not (published / "rejected" / "2026-10-06.json").exists()
    assert newest_run(folder).success
    assert main(["status", "--project", "pets"]) == 0
    assert f"training set: {second}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--day", "2026-10-05", "--from", "2026-10-05"], "--day goes without --from and --to"),
        (["--from", "2026-10-05"], "--from and --to go together"),
        (["--to", "2026-10-05"], "--from and --to go together"),
        (["--from", "2026-10-06", "--to", "2026-10-05"], "--from 2026-10-06 is after --to 2026-10-05"),
        (["--day", "5.10.2026"], "'5.10.2026' is not a day [YYYY-MM-DD]. Write it like 2026-10-05."),
        (["--day", "2026-02-30"], "'2026-02-30' is not a day"),
        (["--day", "2026-10-04"], "2026-10-04 to 2026-10-04 is outside the project"),
        (["--day", "2099-01-01"], "2099-01-01 to 2099-01-01 is outside the project"),
        (["--project", "pest"], "there is no project 'pest'. Did you mean 'pets'?"),
        (["--project", "../pets"], "there is no project '../pets'"),
    ],
)
def test_mistakes_are_said_before_anything_runs(
    folder: DataFolder, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a mistyped day that runs another one changes what is published."""
    pets(folder.root, days=1)
    assert main(["nightly", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not folder.lake.exists()


def test_a_folder_without_projects(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a wrong data folder that exits 0 is a night that seems to have happened."""
    assert main(["nightly"]) == 2
    assert "there is no project in" in capsys.readouterr().err


def test_a_project_that_has_not_begun(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a project that starts next week would fail the night of all the others until then."""
    pets(folder.root, days=0)
    path = folder.project_file("pets")
    write(path, path.read_text().replace("start: 2026-10-05", "start: 2099-10-05"))
    assert main(["nightly"]) == 0
    assert "pets: starts on 2099-10-05, there is nothing to run yet" in capsys.readouterr().err


def test_a_day_out_of_order_is_bad_input(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: one clear line is worth ten about steps that did not run."""
    pets(folder.root)
    assert main(["nightly", "--project", "pets", "--day", "2026-10-07"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[1].endswith("Run: label-pipeline nightly --project pets --from 2026-10-05 --to 2026-10-07")


def test_our_own_fault_is_exit_three(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a bug told as bad input sends the labelling lead looking for a mistake in the data."""

    def breaks(*_: Any) -> Any:
        raise ZeroDivisionError("a bug")

    pets(folder.root, days=1)
    monkeypatch.setattr(assets_ingest, "ingest_day", breaks)
    assert main(["nightly", "--project", "pets", "--day", "2026-10-05"]) == 3
    said = capsys.readouterr().err
    assert "fault in pets__annotation_events" in said
    assert "ZeroDivisionError: a bug" in said


@pytest.mark.slow
def test_a_killed_night_blocks_no_later_one(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: after a kill or a power cut every later night would wait for ever, or start from half a state."""
    pets(folder.root)
    lake = Lake(folder, "pets")
    command = [sys.executable, "-m", "label_pipeline.cli", "nightly", "--project", "pets", "--day", "2026-10-05"]
    log = folder.root / "killed.log"
    with log.open("wb") as told_to, subprocess.Popen(command, stderr=told_to) as killed:
        try:
            until = time.monotonic() + 60
            while b"landed_predictions" not in log.read_bytes() and time.monotonic() < until:
                time.sleep(0.01)
        finally:
            os.kill(killed.pid, signal.SIGKILL)
    assert lake.has(LANDINGS, D1), log.read_text()
    assert not lake.has(GATES, D1)
    left = write(lake.path(GATES, D1).with_name(f"{TEMPORARY}left.parquet"), "half a partition")
    assert main(["nightly", "--project", "pets", "--day", "2026-10-06"]) == 2
    said = capsys.readouterr().err
    assert "whose process is gone" in said
    assert not left.exists()
    with dg.DagsterInstance.from_config(str(dagster_home(folder))) as instance:
        statuses = [run.status for run in instance.get_runs()]
        assert statuses == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.FAILURE]
        assert not instance.event_log_storage.get_concurrency_run_ids()


@pytest.mark.slow
def test_the_data_folder_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a folder with a space, a quote or a bracket in its name, and every query over the lake fails."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    folder = pets(tmp_path / "it's [1] *our* data", days=1)
    assert main(["nightly", "--data", str(folder.root), "--project", "pets", "--day", "2026-10-05"]) == 0
    assert mart(folder.mart("pets"))["consensus_labels"]
    assert capsys.readouterr().out.count(str(folder.root)) == 3
