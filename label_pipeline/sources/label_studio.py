"""Label Studio's JSON export: a list of tasks, each with its annotations.

The status comes from `was_cancelled`, never from an empty result; `completed_by` is a number or, expanded, an
object of which only the id is read; annotation times are `updated_at`, so that an edit is a newer version.
`deleted_at`, which `pull` adds, tells what the tool no longer has.
Several choices in one result are joined by `|`: a single-choice project has no such class and quarantines it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import file_literal, plain_text
from label_pipeline.sources.reading import Reading, broken_schema
from label_pipeline.sources.text import json_key
from label_pipeline.sql import literal

LARGEST_TASK = 1 << 26  # bytes of one task; the reader holds several times as much


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one export. Raises UserError when it is not a JSON list of tasks."""
    # A task without the item field stands for itself: its own id names the item.
    item = f"coalesce({', '.join(f'(data ->> {json_key(name)})' for name in source.item)}, number)"
    with plain_text(path, source.encoding) as plain:
        _load(con, plain, item, _payload(fields, source.fields))
    con.execute(f"CREATE TEMP TABLE tasks_answers AS {_answers()}", [list(source.label)])
    return Reading(
        answers="FROM tasks_answers",
        items="SELECT rowid + 1 AS landed_row, item_id, payload FROM tasks",
        broken=broken_schema().empty_table(),
    )


def _load(con: Any, path: Path, item: str, payload: str) -> None:
    """Table `tasks`: the parts that are read, one row a task, in order. Raises UserError for another kind of file.

    Of a task's data, which may be most of a large file, only the `item` and the `payload` (SQL) are held.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise UserError("the file is empty", rule="file_empty", do="Export it again, whole.")
    if not head.startswith(b"["):
        raise _other("the file is not a JSON list of tasks")
    con.execute(
        f"CREATE TEMP TABLE tasks AS SELECT {item} AS item_id, {payload} AS payload, annotations, batch_id, "
        "json_type(data) AS data_type, json_type(annotations) AS annotations_type FROM ("
        "SELECT json ->> '$.id' AS number, json -> '$.data' AS data, json -> '$.annotations' AS annotations, "
        "json ->> '$.meta.batch_id' AS batch_id "
        f"FROM read_json_objects({file_literal(path)}, format = 'array', compression = 'uncompressed', "
        f"maximum_object_size = {LARGEST_TASK}))"
    )
    for part, kinds in (("data", ("OBJECT",)), ("annotations", ("ARRAY", "NULL", ""))):
        query = f"SELECT min(rowid) + 1 FROM tasks WHERE NOT list_contains(?, coalesce({part}_type, ''))"
        ((odd,),) = con.execute(query, [kinds]).fetchall()
        if odd is not None:
            raise _other(f"task {odd} has no '{part}' as the tool writes it")


def _other(words: str) -> UserError:
    return UserError(words, rule="not_label_studio_json", do="Export as JSON, not JSON_MIN or CSV.")


def _answers() -> str:
    return """
    WITH annotations AS (
        SELECT rowid + 1 AS landed_row, batch_id, item_id, unnest(from_json(annotations, '["JSON"]')) AS a,
               generate_subscripts(from_json(annotations, '["JSON"]'), 1) AS answer
        FROM tasks WHERE annotations_type = 'ARRAY'
    ), results AS (
        SELECT *, list_filter(from_json(a -> '$.result', '["JSON"]'),
                              lambda r : list_contains($1, r ->> '$.from_name'))[1] -> '$.value' AS value
        FROM annotations
    )
    SELECT landed_row, answer, a ->> '$.id' AS annotation_id, item_id,
           CASE json_type(a, '$.completed_by') WHEN 'OBJECT' THEN a ->> '$.completed_by.id'
                ELSE a ->> '$.completed_by' END AS annotator,
           coalesce(array_to_string(from_json(value -> '$.choices', '["VARCHAR"]'), '|'), value ->> '$.rating',
                    value ->> '$.number') AS label,
           CASE WHEN (a ->> '$.deleted_at') IS NOT NULL THEN 'deleted'
                WHEN (a ->> '$.was_cancelled') = 'true' THEN 'skipped' ELSE 'submitted' END AS status,
           coalesce((a ->> '$.ground_truth') = 'true', false) AS is_gold_check,
           NULL::VARCHAR AS started_at,
           coalesce(a ->> '$.deleted_at', a ->> '$.updated_at', a ->> '$.created_at') AS annotated_at,
           a ->> '$.lead_time' AS duration_s,
           CASE WHEN (a ->> '$.lead_time') IS NULL THEN 'none' ELSE 'measured' END AS duration_source,
           batch_id
    FROM results ORDER BY landed_row, answer
    """


def _payload(fields: tuple[str, ...], mapping: dict[str, str]) -> str:
    """Declared fields of the task's data as JSON, in the declared order; those the task lacks are left out."""
    parts = []
    for field in fields:
        key = json_key(mapping.get(field, field))
        name = literal(json.dumps(field) + ":")
        parts.append(f"CASE WHEN json_exists(data, {key}) THEN {name} || (data -> {key})::VARCHAR END")
    return f"'{{' || concat_ws(',', {', '.join(parts)}) || '}}'" if parts else "'{}'"
