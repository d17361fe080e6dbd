"""One writer a project, across machines: a lease in the bucket, taken, renewed and given back by conditional puts.

The lease says who writes and until when; a lease that ran out, or whose process is gone from this machine, may be
taken. It only keeps writers from working in vain. That a writer who lost it changes nothing more is the manifest's: who
takes over a lease that was not given back puts its own token into it first (`Tree.refresh`).
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from label_pipeline.clock import now
from label_pipeline.errors import UserError
from label_pipeline.locks import HeldError, Holder
from label_pipeline.remote.store import Conflict, Store

SECONDS = 300.0
"""How long a lease is good for after its last renewal: a night's kernels may keep the renewing thread waiting."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a project: `machine` and `started` tell the process from others with its number; times are in UTC."""

    token: str
    what: str
    pid: int
    host: str
    machine: str
    started: str
    since: str
    until: str
    taken_over: bool = False

    @property
    def holder(self) -> Holder:
        """As people read it."""
        since = datetime.fromisoformat(self.since).astimezone()
        return Holder(self.what, self.pid, self.host, f"{since:%Y-%m-%d %H:%M:%S}")

    @property
    def lives(self) -> bool:
        """Whether it holds: it has not run out, and its process is not known to be gone."""
        gone = self.machine == _machine() and _started(self.pid) != self.started
        return not gone and now() < datetime.fromisoformat(self.until)

    def renewed(self) -> Lease:
        """The same, from now on."""
        return replace(self, until=_until())


def lease_key(project: str) -> str:
    """The object that says who holds a project."""
    return f"state/{project}/lease.json"


@contextmanager
def leased(store: Store, project: str, what: str) -> Iterator[Lease]:
    """Hold a project's lease while the body runs.

    Raises:
        HeldError: another process holds it; says which and until when.
    """
    lease, etag = _take(store, project, what)
    ended = threading.Event()
    held = [etag]

    def renew() -> None:
        nonlocal lease
        while not ended.wait(SECONDS / 5):
            try:
                renewed = lease.renewed()
                held[0] = store.swap(lease_key(project), _dump(renewed), held[0])
                lease = renewed
            except Conflict:
                return  # taken over: the commit will say so
            except UserError:
                continue  # not now; there is time left

    thread = threading.Thread(target=renew, name=f"lease of {project}", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        ended.set()
        thread.join()
        with suppress(Conflict, UserError):  # it runs out by itself
            store.swap(lease_key(project), b"{}\n", held[0])


def holders(store: Store, project: str) -> tuple[Holder | None, Holder | None]:
    """Who holds a project, and who held it and did not give it back; None for nobody."""
    lease, _ = _read(store, project)
    if lease is None:
        return None, None
    return (lease.holder, None) if lease.lives else (None, lease.holder)


def _take(store: Store, project: str, what: str) -> tuple[Lease, str]:
    me = Lease(
        token=secrets.token_hex(8),
        what=what,
        pid=os.getpid(),
        host=socket.gethostname(),
        machine=_machine(),
        started=_started(os.getpid()),
        since=now().isoformat(timespec="seconds"),
        until=_until(),
    )
    while True:
        other, etag = _read(store, project)
        if other is not None and other.lives:
            until = datetime.fromisoformat(other.until).astimezone()
            raise HeldError(
                f"project {project} is being written by {other.holder}",
                where=store.url,
                do=f"Wait for it, or end it. If it was killed, its lease ends at {until:%H:%M:%S}.",
            )
        lease = replace(me, taken_over=other is not None)
        with suppress(Conflict):
            return lease, store.swap(lease_key(project), _dump(lease), etag)


def _read(store: Store, project: str) -> tuple[Lease | None, str | None]:
    found = store.get(lease_key(project))
    if found is None:
        return None, None
    told = json.loads(found[0])
    return (Lease(**told) if told else None), found[1]


def _dump(lease: Lease) -> bytes:
    return (json.dumps(asdict(lease)) + "\n").encode()


def _until() -> str:
    return (now() + timedelta(seconds=SECONDS)).isoformat()


def _machine() -> str:
    """This machine since it was started, and on it this space of process numbers: containers have their own."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return f"{socket.gethostname()} {os.getpid()}"  # nobody is known to be gone


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks; empty where there is none."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else fields[18]
