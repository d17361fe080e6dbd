"""Toloka's assignments as TSV: one task of a suite a row.

Start and end are the suite's: their distance is divided by the suite's rows in the file. A row with any GOLDEN value
is a control task and is marked so. An active assignment holds no answer yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import Columns, open_table
from label_pipeline.sources.parts import fetch_answers, first_of
from label_pipeline.sources.reading import Reading, fetch, item_schema
from label_pipeline.sources.records import label_in
from label_pipeline.sources.text import trimmed
from label_pipeline.sources.wide import first_numbered, payload_of, text_of

STATUSES = {"approved": "submitted", "accepted": "submitted", "skipped": "skipped", "expired": "skipped"}


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one download. Raises UserError when a column that is needed is not among those that were downloaded."""
    columns, broken = open_table(con, path, source.model_copy(update={"format": "csv", "delimiter": "\t"}))

    def column(name: str) -> str:
        return text_of(f"ASSIGNMENT:{name}", columns, "the columns of the download")

    def optional(name: str) -> str:
        return column(name) if f"ASSIGNMENT:{name}" in columns else "NULL::VARCHAR"

    item = trimmed(columns.text(_column(source, columns, "item", "INPUT")))
    label = trimmed(columns.text(_column(source, columns, "label", "OUTPUT")))
    golden = [trimmed(columns.text(name)) for name in columns if name.startswith("GOLDEN:")]
    cases = " ".join(f"WHEN '{written}' THEN '{status}'" for written, status in STATUSES.items())
    mapping = {f: name for f in fields if (name := _field(source.fields.get(f, f), columns))}
    con.execute(
        f"""
        CREATE TEMP TABLE tasks AS
        SELECT *, epoch(try_cast(finished AS TIMESTAMPTZ)) - epoch(try_cast(started AS TIMESTAMPTZ)) AS seconds,
               count(*) OVER (PARTITION BY coalesce(assignment, landed_row::VARCHAR)) AS suite
        FROM (SELECT landed_row, {column("assignment_id")} AS assignment, {item} AS item_id, {label} AS label,
                     {column("worker_id")} AS worker, lower({column("status")}) AS state,
                     {first_of([*golden, "NULL::VARCHAR"])} IS NOT NULL AS golden, {optional("started")} AS started,
                     {optional("submitted")} AS finished, {optional("task_suite_id")} AS lot,
                     CASE WHEN left({label}, 1) IN ('[', '{{') THEN try_cast({label} AS JSON) END AS json,
                     {payload_of(fields, mapping, columns)} AS payload
              FROM landed_rows)
        """
    )
    answers = fetch_answers(
        con,
        "tasks WHERE state IS DISTINCT FROM 'active'",
        {
            # The item, not the task's id: a download may come without that one, and is the same answer.
            "annotation_id": "assignment || '/' || item_id",
            "item_id": "item_id",
            "annotator": "worker",
            "label": f"CASE WHEN json IS NULL THEN label ELSE {label_in('json')} END",
            "status": f"CASE state {cases} ELSE state END",
            "is_gold_check": "golden",
            "started_at": "started",
            "annotated_at": "finished",
            "duration_s": "(seconds / suite)::VARCHAR",
            "duration_source": "CASE WHEN seconds IS NULL THEN 'none' WHEN suite > 1 THEN 'suite_divided' "
            "ELSE 'accept_submit' END",
            "batch_id": "lot",
        },
    )
    return Reading(answers, fetch(con, "SELECT landed_row, item_id, payload FROM tasks", item_schema()), broken)


def _column(source: Source, columns: Columns, part: str, prefix: str) -> str:
    """The column of the item or the label: as mapped, with or without Toloka's prefix; an unmapped item is the task."""
    names: tuple[str, ...] = getattr(source, part)
    templates = [full for name in names for full in (name, f"{prefix}:{name}")]
    if part == "item" and part not in source.model_fields_set:
        templates.append("ASSIGNMENT:task_id")
    return next(iter(first_numbered(templates, columns, part).values()))


def _field(name: str, columns: Columns) -> str | None:
    """The column of an item field; with or without the prefix."""
    return next((full for full in (name, f"INPUT:{name}") if full in columns), None)
