"""Files of JSON records, one object each, in whatever wrapping a tool gives them: lines, a list, or pages of `items`.

What the records mean is the adapters'. Here stand the opening of such files as the table `landed_rows`, and SQL for
the values in a record that several adapters share.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import Columns, file_literal, open_table, plain_text
from label_pipeline.sources.parts import payload
from label_pipeline.sources.reading import broken_schema
from label_pipeline.sources.text import json_key
from label_pipeline.sql import literal

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_RECORD = 1 << 26  # bytes of one record in a list
LARGEST_PAGE = 1 << 28  # bytes of one page of records
NO_VALUE = "NULL::JSON"


def open_records(
    con: Any, path: Path, source: Source, *, texts: Collection[str] = (), values: Collection[str] = ()
) -> tuple[Columns, pa.Table]:
    """Load a file of JSON objects as the temporary table `landed_rows`, with `landed_row` from 1.

    The file holds one object a line, or one list of objects, or pages `{"items": [...]}` of them; rows of the latter
    two count objects. Returns the union of their keys, and what is no object or gives a key twice. Only of the keys
    named is the text or the value kept.

    Raises:
        UserError: the file is empty, cut off or something else.
    """
    start = _start(path, source.encoding)
    if not re.match(r'\[|\{\s*"items"\s*:\s*\[', start):
        return open_table(con, path, source.model_copy(update={"format": "jsonl"}), texts=texts, values=values)
    with plain_text(path, source.encoding) as plain, tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines"
        con.execute(
            f"COPY ({_objects(plain, in_pages=start.startswith('{'))}) TO {literal(str(lines))} "
            "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\1', PRESERVE_ORDER false)"
        )
        if lines.stat().st_size == 0:
            con.execute("CREATE TEMP TABLE landed_rows (landed_row BIGINT)")
            return Columns({}, {}, frozenset()), broken_schema().empty_table()
        plainly = source.model_copy(update={"format": "jsonl", "encoding": "utf-8"})
        return open_table(con, lines, plainly, texts=texts, values=values)


def _start(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, errors="replace") as file:
        return file.read(1 << 16).lstrip("\ufeff \t\r\n")


def _objects(path: Path, *, in_pages: bool) -> str:
    """SQL for the objects of a list, or of the pages' lists, each as JSON in one line."""
    kind, largest = ("unstructured", LARGEST_PAGE) if in_pages else ("array", LARGEST_RECORD)
    read = (
        f"read_json_objects({file_literal(path)}, format = '{kind}', compression = 'uncompressed', "
        f"maximum_object_size = {largest})"
    )
    if not in_pages:
        return f"SELECT json_extract(json, '$')::VARCHAR FROM {read}"
    # A page of search results wraps each record once more.
    return (
        "SELECT coalesce(entry -> '$.record', entry -> '$')::VARCHAR "
        f"FROM (SELECT unnest(from_json(json -> '$.items', '[\"JSON\"]')) AS entry FROM {read})"
    )


def filled(value: str) -> str:
    """SQL for a JSON value, or null where the file says null."""
    return f"CASE WHEN json_type({value}) <> 'NULL' THEN {value} END"


def found(columns: Columns, names: Sequence[str], *holders: str) -> str:
    """SQL for the first value (JSON) of keys `names`, of the record itself or of the objects it `holders` holds."""
    places = []
    for name in names:
        places += [columns.value(name)] if name in columns else []
        places += [f"({columns.value(holder)} -> {json_key(name)})" for holder in holders if holder in columns]
    return f"coalesce({', '.join([*map(filled, places), NO_VALUE])})"


def text_in(value: str) -> str:
    """SQL for a JSON value as text: a text is what it says, anything else as it is written."""
    return f"({value} ->> '$')"


def label_in(value: str) -> str:
    """SQL for an answer's label: several choices joined by `|`, none of them `[]`, anything structured as JSON."""
    structured = f"list_filter(from_json({value}, '[\"JSON\"]'), lambda e : json_type(e) IN ('OBJECT', 'ARRAY'))"
    return (
        f"CASE WHEN json_type({value}) <> 'ARRAY' OR json_array_length({value}) = 0 OR len({structured}) > 0 "
        f"THEN {text_in(value)} ELSE array_to_string(from_json({value}, '[\"VARCHAR\"]'), '|') END"
    )


def payload_in(columns: Columns, fields: tuple[str, ...], mapping: dict[str, str], *holders: str) -> str:
    """SQL for the declared item fields as one JSON text, looked for as `found` does; what is not there is left out."""
    return payload({field: found(columns, [mapping.get(field, field)], *holders) for field in fields})
