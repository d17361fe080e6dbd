"""Which versions there are, what each says of itself, and reading it back with proof.

A version's name ends with the hash of its manifest and the manifest holds the hash of every file, so a
folder proves that it is whole and unchanged. Writing stands in `version`. Light to import.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from label_pipeline import files
from label_pipeline.errors import UserError, nearest

FORMAT = 1
"""Raised when a reader of the old manifest would misread the new one."""

MANIFEST = "manifest.json"
LATEST = "LATEST"
LATEST_VERSION = "latest"
"""What stands for whatever version LATEST names."""

ACCEPTED = "accepted"
"""Folder beside the versions: which one was accepted on which day."""

NAME = re.compile(r"\d{4}-\d{2}-\d{2}-[0-9a-f]{8}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

Manifest = dict[str, Any]


class UnfitError(UserError):
    """There is no version to train on: none was published, it was damaged, or it does not meet what was asked."""

    unmet: tuple[str, ...] = ()
    """What was asked and is not met, each with the figure seen."""


def dump(facts: Mapping[str, Any]) -> str:
    """JSON with one spelling: sorted keys, and null where a number is missing."""
    return json.dumps(plain(facts), ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Dates, NumPy numbers and NaN as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value


def name_of(manifest: Mapping[str, Any]) -> str:
    """The version's name: the day and the first 8 hex digits of the SHA-256 of the manifest without its name."""
    content = {key: value for key, value in manifest.items() if key != "version"}
    return f"{content['day']}-{hashlib.sha256(dump(content).encode()).hexdigest()[:8]}"


def versions(folder: Path) -> list[str]:
    """The complete versions below a project's published folder, oldest day first."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if NAME.fullmatch(path.name))


def latest(folder: Path) -> str | None:
    """The version that LATEST points at, or None when nothing was published yet."""
    pointer = folder / LATEST
    name = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else ""
    return name if NAME.fullmatch(name) else None


def accepted_versions(folder: Path, until: date = date.max) -> dict[date, str]:
    """The accepted version of every day up to `until`, in order of days; a stopped day has none."""
    notes = sorted(p for p in (folder / ACCEPTED).glob("????-??-??") if p.name <= str(until))
    return {date.fromisoformat(p.name): p.read_text(encoding="utf-8").strip() for p in notes}


def find(folder: Path, asked: str) -> str:
    """The name of the version a person means: `latest`, a day like 2026-10-05, or a name, which may not be there.

    Raises UnfitError where LATEST names none or the day has none, and UserError where it is nothing of these.
    """
    if asked == LATEST_VERSION:
        newest = latest(folder)
        if newest is None:
            raise UnfitError(
                "no night was good enough to publish yet",
                where=str(folder / LATEST),
                do="See the newest file in rejected/ for what failed, or name a version.",
            )
        return newest
    if _DAY.fullmatch(asked):
        accepted = {str(day): name for day, name in accepted_versions(folder).items()}
        if asked not in accepted:
            known = f"Accepted days: {', '.join([*accepted][-5:])}." if accepted else ""
            raise UnfitError(f"no version of {asked} was accepted", where=str(folder), do=known)
        return accepted[asked]
    if not NAME.fullmatch(asked):
        raise UserError(
            f"'{asked}' is not a version", where=str(folder), do=nearest(asked, [LATEST_VERSION, *versions(folder)])
        )
    return asked


def read(path: Path) -> Manifest:
    """The manifest of the version in `path`, proven to be the one its folder is named after.

    Raises UnfitError when it is missing, is no manifest of a format this code reads, was changed, or belongs to
    another version.
    """
    file = path / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        named = (manifest["format"], manifest["version"], name_of(manifest))
    except FileNotFoundError:
        raise UnfitError(f"version {path.name} is not there", where=str(path), do=_others(path)) from None
    except (ValueError, KeyError, TypeError):
        raise UnfitError("the manifest cannot be read", where=str(file), do=_REBUILD) from None
    if named[0] != FORMAT:
        raise UnfitError(
            f"the manifest has format {named[0]}, this code reads {FORMAT}",
            where=str(file),
            do="Update label-pipeline.",
        )
    if {named[1], named[2]} != {path.name}:
        raise UnfitError(
            f"the manifest says {named[1]}, its content is {named[2]}",
            where=str(file),
            rule="a version is named after its manifest's content",
            do=_REBUILD,
        )
    return dict(manifest)


_REBUILD = "The version was changed after it was published: use another, or delete its folder and run its day again."


def _others(path: Path) -> str:
    known = versions(path.parent)
    return nearest(path.name, known) if known else "Nothing is published yet: run the nightly job."


def verify(path: Path, manifest: Manifest) -> None:
    """Hash every file of the version in `path`; raises UnfitError naming the first that is missing or changed."""
    for name, facts in manifest["files"].items():
        file = path / name
        if not file.is_file():
            raise UnfitError("the file is missing", where=str(file), do=_REBUILD)
        if file.stat().st_size != facts["bytes"] or files.sha256(file) != facts["sha256"]:
            raise UnfitError("the file is not the one that was published", where=str(file), rule="sha256", do=_REBUILD)
