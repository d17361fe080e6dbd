"""The marts of a night: the project's own, and each role's beside it, of the newest day computed.

What a mart holds is `mart`'s and `mart_roles`'; here is gathered what they need.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from label_pipeline.contracts.tables import Table
from label_pipeline.mart import build_mart
from label_pipeline.mart_roles import build_role_marts
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.triggers import RANGE_END, RANGE_START

MOST_RUNS = 1000  # the newest ones


def build_marts(desk: Desk, day: date, newest: Sequence[Table], every_day: Sequence[Table]) -> dict[str, int]:
    """Build all marts as of `day`; returns the rows of each table of the project's own."""
    folder, name = desk.folder, desk.project.project
    rows = build_mart(desk.lake, folder.mart(name), day, newest=newest, every_day=every_day)
    instance = dg.AssetExecutionContext.get().instance
    build_role_marts(
        desk.lake,
        folder,
        name,
        day,
        roles=desk.project.privacy.roles,
        newest=newest,
        every_day=every_day,
        runs=_runs(instance, name),
    )
    return rows


def _runs(instance: dg.DagsterInstance, project: str) -> dict[str, list[Any]]:
    """The project's runs that have ended, in the columns of `RUNS`."""
    ended = dg.RunsFilter(
        tags={"project": project},
        statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED],
    )
    records = instance.get_run_records(ended, limit=MOST_RUNS)
    return {
        "run_id": [r.dagster_run.run_id for r in records],
        "status": [r.dagster_run.status.value for r in records],
        "started_at": [_time(r.start_time) for r in records],
        "ended_at": [_time(r.end_time) for r in records],
        "first_day": [r.dagster_run.tags.get(RANGE_START) for r in records],
        "last_day": [r.dagster_run.tags.get(RANGE_END) for r in records],
    }


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
