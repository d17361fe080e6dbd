"""What Dagster has stored of runs, changed: its databases, SQLite or one that is shared, and the logs of steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from label_pipeline.privacy.storage import Change, change_databases, change_texts, databases_below, texts_below


def change_stored(home: Path, data: Path, change: Change) -> dict[str, int]:
    """Change every text in the storage of Dagster's `home` and in its folder `data`; returns rows and files changed."""
    places = [place for place in (home / "storage", home / "logs", home / "history", data) if place.is_dir()]
    rows = change_databases({path for place in (*places, home) for path in databases_below(place)}, change)
    files = change_texts(sorted(set(texts_below(places))), change)
    return {"rows": rows + _change_shared(home, change), "files": files}


def _change_shared(home: Path, change: Change) -> int:
    """The same in a database that several machines share; 0 where the storage is SQLite."""
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
    from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

    if not (home / "dagster.yaml").is_file():
        return 0
    with dg.DagsterInstance.from_config(str(home)) as instance:
        storage = instance.event_log_storage
        if isinstance(storage, SqliteEventLogStorage) or not isinstance(storage, SqlEventLogStorage):
            return 0
        with storage.index_connection() as con:
            return _change_tables(con, change)


def _change_tables(con: Any, change: Change) -> int:
    import sqlalchemy as db

    changed = 0
    for name in db.inspect(con).get_table_names():
        table = db.Table(name, db.MetaData(), autoload_with=con)
        keys = list(table.primary_key.columns)
        texts = [c for c in table.columns if isinstance(c.type, db.Text | db.String) and c not in keys]
        for row in con.execute(db.select(*keys, *texts)).mappings().all() if keys and texts else []:
            new = {c.name: change(row[c.name]) for c in texts if row[c.name] is not None}
            new = {column: text for column, text in new.items() if text != row[column]}
            if new:
                con.execute(db.update(table).where(*(key == row[key.name] for key in keys)).values(new))
                changed += 1
    return changed
