"""DuckDB: the one place that opens connections and quotes names and values.

Values are bound (`?` or `$name`) wherever DuckDB allows it; `literal` is for the few places that take no
parameter (COPY targets, file lists). Table and column names from people always pass through `identifier`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
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
    """A DuckDB connection in UTC that reaches no network and loads no extension by itself; closed at the end.

    Without a path it is a connection of its own to the process's one in-memory database: what it makes must be
    TEMP, and then nobody else sees it. Opening a database of its own would cost ten times as much.
    """
    import duckdb

    con = duckdb.connect(str(path), read_only=read_only, config=CONFIG) if path else _memory().cursor()
    try:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET enable_progress_bar = false")
        yield con
    finally:
        con.close()


@contextmanager
def scratch(con: Any) -> Iterator[None]:
    """What is made as TEMP on a connection within the block is gone after it."""
    listed = (
        "SELECT 'VIEW', view_name FROM duckdb_views() WHERE temporary AND NOT internal "
        "UNION ALL SELECT 'TABLE', table_name FROM duckdb_tables() WHERE temporary"
    )
    before = set(con.execute(listed).fetchall())
    try:
        yield
    finally:
        for kind, name in con.execute(listed).fetchall():
            if (kind, name) not in before:
                con.execute(f"DROP {kind} {identifier(name)}")


# What the in-memory database may hold, in MiB, and more for each core, as each reads into buffers of its own. What does
# not fit goes to the temporary folder.
MEMORY, MEMORY_PER_CORE = 1000, 250
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@lru_cache(maxsize=1)
def _memory() -> Any:
    import duckdb

    spilled = Path(tempfile.gettempdir()) / f"label-pipeline-{os.getpid()}"
    limit = f"{MEMORY + MEMORY_PER_CORE * (os.cpu_count() or 1)}MiB"
    return duckdb.connect(":memory:", config=CONFIG | {"memory_limit": limit, "temp_directory": str(spilled)})
