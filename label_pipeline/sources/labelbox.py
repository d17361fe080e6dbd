"""Labelbox's export (NDJSON v2): one data row a line, with the labels of every project it is in.

The item is the global key, else the data row's id; an external id is a file name that several data rows may share.
The person is an e-mail address and leaves as a pseudonym like any other. Times are of the content: a review moves
`updated_at`, and is no new answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import open_table
from label_pipeline.sources.parts import fetch_answers, first_of, payload, pointer
from label_pipeline.sources.reading import Reading, fetch, item_schema
from label_pipeline.sources.records import label_in
from label_pipeline.sources.text import json_key
from label_pipeline.sql import literal


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one export. Raises UserError when it is another file, or was made without what says who labelled."""
    columns, broken = open_table(con, path, source.model_copy(update={"format": "jsonl"}))
    for name in ("data_row", "projects"):
        if name not in columns:
            raise UserError(
                f"no line has '{name}'", rule="column_missing", do="Land the NDJSON of export version 2 as it is."
            )
    item = first_of([f"row ->> {json_key(name)}" for name in (*source.item, "global_key", "id")])
    con.execute(
        f"CREATE TEMP TABLE rows AS SELECT *, {item} AS item_id FROM (SELECT landed_row, "
        f"{columns.value('data_row')} AS row, {columns.value('projects')} AS projects, "
        f"{columns.value('metadata_fields') if 'metadata_fields' in columns else 'NULL::JSON'} AS metadata "
        "FROM landed_rows)"
    )
    _load_labels(con)
    kept = payload({field: _field(source.fields.get(field, field)) for field in fields})
    return Reading(
        answers=_answers(con, source),
        items=fetch(con, f"SELECT landed_row, item_id, {kept} AS payload FROM rows", item_schema()),
        broken=broken,
    )


def _field(name: str) -> str:
    """SQL for the JSON value of an item field: a key of the data row, else a metadata field of that name."""
    named = f"list_filter(from_json(metadata, '[\"JSON\"]'), lambda m : (m ->> '$.schema_name') = {literal(name)})[1]"
    return f"coalesce(row -> {json_key(name)}, {named} -> '$.value')"


def _load_labels(con: Any) -> None:
    """Table `labels`: landed_row, answer, item_id, l (a label's JSON), reference (of its benchmark), batch_id.

    Raises:
        UserError: there are labels, and none says who made it.
    """
    con.execute(
        f"""
        CREATE TEMP TABLE labels AS
        SELECT landed_row, row_number() OVER (PARTITION BY landed_row ORDER BY project_turn, turn) AS answer, item_id,
               l, coalesce(l ->> '$.benchmark_reference_label', l ->> '$.performance_details.benchmark_reference_label')
                   AS reference, batch_id
        FROM (
            SELECT landed_row, item_id, project_turn, unnest(from_json(project -> '$.labels', '["JSON"]')) AS l,
                   generate_subscripts(from_json(project -> '$.labels', '["JSON"]'), 1) AS turn,
                   coalesce(project ->> '$.project_details.batch_id', project ->> '$.project_details.batch_name')
                       AS batch_id
            FROM (SELECT landed_row, item_id, project_turn, projects -> {pointer("key")} AS project
                  FROM (SELECT *, unnest(json_keys(projects)) AS key,
                               generate_subscripts(json_keys(projects), 1) AS project_turn
                        FROM rows WHERE json_type(projects) = 'OBJECT'))
            WHERE json_type(project, '$.labels') = 'ARRAY')
        """
    )
    ((labels, detailed),) = con.execute(
        "SELECT count(*), count(*) FILTER (json_exists(l, '$.label_details')) FROM labels"
    ).fetchall()
    if labels and not detailed:
        raise UserError(
            "no label has 'label_details', which says who labelled",
            rule="column_missing",
            do="Export again with label_details, and with performance_details for durations.",
        )


def _answers(con: Any, source: Source) -> Any:
    """One answer a label. A classification counts before objects of a mapped name; frames of a video stay whole."""
    wanted = f"[{', '.join(literal(name) for name in source.label)}]"
    lists = {part: f"from_json(l -> '$.annotations.{part}', '[\"JSON\"]')" for part in ("classifications", "objects")}
    named = f"list_contains({wanted}, {{0}} ->> '$.name') OR list_contains({wanted}, {{0}} ->> '$.value')"
    choices = "list_transform(from_json(c -> '$.checklist_answers', '[\"JSON\"]'), lambda x : x -> '$.name')"
    label = f"""
        CASE WHEN json_exists(c, '$.radio_answer') THEN c ->> '$.radio_answer.name'
             WHEN json_exists(c, '$.text_answer') THEN c ->> '$.text_answer.content'
             WHEN json_exists(c, '$.checklist_answers') THEN {label_in("checked")}
             WHEN c IS NOT NULL THEN c::VARCHAR
             WHEN len(o) > 0 THEN to_json(o)::VARCHAR
             WHEN json_exists(l, '$.annotations.frames') THEN (l -> '$.annotations.frames')::VARCHAR END
    """
    changed = [f"l ->> '$.label_details.{name}'" for name in ("content_last_updated_at", "updated_at", "created_at")]
    skips = [f"(l ->> '$.{place}') = 'true'" for place in ("performance_details.skipped", "is_skipped")]
    seconds = "(l ->> '$.performance_details.seconds_to_create')"
    return fetch_answers(
        con,
        f"""(
        SELECT *, to_json({choices}) AS checked
        FROM (SELECT *, list_filter({lists["classifications"]}, lambda x : {named.format("x")})[1] AS c,
                     list_filter({lists["objects"]}, lambda x : {named.format("x")}) AS o FROM labels))""",
        {
            "answer": "answer",
            "annotation_id": "l ->> '$.id'",
            "item_id": "item_id",
            "annotator": "l ->> '$.label_details.created_by'",
            "label": label,
            "status": f"CASE WHEN {' OR '.join(skips)} THEN 'skipped' ELSE 'submitted' END",
            "is_gold_check": "reference IS NOT NULL OR coalesce((l ->> '$.label_kind') = 'Benchmark', false) "
            "OR coalesce((l ->> '$.id') IN (SELECT reference FROM labels WHERE reference IS NOT NULL), false)",
            "annotated_at": first_of(changed),
            "duration_s": seconds,
            "duration_source": f"CASE WHEN {seconds} IS NULL THEN 'none' ELSE 'measured' END",
            "batch_id": "batch_id",
        },
    )
