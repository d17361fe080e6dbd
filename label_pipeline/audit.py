"""The audit log: who did what to which subject, when and why; append-only, each entry chained to the one before.

One file of JSON lines a project. Acts of people (overrides, rollbacks, erasures) are decisions that nights read from
here; what nights themselves conclude (gold changes, exclusions of annotators, publishing) is written here once. What
an action means is its caller's. Nothing personal belongs in an entry: annotators are pseudonyms.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder

START = "0" * 64
"""What the first entry follows."""


@dataclass(frozen=True, slots=True)
class Act:
    """What was done: `actor` did `action` to `subject` for a `reason`; what it was `before` and is `after`, as text."""

    actor: str
    action: str
    subject: str
    reason: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An act in the log: `seq` from 1, `at` in UTC, `chain` the SHA-256 of the entry and of the chain before it."""

    seq: int
    at: datetime
    act: Act
    chain: str

    @classmethod
    def after(cls, previous: Entry | None, at: datetime, act: Act) -> Entry:
        """The entry that follows `previous`."""
        seq, chain = (previous.seq, previous.chain) if previous else (0, START)
        content = json.dumps({"seq": seq + 1, "at": at.isoformat()} | asdict(act), ensure_ascii=False, sort_keys=True)
        return cls(seq + 1, at, act, hashlib.sha256(f"{chain}\n{content}".encode()).hexdigest())

    def plain(self) -> dict[str, Any]:
        """The entry as its JSON line has it."""
        return {"seq": self.seq, "at": self.at.isoformat()} | asdict(self.act) | {"chain": self.chain}


def record(
    folder: DataFolder,
    project: str,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    reason: str,
    before: str = "",
    after: str = "",
    once: bool = False,
) -> None:
    """Append one act; see `record_all`."""
    record_all(folder, project, [Act(actor, action, subject, reason, before, after)], at=at, once=once)


def record_all(folder: DataFolder, project: str, acts: Iterable[Act], *, at: datetime, once: bool = False) -> None:
    """Append acts in order; they are on disk when this returns. Writers wait for each other.

    With `once` an act that the log tells already, whenever it did, is left out: what a night concludes is concluded
    anew by every re-run.

    Raises:
        UserError: the log was changed since it was written; nothing is appended to it then.
    """
    path = folder.audit(project)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # goes with the process, however it ends
        file.seek(0)
        content = _whole_lines(file.read())
        file.truncate(len(content))  # a kill in the middle of a line: nobody was told that it had been written
        known = _parsed(content, path)
        told, last = {entry.act for entry in known}, known[-1] if known else None
        lines = []
        for act in acts:
            if once and act in told:
                continue
            told.add(act)
            last = Entry.after(last, at, act)
            lines.append(json.dumps(last.plain(), ensure_ascii=False) + "\n")
        if lines and last:
            file.write("".join(lines).encode())
            file.flush()
            os.fsync(file.fileno())
            write_text(_head(path), f"{last.seq} {last.chain}\n")


def entries(folder: DataFolder, project: str, action: str | None = None) -> list[Entry]:
    """All entries in order, or those of one action; none where nothing was ever recorded.

    Raises:
        UserError: names the first line that is not what was written.
    """
    path = folder.audit(project)
    found = _parsed(_whole_lines(path.read_bytes()) if path.is_file() else b"", path)
    return [entry for entry in found if action in (None, entry.act.action)]


def person() -> str:
    """Who acts at the command line: the account's name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return f"uid {os.getuid()}"


def _head(path: Path) -> Path:
    """Where the newest entry's place and hash stand, by which lines cut off at the end are missed."""
    return path.with_suffix(".head")


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _parsed(content: bytes, path: Path) -> list[Entry]:
    """The entries of a log, each proven to follow the one before it, up to the newest that was written at least."""
    found: list[Entry] = []
    last: Entry | None = None
    for line, text in enumerate(content.splitlines(), start=1):
        try:
            told = json.loads(text)
            last = Entry.after(last, datetime.fromisoformat(told["at"]), Act(**{name: told[name] for name in _ACT}))
            whole = told == last.plain()
        except (ValueError, TypeError, KeyError):
            whole = False
        if not whole or last is None:
            raise _broken(path, line, "the entry is not the one that was written, or one before it is missing")
        found.append(last)
    head = _head(path).read_text(encoding="utf-8").split() if _head(path).is_file() else ["0", START]
    if head != ["0", START] and [e.chain for e in found[int(head[0]) - 1 : int(head[0])]] != head[1:]:
        raise _broken(path, len(found) + 1, f"entries up to {head[0]} were written, and are not there")
    return found


_ACT = tuple(field.name for field in fields(Act))


def _broken(path: Path, line: int, what: str) -> UserError:
    return UserError(
        what,
        where=f"{path.parent.name}/{path.name}:{line}",
        rule="each entry holds the hash of all before it",
        do="Restore the log from a copy; what it said cannot be made anew.",
    )
