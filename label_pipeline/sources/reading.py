"""What every adapter hands back.

Answers come as text, nearly as written: an adapter finds the answers of a file and names their parts;
cleaning and judging them happens once, for all formats, in `ingest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Reading:
    """A landed file's content.

    `answers` has one row an answer slot (columns of `answer_schema`); `items` one row an item seen, with its
    declared fields as JSON; `broken` one row a line that could not be read at all (landed_row, reason);
    `predictions` a model's class probabilities, for formats that carry them.

    Answers and items are tables, or SQL over what the adapter has loaded into its connection: rows of a large file are
    then never copied. Such SQL must not be able to fail: what a file may do wrong, it does while it is loaded.
    """

    answers: pa.Table | str
    items: pa.Table | str
    broken: pa.Table
    predictions: pa.Table | None = None


@lru_cache(maxsize=1)
def answer_schema() -> pa.Schema:
    """Columns of `Reading.answers`: all text but the places and the gold mark."""
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            ("landed_row", pa.int64()),
            ("answer", pa.int64()),
            ("annotation_id", text),
            ("item_id", text),
            ("annotator", text),
            ("label", text),
            ("status", text),
            ("is_gold_check", pa.bool_()),
            ("started_at", text),
            ("annotated_at", text),
            ("duration_s", text),
            ("duration_source", text),
            ("batch_id", text),
        ]
    )


@lru_cache(maxsize=1)
def item_schema() -> pa.Schema:
    """Columns of `Reading.items`."""
    import pyarrow as pa

    return pa.schema([("landed_row", pa.int64()), ("item_id", pa.string()), ("payload", pa.string())])


@lru_cache(maxsize=1)
def broken_schema() -> pa.Schema:
    """Columns of `Reading.broken`."""
    import pyarrow as pa

    return pa.schema([("landed_row", pa.int64()), ("reason", pa.string())])


def fetch(con: Any, query: str, schema: pa.Schema, parameters: Sequence[Any] = ()) -> pa.Table:
    """Run a query and return its rows as an Arrow table of `schema`."""
    table: pa.Table = con.sql(query, params=list(parameters)).to_arrow_table()
    return table.select(schema.names).cast(schema)


def make_view(con: Any, name: str, rows: pa.Table | str, schema: pa.Schema) -> None:
    """The temporary view `name` of a reading's answers or items, with the columns and types of `schema`."""
    if isinstance(rows, str):
        kinds = {"int64": "BIGINT", "string": "VARCHAR", "bool": "BOOLEAN"}
        columns = ", ".join(f"{field.name}::{kinds[str(field.type)]} AS {field.name}" for field in schema)
        con.execute(f"CREATE TEMP VIEW {name} AS SELECT {columns} FROM ({rows})")
    else:
        con.register(name, rows)


def with_file(table: pa.Table, name: str) -> pa.Table:
    """A reading's rows with the column `landed_file`."""
    import pyarrow as pa

    return table.append_column("landed_file", pa.repeat(pa.scalar(name, pa.string()), len(table)))
