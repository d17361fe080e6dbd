"""SQL shared by adapters that find the parts of an answer themselves: the columns in order, whole documents, payloads.

Tables with a column mapping have `wide`, lists of records `records`; opening tables and JSON lines is `landed`'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import file_literal, plain_text
from label_pipeline.sources.reading import answer_schema, fetch
from label_pipeline.sql import literal

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_DOCUMENT = 1 << 28  # bytes
_NOTHING = {"answer": "1", "status": "'submitted'", "is_gold_check": "false", "duration_source": "'none'"}


def fetch_answers(con: Any, table: str, parts: Mapping[str, str]) -> pa.Table:
    """Answers from `table` (SQL of a table with landed_row): SQL by column name; a part that is left out is empty."""
    names = [name for name in answer_schema().names if name != "landed_row"]
    columns = ", ".join(f"{parts.get(name, _NOTHING.get(name, 'NULL::VARCHAR'))} AS {name}" for name in names)
    return fetch(con, f"SELECT landed_row, {columns} FROM {table} ORDER BY landed_row, answer", answer_schema())


def load_documents(con: Any, path: Path, source: Source) -> None:
    """Table `documents` (landed_row from 1, doc) of a file with one JSON object, a list of them, or one a line.

    Raises:
        UserError: the file holds no object.
    """
    with plain_text(path, source.encoding) as plain:
        con.execute(
            "CREATE TEMP TABLE documents AS SELECT row_number() OVER () AS landed_row, json AS doc "
            f"FROM read_json_objects({file_literal(plain)}, format = 'auto', compression = 'uncompressed', "
            f"maximum_object_size = {LARGEST_DOCUMENT})"
        )
    ((whole, objects),) = con.execute(
        "SELECT count(*), count(*) FILTER (json_type(doc) = 'OBJECT') FROM documents"
    ).fetchall()
    if not whole or objects < whole:
        raise UserError("the file holds no JSON object", rule="file_unreadable", do="Land it as the tool wrote it.")


def pointer(key: str) -> str:
    """SQL for the right-hand side of `->`, for a key that stands in a column."""
    return f"('/' || replace(replace({key}, '~', '~0'), '/', '~1'))"


def first_of(values: list[str]) -> str:
    """SQL for the first of several values that is there."""
    return f"coalesce({', '.join(values)})" if values else "NULL"


def payload(values: Mapping[str, str]) -> str:
    """SQL for an item's fields as one JSON text, from SQL for the JSON value of each; absent ones are left out."""
    parts = [f"{literal(json.dumps(field) + ':')} || ({value})::VARCHAR" for field, value in values.items()]
    return f"'{{' || concat_ws(',', {', '.join(parts)}) || '}}'" if parts else "'{}'"
