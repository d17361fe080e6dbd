"""Which versions may go, by policy: the newest stay, and what is in use stays. Deleting is one rename a version.

A version that went can be made again, to the same bytes, from landing: its name stays noted with its day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from label_pipeline import files
from label_pipeline.errors import UserError, nearest
from label_pipeline.publish import manifest as manifests


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a version, and why it stays; empty where it goes."""

    version: str
    stays: str

    @property
    def goes(self) -> bool:
        """Whether it is deleted."""
        return not self.stays


def fates(folder: Path, *, keep: int, jobs: Mapping[str, str], held: str | None) -> list[Fate]:
    """What becomes of every version of a project's published `folder`, newest first.

    The `keep` newest stay, the one LATEST names, the one a rollback `held` it at, and those of declared `jobs`.

    Raises:
        UserError: a job uses a version that is not there: better to ask than to delete beside a mistake.
    """
    known = manifests.versions(folder)
    used: dict[str, list[str]] = {}
    for job, version in jobs.items():
        if version == manifests.LATEST_VERSION:
            continue  # whatever it is, it stays
        if version not in known:
            raise UserError(
                f"job '{job}' uses version {version}, which is not there",
                where="publish.jobs",
                rule="nothing is pruned while it is unsure what is in use",
                do=nearest(version, known),
            )
        used.setdefault(version, []).append(job)
    latest = manifests.latest(folder)
    newest = set(known[-keep:])

    def why(version: str) -> str:
        if version == latest:
            return "LATEST"
        if version == held:
            return "held by a rollback"
        if version in used:
            return f"in use by {', '.join(used[version])}"
        return f"one of the {keep} newest" if version in newest else ""

    return [Fate(version, why(version)) for version in reversed(known)]


def remove(folder: Path, version: str) -> None:
    """Delete a version: for readers it is gone at once, and a kill leaves only what `files.sweep` removes."""
    files.remove_folder(folder / version)
