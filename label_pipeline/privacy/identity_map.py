"""The re-identification map: which login each pseudonym stands for. The privacy role's file, and nobody else's.

It lies outside the data folder and no night reads it: nights add the logins they meet, and a deliberate look-up finds
them. One SQLite file for all projects, so that nights that end at once lose nothing; what is deleted is overwritten.
A login keeps a row for each pseudonym it has had, so that what old audit entries name can still be told.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from label_pipeline.errors import UserError
from label_pipeline.privacy.persons import Met
from label_pipeline.privacy.pseudonyms import key_file

if TYPE_CHECKING:
    import sqlite3

OFF = "off"
WAIT = 60.0  # seconds for another night that writes
COLUMNS = "project, source, identity, login, annotator_id, key, first_day"
TABLE = """
    CREATE TABLE IF NOT EXISTS met (
        project TEXT, source TEXT, identity TEXT, login TEXT, annotator_id TEXT, key TEXT, first_day TEXT,
        PRIMARY KEY (project, source, identity, login, annotator_id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS met_login ON met (login);
    CREATE INDEX IF NOT EXISTS met_annotator ON met (annotator_id);
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A login of a project, under one key, since the landing day on which it was first met."""

    project: str
    met: Met
    key: str
    first_day: date


def map_file() -> Path | None:
    """Where the map is: in the folder `LABEL_PIPELINE_MAP`, else in `map` beside the key; None where it is `off`."""
    asked = os.environ.get("LABEL_PIPELINE_MAP")
    if asked == OFF:
        return None
    return (Path(asked) if asked else key_file().parent / "map") / "people.sqlite"


def remember(project: str, day: date, key: str, met: Iterable[Met]) -> None:
    """Add the logins that were met and are not there yet; they are on disk when this returns. Writers wait.

    Raises:
        UserError: others may read the map.
    """
    path = map_file()
    rows = [(project, m.source, m.identity, m.login, m.annotator_id, key, day.isoformat()) for m in met]
    if path is None or not rows:
        return
    _make(path)
    with _opened(path) as con:
        con.executemany(f"INSERT OR IGNORE INTO met ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def known(project: str, *, pseudonym: str | None = None, identity: str | None = None) -> list[Known]:
    """What the map tells of a project: all logins, or those that a pseudonym, old or new, or an identity stands for.

    A pseudonym of a person finds all logins of the person, each under every pseudonym it has had.

    Raises:
        UserError: others may read the map.
    """
    path = map_file()
    if path is None or not path.is_file():
        return []
    asked, values = "project = ?", [project]
    if pseudonym is not None:
        asked += " AND (source, identity) IN (SELECT source, identity FROM met WHERE project = ?"
        asked += " AND (login = ? OR annotator_id = ?))"
        values += [project, pseudonym, pseudonym]
    if identity is not None:
        asked += " AND identity = ?"
        values.append(identity)
    with _opened(path) as con:
        rows = con.execute(f"SELECT {COLUMNS} FROM met WHERE {asked} ORDER BY source, identity, first_day, key", values)
        return [Known(p, Met(s, i, login, who), key, date.fromisoformat(day)) for p, s, i, login, who, key, day in rows]


def forget(project: str, logins: Iterable[tuple[str, str]]) -> int:
    """Delete the (source, identity) of a project, under every pseudonym; returns how many rows went."""
    path = map_file()
    if path is None or not path.is_file():
        return 0
    with _opened(path) as con:
        found = con.executemany(
            "DELETE FROM met WHERE project = ? AND source = ? AND identity = ?", [(project, s, i) for s, i in logins]
        )
        return max(found.rowcount, 0)


def _make(path: Path) -> None:
    """The folder and the empty file, for this account alone from the first moment."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The map in one transaction, which other writers wait for."""
    import sqlite3

    require_closed(path)
    with closing(sqlite3.connect(path, timeout=WAIT, isolation_level=None)) as con:
        con.execute("PRAGMA secure_delete = ON")
        con.execute("PRAGMA synchronous = FULL")
        con.execute("BEGIN IMMEDIATE")
        for statement in TABLE.split(";"):
            con.execute(statement)
        try:
            yield con
        except BaseException:
            con.execute("ROLLBACK")
            raise
        con.execute("COMMIT")


def require_closed(path: Path) -> None:
    """Refuse a map that others than this account may read.

    Raises:
        UserError: says what to run.
    """
    for place, mode in ((path.parent, "700"), (path, "600")):
        if place.stat().st_mode & 0o077:
            words = "others may read the re-identification map"
            raise UserError(words, where=place.name, do=f"Run: chmod {mode} {place}")
