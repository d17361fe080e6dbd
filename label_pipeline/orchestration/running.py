"""Runs that are on: a second one of the same project is refused, and what a killed one left is cleared.

A killed process leaves its run 'started' and its pool slot taken; the next run would wait for the slot for ever,
unless a daemon with run monitoring frees it. The command line needs no daemon, so it looks itself.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime

import dagster as dg

from label_pipeline.errors import UserError

PID, HOST = "label_pipeline/pid", "label_pipeline/host"


def process_tags() -> dict[str, str]:
    """Tags that tell which process runs a run."""
    return {PID: str(os.getpid()), HOST: socket.gethostname()}


def require_idle(instance: dg.DagsterInstance, project: str) -> list[str]:
    """Clear the project's runs whose process is gone; returns their ids.

    Raises:
        UserError: a run of the project is on; names its process, host and start.
    """
    cleared = []
    statuses = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for record in instance.get_run_records(dg.RunsFilter(statuses=statuses, tags={"project": project})):
        run = record.dagster_run
        pid, host = run.tags.get(PID), run.tags.get(HOST)
        if pid and host == socket.gethostname() and not _alive(int(pid)):
            instance.report_run_failed(run, message=f"Its process {pid} is gone.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            cleared.append(run.run_id)
            continue
        since = datetime.fromtimestamp(record.start_time or record.create_timestamp.timestamp()).astimezone()
        who = f"process {pid} on {host}" if pid else "started in Dagster"
        raise UserError(
            f"a run of project {project} is on: {run.run_id[:8]}, {who}, since {since:%Y-%m-%d %H:%M:%S %Z}",
            do="Wait for it, or end it in the Dagster UI.",
        )
    return cleared


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
