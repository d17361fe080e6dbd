"""One writer a project: whoever writes its lake, mart and versions holds its lock, and the others wait or are refused.

The lock is the kernel's and goes with the process, however it ends: a lock file that a killed run left behind holds
nobody up. What the file says is for people. Who holds it first removes what killed ones left half written.

What takes a moment and may not wait for a night holds only what it changes (`changing`): a rollback LATEST, an act its
log, a night the page over all projects.

Locks are of files that are open to write, never of folders: network file systems share only those between machines.
In a bucket a lease is beside them (`remote.lease`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from label_pipeline import remote
from label_pipeline.clock import now
from label_pipeline.errors import UserError
from label_pipeline.files import make_folder, sweep, sweep_beside
from label_pipeline.folders import DataFolder
from label_pipeline.privacy.journal import require_none

LANDING_AGE = 86_400.0  # seconds; `land` and `pull` may be writing there, without this lock


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a project, as the lock file says: what it does, its process, its machine and when it began."""

    what: str
    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"{self.what}, process {self.pid} on {self.host}, since {self.since}"


class HeldError(UserError):
    """Somebody else writes this project now."""


@contextmanager
def alone(folder: DataFolder, project: str, what: str, *, unfinished: bool = False) -> Iterator[list[Path]]:
    """Be the only writer of a project while the body runs; yields the leftovers of killed ones that were removed.

    `unfinished` is for who goes on with an erasure or a rotation that was broken off: nobody else may write over it.

    Raises:
        HeldError: another process is; says which, where, and since when.
        UserError: something was broken off; says how to go on with it.
    """
    path = folder.lock(project)
    make_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(path)
            raise HeldError(
                f"project {project} is being written by {holder or 'another process'}",
                do="Wait for it, or end it.",
            ) from None
        _write(handle, Holder(what, os.getpid(), socket.gethostname(), f"{now().astimezone():%Y-%m-%d %H:%M:%S}"))
        try:
            with remote.held(folder, project, what) if folder.url else contextlib.nullcontext():
                if not unfinished:
                    require_none(folder, project)
                yield sweep_project(folder, project)
        finally:
            os.ftruncate(handle, 0)  # nobody's any more
    finally:
        os.close(handle)


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Hold a file, or what it stands for, while that is changed, waiting for whoever does; made where it is not there.

    It goes with the process, however that ends.
    """
    make_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def holder_of(folder: DataFolder, project: str) -> Holder | None:
    """Who writes the project now; None where nobody does, whatever a killed process left in the lock file."""
    if folder.url:
        return remote.holder(folder, project)[0]
    path = folder.lock(project)
    with contextlib.suppress(FileNotFoundError, PermissionError):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(path) or Holder("another process", 0, "?", "?")
        finally:
            os.close(handle)
    return None


def was_left(folder: DataFolder, project: str) -> Holder | None:
    """Who held the project and did not end as it should: killed, or ended by the machine."""
    if folder.url:
        return remote.holder(folder, project)[1]
    return None if holder_of(folder, project) else _read(folder.lock(project))


def sweep_project(folder: DataFolder, project: str) -> list[Path]:
    """Remove what killed writers of a project left half written; only for who holds it."""
    places = (*folder.lake.glob(f"*/project={project}"), folder.report_index(project).parent)
    left = [path for place in places for path in sweep(place)]
    left += [path for place in folder.roles.glob(f"*/{project}") for path in sweep(place)]
    left += sweep(folder.erasures(project))
    for path in (folder.mart(project), folder.alerts(project)):
        left += sweep_beside(path)
    # Here people write too, without the project's lock.
    with changing(folder.latest_lock(project)):
        left += sweep(folder.published(project))
    log = folder.audit(project)
    with changing(log) if log.exists() else contextlib.nullcontext():
        left += sweep_beside(log)
    with changing(folder.index_lock):
        left += sweep_beside(folder.report_index())
    left += sweep(folder.landing(project), older=LANDING_AGE)
    return left + _spilled()


def _spilled() -> list[Path]:
    """What killed processes of this machine spilled out of memory (`sql.connect`), removed."""
    gone = []
    for path in Path(tempfile.gettempdir()).glob("label-pipeline-*"):
        pid = re.fullmatch(r"label-pipeline-(\d+)", path.name)
        if pid and not Path(f"/proc/{pid[1]}").exists() and Path("/proc/self").exists():
            with contextlib.suppress(OSError):
                shutil.rmtree(path)
                gone.append(path)
    return gone


def _write(handle: int, holder: Holder) -> None:
    os.ftruncate(handle, 0)
    with contextlib.suppress(OSError):  # on a full disk it is held all the same: `prune` makes room
        os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
