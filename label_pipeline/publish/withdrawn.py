"""Withdrawn versions: what rested on people or items that were erased, and is to train no model any more.

A note beside the versions says so, and stays when the version's folder goes. Light to import.
"""

from __future__ import annotations

from pathlib import Path

from label_pipeline.files import write_text
from label_pipeline.publish import manifest as manifests

WITHDRAWN = "withdrawn"


def withdraw(folder: Path, version: str, why: str) -> None:
    """Note in a project's published `folder` that a version is withdrawn, and why."""
    write_text(folder / WITHDRAWN / version, why + "\n")


def reinstate(folder: Path, version: str) -> None:
    """Take the note away from a version that was made anew, without what was erased, and came out the same."""
    (folder / WITHDRAWN / version).unlink(missing_ok=True)


def withdrawn(folder: Path) -> dict[str, str]:
    """The withdrawn versions, each with why."""
    notes = sorted(p for p in (folder / WITHDRAWN).glob("*") if manifests.NAME.fullmatch(p.name))
    return {note.name: note.read_text(encoding="utf-8").strip() for note in notes}


def require_not_withdrawn(folder: Path, version: str) -> None:
    """Refuse a withdrawn version.

    Raises:
        UnfitError: says why it was withdrawn and what to use.
    """
    note = folder / WITHDRAWN / version
    if note.is_file():
        newest = manifests.latest(folder)
        other = newest is not None and not (folder / WITHDRAWN / newest).is_file()
        raise manifests.UnfitError(
            f"version {version} was withdrawn: {note.read_text(encoding='utf-8').strip()}",
            where=str(folder),
            rule="what was erased trains no model",
            do=f"Use {newest}, and train anew what was trained on it."
            if other
            else "Run the nightly job for a new one.",
        )
