"""Runs that are on, and runs whose process is gone: real processes, really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from label_pipeline.commands.home import DAGSTER_YAML
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.locks import holder_of
from label_pipeline.orchestration.running import (
    _ahead,
    _lives,
    end_killed_runs,
    executor_alone,
    host_tag,
    require_idle,
)
from label_pipeline_tests.orchestration.runs import write

POOL = "project_pets"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with storage of its own and the pools of the command line."""
    write(tmp_path / "dagster.yaml", DAGSTER_YAML)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as running:
        yield running
        running.kill()


def begin(instance: dg.DagsterInstance, pid: int, **tags: str) -> str:
    """A run as it stands while process `pid` works on a step of the project, as the event log has it."""
    run = instance.create_run_for_job(_job(), tags={"project": "pets", **tags})
    instance.report_engine_event("started", run, dg._core.events.EngineEventData.in_process(pid, ["step"]))
    instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name=run.job_name), run_id=run.run_id
    )
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL)
    storage.claim_concurrency_slot(POOL, run.run_id, "step")
    return run.run_id


def _job() -> dg.JobDefinition:
    @dg.job
    def nightly() -> None:
        pass

    return nightly


def holders(instance: dg.DagsterInstance) -> set[str]:
    return {slot.run_id for slot in instance.event_log_storage.get_concurrency_info(POOL).claimed_slots}


def test_a_living_run_refuses_a_second(instance: dg.DagsterInstance, process: subprocess.Popen[bytes]) -> None:
    """Loss: two runs of one project at once write each other's days."""
    run_id = begin(instance, process.pid, **host_tag())
    with pytest.raises(
        UserError, match=rf"a run of project pets is on: {run_id[:8]}, process {process.pid} on \S+, since"
    ):
        require_idle(instance, "pets")
    assert holders(instance) == {run_id}
    assert require_idle(instance, "toys") == []


def test_a_killed_run_is_ended_and_its_slot_free(
    instance: dg.DagsterInstance, process: subprocess.Popen[bytes]
) -> None:
    """Loss: after one power cut every night would wait for a slot that nobody gives back."""
    run_id = begin(instance, process.pid)
    process.send_signal(signal.SIGKILL)
    while _state(process.pid) != "Z":  # gone, and not yet waited for by its parent: that is us
        time.sleep(0.01)
    assert require_idle(instance, "pets") == [run_id]
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.FAILURE
    assert holders(instance) == set()
    assert require_idle(instance, "pets") == []


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_runs_go_in_the_order_they_were_asked_for(
    instance: dg.DagsterInstance, process: subprocess.Popen[bytes]
) -> None:
    """Loss: of two backfills launched at once the later one runs first, and is refused for want of earlier days."""
    first, second = (instance.get_run_by_id(begin(instance, pid)) for pid in (process.pid, os.getpid()))
    assert first is not None
    assert second is not None
    assert _ahead(instance, second, "pets") == f"run {first.run_id[:8]} of project pets was asked for before and is on"
    assert _ahead(instance, first, "pets") == _ahead(instance, second, "toys") == ""
    process.kill()
    process.wait()
    assert _ahead(instance, second, "pets") == ""


def test_a_run_of_another_machine_is_left_alone(instance: dg.DagsterInstance, process: subprocess.Popen[bytes]) -> None:
    """Loss: a process number means nothing elsewhere: a living run would be told as dead."""
    run_id = begin(instance, process.pid, **{"label_pipeline/host": "another.example"})
    process.kill()
    process.wait()
    assert end_killed_runs(instance) == []
    assert holders(instance) == {run_id}


def test_slots_of_a_run_that_ended_are_given_back(
    instance: dg.DagsterInstance, process: subprocess.Popen[bytes]
) -> None:
    """Loss: a run told as failed by a server that was stopped right after keeps its slot for ever."""
    run_id = begin(instance, process.pid)
    instance.report_run_failed(instance.get_run_by_id(run_id))
    assert end_killed_runs(instance) == []
    assert holders(instance) == {run_id}  # its process still tidies up
    process.kill()
    process.wait()
    assert end_killed_runs(instance) == []
    assert holders(instance) == set()


def test_a_number_given_again_is_another_process() -> None:
    """Loss: after a restart the dead run's number is some other program's, and the night waits for that."""
    assert _lives(os.getpid(), time.time())
    assert not _lives(os.getpid(), time.time() - 7 * 86400)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert not _lives(ended.pid, time.time())


HOLD = (
    "import sys, time\nfrom label_pipeline.folders import DataFolder\nfrom label_pipeline.locks import alone\n"
    "with alone(DataFolder.choose(sys.argv[1]), 'pets', 'a night'):\n    print('held', flush=True)\n    time.sleep(3)\n"
)


@dg.op
def look() -> None:
    """Says who holds the project while a step runs."""
    holder = holder_of(DataFolder.choose(), "pets")
    assert holder is not None
    assert holder.pid == os.getpid()


def waiting_job() -> dg.JobDefinition:
    @dg.job(executor_def=executor_alone(DataFolder.choose()), tags={"project": "pets"})
    def waiting() -> None:
        look()

    return waiting


def test_a_run_waits_for_whoever_writes_and_says_so(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: a run of the UI that writes beside `nightly`, or stands still and nobody knows for what."""
    monkeypatch.setenv("LABEL_PIPELINE_DATA", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with dg.execute_job(dg.reconstructable(waiting_job), instance=instance) as result:
            assert result.success
        assert other.wait(10) == 0
    entries = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    said = [str(entry.dagster_event and entry.dagster_event.message) for entry in entries]
    assert any(f"Waiting: project pets is being written by a night, process {other.pid} on " in words for words in said)
    assert holder_of(DataFolder(tmp_path), "pets") is None
