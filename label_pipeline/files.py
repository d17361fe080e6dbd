"""Atomic writes: the one place where the pipeline changes files.

A file or a folder is written beside its place under a name that starts with `.tmp-`, flushed to disk, and
renamed into place, so that a reader sees the state before or after, never between, and a kill leaves only
leftovers that `sweep` removes. Landing files are never written through here except by `land`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp-"


def _sync(path: Path) -> None:
    """Flush a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it and rename it over `path`, on error remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    beside.unlink()  # DuckDB refuses to open an empty file as a database
    try:
        yield beside
        beside.chmod(0o644)
        _sync(beside)
        os.replace(beside, path)
        _sync(path.parent)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success rename it to `path`, which takes the place of an older one.

    A folder cannot be renamed over another: an older one is moved aside first, so for the blink between the
    two renames `path` is absent. Published versions never have an older one; nothing else uses folders.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=path.parent))
    beside.chmod(0o755)
    try:
        yield beside
        for file in sorted(beside.rglob("*")):
            _sync(file)
        if path.exists():
            aside = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=path.parent))
            os.replace(path, aside / path.name)
            os.replace(beside, path)
            shutil.rmtree(aside)
        else:
            os.replace(beside, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file atomically."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def sweep(folder: Path) -> list[Path]:
    """Remove what killed runs left behind below `folder`; returns what was removed."""
    left = sorted(folder.rglob(f"{TEMPORARY}*")) if folder.is_dir() else []
    for path in left:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return left


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
