"""Words taken out of what tells of nights: Dagster's storage and logs, reports, alerts, notes of rejected sets.

Whatever was written there is text. Files are rewritten beside and renamed; Dagster's databases are changed in place,
and what is overwritten in SQLite is overwritten on disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from label_pipeline.files import write_text
from label_pipeline.sql import identifier

Change = Callable[[str], str]
SQLITE = b"SQLite format 3\0"
TEXTS = (".html", ".json", ".jsonl", ".md", ".txt", ".out", ".err", ".log", ".yaml", ".csv", ".complete", "")
WAIT = 60.0  # seconds for a daemon or web server that writes


def texts_below(places: Iterable[Path]) -> list[Path]:
    """The text files below some folders, and those of the places that are files themselves."""
    found: list[Path] = []
    for place in places:
        below = sorted(place.rglob("*")) if place.is_dir() else [place]
        found += [path for path in below if path.is_file() and not path.is_symlink() and path.suffix in TEXTS]
    return found


def change_texts(paths: Iterable[Path], change: Change, *, dry_run: bool = False) -> int:
    """Rewrite the files that `change` changes; returns how many they are."""
    changed = 0
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # no text
        new = change(text)
        if new != text:
            changed += 1
            if not dry_run:
                write_text(path, new)
    return changed


def databases_below(folder: Path) -> list[Path]:
    """The SQLite files below a folder, Dagster's home."""

    def is_one(path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE

    return [path for path in sorted(folder.rglob("*.db")) if path.is_file() and is_one(path)]


def change_databases(paths: Iterable[Path], change: Change, *, dry_run: bool = False) -> int:
    """Change every text in SQLite files; returns how many rows were changed."""
    changed = 0
    for path in paths:
        with closing(sqlite3.connect(path, timeout=WAIT, isolation_level=None)) as con:
            con.execute("PRAGMA secure_delete = ON")
            con.execute("BEGIN IMMEDIATE")
            changed += sum(_change_table(con, name, change, dry_run=dry_run) for name in _tables(con))
            con.execute("ROLLBACK" if dry_run else "COMMIT")
            if not dry_run:
                con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed


def _tables(con: sqlite3.Connection) -> list[str]:
    return [name for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]


def _change_table(con: sqlite3.Connection, table: str, change: Change, *, dry_run: bool) -> int:
    columns = [row[1] for row in con.execute(f"PRAGMA table_info({identifier(table)})").fetchall()]
    changed = 0
    for column in columns:
        new: list[tuple[Any, int]] = []
        for rowid, value in con.execute(f"SELECT rowid, {identifier(column)} FROM {identifier(table)}"):
            if isinstance(value, str) and (text := change(value)) != value:
                new.append((text, rowid))
        if new and not dry_run:
            con.executemany(f"UPDATE {identifier(table)} SET {identifier(column)} = ? WHERE rowid = ?", new)
        changed += len(new)
    return changed
