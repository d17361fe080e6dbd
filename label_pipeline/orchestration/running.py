"""Runs that are on: a second one of the same project is refused, and what a killed one left is cleared.

Dagster gives pool slots back when a run ends, and a run whose process was killed does not end by itself: a code
server ends those it started, as long as it lives; nobody ends those of the command line or those a power cut left.
The next run would wait for their slots for ever. So the command line looks before it runs, and a sensor all the time.
"""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from label_pipeline.errors import UserError

HOST = "label_pipeline/host"
ON = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
SECONDS_OFF = 5.0  # how far the clocks of a process's start and of its first event may be apart


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
        if run.tags.get("project") == project or any(key.path[0] == project for key in run.asset_selection or ()):
            since = datetime.fromtimestamp(record.start_time or record.create_timestamp.timestamp()).astimezone()
            pids = ", ".join(map(str, _processes(instance, run.run_id))) or "not yet known"
            raise UserError(
                f"a run of project {project} is on: {run.run_id[:8]}, process {pids}, since {since:%Y-%m-%d %H:%M:%S}",
                do="Wait for it, or end it in the Dagster UI.",
            )
    return ended


def end_killed_runs(instance: dg.DagsterInstance) -> list[str]:
    """Fail every run whose process is gone and give its pool slots back; returns the ids of the runs."""
    storage = instance.event_log_storage
    killed = killed_runs_of(instance)
    for run in killed:
        instance.report_run_failed(run, "The process of this run is gone: it was killed, or the machine went down.")
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
