"""`status`: what has landed, run and been published, from the folders alone."""

from __future__ import annotations

import argparse

from label_pipeline.cli import BAD_INPUT, OK
from label_pipeline.clock import last_night
from label_pipeline.contracts.tables import GATES, LANDINGS, QUARANTINE, RELABEL_QUEUE, Table
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.ingest.flood import flooded_days
from label_pipeline.kept import kept_words, last_table
from label_pipeline.lake import Lake
from label_pipeline.landing import landed_days
from label_pipeline.locks import holder_of
from label_pipeline.project import Project, load_project, project_names
from label_pipeline.publish.decisions import hold
from label_pipeline.publish.manifest import latest


def run(arguments: argparse.Namespace) -> int:
    """Print a few lines a project; a broken project file is told and makes the exit code 2."""
    folder = DataFolder.choose(arguments.data)
    names = [arguments.project] if arguments.project else project_names(folder)
    if not names:
        print(f"No project in {folder.told(folder.projects)}. Make one with `label-pipeline init` or `simulate`.")
    code = OK
    for name in names:
        try:
            _print(folder, load_project(folder, name))
        except UserError as error:
            print(f"{name}\n  broken: {error}")
            code = BAD_INPUT
    return code


def _print(folder: DataFolder, project: Project) -> None:
    lake = Lake(folder, project.project)
    landed, computed = landed_days(folder, project.landing_of), lake.days(last_table(project))
    night = last_night(project.timezone, project.end)
    waiting = [d for d in landed if project.start <= d <= night and not lake.has(LANDINGS, d)]
    print(f"{project.project}  ({project.start} to {project.end or 'open'}, {project.timezone})")
    if holder := holder_of(folder, project.project):
        _line("running", str(holder))
    _line("landed", f"{len(landed)} days, last {landed[-1]}" if landed else "nothing yet")
    _line("computed", f"{len(computed)} days, last {computed[-1]}" if computed else "nothing yet")
    if waiting:
        _line(
            "waiting",
            f"{len(waiting)} landed days from {waiting[0]}: label-pipeline nightly --project {project.project}",
        )
    if computed:
        _line("quarantine", f"{_rows(lake, QUARANTINE)} answers in all")
    flooded = flooded_days(lake, project, night)
    if flooded:
        _line("flooded", f"{flooded[0]}: label-pipeline quarantine {project.project} --day {flooded[0]}")
    if not project.labels.has_consensus:
        _line("labels", kept_words(project))
        return
    if computed:
        gates = lake.read(GATES, computed[-1]).to_pylist()
        failed = [g for g in gates if g["severity"] == "block" and not g["passed"]]
        stopped = " ".join(g["words"] for g in failed if not g["overridden"])
        signed = ", ".join(f"{g['gate']} by {g['overridden']}" for g in failed if g["overridden"])
        _line("gates", f"stopped: {stopped}" if stopped else f"overridden: {signed}" if signed else "all hold")
        _line("queue", f"{lake.read(RELABEL_QUEUE, computed[-1]).num_rows} items")
    published = folder.published(project.project)
    _line("training set", (latest(published) if published.is_dir() else None) or "none published")
    held = hold(folder, project.project)
    if held:
        _line("held", f"at {held.version} by {held.words}: label-pipeline rollback {project.project} --release")


def _rows(lake: Lake, table: Table) -> int:
    return sum(lake.read(table, day).num_rows for day in lake.days(table))


def _line(what: str, words: str) -> None:
    print(f"  {what + ':':<14}{words}")
