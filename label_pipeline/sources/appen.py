"""Appen (CrowdFlower, Figure Eight): the full report, one judgment a row.

`_created_at` is when the judgment was submitted. A tainted judgment is kept as rejected and is no vote. Rows that one
worker began and sent off at the same moments stood on one page, and share its time. Where somebody was (address, city,
region, country) is never read, not even when it is declared as a field.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import open_table
from label_pipeline.sources.parts import fetch_answers
from label_pipeline.sources.reading import Reading, fetch, item_schema
from label_pipeline.sources.text import trimmed
from label_pipeline.sources.wide import first_numbered, payload_of, text_of

PLACES = frozenset({"_ip", "_city", "_region", "_country"})
# Two digits of a year first: four would take `15` for the year 15.
TIMES = ("%m/%d/%y %H:%M:%S", "%m/%d/%y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M")


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one full report. Raises UserError when it is another report or a mapped column is not there."""
    columns, broken = open_table(con, path, source.model_copy(update={"format": "csv"}))
    if "_worker_id" not in columns:
        raise UserError(
            "column '_worker_id' is missing",
            rule="column_missing",
            do="Download the full report: the aggregated one does not say who answered.",
        )

    def column(name: str) -> str:
        return text_of(name, columns, "the report's options")

    def time(name: str) -> str:
        """ISO 8601 for the month first that reports write; anything else as it is."""
        return f"coalesce(strftime(try_strptime({column(name)}, {list(TIMES)}), '%Y-%m-%d %H:%M:%S'), {column(name)})"

    def flag(name: str) -> str:
        return f"lower({column(name)}) = 'true'" if name in columns else "false"

    names = source.item if "item" in source.model_fields_set else (*source.item, "_unit_id")
    item = trimmed(columns.text(next(iter(first_numbered(names, columns, "item").values()))))
    label = trimmed(columns.text(next(iter(first_numbered(source.label, columns, "label").values()))))
    started = time("_started_at") if "_started_at" in columns else "NULL::VARCHAR"
    kept = tuple(field for field in fields if source.fields.get(field, field) not in PLACES)
    con.execute(
        f"""
        CREATE TEMP TABLE judgments AS
        SELECT *, epoch(try_cast(finished AS TIMESTAMPTZ)) - epoch(try_cast(started AS TIMESTAMPTZ)) AS seconds,
               count(*) OVER (PARTITION BY worker, started, finished) AS page
        FROM (SELECT landed_row, {column("_id")} AS id, {item} AS item_id, {column("_worker_id")} AS worker,
                     regexp_replace({label}, '\\s*\\n\\s*', '|', 'g') AS label, {started} AS started,
                     {time("_created_at")} AS finished, coalesce({flag("_golden")}, false) AS golden,
                     coalesce({flag("_tainted")}, false) AS tainted,
                     {payload_of(kept, source.fields, columns)} AS payload
              FROM landed_rows)
        """
    )
    answers = fetch_answers(
        con,
        "judgments",
        {
            "annotation_id": "id",
            "item_id": "item_id",
            "annotator": "worker",
            "label": "label",
            "status": "CASE WHEN tainted THEN 'rejected' ELSE 'submitted' END",
            "is_gold_check": "golden",
            "started_at": "started",
            "annotated_at": "finished",
            "duration_s": "(seconds / page)::VARCHAR",
            "duration_source": "CASE WHEN seconds IS NULL THEN 'none' WHEN page > 1 THEN 'suite_divided' "
            "ELSE 'accept_submit' END",
        },
    )
    return Reading(answers, fetch(con, "SELECT landed_row, item_id, payload FROM judgments", item_schema()), broken)
