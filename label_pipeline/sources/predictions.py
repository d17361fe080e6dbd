"""A landed table of class probabilities: the item, and one column a class named like the class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import open_table
from label_pipeline.sources.reading import Reading, answer_schema, item_schema
from label_pipeline.sources.wide import first_numbered


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one file; the format is told by its ending."""
    columns, broken = open_table(con, path, by_ending(source, path))
    item = next(iter(first_numbered(source.item, columns, "item").values()))
    others = [name for name in columns if name != item]
    numbers = "".join(f", try_cast({columns.text(name)} AS DOUBLE) AS n{k}" for k, name in enumerate(others))
    probabilities = con.sql(
        f"SELECT landed_row, {columns.text(item)} AS item_id{numbers} FROM landed_rows ORDER BY landed_row"
    ).to_arrow_table()
    named = probabilities.rename_columns(["landed_row", "item_id", *others])
    return Reading(answer_schema().empty_table(), item_schema().empty_table(), broken, named)


def by_ending(source: Source, path: Path) -> Source:
    """The source as one of the plain table that the file's ending tells: Parquet, JSON lines, else CSV."""
    endings = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    return source.model_copy(update={"format": endings.get(path.suffix.lower(), "csv")})
