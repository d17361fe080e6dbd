"""DuckDB: the one place that opens connections and quotes names and values.

Values are bound (`?` or `$name`) wherever DuckDB allows it; `literal` is for the few places that take no
parameter (COPY targets, file lists). Table and column names from people always pass through `identifier`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def identifier(name: str) -> str:
    """A quoted SQL name."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A quoted SQL string."""
    return "'" + value.replace("'", "''") + "'"


def file_list(paths: Iterable[Path]) -> str:
    """A SQL list of file names, for `read_parquet` and its like."""
    return "[" + ", ".join(literal(str(p)) for p in paths) + "]"


@contextmanager
def connect(path: Path | None = None, *, read_only: bool = False) -> Iterator[Any]:
    """A DuckDB connection in UTC that reaches no network and loads no extension by itself; closed at the end."""
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    con = duckdb.connect(str(path) if path else ":memory:", read_only=read_only, config=config)
    try:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET enable_progress_bar = false")
        yield con
    finally:
        con.close()
