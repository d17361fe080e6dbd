"""What may go of a project's lake and reports, by policy, and from which day what went can be made again.

As-of tables hold the whole state of a day, day after day: they are what grows. Of each month the first day stays, so
that no day is further than a month from one that it can be rebuilt from. What landed, the account of it, KPIs and
gates stay for every day. Versions are `publish.prune`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from label_pipeline.contracts.tables import GATES, KPIS, TABLES, Table
from label_pipeline.folders import DataFolder
from label_pipeline.kept import last_table
from label_pipeline.lake import Lake
from label_pipeline.project import Project

EVERY_DAY = {KPIS.name, GATES.name}
"""As-of tables of a few rows that are read for every day there was."""


@dataclass(frozen=True, slots=True)
class Past:
    """A partition that may go."""

    table: Table
    day: date
    bytes: int


def past_partitions(lake: Lake, project: Project) -> list[Past]:
    """As-of partitions that are older than the newest `retention.as_of` days, but those of the first of a month."""
    oldest = _oldest(lake.days(last_table(project)), project.retention.as_of)
    return [
        Past(table, day, sum(f.stat().st_size for f in lake.path(table, day).parent.glob("*.parquet")))
        for table in TABLES.values()
        if table.as_of and table.name not in EVERY_DAY
        for day in lake.days(table)
        if day < oldest and day.day != 1
    ]


def past_reports(folder: DataFolder, lake: Lake, project: Project) -> list[Path]:
    """Reports that are older than the newest `retention.reports` days."""
    oldest = _oldest(lake.days(last_table(project)), project.retention.reports)
    found = sorted(folder.report_index(project.project).parent.glob("????-??-??.html"))
    return [path for path in found if path.stem < str(oldest)]


def rebuilt_from(lake: Lake, project: Project, day: date) -> date:
    """The day from which days have to be run again to make `day`: itself, where the state of its eve is still there.

    The project's first day rests on nothing.
    """
    kept = [set(lake.days(table)) for table in _memory(lake)]
    while day > project.start and not all(day - timedelta(days=1) in days for days in kept):
        day -= timedelta(days=1)
    return day


def _memory(lake: Lake) -> list[Table]:
    """The as-of tables the project has: a day is made from those of its eve."""
    return [t for t in TABLES.values() if t.as_of and t.name not in EVERY_DAY and lake.days(t)]


def _oldest(computed: Iterable[date], keep: int) -> date:
    """The first of the newest `keep` days."""
    return max(computed, default=date.min + timedelta(days=keep)) - timedelta(days=keep - 1)
