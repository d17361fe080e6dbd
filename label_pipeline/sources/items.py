"""A landed list of items: one row an item with its declared fields, and no answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import open_table
from label_pipeline.sources.predictions import by_ending
from label_pipeline.sources.reading import Reading, answer_schema, broken_schema, fetch, item_schema
from label_pipeline.sources.text import trimmed
from label_pipeline.sources.wide import first_numbered, payload_of


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one file; the format is told by its ending. A row that names no item is set aside like a broken line."""
    import pyarrow as pa

    columns, broken = open_table(con, path, by_ending(source, path))
    item = trimmed(columns.text(next(iter(first_numbered(source.item, columns, "item").values()))))
    payload = payload_of(fields, source.fields, columns)
    named = f"SELECT landed_row, {item} AS item_id, {payload} AS payload FROM landed_rows WHERE {item} IS NOT NULL"
    nameless = f"SELECT landed_row, 'the item is empty' AS reason FROM landed_rows WHERE {item} IS NULL"
    return Reading(
        answers=answer_schema().empty_table(),
        items=fetch(con, named, item_schema()),
        broken=pa.concat_tables([broken, fetch(con, nameless, broken_schema())]),
    )
