"""Published versions where models are trained: read from the bucket's plain paths, kept on this machine.

Needs leave to read `published/PROJECT/` and nothing else. Versions never change; which one is meant, accepted or
withdrawn is asked anew each time. Nothing is proven here: whoever loads a version does.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from label_pipeline.errors import UserError, nearest
from label_pipeline.files import make_folder, replacing_folder
from label_pipeline.locks import changing
from label_pipeline.publish import manifest as manifests
from label_pipeline.remote.cache import Cache
from label_pipeline.remote.state import VERSION
from label_pipeline.remote.store import Absent, Listed, Store, at_once

TRIES = 5
SHOWN = 5
"""Accepted days that are named where another was asked for."""


def fetched(url: str, project: str, asked: str) -> tuple[Path, str]:
    """A project's published folder on this machine, with the version asked for in it; and that version's name.

    Raises:
        UserError: the project has published nothing there, or no such version.
    """
    url = url.rstrip("/")
    store, folder = Store(url), Cache.of(url).root / "published" / project
    make_folder(folder)
    with changing(folder.with_suffix(".lock")):  # another process of this machine may ask for another state
        for _ in range(TRIES):
            listed = store.listing(f"published/{project}")
            if not listed:
                raise UserError(f"project '{project}' has published nothing", where=url, do="Run the nightly job.")
            with suppress(Absent):  # taken away since the listing
                return folder, _bring(store, folder, listed, asked)
    raise UserError(f"what project '{project}' has published changes all the time", where=url, do="Try again.")


def _bring(store: Store, folder: Path, listed: dict[str, Listed], asked: str) -> str:
    """Make the notes here what they are in the bucket, and bring the version they mean."""
    place = f"published/{folder.name}/"
    versions: dict[str, list[str]] = {}
    notes = []
    for key in listed:
        if version := VERSION.fullmatch(key):
            versions.setdefault(version[1], []).append(key)
        else:
            notes.append(key)
    notes = _needed(place, notes, asked)
    _remove_gone(folder, versions, {key.removeprefix(place) for key in notes})
    for _ in at_once(lambda key: store.fetch(key, folder / key.removeprefix(place)), notes):
        pass
    name = manifests.find(folder, asked)
    whole = f"{place}{name}/{manifests.MANIFEST}" in versions.get(name, [])  # written last, taken away first
    if not whole:
        raise manifests.UnfitError(f"version {name} is not there", where=store.url, do=nearest(name, sorted(versions)))
    if not (folder / name).is_dir():
        with replacing_folder(folder / name) as new:
            files = [(key, new / key.removeprefix(f"{place}{name}/")) for key in versions[name]]
            for _ in at_once(lambda file: store.fetch(*file), files):
                pass
    return name


def _needed(place: str, notes: list[str], asked: str) -> list[str]:
    """Of all notes those that tell which version is meant and what may not be used: LATEST, withdrawn, accepted."""
    days = sorted(note for note in notes if note.startswith(f"{place}{manifests.ACCEPTED}/"))
    wanted = {f"{place}{manifests.LATEST}", f"{place}{manifests.ACCEPTED}/{asked}", *days[-SHOWN:]}
    return [note for note in notes if note in wanted or note.startswith(f"{place}withdrawn/")]


def _remove_gone(folder: Path, versions: dict[str, list[str]], notes: set[str]) -> None:
    for path in folder.iterdir():
        if path.is_dir() and manifests.NAME.fullmatch(path.name) and path.name not in versions:
            shutil.rmtree(path)
    for above in (folder, folder / manifests.ACCEPTED, folder / "withdrawn"):
        for path in above.iterdir() if above.is_dir() else ():
            if path.is_file() and path.relative_to(folder).as_posix() not in notes:
                path.unlink()
