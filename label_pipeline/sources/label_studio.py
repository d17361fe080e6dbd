"""Label Studio's JSON export: a list of tasks, each with its annotations.

The status comes from `was_cancelled`, never from an empty result; `completed_by` is a number or, expanded, an
object of which only the id is read; annotation times are `updated_at`, so that an edit is a newer version.
Several choices in one result are joined by `|`: a single-choice project has no such class and quarantines it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.project import Source
from label_pipeline.sources.reading import Reading, answer_schema, broken_schema, fetch, item_schema
from label_pipeline.sql import literal

LARGEST_TASK = 1 << 28  # bytes of one task


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one export. Raises UserError when it is not a JSON list of tasks."""
    with path.open("rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise UserError("the file is empty", rule="file_empty", do="Export it again, whole.")
    if not head.startswith(b"["):
        raise UserError(
            "the file is not a JSON list of tasks",
            rule="not_label_studio_json",
            do="Export as JSON, not JSON_MIN or CSV.",
        )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE tasks AS SELECT row_number() OVER () AS landed_row, json AS task "
        "FROM read_json_objects(?, format = 'array', maximum_object_size = ?)",
        [str(path), LARGEST_TASK],
    )
    bad = con.execute(
        "SELECT landed_row FROM tasks WHERE json_type(task) <> 'OBJECT' "
        "OR coalesce(json_type(task -> 'data'), '') <> 'OBJECT' LIMIT 1"
    ).fetchone()
    if bad:
        raise UserError(
            f"task {bad[0]} has no 'data'", rule="not_label_studio_json", do="Export as JSON, not JSON_MIN or CSV."
        )
    # A task without the item field stands for itself: its own id names the item.
    item = f"coalesce(task -> 'data' ->> {literal('$.' + source.item[0])}, task ->> '$.id')"
    return Reading(
        answers=fetch(con, _answers(item), answer_schema(), [list(source.label)]),
        items=fetch(
            con,
            f"SELECT landed_row, {item} AS item_id, {_payload(fields, source.fields)} AS payload FROM tasks",
            item_schema(),
        ),
        broken=broken_schema().empty_table(),
    )


def _answers(item: str) -> str:
    return f"""
    WITH annotations AS (
        SELECT landed_row, task, {item} AS item_id, unnest(from_json(task -> '$.annotations', '["JSON"]')) AS a,
               generate_subscripts(from_json(task -> '$.annotations', '["JSON"]'), 1) AS answer
        FROM tasks WHERE json_type(task -> '$.annotations') = 'ARRAY'
    ), results AS (
        SELECT *, list_filter(from_json(a -> '$.result', '["JSON"]'),
                              lambda r : list_contains($1, r ->> '$.from_name'))[1] -> '$.value' AS value
        FROM annotations
    )
    SELECT landed_row, answer, a ->> '$.id' AS annotation_id, item_id,
           coalesce(a ->> '$.completed_by.id', a ->> '$.completed_by') AS annotator,
           coalesce(array_to_string(from_json(value -> '$.choices', '["VARCHAR"]'), '|'), value ->> '$.rating',
                    value ->> '$.number') AS label,
           CASE WHEN (a ->> '$.was_cancelled') = 'true' THEN 'skipped' ELSE 'submitted' END AS status,
           coalesce((a ->> '$.ground_truth') = 'true', false) AS is_gold_check,
           NULL::VARCHAR AS started_at, coalesce(a ->> '$.updated_at', a ->> '$.created_at') AS annotated_at,
           a ->> '$.lead_time' AS duration_s,
           CASE WHEN (a ->> '$.lead_time') IS NULL THEN 'none' ELSE 'measured' END AS duration_source,
           task ->> '$.meta.batch_id' AS batch_id
    FROM results ORDER BY landed_row, answer
    """


def _payload(fields: tuple[str, ...], mapping: dict[str, str]) -> str:
    """Declared fields of the task's data as JSON, in the declared order; those the task lacks are left out."""
    parts = ", ".join(
        f"CASE WHEN json_exists(task -> 'data', {literal('$.' + mapping.get(f, f))}) "
        f"THEN json_object({literal(f)}, task -> 'data' -> {literal('$.' + mapping.get(f, f))}) ELSE '{{}}'::JSON END"
        for f in fields
    )
    if len(fields) == 0:
        return "'{}'"
    return f"json_merge_patch('{{}}'::JSON, {parts})::VARCHAR"
