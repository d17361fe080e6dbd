"""The LATEST pointer: forward by nights, back and free again by people. Each move is one rename.

A rollback holds: nights go on writing versions, and LATEST stays where a person put it until a person releases it. A
night that moved on by itself would most likely publish again what was taken back. Whoever moves LATEST waits for the
others; readers wait for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from label_pipeline import audit, files
from label_pipeline.errors import UserError, nearest
from label_pipeline.folders import DataFolder
from label_pipeline.locks import changing
from label_pipeline.publish import manifest as manifests
from label_pipeline.publish.decisions import RELEASE, ROLLBACK, hold
from label_pipeline.publish.withdrawn import require_not_withdrawn, withdrawn

PUBLISH = "publish"


def accept(folder: Path, day: date, version: str | None) -> None:
    """Note the version that was accepted for `day`; None takes the note away."""
    note = folder / manifests.ACCEPTED / str(day)
    if version is None:
        note.unlink(missing_ok=True)
    else:
        files.write_text(note, version + "\n")


def point_latest(folder: Path, version: str, *, back: bool = False) -> bool:
    """Let LATEST name `version`, unless it already names a version of a later day; returns whether it does now.

    So a re-run of an old day publishes its version and leaves the newest in force; `back` moves it all the same.
    Raises UserError when the version is not there.
    """
    known = manifests.versions(folder)
    if version not in known:
        raise UserError(f"version {version} is not there", where=str(folder), do="Publish it first.")
    current = manifests.latest(folder)
    if not back and current in known and current is not None and _day(current) > _day(version):
        return False
    if current != version:
        files.write_text(folder / manifests.LATEST, version + "\n")
    return True


def advance(folder: DataFolder, project: str, version: str, *, at: datetime, words: str) -> str:
    """What a night does with an accepted version: LATEST names it, unless a rollback holds; returns what was done.

    `at` is the end of the version's day, `words` why it was accepted; both go to the audit log.
    """
    published = folder.published(project)
    with _alone(folder, project):
        held = hold(folder, project)
        if held is not None:
            if held.version in manifests.versions(published):
                point_latest(published, held.version, back=True)
            return f"LATEST is held at {held.version} by a rollback ({held.words}); {version} is there by its name"
        point_latest(published, version)
    audit.record(folder, project, at=at, actor="nightly", action=PUBLISH, subject=version, reason=words, once=True)
    return f"published {version}"


def roll_back(
    folder: DataFolder, project: str, *, to: str | None, reason: str, who: str, at: datetime
) -> tuple[str, str]:
    """Move LATEST back to version `to`, or to the newest accepted one before it; returns where it was and is.

    Raises UserError where there is nothing to go back to, or `to` is damaged or newer than LATEST.
    """
    published = folder.published(project)
    with _alone(folder, project):
        current = manifests.latest(published)
        known = manifests.versions(published)
        if current is None:
            raise UserError("nothing is published", where=f"project {project}", do="There is nothing to roll back.")
        target = to or _before(published, current)
        if target not in known:
            what = f"there is no version '{target}'" if target else f"there is no version before {current}"
            raise UserError(
                what, where=f"project {project}", do=nearest(target or "", [v for v in known if v < current])
            )
        if target == current or _day(target) > _day(current):
            raise UserError(
                f"{target} is not before {current}, which LATEST names",
                where=f"project {project}",
                do="A rollback goes back; --release lets LATEST go forward again.",
            )
        require_not_withdrawn(published, target)
        manifests.verify(published / target, manifests.read(published / target))
        # The log first: a night that comes between finds the hold, whether LATEST has moved yet or not.
        audit.record(
            folder, project, at=at, actor=who, action=ROLLBACK, subject="LATEST", reason=reason,
            before=current, after=target,
        )  # fmt: skip
        point_latest(published, target, back=True)
    return current, target


def release(folder: DataFolder, project: str, *, reason: str, who: str, at: datetime) -> tuple[str, str]:
    """Let LATEST go forward to the newest accepted version again; returns where it was and is.

    Raises UserError where no rollback holds it.
    """
    published = folder.published(project)
    with _alone(folder, project):
        held, known = hold(folder, project), manifests.versions(published)
        if held is None:
            raise UserError("no rollback holds LATEST", where=f"project {project}", do="There is nothing to release.")
        unfit = withdrawn(published)
        newest = [v for v in manifests.accepted_versions(published).values() if v in known and v not in unfit]
        target = newest[-1] if newest else held.version
        audit.record(
            folder, project, at=at, actor=who, action=RELEASE, subject="LATEST", reason=reason,
            before=held.version, after=target,
        )  # fmt: skip
        point_latest(published, target, back=True)
    return held.version, target


def _before(folder: Path, current: str) -> str | None:
    """The newest accepted version of a day before that of `current` which is there."""
    known = set(manifests.versions(folder)) - withdrawn(folder).keys()
    days = [v for v in manifests.accepted_versions(folder).values() if v in known and _day(v) < _day(current)]
    return days[-1] if days else None


def _day(version: str) -> str:
    return version[:10]


@contextmanager
def _alone(folder: DataFolder, project: str) -> Iterator[None]:
    """Whoever moves LATEST holds that alone, not the project: taking a version back waits for no night."""
    folder.published(project).mkdir(parents=True, exist_ok=True)
    with changing(folder.latest_lock(project)):
        yield
