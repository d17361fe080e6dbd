"""What may go of a project's lake, reports and landing, by policy, and from which day what went can be made again.

As-of tables hold the whole state of a day, day after day: they are what grows. Of each month the first day stays, so
that no day is further than a month from one that it can be rebuilt from. What landed, the account of it, KPIs and
gates stay for every day. Landed files go only where the project file says so: what was taken in of them stays, and
cannot be made again. Versions are `publish.prune`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from label_pipeline.contracts.tables import GATES, KPIS, LANDINGS, PRUNABLE, TABLES, Table
from label_pipeline.folders import DataFolder
from label_pipeline.kept import last_table
from label_pipeline.lake import Lake
from label_pipeline.landing import LandedFile, landed_days, landed_files
from label_pipeline.project import Project
from label_pipeline.project_policy import ALL_SOURCES

EVERY_DAY = {KPIS.name, GATES.name}
"""As-of tables of a few rows that are read for every day there was."""


@dataclass(frozen=True, slots=True)
class PastFile:
    """A landed file that may go, and how many of its answers are in quarantine: they cannot be tried again then."""

    day: date
    file: LandedFile
    bytes: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Past:
    """A partition that may go."""

    table: Table
    day: date
    bytes: int


def past_partitions(lake: Lake, project: Project) -> list[Past]:
    """As-of partitions that are older than the newest `retention.as_of` days, but those of the first of a month.

    Of tables that `retention.tables` names all that are older than the days given there.
    """
    computed, asked = lake.days(last_table(project)), project.retention.tables
    return [
        Past(table, day, sum(f.stat().st_size for f in lake.path(table, day).parent.glob("*.parquet")))
        for table in (TABLES[name] for name in PRUNABLE)
        for day in lake.days(table)
        if (table.as_of and day < _oldest(computed, project.retention.as_of) and day.day != 1)
        or (table.name in asked and day < _oldest(computed, asked[table.name]))
    ]


def past_landing(folder: DataFolder, project: Project, readers: Iterable[Project]) -> list[PastFile]:
    """Landed files that `retention.landing` no longer keeps, and that all `readers` have taken in as they are.

    `readers` are the projects that read this landing, itself among them. What was pulled stays: it tells the next pull
    what is there.
    """
    lakes = [(reader, Lake(folder, reader.project)) for reader in readers]
    computed, found = Lake(folder, project.project).days(last_table(project)), []
    asked = project.retention.landing
    keep = {name: asked.get(name, asked.get(ALL_SOURCES)) for name, s in project.sources.items() if not s.pull}
    for day in landed_days(folder, project.project):
        due = {name for name, days in keep.items() if days is not None and day < _oldest(computed, days)}
        files = [file for file in landed_files(folder, project.project, day) if file.source in due] if due else []
        accounts = [_account(lake, reader, day) for reader, lake in lakes] if files else []
        for file in files:
            size = file.path.stat().st_size
            told = [account.get(file.name) for reader, account in accounts if file.source in reader.sources]
            if all(row is not None and row["bytes"] == size for row in told):
                lost = sum(row["quarantined"] for row in told if row is not None)
                found.append(PastFile(day, file, size, lost))
    return found


def _account(lake: Lake, project: Project, day: date) -> tuple[Project, dict[str, dict[str, Any]]]:
    """What a project has taken in of a day, by file; nothing where the day was not computed to its end."""
    done = lake.has(last_table(project), day) and lake.has(LANDINGS, day)
    return project, {row["landed_file"]: row for row in lake.read(LANDINGS, day).to_pylist()} if done else {}


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
