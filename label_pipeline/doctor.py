"""What may keep a night from running here: each finding says what is wrong and what to do about it.

Looks only, and changes nothing: not even a folder is made. What a night finds in data is not looked for here.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from label_pipeline import remote
from label_pipeline.doctor_finding import Finding
from label_pipeline.doctor_privacy import key_and_map, who_reads
from label_pipeline.errors import UserError
from label_pipeline.files import TEMPORARY
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.locks import holder_of, was_left
from label_pipeline.privacy.journal import read_journal, resuming
from label_pipeline.project import Project, load_project, project_names

if TYPE_CHECKING:
    from dagster import DagsterInstance

LEAST_DISK = 1 << 30  # bytes
DISK_PER_LANDED = 4
"""Bytes of lake, mart, version and what is written beside them, for a byte of the newest landing day."""


def examine(folder: DataFolder, home: Path) -> list[Finding]:
    """All findings, for nights of this data folder with Dagster's storage described in `home`."""
    found: list[Finding] = []
    for look in (_python, _packages, _timezones):
        found += look()
    found += key_and_map(folder)
    found += _folder(folder)
    found += _dagster(home)
    for name in project_names(folder):
        found += _project(folder, name)
    if not project_names(folder):
        told = f"there is none in {folder.told(folder.projects)}"
        found.append(Finding("warn", "projects", told, "Make one with `label-pipeline init`."))
    return found


def _python() -> Iterator[Finding]:
    yield Finding("ok", "python", ".".join(map(str, sys.version_info[:3])))
    if sys.dont_write_bytecode:
        yield Finding(
            "warn",
            "python",
            "it may keep no bytecode, so every night compiles all imports again",
            "Unset PYTHONDONTWRITEBYTECODE.",
        )


def _packages() -> Iterator[Finding]:
    from importlib import metadata

    from packaging.requirements import Requirement

    wrong = []
    for text in metadata.requires("label-pipeline") or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} is {version}, {requirement.specifier} is needed")
    if wrong:
        yield Finding("bad", "packages", "; ".join(wrong), "Install the project again, in an environment of its own.")
    else:
        yield Finding("ok", "packages", f"label-pipeline {metadata.version('label-pipeline')} and all it needs")


def _timezones() -> Iterator[Finding]:
    if len(zoneinfo.available_timezones()) < 100:
        yield Finding("bad", "timezones", "the machine knows none", "Install tzdata.")


def _bucket(folder: DataFolder) -> Finding:
    try:
        remote.prove(folder)
    except UserError as error:
        return Finding("bad", "bucket", error.what, error.do)
    return Finding(
        "ok", "bucket", f"{folder.url} can be written, and keeps conditions; the data folder is a working copy"
    )


def _folder(folder: DataFolder) -> Iterator[Finding]:
    root = folder.root
    if not root.is_dir():
        yield Finding("bad", "data folder", f"{root} is not there", "Make it, mount it, or name another with --data.")
        return
    places = [root, *(p for p in sorted(root.iterdir()) if p.is_dir())]
    closed = [p for p in places if not os.access(p, os.R_OK | os.W_OK | os.X_OK)]
    if closed:
        words = f"may not be written: {', '.join(map(str, closed))}"
        yield Finding("bad", "data folder", words, "Give the account that runs the nights read and write permission.")
    else:
        yield Finding("ok", "data folder", str(root))
    if folder.url:
        yield _bucket(folder)
    yield _disk(folder)
    yield from _temporary()
    yield from who_reads(folder)
    written = (folder.lake, root / "marts", folder.roles, root / "published")
    left = [p for place in written for p in place.rglob(f"{TEMPORARY}*")]
    if left:
        words = f"{len(left)} files that a killed run left half written, or that one writes now"
        yield Finding("warn", "leftovers", words, "The next nightly run removes them.")


def _disk(folder: DataFolder) -> Finding:
    free = shutil.disk_usage(folder.root).free
    newest = max((day for p in (folder.root / "landing").glob("*") if (day := _newest_bytes(p))), default=0)
    need = max(LEAST_DISK, DISK_PER_LANDED * newest)
    words = f"{free / 1e9:.1f} GB free, a night may need {need / 1e9:.1f} GB"
    return Finding("ok", "disk", words) if free >= need else Finding("bad", "disk", words, "Make room.")


def _temporary() -> Iterator[Finding]:
    """Where DuckDB puts what does not fit into memory."""
    place = tempfile.gettempdir()
    free = shutil.disk_usage(place).free
    if free < LEAST_DISK:
        words = f"{free / 1e9:.1f} GB free in {place}, where sorting puts what does not fit into memory"
        yield Finding("warn", "disk", words, "Make room, or set TMPDIR.")


def _newest_bytes(project: Path) -> int:
    """The size of a project's newest landing day."""
    days = sorted(p for p in project.glob("????-??-??") if p.is_dir())
    return sum(f.stat().st_size for f in days[-1].rglob("*") if f.is_file()) if days else 0


def _dagster(home: Path) -> Iterator[Finding]:
    import dagster as dg

    from label_pipeline.orchestration.running import killed_runs_of

    if not (home / "dagster.yaml").is_file():
        yield Finding("warn", "dagster", f"{home} has no dagster.yaml", "The first nightly run writes one there.")
        return
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            for wrong in _loose_settings(instance):
                yield Finding(
                    "bad", "dagster", f"{home / 'dagster.yaml'}: {wrong}", "Set it as docs/operations.md says."
                )
            killed = killed_runs_of(instance)
    except Exception as error:  # whatever its storage raises: it cannot be used
        words = f"its storage cannot be opened: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        yield Finding("bad", "dagster", words, f"See {home / 'dagster.yaml'}.")
        return
    if killed:
        words = f"{len(killed)} runs whose process is gone still count as running"
        yield Finding("warn", "dagster", words, "The next `nightly`, or the sensor killed_runs, ends them.")
    else:
        yield Finding("ok", "dagster", str(home))


def _loose_settings(instance: DagsterInstance) -> Iterator[str]:
    """What is not set as nights need it, and what would come of that."""
    if instance.event_log_storage.get_pool_config().default_pool_limit != 1:
        yield "concurrency.pools.default_limit is not 1, so two runs of a project would write together"
    if not instance.run_monitoring_enabled:
        yield "run_monitoring is off, so a killed run would hold up all later ones"
    if instance.run_retries_enabled and instance.run_retries_retry_on_asset_or_op_failure:
        yield "run_retries.retry_on_asset_or_op_failure is on, so what bad data stopped would be tried again"


def _project(folder: DataFolder, name: str) -> Iterator[Finding]:
    about = f"project {name}"
    try:
        project = load_project(folder, name)
        for read in _readers(folder, project):
            read()
    except (UserError, OSError) as error:
        yield Finding("bad", about, str(error))
        return
    tokens = {s.pull.token_env for s in project.sources.values() if s.pull}
    missing = sorted(token for token in tokens if not os.environ.get(token))
    if missing:
        yield Finding("warn", about, f"{', '.join(missing)} is not set", "`label-pipeline pull` needs it.")
    yield from _lake(folder, project, about)
    yield from _people(folder, project, about)
    yield from _lock(folder, project, about)
    yield Finding("ok", about, f"{len(project.sources)} sources, from {project.start}, {project.timezone}")


def _lake(folder: DataFolder, project: Project, about: str) -> Iterator[Finding]:
    """Whether this code reads what is in the lake."""
    from label_pipeline.renewal import stale

    try:
        old = stale(Lake(folder, project.project))
    except UserError as error:
        yield Finding("bad", about, error.what, error.do)
        return
    if old:
        names = ", ".join(table.name for table in old)
        do = "The next nightly run computes all days again, from landing."
        yield Finding("warn", about, f"{names} in the lake have other columns than this label-pipeline writes", do)


def _people(folder: DataFolder, project: Project, about: str) -> Iterator[Finding]:
    """Whether the lake's pseudonyms are those that key and roster give."""
    from label_pipeline.contracts.tables import LOGINS
    from label_pipeline.privacy.pseudonyms import key
    from label_pipeline.privacy.same_people import require_same_people
    from label_pipeline.project_files import persons

    lake = Lake(folder, project.project)
    try:
        if days := lake.days(LOGINS):
            require_same_people(lake, project, persons(folder, project, key(make=False)), days[-1])
    except UserError as error:
        yield Finding("bad", about, error.what, error.do)


def _lock(folder: DataFolder, project: Project, about: str) -> Iterator[Finding]:
    """Who writes the project now, and who was killed at it."""
    if holder := holder_of(folder, project.project):
        yield Finding("ok", about, f"is being written by {holder}")
    elif (journal := read_journal(folder, project.project)) is not None:
        do = f"Run: label-pipeline {resuming(journal, project.project)}, or the nightly run, which does it first."
        yield Finding("warn", about, f"{journal.name} was broken off, and half of it is done", do)
    elif left := was_left(folder, project.project):
        do = "Nothing: its lock went with it, and the next nightly run removes what it left half written."
        yield Finding("warn", about, f"{left} ended before its end", do)


def _readers(folder: DataFolder, project: Project) -> Iterator[Callable[[], object]]:
    """What else a night reads of people's files."""
    from label_pipeline.audit import entries
    from label_pipeline.project_files import gold_seeds, roster, scrubber

    no_key = b"doctor does not need the right one"
    yield lambda: roster(folder, project, no_key)
    yield lambda: scrubber(folder, project)
    if project.labels.has_consensus:
        yield lambda: gold_seeds(folder, project)
    yield lambda: entries(folder, project.project)
