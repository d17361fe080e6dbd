"""Landing: putting files into the day's folder, and finding them there. What they hold is `ingest`'s."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from label_pipeline.errors import UserError, nearest
from label_pipeline.files import TEMPORARY, replacing, sha256, write_text
from label_pipeline.folders import DataFolder
from label_pipeline.project import Project

SENT = "_sent"
"""The folder of a landing day, no source's, with the batches that were sent on it."""
GONE = "_gone.jsonl"
"""The file of a landing day that names those that were deleted from it: the day cannot be taken in again."""


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One landed file: its source, its path, and its name as people see it (`source/name`)."""

    source: str
    path: Path
    name: str


def landed_files(folder: DataFolder, project: str, day: date) -> list[LandedFile]:
    """The files that landed on a day, sorted by name. Links and leftovers of a killed `land` are no files."""
    root = folder.landing(project, day)
    found = []
    for path in sorted(root.rglob("*")) if root.is_dir() else []:
        if path.is_symlink() or not path.is_file() or path.name.startswith((".", TEMPORARY)):
            continue
        # A name need not be text: bytes that are none are spelled out.
        parts = os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace").split("/")
        if parts[0] != SENT and parts != [GONE]:
            found.append(LandedFile(parts[0] if len(parts) > 1 else "", path, "/".join(parts)))
    return found


def sent_files(folder: DataFolder, project: str, until: date) -> list[Path]:
    """The files of batches that were sent up to and including `until`, by day and name."""
    found = folder.landing(project).glob(f"????-??-??/{SENT}/*.jsonl")
    return sorted(p for p in found if p.parent.parent.name <= until.isoformat() and not p.name.startswith("."))


def delete_landed(folder: DataFolder, project: str, day: date, files: Sequence[LandedFile], why: str) -> None:
    """Delete files of a landing day for good; that they were there stays noted, by their names.

    The note is written first: a kill leaves files that are noted and still there, and these are no lost ones.
    """
    root = folder.landing(project, day)
    noted = (root / GONE).read_text(encoding="utf-8") if (root / GONE).is_file() else ""
    write_text(root / GONE, noted + "".join(json.dumps({"name": file.name, "why": why}) + "\n" for file in files))
    for file in files:
        file.path.unlink(missing_ok=True)
        with suppress(OSError):  # the source's folder, where it was the last file in it
            file.path.parent.rmdir()


def gone_files(folder: DataFolder, project: str, day: date) -> list[str]:
    """The files that were deleted from a landing day, sorted."""
    root = folder.landing(project, day)
    try:
        lines = (root / GONE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return sorted({name for name in (json.loads(line)["name"] for line in lines) if not (root / name).exists()})


def project_gone(folder: DataFolder, project: Project, day: date) -> list[str]:
    """Of the deleted files of a day those that a project read, as `project_files` tells which it reads."""
    gone = gone_files(folder, project.landing_of, day)
    return gone if project.landing is None else [name for name in gone if name.split("/")[0] in project.sources]


def project_files(folder: DataFolder, project: Project, day: date) -> list[LandedFile]:
    """The files of a day that a project reads. Of another's landing those of the sources it names: the rest is not
    its business, and the owner accounts for it."""
    files = landed_files(folder, project.landing_of, day)
    return files if project.landing is None else [file for file in files if file.source in project.sources]


def landed_days(folder: DataFolder, project: str) -> list[date]:
    """The days on which anything landed, in order; folders that are not named like a day are passed over."""
    days = []
    for path in sorted(folder.landing(project).glob("????-??-??")):
        try:
            days.append(date.fromisoformat(path.name))
        except ValueError:
            continue
    return days


def land(folder: DataFolder, project: Project, files: list[Path], source: str, day: date) -> list[Path]:
    """Copy files into a day's landing folder. The same file again changes nothing.

    Raises:
        UserError: a project that reads what lands for another, unknown source, a day outside the project, a file that
            is not there or whose name would hide it, or another file of the same name.
    """
    _check(folder, project, source, day)
    missing = [f for f in files if not f.is_file()]
    if missing:
        raise UserError(f"there is no file '{missing[0]}'", do="Nothing was landed.")
    hidden = [f.name for f in files if f.name.startswith(".")]
    if hidden:
        raise UserError(
            f"'{hidden[0]}' starts with a dot and would be passed over", do="Rename it; nothing was landed."
        )
    target = folder.landing(project.project, day) / source
    first = {f.name: f for f in reversed(files)} | {
        f.name: target / f.name for f in files if (target / f.name).exists()
    }
    clash = [f for f in files if first[f.name] != f and sha256(first[f.name]) != sha256(f)]
    if clash:
        raise UserError(
            f"another file named '{clash[0].name}' is landed on {day}",
            rule="landing files are never changed",
            do="Rename it; nothing was landed.",
        )
    landed = []
    for file in files:
        if not (target / file.name).exists():
            with replacing(target / file.name) as beside:
                shutil.copyfile(file, beside)
        landed.append(target / file.name)
    return landed


def land_bytes(folder: DataFolder, project: Project, name: str, content: bytes, source: str, day: date) -> Path:
    """Write one file into a day's landing folder, whole or not at all; returns its path.

    Raises:
        UserError: a project that reads what lands for another, unknown source, a day outside the project, or a file of
            that name is there.
    """
    _check(folder, project, source, day)
    target = folder.landing(project.project, day) / source / name
    if target.exists():
        raise UserError(f"another file named '{name}' is landed on {day}", rule="landing files are never changed")
    with replacing(target) as beside:
        beside.write_bytes(content)
    return target


def _check(folder: DataFolder, project: Project, source: str, day: date) -> None:
    """Raise UserError for a project that lands nothing itself, and for a source or a day that it has not."""
    if project.landing is not None:
        raise UserError(
            f"project '{project.project}' reads what lands for '{project.landing}'",
            rule="landing",
            do=f"Land the files for '{project.landing}', once for both.",
        )
    if source not in project.sources:
        raise UserError(f"the project has no source '{source}'", rule="source", do=nearest(source, project.sources))
    if day < project.start or (project.end and day > project.end):
        raise UserError(
            f"{day} is outside the project ({project.start} to {project.end or 'open'})",
            rule="start, end",
            do="Choose --day.",
        )
    if gone_files(folder, project.project, day):
        raise UserError(
            f"landed files of {day} were deleted, so the day cannot be taken in again",
            rule="retention.landing",
            do="Choose a later --day.",
        )
