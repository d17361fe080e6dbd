"""How this process writes Dagster's event log in SQLite; what is written there, and where, is Dagster's own."""

from __future__ import annotations

from typing import Any

from dagster._core.storage.event_log.sqlite import sqlite_event_log


def keep_engines() -> None:
    """Let Dagster's event log keep its SQLAlchemy engines: by itself it makes a new one for each event.

    An engine holds no connection here (NullPool), but the statements it has compiled. Without them a fifth of the CPU
    seconds of a small night go into compiling the same statements again. A Dagster that makes them elsewhere is left
    as it is.
    """
    theirs: Any = sqlite_event_log
    make = getattr(theirs, "create_engine", None)
    if make is None or make.__module__ == __name__:
        return
    engines: dict[str, Any] = {}

    def create_engine(url: str, **settings: Any) -> Any:
        if url not in engines:
            engines[url] = make(url, **settings)
        return engines[url]

    theirs.create_engine = create_engine
