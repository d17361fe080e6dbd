"""Atomic writes: the one place where the pipeline changes files.

A file or a folder is written beside its place under a name that starts with `.tmp-`, flushed to disk, and
renamed into place, so that a reader sees the state before or after, never between, and a kill leaves only
leftovers that `sweep` removes. Landing files are never written through here except by `land`.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from label_pipeline.clock import now

TEMPORARY = ".tmp-"


def _sync(path: Path) -> None:
    """Flush a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, and flush each new name: a file on disk in a folder that is not is lost.

    `mode` is that of what is made, less what the account's umask takes away.
    """
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode, exist_ok=True)
        _sync(folder.parent)


def _beside(path: Path) -> str:
    """How temporary names for `path` begin: they tell what they were to become, so that others' are left alone."""
    return f"{TEMPORARY}{os.fsencode(path.stem)[:100].decode(errors='ignore')}-"


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it and rename it over `path`, on error remove it.

    What is there then has `mode`, whatever the account's umask.
    """
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=_beside(path), suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    beside.unlink()  # DuckDB refuses to open an empty file as a database
    try:
        yield beside
        beside.chmod(mode)
        _sync(beside)
        os.replace(beside, path)
        _sync(path.parent)
    finally:
        beside.unlink(missing_ok=True)
        beside.with_name(f"{beside.name}.wal").unlink(missing_ok=True)  # of a database that failed


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success rename it to `path`, which takes the place of an older one.

    A folder cannot be renamed over another: an older one is moved aside first, so for the blink between the
    two renames `path` is absent. Published versions never have an older one; nothing else uses folders.
    """
    make_folder(path.parent)
    beside = Path(tempfile.mkdtemp(prefix=_beside(path), dir=path.parent))
    beside.chmod(0o755)
    try:
        yield beside
        for file in (*sorted(beside.rglob("*")), beside):
            _sync(file)
        if path.exists():
            aside = Path(tempfile.mkdtemp(prefix=_beside(path), dir=path.parent))
            os.replace(path, aside / path.name)
            try:
                os.replace(beside, path)
            except OSError:
                os.replace(aside / path.name, path)
                raise
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        else:
            os.replace(beside, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def temporary_folder(place: Path, name: str) -> Iterator[Path]:
    """Yield a new folder in `place` that is gone afterwards; a kill leaves only what `sweep` removes."""
    make_folder(place)
    folder = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY}{name}-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file atomically."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def remove_folder(path: Path) -> None:
    """Delete a folder: for readers it is gone at once, and a kill leaves only what `sweep` removes."""
    aside = path.with_name(_beside(path) + secrets.token_hex(4))  # a rename needs no room on a full disk
    os.replace(path, aside)
    _sync(path.parent)
    shutil.rmtree(aside)


def sweep(folder: Path, *, older: float = 0.0) -> list[Path]:
    """Remove what killed runs left behind below `folder`, `older` seconds ago at least; returns what was removed."""
    return _removed(folder.rglob(f"{TEMPORARY}*") if folder.is_dir() else (), older)


def sweep_beside(path: Path) -> list[Path]:
    """Remove what killed writers of one file left beside it; returns what was removed."""
    name = re.compile(re.escape(_beside(path)) + r"[a-z0-9_]{8}(\..*)?")
    return _removed(p for p in path.parent.glob(f"{TEMPORARY}*") if name.fullmatch(p.name))


def _removed(left: Iterable[Path], older: float = 0.0) -> list[Path]:
    found = []
    for path in sorted(left):
        try:
            if now().timestamp() - path.lstat().st_mtime < older:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # went with the folder it was in, or its writer took it
        found.append(path)
    return found


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
