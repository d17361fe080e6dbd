"""`nightly`: runs the projects' jobs in this process, the same graph the UI shows, and says what came of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from label_pipeline import remote
from label_pipeline.cli import BAD_INPUT, FAULT, OK, STOPPED
from label_pipeline.clock import last_night, parse_day, today
from label_pipeline.commands.home import dagster_home, opened
from label_pipeline.commands.unfinished import resume
from label_pipeline.errors import MachineError, UserError
from label_pipeline.folders import DataFolder
from label_pipeline.kept import kept_words, last_table
from label_pipeline.locks import alone
from label_pipeline.memory import be_frugal
from label_pipeline.project import Project, load_project, project_names
from label_pipeline.project_engine import on_engine, require_engine
from label_pipeline.renewal import renew
from label_pipeline.retention import rebuilt_from

if TYPE_CHECKING:
    import dagster as dg

    from label_pipeline.orchestration.desk import Desk


@dataclass(frozen=True)
class Asked:
    """The days the user asked for; all None means last night and what was missed before it. `pull`: tools first."""

    first: date | None
    last: date | None
    pull: bool = False


def run(arguments: argparse.Namespace) -> int:
    """Run every project; one that cannot run stops no other. The worst outcome is the exit code."""
    be_frugal()
    folder = DataFolder.choose(arguments.data)
    asked = _asked(arguments)
    names = [arguments.project] if arguments.project else project_names(folder)
    if not names:
        raise UserError(
            f"there is no project in {folder.projects}", do="Make one with `label-pipeline init` or `simulate`."
        )
    worst = OK
    for name in names:
        try:
            code = run_project(folder, on_engine(load_project(folder, name), arguments.engine), asked)
        except UserError as error:
            print(f"label-pipeline: {error}", file=sys.stderr)
            code = FAULT if isinstance(error, MachineError) else BAD_INPUT
        worst = max(worst, code)
    return worst


def _asked(arguments: argparse.Namespace) -> Asked:
    if arguments.day and (arguments.first or arguments.last):
        raise UserError("--day goes without --from and --to", rule="nightly")
    if arguments.day:
        return Asked(parse_day(arguments.day), parse_day(arguments.day), arguments.pull)
    if bool(arguments.first) != bool(arguments.last):
        raise UserError("--from and --to go together", rule="nightly")
    if not arguments.first:
        return Asked(None, None, arguments.pull)
    asked = Asked(parse_day(arguments.first), parse_day(arguments.last), arguments.pull)
    if asked.first and asked.last and asked.first > asked.last:
        raise UserError(f"--from {asked.first} is after --to {asked.last}", rule="nightly")
    return asked


def run_project(folder: DataFolder, project: Project, asked: Asked) -> int:
    """One project's run over its days; prints where the results are."""
    from label_pipeline.orchestration.desk import Desk
    from label_pipeline.orchestration.triggers import first_missing

    require_engine(project, folder)
    desk = Desk(folder, project)
    newest = min(project.end or date.max, today(project.timezone))
    last = asked.last or last_night(project.timezone, project.end)
    if not asked.last and last < project.start:
        print(f"{project.project}: starts on {project.start}, there is nothing to run yet", file=sys.stderr)
        return OK
    if (code := resume(folder, project.project)) != OK:
        return code
    with alone(folder, project.project, "label-pipeline nightly") as left:
        if left:
            print(f"{project.project}: removed {len(left)} leftovers of a killed run", file=sys.stderr)
        first = asked.first or min(first_missing(desk), last)
        if first < project.start or last > newest:
            raise UserError(
                f"{first} to {last} is outside the project ({project.start} to {newest})",
                where=project.project,
                rule="start, end",
            )
        if first == project.start and (words := renew(desk.lake, project)):
            print(words, file=sys.stderr)
        first = _with_what_it_rests_on(desk, first)
        print(f"{project.project}: {first} to {last}", file=sys.stderr)
        code = _execute(folder, project, first, last, pull=asked.pull)
    _say_where(folder, project, last)
    return code


def _with_what_it_rests_on(desk: Desk, first: date) -> date:
    """The day to begin at: earlier than `first` where the state of its eve was there and was pruned."""
    eve = first - timedelta(days=1)
    if first == desk.project.start or not desk.lake.has(last_table(desk.project), eve):
        return first  # what was never computed is refused, not computed unasked
    start = rebuilt_from(desk.lake, desk.project, first)
    if start < first:
        print(f"{desk.project.project}: what {first} rests on was pruned; it is made again", file=sys.stderr)
    return start


def _execute(folder: DataFolder, project: Project, first: date, last: date, *, pull: bool) -> int:
    """Run the project's job over the days in this process."""

    from label_pipeline.orchestration.assets_pull import ASKED
    from label_pipeline.orchestration.build import build_definitions
    from label_pipeline.orchestration.progress import RUN_CONFIG
    from label_pipeline.orchestration.running import host_tag, require_idle
    from label_pipeline.orchestration.triggers import job_name, range_tags

    folder.dagster.mkdir(parents=True, exist_ok=True)
    job = build_definitions(folder, {project.project: project}).resolve_job_def(job_name(project.project))
    with opened(dagster_home(folder)) as instance:
        for run_id in require_idle(instance, project.project):
            print(f"{project.project}: cleared run {run_id[:8]}, whose process is gone", file=sys.stderr)
        result = job.execute_in_process(
            instance=instance,
            tags=range_tags(first, last) | host_tag() | (ASKED if pull else {}),
            raise_on_error=False,
            run_config=RUN_CONFIG,
        )
        try:
            remote.settle(folder, project.project)
        except UserError as error:  # the UI must not call it a success
            instance.report_run_failed(result.dagster_run, error.text())
            raise
    return OK if result.success else _explain(result.all_events)


def _explain(events: Sequence[dg.DagsterEvent]) -> int:
    """Say why a run failed, and whose turn it is."""
    code, said = OK, set()
    for event in events:
        if not event.is_step_failure:
            continue
        failure = event.step_failure_data
        told: Any = failure.user_failure_data
        if told is None:
            print(f"label-pipeline: fault in {event.step_key}: {failure.error_display_string}", file=sys.stderr)
            code = max(code, FAULT)
            continue
        kind = str(told.metadata["kind"].value) if "kind" in told.metadata else "input"
        # A full disk stops every asset that does not wait for another: it is told once.
        about = kind if kind == "machine" else told.description
        if about not in said:
            print(f"label-pipeline: {told.description}", file=sys.stderr)
        said.add(about)
        code = max(code, {"gate": STOPPED, "input": BAD_INPUT}.get(kind, FAULT))
    return code or FAULT


def _say_where(folder: DataFolder, project: Project, day: date) -> None:
    """Where the results are; only what is really there."""
    from label_pipeline.publish.manifest import latest

    published = folder.published(project.project)
    version = latest(published) if published.is_dir() else None
    places = {
        "mart": folder.mart(project.project),
        "training set": published / version if version else None,
        "report": folder.report(project.project, day),
    }
    if not project.labels.has_consensus:
        places = {"mart": places["mart"]}
        print(f"{project.project}: {kept_words(project)}", file=sys.stderr)
    for what, place in places.items():
        print(f"  {what + ':':<14}{folder.told(place) if place and place.exists() else 'none yet'}")
