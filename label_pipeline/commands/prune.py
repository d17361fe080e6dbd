"""`prune`: deletes what the policy no longer keeps: versions, old states, reports, and runs in Dagster's storage.

What was taken in, KPIs, gates and the audit log stay, and landed files unless the project file says how long. All else
that goes can be made again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from label_pipeline import audit, remote
from label_pipeline.cli import OK
from label_pipeline.clock import now
from label_pipeline.commands.columns import print_columns
from label_pipeline.commands.home import home_of
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.landing import delete_landed
from label_pipeline.locks import alone
from label_pipeline.project import Project, load_project, project_names
from label_pipeline.publish.decisions import hold
from label_pipeline.publish.prune import fates, remove
from label_pipeline.retention import PastFile, past_landing, past_partitions, past_reports

if TYPE_CHECKING:
    import dagster as dg


def run(arguments: argparse.Namespace) -> int:
    """Delete, or with --dry-run only say what would go."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    if arguments.dry_run:
        _prune(folder, project, dry_run=True)
    else:
        with alone(folder, project.project, "label-pipeline prune"):
            _prune(folder, project, dry_run=False)
    return OK


def _prune(folder: DataFolder, project: Project, *, dry_run: bool) -> None:
    # What makes most room first: on a full disk the log of what else went could not be written.
    _partitions(folder, project, dry_run=dry_run)
    if project.retention.landing:
        _landing(folder, project, dry_run=dry_run)
    _reports(folder, project, dry_run=dry_run)
    _runs(folder, project, dry_run=dry_run)
    _versions(folder, project, dry_run=dry_run)
    if swept := 0 if dry_run else remote.sweep(folder, project.project):
        print(f"{swept} objects of killed runs went.")


def _partitions(folder: DataFolder, project: Project, *, dry_run: bool) -> None:
    lake = Lake(folder, project.project)
    going = past_partitions(lake, project)
    for past in [] if dry_run else going:
        lake.forget(past.table, past.day)
    size = f", {sum(past.bytes for past in going) / 1e6:.1f} MB" if going else ""
    days = sorted({past.day for past in going})
    span = f" of {len(days)} days, {days[0]} to {days[-1]}" if days else ""
    asked = project.retention.tables
    reason = ", ".join([f"retention.as_of: {project.retention.as_of}d", *(f"{t}: {n}d" for t, n in asked.items())])
    what = "partitions of tables that policy names" if asked else "partitions of as-of tables"
    print(f"{len(going)} {what}{span} {_went(dry_run)}{size}.")
    if going and not dry_run:
        _note(folder, project, f"as-of tables {days[0]} to {days[-1]}", reason)


def _landing(folder: DataFolder, project: Project, *, dry_run: bool) -> None:
    """Landed files: the only thing that goes for good."""
    readers = _readers(folder, project)
    with ExitStack() as held:
        for reader in [r for r in readers if r.project != project.project and not dry_run]:
            held.enter_context(alone(folder, reader.project, f"label-pipeline prune of {project.project}"))
        going = past_landing(folder, project, readers)
        _delete(folder, project, going if not dry_run else [])
    days = sorted({past.day for past in going})
    span = f" of {len(days)} days, {days[0]} to {days[-1]}," if days else ""
    size = f", {sum(past.bytes for past in going) / 1e6:.1f} MB" if going else ""
    print(f"{len(going)} landed files{span} {_went(dry_run)}{size}.")
    if going:
        lost = sum(past.quarantined for past in going)
        print(f"  Their answers stay in the lake as they were taken in; {lost} in quarantine cannot be tried again.")
        print("  A rebuild keeps what was taken in on these days: other mappings or rules no longer reach it.")
    pulled = sorted(name for name, source in project.sources.items() if source.pull)
    if pulled:
        print(f"  What was pulled stays ({', '.join(pulled)}): it tells the next pull what is there.")


def _delete(folder: DataFolder, project: Project, going: Sequence[PastFile]) -> None:
    days = sorted({past.day for past in going})
    if not days:
        return
    policy = ", ".join(f"{source}: {n}d" for source, n in sorted(project.retention.landing.items()))
    # Noted before: what goes for good is not to go untold.
    _note(folder, project, f"{len(going)} landed files {days[0]} to {days[-1]}", f"retention.landing: {policy}")
    for day in days:
        files = [past.file for past in going if past.day == day]
        delete_landed(folder, project.project, day, files, "retention.landing")


def _readers(folder: DataFolder, project: Project) -> list[Project]:
    """The projects that read the project's landing; a broken file of another may be one, so nothing goes then."""
    every = [load_project(folder, name) for name in project_names(folder)]
    return [other for other in every if other.landing_of == project.project]


def _reports(folder: DataFolder, project: Project, *, dry_run: bool) -> None:
    from label_pipeline.orchestration.report_index import write_indexes

    going = past_reports(folder, Lake(folder, project.project), project)
    for path in [] if dry_run else going:
        path.unlink()
    print(f"{len(going)} reports {_went(dry_run)}.")
    if going and not dry_run:
        write_indexes(folder, project.project)
        words = f"reports {going[0].stem} to {going[-1].stem}"
        _note(folder, project, words, f"retention.reports: {project.retention.reports}d")


def _runs(folder: DataFolder, project: Project, *, dry_run: bool) -> None:
    """Runs that ended long ago, with their events and logs."""
    import dagster as dg

    home = home_of(folder)
    if not any((home / part).exists() for part in ("dagster.yaml", "history")):
        return  # no run yet; a home without a dagster.yaml is Dagster's default one
    before = now() - timedelta(days=project.retention.runs)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        going = _ended(instance, project.project, dg.RunsFilter(created_before=before))
        for run in [] if dry_run else going:
            instance.compute_log_manager.delete_logs(prefix=[run.run_id])
            instance.delete_run(run.run_id)
            _delete_shard(instance, run.run_id)
    print(f"{len(going)} runs in Dagster's storage {_went(dry_run)}.")


def _ended(instance: dg.DagsterInstance, project: str, when: dg.RunsFilter) -> list[dg.DagsterRun]:
    from label_pipeline.orchestration.running import projects_of

    return [run for run in instance.get_runs(when) if run.is_finished and projects_of(run) == {project}]


def _delete_shard(instance: dg.DagsterInstance, run_id: str) -> None:
    """SQLite keeps a file a run, and leaves it there empty."""
    from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        shard = storage.path_for_shard(run_id)
        for end in ("", "-wal", "-shm"):
            Path(shard + end).unlink(missing_ok=True)


def _versions(folder: DataFolder, project: Project, *, dry_run: bool) -> None:
    name, policy = project.project, project.publish
    published, held = folder.published(name), hold(folder, name)
    every = fates(published, keep=policy.keep, jobs=policy.jobs, held=held.version if held else None)
    going = [fate for fate in every if fate.goes]
    for fate in [] if dry_run else going:
        _note(folder, project, fate.version, f"publish.keep: {policy.keep}")
        remove(published, fate.version)
    if every:
        word = "would go" if dry_run else "gone"
        print_columns([("version", ""), *((f.version, word if f.goes else f"stays: {f.stays}") for f in every)])
    print(f"{len(going)} of {len(every)} versions {_went(dry_run)}.")


def _note(folder: DataFolder, project: Project, subject: str, reason: str) -> None:
    audit.record(
        folder, project.project, at=now(), actor=audit.person(), action="prune", subject=subject, reason=reason
    )


def _went(dry_run: bool) -> str:
    return "would go" if dry_run else "went"
