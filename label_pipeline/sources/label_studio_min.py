"""Label Studio's JSON_MIN export, a list with one flat object an annotation; and what its CSV shares with it.

Neither says whether an annotation was skipped or is gold: skipped ones are left out by the tool, and no answer is
marked. A task nobody labelled is a row without annotation: an item, no answer. The tool writes one choice as its
bare text and anything else as JSON, so a label is read by what it looks like.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import Columns
from label_pipeline.sources.parts import fetch_answers
from label_pipeline.sources.reading import Reading, fetch, item_schema
from label_pipeline.sources.records import open_records
from label_pipeline.sources.wide import missing, payload_of, text_of

PARTS = ("id", "annotation_id", "annotator", "updated_at", "created_at", "lead_time", "batch_id")


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one export. Raises UserError when it is another kind of file or the control is not there."""
    kept = (source.fields.get(field, field) for field in fields)
    columns, broken = open_records(con, path, source, texts={*PARTS, *source.item, *source.label}, values=set(kept))
    return read_flat(con, columns, broken, source, fields)


def read_flat(con: Any, columns: Columns, broken: Any, source: Source, fields: tuple[str, ...]) -> Reading:
    """Answers and items of `landed_rows`, whose columns are the task's data, the controls and the annotation's parts.

    Raises:
        UserError: the file is the tool's JSON export, or a part is not there.
    """
    if "annotations" in columns and "annotator" not in columns:
        raise UserError("it is the JSON export", rule="not_label_studio_min", do="Set format: label_studio_json.")

    def column(name: str, *, needed: bool = False) -> str:
        return text_of(name if name in columns or needed else None, columns, "format")

    # An empty list has no columns, and nothing that could be missing.
    needed = bool(columns.texts)
    item = f"coalesce({', '.join(column(name) for name in (*source.item, 'id'))})"
    con.execute(
        f"CREATE TEMP TABLE written AS SELECT landed_row, {item} AS item_id, "
        f"{column('annotation_id', needed=needed)} AS annotation_id, "
        f"{column('annotator', needed=needed)} AS annotator, "
        f"coalesce({', '.join(column(name) for name in source.label)}) AS written, "
        f"coalesce({column('updated_at')}, {column('created_at')}) AS annotated_at, "
        f"{column('lead_time')} AS duration_s, {column('batch_id')} AS batch_id, "
        f"{payload_of(fields, source.fields, columns)} AS payload FROM landed_rows"
    )
    ((answers,),) = con.execute("SELECT count(*) FROM written WHERE annotation_id IS NOT NULL").fetchall()
    if answers and not any(name in columns for name in source.label):
        raise missing(" or ".join(f"'{name}'" for name in source.label), source.label[0], columns, "label")
    return Reading(
        answers=_answers(con),
        items=fetch(con, "SELECT landed_row, item_id, payload FROM written", item_schema()),
        broken=broken,
    )


def _answers(con: Any) -> Any:
    given = """(
        SELECT *, CASE WHEN starts_with(written, '{') OR starts_with(written, '[')
                       THEN try_cast(written AS JSON) END AS doc
        FROM written WHERE coalesce(annotation_id, annotator, written) IS NOT NULL)"""
    label = """
        CASE WHEN doc IS NULL THEN written
             WHEN json_type(doc) = 'ARRAY' AND json_array_length(doc) = 0 THEN NULL
             WHEN json_type(doc, '$.choices') = 'ARRAY'
             THEN array_to_string(from_json(doc -> '$.choices', '["VARCHAR"]'), '|')
             WHEN json_array_length(doc) = 1
             THEN coalesce(doc ->> '$[0].rating', doc ->> '$[0].number', doc ->> '$')
             ELSE doc ->> '$' END"""
    parts = {name: name for name in ("annotation_id", "item_id", "annotator", "annotated_at", "duration_s", "batch_id")}
    measured = "CASE WHEN duration_s IS NULL THEN 'none' ELSE 'measured' END"
    return fetch_answers(con, given, parts | {"label": label, "duration_source": measured})
