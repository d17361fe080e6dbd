"""What this machine has of a bucket: contents by checksum, the working copies of its processes, Dagster's storage.

`LABEL_PIPELINE_CACHE` names the folder, else it is in the account's cache. All of it but `dagster` can be deleted when
no process runs. A working copy is made of hard links to contents, so that it takes time for names and room for none.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from label_pipeline.clock import now
from label_pipeline.files import TEMPORARY, make_folder
from label_pipeline.locks import changing
from label_pipeline.remote.store import endpoint

KEPT = 7 * 86_400.0
"""Seconds for which a content that no working copy has any more is kept."""
SWEPT_EVERY = 86_400.0


@dataclass(slots=True)
class Cache:
    """The part of one bucket and prefix."""

    root: Path
    _locks: list[int] = field(default_factory=list)
    _pid: int = field(default_factory=os.getpid)

    @classmethod
    def of(cls, url: str) -> Cache:
        """The cache of a URL; other endpoints have other buckets of the same name."""
        home = os.environ.get("LABEL_PIPELINE_CACHE")
        above = Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        name = url.removeprefix("s3://").replace("/", "-")[:60]
        digest = hashlib.sha256(f"{endpoint()}\n{url}".encode()).hexdigest()[:12]
        root = (above if home else above / "label-pipeline").absolute() / f"{name}-{digest}"
        make_folder(root, 0o700)  # answers of people are in it
        return cls(root)

    def content(self, name: str) -> Path:
        """Where a content is, by its checksum."""
        return self.root / "contents" / name[:2] / name

    def new_copy(self) -> Path:
        """An empty folder for a working copy of this process; others' whose process is gone are removed."""
        copies = self.root / "copies"
        make_folder(copies)
        place = copies / secrets.token_hex(8)
        with changing(self.root / "copies.lock"):  # a new one is not locked yet, and looks like one that was left
            for left in sorted(copies.glob("*.lock")):
                _remove_left(left)
            handle = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._locks.append(handle)  # until the process ends, however it does
        place.mkdir()
        self._sweep_now_and_then()
        return place

    def remove_copy(self, place: Path) -> None:
        """A working copy is done with; only its own process takes it away."""
        if os.getpid() != self._pid:
            return
        shutil.rmtree(place, ignore_errors=True)
        place.with_suffix(".lock").unlink(missing_ok=True)
        for handle in self._locks:
            os.close(handle)
        self._locks.clear()

    def link(self, name: str, size: int, place: Path, fetch: Callable[[Path], object], *, copied: bool = False) -> None:
        """Put a content at `place`, as a link or `copied`; fetched first where it is not here."""
        content = self.content(name)
        if not content.exists() or content.stat().st_size != size:  # a power cut may have emptied it
            fetch(content)
        beside = place.with_name(f"{TEMPORARY}{place.name[:100]}-{secrets.token_hex(4)}")
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            if copied:
                shutil.copyfile(content, beside)
            else:
                os.link(content, beside)
        except FileNotFoundError:  # swept between
            fetch(content)
            shutil.copyfile(content, beside)
        except OSError:  # a file system without links, or with too many of one file
            shutil.copyfile(content, beside)
        os.replace(beside, place)

    def keep(self, name: str, place: Path) -> None:
        """A file of a working copy is a content from now on, and never changed in place."""
        content = self.content(name)
        if not content.exists():
            content.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):
                os.link(place, content)

    def forget(self, name: str) -> None:
        """A content is no longer to be on this machine, but where a working copy still has it."""
        self.content(name).unlink(missing_ok=True)

    def sweep(self, older: float = 0.0) -> None:
        """Remove contents that no working copy has and none had for `older` seconds."""
        for content in (self.root / "contents").glob("??/*"):
            with suppress(FileNotFoundError):
                about = content.stat()
                # A link made or taken away is a change of the inode.
                if about.st_nlink == 1 and now().timestamp() - about.st_ctime >= older:
                    content.unlink()

    def _sweep_now_and_then(self) -> None:
        mark = self.root / "swept"
        if not mark.exists() or now().timestamp() - mark.stat().st_mtime > SWEPT_EVERY:
            mark.touch()
            self.sweep(KEPT)


def _remove_left(lock: Path) -> None:
    """Remove a working copy whose process is gone."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # its process is just done with it
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
        lock.unlink(missing_ok=True)
    except BlockingIOError:
        pass  # at work
    finally:
        os.close(handle)
