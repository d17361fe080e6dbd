"""Nights that pull first: what was done until the pull belongs to the night, and a tool that is away stops nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from label_pipeline import clock
from label_pipeline.cli import main
from label_pipeline.folders import DataFolder
from label_pipeline.orchestration.assets_pull import ASKED
from label_pipeline.orchestration.build import build_definitions
from label_pipeline.orchestration.triggers import job_name, range_tags
from label_pipeline_tests.orchestration.runs import Run, partition, told, write
from label_pipeline_tests.pull.tool import TOKEN, Tool

START = date(2026, 10, 5)
NIGHT, NEXT = datetime(2026, 10, 6, 2, 30, tzinfo=UTC), datetime(2026, 10, 7, 2, 30, tzinfo=UTC)
PROJECT = """\
project: p
start: 2026-10-05
labels: {{classes: [a, b]}}
sources:
  tool:
    format: label_studio_json
    item: item_id
    label: tone
    pull: {{url: "{url}", project: 83, attempts: 1{more}}}
"""
INTAKE = ("pulled", "annotation_events", "items", "quarantine", "landings", "landed_predictions", "logins")
At = Callable[[datetime], None]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", TOKEN)
    return lambda time: monkeypatch.setattr(clock, "now", lambda: time)


@pytest.fixture
def tool() -> Iterator[Tool]:
    with Tool().running() as running:
        running.clock = NIGHT - timedelta(hours=4)
        running.task(1)
        running.annotate(1, 7, "a")
        running.later(minutes=5)
        yield running


def project(folder: DataFolder, tool: Tool, more: str = "") -> DataFolder:
    write(folder.project_file("p"), PROJECT.format(url=tool.url, more=more))
    return folder


def run(folder: DataFolder, first: date, last: date, *, asked: bool = True, only: tuple[str, ...] = INTAKE) -> Run:
    with dg.DagsterInstance.ephemeral() as instance:
        result = (
            build_definitions(folder)
            .resolve_job_def(job_name("p"))
            .execute_in_process(
                instance=instance,
                tags=range_tags(first, last) | (ASKED if asked else {}),
                asset_selection=[dg.AssetKey(["p", name]) for name in only],
                raise_on_error=False,
                run_config={"loggers": {"console": {}}},
            )
        )
    return told(result.all_events, result.success)


def labels(folder: DataFolder, day: date) -> list[str]:
    return [e["label"] for e in partition(folder, "annotation_events", day, "p")]


def test_what_is_pulled_is_in_the_night(folder: DataFolder, tool: Tool, at: At) -> None:
    """Loss: a pull that lands on the morning's own day shows every answer a day late."""
    project(folder, tool)
    at(NIGHT)
    night = run(folder, START, START)
    assert night.success, night.failures
    assert "1 tasks on the server, 1 landed" in night.metadata("pulled")["in words"]
    assert labels(folder, START) == ["a"]
    tool.edit(1, tool.tasks[1]["annotations"][0]["id"], "b")
    tool.later(minutes=5)
    # The day is computed: what is new belongs to the next one, and this one stays as it was.
    assert run(folder, START, START).metadata("pulled")["day"] == "2026-10-06"
    assert labels(folder, START) == ["a"]
    at(NEXT)
    assert run(folder, START + timedelta(days=1), START + timedelta(days=1)).success
    assert labels(folder, START + timedelta(days=1)) == ["b"]


def test_a_run_that_was_not_asked_pulls_nothing(folder: DataFolder, tool: Tool, at: At) -> None:
    """Loss: a backfill that pulls puts today's answers into days that are long over."""
    project(folder, tool)
    at(NIGHT)
    night = run(folder, START, START, asked=False)
    assert night.success
    assert (tool.asked, labels(folder, START)) == ([], [])
    assert "not asked" in night.metadata("pulled")["in words"]
    assert run(folder, START, START, asked=False, only=("pulled",)).success  # alone, it is meant
    assert len(tool.asked) > 0


def test_a_tool_that_is_away_fails_its_own_asset(folder: DataFolder, tool: Tool, at: At) -> None:
    """Loss: a tool under maintenance at night leaves the team without queue and report in the morning."""
    project(folder, tool)
    at(NIGHT)
    tool.faults = ["503"] * 20
    night = run(folder, START, START)
    assert set(night.failures) == {"p__pulled"}
    said = night.failures["p__pulled"].user_failure_data.description
    assert said.startswith("Source 'tool' was not pulled. ")
    assert TOKEN not in said
    assert "landings" in night.materialized


def test_a_project_may_wait_for_its_pull(folder: DataFolder, tool: Tool, at: At) -> None:
    """Loss: a project that must not publish without tonight's answers publishes all the same."""
    project(folder, tool, more=", otherwise: block")
    at(NIGHT)
    tool.faults = ["503"] * 20
    night = run(folder, START, START)
    assert set(night.failures) == {"p__pulled"}
    assert not night.materialized


def test_the_schedule_asks_for_a_pull(folder: DataFolder, tool: Tool, at: At) -> None:
    """Loss: only nights that somebody starts by hand have the newest answers."""
    project(folder, tool)
    at(NIGHT)
    schedule = build_definitions(folder).get_repository_def().get_schedule_def("nightly__p__schedule")
    with dg.DagsterInstance.ephemeral() as instance:
        said = schedule.evaluate_tick(dg.build_schedule_context(instance, scheduled_execution_time=NIGHT))
    (request,) = said.run_requests or ()
    assert ASKED.items() <= request.tags.items()


@pytest.mark.slow
def test_the_command_line_pulls_first(
    folder: DataFolder, tool: Tool, at: At, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: `--pull` that is accepted and does nothing."""
    project(folder, tool)
    monkeypatch.setenv("LABEL_PIPELINE_DATA", str(folder.root))
    monkeypatch.setenv("DAGSTER_HOME", "")
    at(NIGHT)
    main(["nightly", "--project", "p", "--pull"])
    assert labels(folder, START) == ["a"]
    assert "1 tasks on the server, 1 landed" in capsys.readouterr().err
