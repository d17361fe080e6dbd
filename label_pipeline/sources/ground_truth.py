"""SageMaker Ground Truth: the augmented manifest of a labelling job, and what each worker answered.

A line of the manifest says what the job settled on, which is no person's vote: its annotator is the labelling job,
and a label that a model gave by itself is the job's other annotator, `NAME (auto)`. Confidences are left: they are
0.00 where one worker labelled and are not comparable between jobs or with a model's. Custom jobs write all workers'
answers into the manifest; those are the workers'.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import Columns, open_table
from label_pipeline.sources.parts import fetch_answers, first_of, load_documents, payload, pointer
from label_pipeline.sources.reading import Reading, broken_schema, fetch, item_schema
from label_pipeline.sources.records import label_in
from label_pipeline.sources.text import json_key
from label_pipeline.sources.wide import missing, payload_of
from label_pipeline.sql import literal

ALL_WORKERS = "annotationsFromAllWorkers"
# Where the workers' answers stand: of a built-in job, of Augmented AI, of a custom job before and after consolidation.
ANSWER_LISTS = ("answers", "humanAnswers", ALL_WORKERS, "annotations")


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read a manifest or worker responses. Raises UserError for another kind of file."""
    if source.format == "ground_truth_manifest":
        return _read_manifest(con, path, source, fields)
    return _read_responses(con, path, source, fields)


def _read_manifest(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    import pyarrow as pa

    columns, broken = open_table(con, path, source.model_copy(update={"format": "jsonl"}))
    attribute = _attribute(source, columns)
    about = columns.value(f"{attribute}-metadata") if f"{attribute}-metadata" in columns else "NULL::JSON"
    names = [columns.text(name) for name in (*source.item, "source-ref") if name in columns]
    # A text without an id is named by its hash: an id is no place for what it says.
    names += [f"substr(sha256({columns.text('source')}), 1, 16)"] if "source" in columns else []
    item = first_of([*names, "NULL::VARCHAR"])
    con.execute(
        f"CREATE TEMP TABLE lines AS SELECT landed_row, {item} AS item_id, {columns.value(attribute)} AS value, "
        f"{about} AS about, {payload_of(fields, source.fields, columns)} AS payload FROM landed_rows"
    )
    con.execute(
        f"""
        CREATE TEMP TABLE entries AS
        SELECT landed_row, item_id, about ->> '$.job-name' AS batch_id,
               unnest(from_json(value -> '$.{ALL_WORKERS}', '["JSON"]')) AS a,
               generate_subscripts(from_json(value -> '$.{ALL_WORKERS}', '["JSON"]'), 1) AS answer
        FROM lines WHERE json_type(value, '$.{ALL_WORKERS}') = 'ARRAY'
        """
    )
    answers = pa.concat_tables([_settled(con), _workers(con, source, json_key(attribute))])
    return Reading(
        answers=answers.sort_by([("landed_row", "ascending"), ("answer", "ascending")]),
        items=fetch(con, "SELECT landed_row, item_id, payload FROM lines", item_schema()),
        broken=broken,
    )


def _attribute(source: Source, columns: Columns) -> str:
    """The job's label attribute: the mapped one, else the only one that has metadata beside it."""
    mapped = [name for name in source.label if name in columns]
    found = [name for name in columns if f"{name}-metadata" in columns]
    if mapped or len(found) == 1:
        return (mapped or found)[0]
    raise missing(" or ".join(f"'{name}'" for name in source.label), source.label[0], columns, "label")


def _settled(con: Any) -> Any:
    """What the job settled on. A line without the attribute is an object that was not labelled: no answer."""
    class_map = "(about -> '$.class-map')"
    names = (
        "list_transform(from_json(value, '[\"VARCHAR\"]'), "
        f"lambda number : coalesce({class_map} ->> {pointer('number')}, number))"
    )
    label = f"""
        CASE WHEN (about ->> '$.failure-reason') IS NOT NULL THEN NULL
             WHEN (about ->> '$.class-name') IS NOT NULL THEN about ->> '$.class-name'
             WHEN {class_map} IS NULL OR json_type(value) NOT IN ('ARRAY', 'OBJECT') THEN {label_in("value")}
             WHEN json_type(value) = 'OBJECT'
             THEN json_merge_patch(value, json_object('class-map', {class_map}))::VARCHAR
             WHEN json_array_length(value) = 0 THEN '[]' ELSE array_to_string({names}, '|') END
    """
    automatic = "CASE WHEN (about ->> '$.human-annotated') = 'no' THEN ' (auto)' ELSE '' END"
    return fetch_answers(
        con,
        "lines WHERE coalesce(json_type(value), 'NULL') <> 'NULL' "
        f"AND coalesce(json_type(value, '$.{ALL_WORKERS}'), '') <> 'ARRAY'",
        {
            "item_id": "item_id",
            "annotator": f"(about ->> '$.job-name') || {automatic}",
            "label": label,
            "annotated_at": "about ->> '$.creation-date'",
            "batch_id": "about ->> '$.job-name'",
        },
    )


def _read_responses(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    load_documents(con, path, source)
    lists = [f"doc -> '$.{name}'" for name in ANSWER_LISTS]
    lists.append(f"(doc -> '$.consolidatedAnnotation.content.*.{ALL_WORKERS}')[1]")
    con.execute(
        f"CREATE TEMP TABLE responses AS SELECT *, doc -> '$.inputContent' AS input, {first_of(lists)} AS list "
        "FROM documents"
    )
    ((other,),) = con.execute(
        "SELECT min(landed_row) FROM responses WHERE coalesce(json_type(list), '') <> 'ARRAY'"
    ).fetchall()
    if other is not None:
        raise UserError(
            f"document {other} has no list of workers' answers",
            rule="file_unreadable",
            do="Land the files below annotations/worker-response.",
        )

    def values(name: str, arrow: str) -> list[str]:
        return [f"({part} {arrow} {json_key(name)})" for part in ("doc", "input")]

    keys = [value for name in source.item for value in values(name, "->>")]
    item = first_of([*keys, "doc ->> '$.datasetObjectId'", _object_folder(path)])
    con.execute(
        f"CREATE TEMP TABLE entries AS SELECT landed_row, {item} AS item_id, NULL::VARCHAR AS batch_id, "
        """unnest(from_json(list, '["JSON"]')) AS a, generate_subscripts(from_json(list, '["JSON"]'), 1) AS answer
        FROM responses"""
    )
    kept = payload({field: first_of(values(source.fields.get(field, field), "->")) for field in fields})
    return Reading(
        answers=_workers(con, source, None),
        items=fetch(con, f"SELECT landed_row, {item} AS item_id, {kept} AS payload FROM responses", item_schema()),
        broken=broken_schema().empty_table(),
    )


def _object_folder(path: Path) -> str:
    """SQL for the object's number, which only the folder tells; a file right below its source has none."""
    flat = re.fullmatch(r"\d{4}-\d\d-\d\d", path.parents[1].name)
    return "NULL::VARCHAR" if flat else literal(path.parent.name)


def _workers(con: Any, source: Source, attribute: str | None) -> Any:
    """One answer an entry of the table `entries` (landed_row, answer, item_id, batch_id, a: one worker's JSON)."""
    wanted = [f"content -> {json_key(name)}" for name in source.label]
    wanted += [f"content -> {attribute}"] if attribute else []
    # A form with one field needs no mapping: whatever it is called, it is the answer.
    wanted.append(f"CASE WHEN len(json_keys(content)) = 1 THEN content -> {pointer('json_keys(content)[1]')} END")
    written = "coalesce(a -> '$.answerContent', a -> '$.annotationData.content')"
    inner = "ltrim(written ->> '$')"
    flags = "len(json_keys(value)) > 0 AND list_unique(json_type(value, '$.*')) = 1 AND json_type(value, '$.*')[1]"
    chosen = f"list_filter(json_keys(value), lambda key : (value ->> {pointer('key')}) = 'true')"
    label = f"""
        CASE WHEN json_type(value) = 'OBJECT' AND {flags} = 'BOOLEAN'
             THEN coalesce(nullif(array_to_string({chosen}, '|'), ''), '[]') ELSE {label_in("value")} END
    """
    return fetch_answers(
        con,
        f"""(
        SELECT * REPLACE (CASE WHEN len(json_keys(value)) = 1
                               THEN coalesce(value -> '$.label', value -> '$.labels', value) ELSE value END AS value)
        FROM (SELECT *, CASE json_type(content) WHEN 'OBJECT' THEN {first_of(wanted)} ELSE content END AS value
        FROM (SELECT *, CASE WHEN json_type(written) = 'VARCHAR' AND ({inner} LIKE '{{%' OR {inner} LIKE '[%')
                             THEN coalesce(try_cast({inner} AS JSON), written) ELSE written END AS content
        FROM (SELECT *, {written} AS written FROM entries))))""",
        {
            "answer": "answer",
            "item_id": "item_id",
            "annotator": "coalesce(a ->> '$.workerId', a ->> '$.workerMetadata.identityData.sub')",
            "label": label,
            "started_at": "a ->> '$.acceptanceTime'",
            "annotated_at": "a ->> '$.submissionTime'",
            "duration_s": "a ->> '$.timeSpentInSeconds'",
            "duration_source": "CASE WHEN (a ->> '$.timeSpentInSeconds') IS NOT NULL THEN 'measured' "
            "WHEN (a ->> '$.acceptanceTime') IS NOT NULL THEN 'accept_submit' ELSE 'none' END",
            "batch_id": "batch_id",
        },
    )
