"""Runs that are on: two of one project never write together, and what a killed one left is cleared.

Each run holds its projects' locks (`locks`) from before its first step to after its last: a run of the UI waits for
the one that is on, the command line is refused. Pools hold back single steps besides, where runs are on several
machines that share a storage and no disk.

Dagster gives pool slots back when a run ends, and a run whose process was killed does not end by itself: a code
server ends those it started, as long as it lives; nobody ends those of the command line or those a power cut left.
The next run would wait for their slots for ever. So the command line looks before it runs, and a sensor all the time.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import dagster as dg
from dagster._core.events import EngineEventData
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.locks import HeldError, alone
from label_pipeline.orchestration.event_log import keep_engines
from label_pipeline.project import load_project
from label_pipeline.renewal import renew

HOST = "label_pipeline/host"
ON = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
GONE = (
    "The process of this run is gone: it was killed, by somebody or for want of memory, or the machine went down. "
    "What it wrote is whole; run it again."
)
SECONDS_OFF = 5.0  # how far the clocks of a process's start and of its first event may be apart


WAIT_SECONDS = 0.5  # between two looks at a lock that somebody else holds


def executor_alone(folder: DataFolder) -> dg.ExecutorDefinition:
    """Runs all steps in one process, one after another, while no other run writes the same projects."""

    @dg.executor(name="alone_in_process")
    def in_process(_: dg.InitExecutorContext) -> InProcessExecutor:
        return _Alone(folder)

    made: dg.ExecutorDefinition = in_process
    return made


class _Alone(InProcessExecutor):
    def __init__(self, folder: DataFolder) -> None:
        super().__init__(retries=RetryMode.ENABLED)
        self._folder = folder

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Wait for the locks, holding no pool's slot meanwhile, and run the steps."""
        keep_engines()
        run = plan_context.dagster_run
        if host_tag().items() - run.tags.items():  # a run again has the tags of the one before it
            plan_context.instance.add_run_tags(run.run_id, host_tag())
        with ExitStack() as held:
            for project in sorted(projects_of(run)):  # in one order, so that two runs never wait for each other
                yield from self._wait(plan_context, project, held)
                if words := _renewed(self._folder, project, run):
                    yield dg.DagsterEvent.engine_event(plan_context, words, EngineEventData())
            yield from super().execute(plan_context, execution_plan)

    def _wait(self, plan_context: PlanOrchestrationContext, project: str, held: ExitStack) -> Iterator[dg.DagsterEvent]:
        run, told = plan_context.dagster_run, ""
        while True:
            words = _ahead(plan_context.instance, run, project)
            if not words:
                try:
                    held.enter_context(alone(self._folder, project, f"run {run.run_id[:8]}"))
                    return
                except HeldError as other:
                    words = other.what
            if told != words:
                told = words
                yield dg.DagsterEvent.engine_event(plan_context, f"Waiting: {told}", EngineEventData())
            with dg.raise_execution_interrupts():  # so that a run that waits can be ended
                time.sleep(WAIT_SECONDS)


def _ahead(instance: dg.DagsterInstance, run: dg.DagsterRun, project: str) -> str:
    """Which run of the project was asked for before this one and is on; they run in the order they were asked for."""
    on = {record.storage_id: record.dagster_run for record in instance.get_run_records(dg.RunsFilter(statuses=ON))}
    own = next((number for number, other in on.items() if other.run_id == run.run_id), 0)
    for number, other in sorted(on.items()):
        if number < own and project in projects_of(other) and not _gone(instance, other):
            return f"run {other.run_id[:8]} of project {project} was asked for before and is on"
    return ""


def _renewed(folder: DataFolder, project: str, run: dg.DagsterRun) -> str:
    """Make way for a run of all days where other code wrote the lake; a run of some days is refused by its steps."""
    try:
        known = load_project(folder, project)
    except UserError:
        return ""  # the asset of a broken project file says so
    whole = run.tags.get("dagster/asset_partition_range_start") == str(known.start)
    return renew(Lake(folder, project), known) if whole else ""


def projects_of(run: dg.DagsterRun) -> set[str]:
    """The projects whose assets a run makes."""
    tagged = {run.tags["project"]} if "project" in run.tags else set()
    return tagged | {key.path[0] for key in run.asset_selection or ()}


def host_tag() -> dict[str, str]:
    """A tag that tells on which machine a run runs; which process it is, Dagster's event log tells."""
    return {HOST: socket.gethostname()}


def require_idle(instance: dg.DagsterInstance, project: str) -> list[str]:
    """End runs whose process is gone; returns their ids.

    Raises:
        UserError: a run of the project is on; names it, its processes and its start.
    """
    ended = end_killed_runs(instance)
    for record in instance.get_run_records(dg.RunsFilter(statuses=ON)):
        run = record.dagster_run
        if project in projects_of(run):
            since = datetime.fromtimestamp(record.start_time or record.create_timestamp.timestamp()).astimezone()
            pids = ", ".join(map(str, _processes(instance, run.run_id))) or "not yet known"
            host = run.tags.get(HOST, socket.gethostname())
            raise UserError(
                f"a run of project {project} is on: {run.run_id[:8]}, process {pids} on {host}, "
                f"since {since:%Y-%m-%d %H:%M:%S}",
                do="Wait for it, or end it in the Dagster UI.",
            )
    return ended


def end_killed_runs(instance: dg.DagsterInstance) -> list[str]:
    """Fail every run whose process is gone and give its pool slots back; returns the ids of the runs."""
    storage = instance.event_log_storage
    killed = killed_runs_of(instance)
    for run in killed:
        instance.report_run_failed(run, GONE)
    for run_id in sorted(storage.get_concurrency_run_ids()):
        holder = instance.get_run_by_id(run_id)
        if holder is None or (holder.is_finished and _gone(instance, holder)):
            storage.free_concurrency_slots_for_run(run_id)
    return [run.run_id for run in killed]


def killed_runs_of(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that count as running though their process is gone."""
    return [run for run in instance.get_runs(dg.RunsFilter(statuses=ON)) if _gone(instance, run)]


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def killed_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Ends runs whose process is gone, so that the next night need not wait for them. Starts nothing."""
    ended = end_killed_runs(context.instance)
    return dg.SkipReason(f"ended: {', '.join(ended)}" if ended else "the process of every run is there")


def _gone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the processes of a run of this machine are gone. A run that named none yet is just beginning."""
    # SQLite is one machine's; with a shared storage a run without the tag may run anywhere.
    alone = isinstance(instance.event_log_storage, SqliteEventLogStorage)
    host = run.tags.get(HOST, socket.gethostname() if alone else "")
    lives = [_lives(pid, at) for pid, at in _processes(instance, run.run_id).items()]
    return host == socket.gethostname() and bool(lives) and not any(lives)


def _processes(instance: dg.DagsterInstance, run_id: str) -> dict[int, float]:
    """The processes a run named as its own in its events, and when."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    named = {e.timestamp: e.dagster_event.engine_event_data.metadata for e in entries if e.dagster_event}
    return {int(str(metadata["pid"].value)): at for at, metadata in named.items() if "pid" in metadata}


def _lives(pid: int, at: float) -> bool:
    """Whether the process that had this number at time `at` still runs; one that only waits to be buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    about = Path(f"/proc/{pid}/stat")
    if not about.exists():  # no Linux: the number is all there is
        return True
    state, *fields = about.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    started = booted + int(fields[18]) / os.sysconf("SC_CLK_TCK")
    return state != "Z" and started <= at + SECONDS_OFF  # numbers are given again, to later processes
