"""What people and vendors put into the bucket: project files and landing, at plain paths, object by object.

An object appears whole, so a file that is still on its way is not there. Landed files are created, never written over;
what erasures and retention change of them they change here too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from label_pipeline.errors import UserError
from label_pipeline.files import TEMPORARY
from label_pipeline.remote.cache import Cache
from label_pipeline.remote.store import Absent, Conflict, Store, at_once

Mark = tuple[int, int, int]
"""Inode, bytes and time of the last change of a file: equal means that nobody wrote it."""


def mark_of(path: Path) -> Mark:
    """By what a file is known to be unchanged."""
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns


@dataclass(slots=True)
class Inputs:
    """The inputs of one working copy, each with the ETag of the object that it is and its mark."""

    store: Store
    cache: Cache
    root: Path
    _known: dict[str, tuple[str, Mark]] = field(default_factory=dict)

    def bring(self, below: str) -> None:
        """Make what is below a path here what it is in the bucket; own changes that were not put go."""
        listed = self.store.listing(below)
        above = {parent.as_posix() for key in listed for parent in Path(key).parents}
        for key in [k for k, told in listed.items() if told.size == 0 and k in above]:
            del listed[key]  # how consoles mark a folder
        for path in [p for p in self._below(below) if p not in listed]:
            (self.root / path).unlink()
            self._known.pop(path, None)
        changed = [
            key
            for key, told in listed.items()
            if key not in self._known
            or self._known[key][0] != told.etag
            or not (self.root / key).is_file()
            or mark_of(self.root / key) != self._known[key][1]
        ]
        for key, known in at_once(lambda k: (k, self._link(k, listed[k].etag, listed[k].size)), changed):
            if known:
                self._known[key] = known

    def _link(self, key: str, etag: str, size: int) -> tuple[str, Mark] | None:
        place = self.root / key
        try:
            self.cache.link(_name(key, etag, size), size, place, lambda content: self.store.fetch(key, content))
        except Absent:
            return None  # taken away since the listing
        except OSError as error:
            raise UserError(
                f"the object cannot be a file here: {error.strerror}",
                where=f"{self.store.url}/{key}",
                do="Rename it: no name may be longer than 255 bytes, or be that of a file and of a folder.",
            ) from error
        return etag, mark_of(place)

    def _below(self, below: str) -> list[str]:
        return [
            path.relative_to(self.root).as_posix()
            for path in (self.root / below).rglob("*")
            if path.is_file() and not path.name.startswith(TEMPORARY)
        ]

    def changed(self, places: Iterable[str]) -> tuple[list[str], list[str]]:
        """The paths that were written here since, and those that were taken away."""
        here = {path: mark_of(self.root / path) for place in places for path in self._below(place)}
        written = [path for path, mark in here.items() if path not in self._known or self._known[path][1] != mark]
        tops = tuple(f"{place}/" for place in places)
        return sorted(written), sorted(p for p in self._known if p.startswith(tops) and p not in here)

    def put(self, paths: Sequence[str]) -> None:
        """Put what was written here into the bucket.

        Raises:
            UserError: another file of that name landed there meanwhile; it stays.
        """
        for path, known in at_once(lambda p: (p, self._put(p)), paths):
            self._known[path] = known

    def _put(self, path: str) -> tuple[str, Mark]:
        place = self.root / path
        mark = mark_of(place)
        if path in self._known:
            self._forget(path)
            return self.store.put(path, place), mark
        try:
            return self.store.create(path, place), mark
        except Conflict:
            raise UserError(
                "another file of that name is in the bucket",
                where=f"{self.store.url}/{path}",
                rule="landing files are never changed",
                do="Rename yours; it was not put there.",
            ) from None

    def delete(self, paths: Sequence[str]) -> None:
        """Take from the bucket what was taken away here."""
        self.store.delete(paths)
        for path in paths:
            self._forget(path)
            del self._known[path]

    def _forget(self, path: str) -> None:
        """What was erased is not to stay on this machine."""
        etag, (_, size, _) = self._known[path]
        self.cache.forget(_name(path, etag, size))


def _name(key: str, etag: str, size: int) -> str:
    return hashlib.sha256(f"{key}\n{etag}\n{size}".encode()).hexdigest()
