"""`training-set`: makes the training set of a past day anew, and proves that it is the one that was published."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from label_pipeline.cli import OK, STOPPED
from label_pipeline.clock import days, parse_day
from label_pipeline.contracts.tables import CONSENSUS_LABELS
from label_pipeline.errors import UserError
from label_pipeline.files import make_folder, replacing_folder
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.locks import changing
from label_pipeline.project import Project, load_project
from label_pipeline.publish import manifest as manifests
from label_pipeline.publish.compare import differing, same_rows
from label_pipeline.retention import rebuilt_from

Stamp = tuple[int, int, int] | None


def run(arguments: argparse.Namespace) -> int:
    """Rebuild in a folder of its own, compare with what was accepted then, and put the version where it is asked for.

    Exit codes: 0 it has the rows that were published, or none was noted; 1 it has others, or the day was stopped.
    """
    folder = DataFolder.choose(arguments.data)
    project, day = load_project(folder, arguments.project), parse_day(arguments.as_of)
    if not project.start <= day <= (project.end or date.max):
        raise UserError(f"{day} is outside the project", where=project.project, rule="start, end")
    home = folder.published(project.project)
    noted = manifests.accepted_versions(home).get(day)
    then = _manifest(home / noted) if noted else None
    with tempfile.TemporaryDirectory(prefix="label-pipeline-") as beside:
        rebuilt = _rebuild(folder, DataFolder(Path(beside)), project, day, from_landing=arguments.from_landing)
        if rebuilt is None:
            print(f"{day}: a gate stopped the day; there is no training set of it.")
            return STOPPED
        manifest = manifests.read(rebuilt)
        same = then is not None and same_rows(then, manifest)
        # What is published already needs no second version beside it that differs in a page or a setting.
        place = Path(arguments.into) / rebuilt.name if arguments.into else home / (str(noted) if same else rebuilt.name)
        if not place.exists():
            make_folder(place.parent)
            with changing(folder.latest_lock(project.project)), replacing_folder(place) as new:  # a night sweeps there
                shutil.copytree(rebuilt, new, dirs_exist_ok=True)
    manifests.verify(place, manifests.read(place))
    print(f"{place if arguments.into else folder.told(place)}\n{day}: {_words(noted, then, manifest)}")
    return OK if same or noted in (None, manifest["version"]) else STOPPED


def _manifest(path: Path) -> manifests.Manifest | None:
    """The manifest of a version; None where it is gone or damaged."""
    try:
        return manifests.read(path)
    except manifests.UnfitError:
        return None


def _words(noted: str | None, then: manifests.Manifest | None, now: manifests.Manifest) -> str:
    """How the version made anew stands to the one that was published then."""
    if noted in (None, now["version"]):
        return "the same as was published, byte for byte." if noted else "nothing was published then."
    if then is None:
        return f"{noted} was published then, which is no longer there to tell what changed."
    rows = "the same rows as in" if same_rows(then, now) else "other rows than in"
    return f"{rows} {noted}, which was published then; not the same: {', '.join(differing(then, now))}."


def _rebuild(folder: DataFolder, beside: DataFolder, project: Project, day: date, *, from_landing: bool) -> Path | None:
    """The version of `day`, made in the data folder `beside`; None where a gate stopped the day.

    From the day's own state where the lake has it, else from the nearest day before that it has, else, or if asked,
    from landing alone. What nights write into the audit log they write into a copy.
    """
    for part in ("projects", "landing", "erasures"):
        if (folder.root / part).exists():
            (beside.root / part).symlink_to(folder.root / part)
    if (folder.root / "audit").exists():
        shutil.copytree(folder.root / "audit", beside.root / "audit")
    lake = Lake(folder, project.project)
    first = project.start if from_landing else rebuilt_from(lake, project, day)
    state_is_there = not from_landing and first == day and lake.has(CONSENSUS_LABELS, day)
    known = day if state_is_there else first - timedelta(days=1)
    linked = _link_lake(folder, beside, project, known)
    nights = f"{len(days(first, day))} nights from {first}"
    how = "from its state in the lake" if state_is_there else f"by {nights}, from landing and the lake before them"
    print(f"{project.project} {day}: {how}", file=sys.stderr)
    _run(beside, project, first, day, only_candidate=state_is_there)
    if any(_stamp(file) != stamp for file, stamp in linked.items()):
        raise UserError(
            "the lake changed while it was read", where=project.project, do="Run it again once nobody writes it."
        )
    home = beside.published(project.project)
    version = manifests.accepted_versions(home).get(day)
    return home / version if version else None


def _link_lake(folder: DataFolder, beside: DataFolder, project: Project, day: date) -> dict[Path, Stamp]:
    """The project's partitions up to `day` in a lake of its own; what the rebuild writes replaces links, no files.

    Returns the files with what tells that they are still the same: nights are not held up, and may make a day anew.
    """
    linked: dict[Path, Stamp] = {}
    for table in sorted(folder.lake.glob(f"*/project={project.project}")):
        partitions = [p for p in table.glob("day=????-??-??") if p.name <= f"day={day}"]
        places = [table, *partitions] if partitions else []
        for file in sorted(f for place in places for f in place.glob("*.*") if f.is_file()):
            link = beside.root / file.relative_to(folder.root)
            link.parent.mkdir(parents=True, exist_ok=True)
            linked[file] = _stamp(file)
            link.symlink_to(file)
    return linked


def _stamp(file: Path) -> Stamp:
    try:
        about = file.stat()
        return about.st_ino, about.st_mtime_ns, about.st_size
    except FileNotFoundError:
        return None


def _run(folder: DataFolder, project: Project, first: date, last: date, *, only_candidate: bool) -> None:
    """The project's own graph over the days, in this process and with a Dagster storage of its own.

    Raises:
        UserError: a step failed; says why.
    """
    import dagster as dg

    from label_pipeline.orchestration.build import build_definitions
    from label_pipeline.orchestration.progress import RUN_CONFIG
    from label_pipeline.orchestration.table_assets import asset_key
    from label_pipeline.orchestration.triggers import job_name, range_tags

    definitions = build_definitions(folder)
    job = definitions.resolve_job_def(job_name(project.project))
    name = project.project
    wanted = [asset_key(name, "candidate"), asset_key(name, "splits")]
    if not only_candidate:
        selected = dg.AssetSelection.assets(*wanted).upstream().required_multi_asset_neighbors()
        wanted = sorted(selected.resolve(definitions.resolve_asset_graph()))
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            tags=range_tags(first, last),
            asset_selection=wanted,
            raise_on_error=False,
            run_config=RUN_CONFIG,
        )
    for event in result.all_events:
        if event.is_step_failure:
            told = event.step_failure_data.user_failure_data
            raise UserError(str(told.description) if told else event.step_failure_data.error_display_string, where=name)
