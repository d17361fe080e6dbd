"""Every byte of a folder, decoded: where words stand in it that should stand nowhere.

Parquet and DuckDB by their values, SQLite by its rows, packed files unpacked; everything besides as the bytes it is,
file names too.
"""

from __future__ import annotations

import gzip
import sqlite3
import zipfile
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq

from label_pipeline.sql import connect, identifier


def traces(root: Path, words: Collection[str], *, but: Collection[Path] = ()) -> list[tuple[str, str]]:
    """(file, word) for each of `words` found below `root`, except in the files or folders `but`."""
    found = []
    for path in sorted(root.rglob("*")):
        if any(path == one or one in path.parents for one in but):
            continue
        name = str(path.relative_to(root))
        texts = [name, *(_texts(path) if path.is_file() and not path.is_symlink() else ())]
        found += [(name, word) for word in words if any(word in text for text in texts)]
    return found


def _texts(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    yield content.decode("latin-1")
    yield content.decode("utf-8", "replace")
    yield content.replace(b"\0", b"").decode("latin-1")  # UTF-16 of what is ASCII
    if content.startswith(b"PAR1"):
        yield from map(str, pq.read_table(path, partitioning=None).to_pylist())
    elif content[8:12] == b"DUCK":
        with connect(path, read_only=True) as con:
            for (table,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall():
                yield from map(str, con.execute(f"FROM {identifier(table)}").fetchall())
    elif content.startswith(b"SQLite format 3\0"):
        with closing(sqlite3.connect(path)) as lite:
            for (table,) in lite.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                yield from map(str, lite.execute(f"SELECT * FROM {identifier(table)}").fetchall())
    elif content.startswith(b"PK\3\4"):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                yield entry
                yield archive.read(entry).decode("latin-1")
    elif content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content).decode("latin-1")
