"""The audit log: who did what to which subject, when and why; append-only, each entry chained to the one before.

One file of JSON lines a project. Acts of people (overrides, rollbacks, erasures) are decisions that nights read from
here; what nights themselves conclude (gold changes, exclusions of annotators, publishing) is written here once. What
an action means is its caller's. Nothing personal belongs in an entry: annotators are pseudonyms.

An erasure blanks names in old entries and keeps their place in the chain: a blanked line holds the chain that it had,
and the entry of the erasure holds the hash of what is left of it. Blanked by anybody else it is found like any change.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder

START = "0" * 64
"""What the first entry follows."""
ERASE = "erase"
"""The action of an erasure, whose `after` tells which lines it blanked: `line:hash`, with spaces between."""


@dataclass(frozen=True, slots=True)
class Act:
    """What was done: `actor` did `action` to `subject` for a `reason`; what it was `before` and is `after`, as text."""

    actor: str
    action: str
    subject: str
    reason: str
    before: str = ""
    after: str = ""

    def plain(self) -> dict[str, str]:
        """Its fields by name. Not `asdict`, which copies each: a night reads logs of thousands of acts some times."""
        return {name: getattr(self, name) for name in _ACT}


@dataclass(frozen=True, slots=True)
class Entry:
    """An act in the log: `seq` from 1, `at` in UTC, `chain` the SHA-256 of the entry and of the chain before it.

    Of a `blanked` one it is the chain of what it was before names were taken out of it.
    """

    seq: int
    at: datetime
    act: Act
    chain: str
    blanked: bool = False

    @classmethod
    def after(cls, previous: Entry | None, at: datetime, act: Act) -> Entry:
        """The entry that follows `previous`."""
        seq, chain = (previous.seq, previous.chain) if previous else (0, START)
        content = json.dumps({"seq": seq + 1, "at": at.isoformat()} | act.plain(), ensure_ascii=False, sort_keys=True)
        return cls(seq + 1, at, act, hashlib.sha256(f"{chain}\n{content}".encode()).hexdigest())

    def plain(self) -> dict[str, Any]:
        """The entry as its JSON line has it."""
        told = {"seq": self.seq, "at": self.at.isoformat()} | self.act.plain() | {"chain": self.chain}
        return told | ({"blanked": True} if self.blanked else {})

    def line(self) -> str:
        """The entry as it is written."""
        return json.dumps(self.plain(), ensure_ascii=False) + "\n"


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
    with _alone(path) as file:
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
            lines.append(last.line())
        if lines and last:
            file.write("".join(lines).encode())
            file.flush()
            os.fsync(file.fileno())
        _tell_head(path, last)


def erase(
    folder: DataFolder,
    project: str,
    change: Callable[[str], str],
    *,
    at: datetime,
    actor: str,
    subject: str,
    reason: str,
) -> int:
    """Blank what `change` takes out of the texts of old entries, and record it; returns how many lines were blanked.

    The new log takes the place of the old one at once. An erasure that the log has already, by its `subject`, is not
    recorded again.

    Raises:
        UserError: the log was changed since it was written.
    """
    path = folder.audit(project)
    with _alone(path) as file:
        file.seek(0)
        known = _parsed(_whole_lines(file.read()), path)
        if any(entry.act.action == ERASE and entry.act.subject == subject for entry in known):
            _tell_head(path, known[-1])
            return 0
        new = [_blanked(entry, change) for entry in known]
        lines = [f"{n.seq}:{_content(n)}" for n, entry in zip(new, known, strict=True) if n is not entry]
        act = Act(actor, ERASE, subject, change(reason), after=" ".join(lines))
        last = Entry.after(known[-1] if known else None, at, act)
        write_text(path, "".join(entry.line() for entry in [*new, last]))
        _tell_head(path, last)
    return len(lines)


def rebased(base: bytes, ours: bytes, theirs: bytes, drop: Callable[[Act], bool] = lambda _: False) -> bytes | None:
    """The log `theirs` with what `ours` added to `base` behind it, but for acts to `drop`; None where ours rewrote it.

    For two copies of one log that were written at the same time.
    """
    if theirs.startswith(ours):
        return theirs
    if not ours.startswith(base):
        return None
    known = _parsed_lines(theirs)
    last, lines = known[-1] if known else None, []
    for entry in _parsed_lines(ours)[len(base.splitlines()) :]:
        if not drop(entry.act):
            last = Entry.after(last, entry.at, entry.act)
            lines.append(last.line())
    return theirs + "".join(lines).encode()


def head_of(log: bytes) -> bytes:
    """What the head of a log says, as it is written."""
    entries = _parsed_lines(log)
    return (f"{entries[-1].seq} {entries[-1].chain}\n" if entries else f"0 {START}\n").encode()


def _parsed_lines(log: bytes) -> list[Entry]:
    """The entries as they stand, unproven."""
    every = [json.loads(line) for line in log.splitlines()]
    return [
        Entry(
            told["seq"],
            datetime.fromisoformat(told["at"]),
            Act(**{name: told[name] for name in _ACT}),
            told["chain"],
            bool(told.get("blanked")),
        )
        for told in every
    ]


def _blanked(entry: Entry, change: Callable[[str], str]) -> Entry:
    act = Act(**{name: change(text) for name, text in entry.act.plain().items()})
    # What an older erasure says that it blanked are hashes, and stay.
    act = replace(act, after=entry.act.after) if entry.act.action == ERASE else act
    return entry if act == entry.act else replace(entry, act=act, blanked=True)


def _content(entry: Entry) -> str:
    """What is left of a blanked entry, in 16 hexadecimal digits, as the entry of the erasure holds it."""
    return hashlib.sha256(entry.line().encode()).hexdigest()[:16]


@contextmanager
def _alone(path: Path) -> Iterator[IO[bytes]]:
    """The log, open to read and append, with nobody else writing it; goes with the process, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # While this one waited an erasure may have put another file in its place.
            if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                yield file
                return


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


def _tell_head(path: Path, last: Entry | None) -> None:
    """Let the head name the newest entry; also where a kill came between an entry and its head, and nothing is new."""
    head = _head(path)
    told = f"{last.seq} {last.chain}\n" if last else ""
    if told and (not head.is_file() or head.read_text(encoding="utf-8") != told):
        write_text(head, told)


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _parsed(content: bytes, path: Path) -> list[Entry]:
    """The entries of a log, each proven to follow the one before it, up to the newest that was written at least."""
    found: list[Entry] = []
    last: Entry | None = None
    for line, text in enumerate(content.splitlines(), start=1):
        try:
            told = json.loads(text)
            read = Entry.after(last, datetime.fromisoformat(told["at"]), Act(**{name: told[name] for name in _ACT}))
            last = replace(read, chain=str(told["chain"]), blanked=True) if told.get("blanked") else read
            whole = told == last.plain()
        except (ValueError, TypeError, KeyError):
            whole = False
        if not whole or last is None:
            raise _broken(path, line, "the entry is not the one that was written, or one before it is missing")
        found.append(last)
    head = _head(path).read_text(encoding="utf-8").split() if _head(path).is_file() else ["0", START]
    if head != ["0", START] and [e.chain for e in found[int(head[0]) - 1 : int(head[0])]] != head[1:]:
        raise _broken(path, len(found) + 1, f"entries up to {head[0]} were written, and are not there")
    erasures = [entry.act.after.split() for entry in found if entry.act.action == ERASE]
    blanked = dict(line.split(":") for lines in erasures for line in lines if ":" in line)  # the last one counts
    for entry in found:
        if entry.blanked and blanked.get(str(entry.seq)) != _content(entry):
            raise _broken(path, entry.seq, "the entry was blanked, and not so by any erasure in the log")
    return found


_ACT = tuple(field.name for field in fields(Act))


def _broken(path: Path, line: int, what: str) -> UserError:
    return UserError(
        what,
        where=f"{path.parent.name}/{path.name}:{line}",
        rule="each entry holds the hash of all before it",
        do="Restore the log from a copy; what it said cannot be made anew.",
    )
