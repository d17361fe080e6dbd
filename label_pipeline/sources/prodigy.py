"""Prodigy's JSON lines (`db-out`): one answered task a line.

What an answer is depends on the interface. In `choice` it is the options chosen (`accept`); in the manual ones it is
what was marked (`spans`, `relations`), kept as JSON; where one suggestion is judged it is the judgement itself, accept
or reject. `label` at the top of a task is the suggestion, never the answer. A field a person typed into is named in
the project file. Reviewed tasks are the reviewer's own answers: the `versions` they rest on stand in the dataset that
was reviewed, and would count twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import Columns
from label_pipeline.sources.parts import fetch_answers
from label_pipeline.sources.reading import Reading, fetch, item_schema
from label_pipeline.sources.records import NO_VALUE, found, label_in, open_records, payload_in, text_in
from label_pipeline.sources.wide import text_of
from label_pipeline.sql import literal

# Interfaces that judge one suggestion; the spans they may show are part of the question.
JUDGING = ("classification", "text", "html", "image", "audio", "ner", "spans", "pos", "dep", "diff", "compare")
HASHES, VIEWS = ("_input_hash", "_task_hash"), ("_view_id", "view_id")
ANSWERS = ("answer", "accept", "options", "spans", "relations")
# What an unnamed session is called, with or without the dataset's name before it: a time, and nobody.
UNNAMED = r"(.*-)?\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}"


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one file. Raises UserError when no line is an answered task."""
    texts = {"answer", source.annotator, "_annotator_id", "_session_id"}
    values = {*HASHES, *VIEWS, *ANSWERS, "_timestamp", "meta", "batch_id", *source.item, *source.label}
    values |= {source.fields.get(field, field) for field in fields}
    columns, broken = open_records(con, path, source, texts=texts, values=values)
    answer = text_of("answer" if columns.texts else None, columns, "format")
    kind, value = _kind_and_value(source, columns)
    person = [text_of(name, columns, "annotator") for name in _people(source, columns)]

    def text(*names: str) -> str:
        return text_in(found(columns, names, "meta"))

    con.execute(
        f"CREATE TEMP TABLE tasks AS SELECT landed_row, {answer} AS answer, {kind} AS kind, {value} AS value, "
        f"{text(*source.item)} AS named, {text('_input_hash')} AS input, {text('_task_hash')} AS task, "
        f"coalesce({', '.join([*person, 'NULL'])}) AS person, {text('_timestamp')} AS annotated_at, "
        f"{text('batch_id')} AS batch_id, {payload_in(columns, fields, source.fields, 'meta')} AS payload "
        "FROM landed_rows"
    )
    # Two suggestions for one text are two questions: where one is judged, the task is the item.
    item = "coalesce(named, CASE kind WHEN 'judged' THEN coalesce(task, input) ELSE coalesce(input, task) END)"
    return Reading(
        answers=_answers(con, item),
        items=fetch(con, f"SELECT landed_row, {item} AS item_id, payload FROM tasks", item_schema()),
        broken=broken,
    )


def _people(source: Source, columns: Columns) -> list[str]:
    return [name for name in (source.annotator, "_annotator_id", "_session_id") if name in columns]


def _kind_and_value(source: Source, columns: Columns) -> tuple[str, str]:
    """SQL for what kind of answer a task holds (chosen, marked, judged, typed), and for its value."""

    def column(name: str) -> str:
        return columns.value(name) if name in columns else NO_VALUE

    named = [name for name in source.label if name not in ("label", "answer")]
    if named or "answer" in source.label:
        return ("'typed'" if named else "'judged'"), found(columns, named or ["answer"])
    view = f"coalesce(nullif({text_in(column('_view_id'))}, 'review'), {text_in(column('view_id'))}, '')"
    marked = (
        f"{view} LIKE '%$_manual' ESCAPE '$' OR {view} = 'relations' "
        f"OR (json_type({column('spans')}) = 'ARRAY' AND {view} NOT IN ({', '.join(map(literal, JUDGING))}))"
    )
    chosen = f"'ARRAY' IN (json_type({column('accept')}), json_type({column('options')}))"
    kind = f"CASE WHEN {chosen} THEN 'chosen' WHEN {marked} THEN 'marked' ELSE 'judged' END"
    spans = f"coalesce({found(columns, ['spans'])}, '[]'::JSON)"
    relations = found(columns, ["relations"])
    marks = (
        f"CASE WHEN {relations} IS NULL THEN {spans} ELSE json_object('spans', {spans}, 'relations', {relations}) END"
    )
    return kind, (
        f"CASE {kind} WHEN 'chosen' THEN {found(columns, ['accept'])} WHEN 'marked' THEN {marks} "
        f"ELSE {column('answer')} END"
    )


def _answers(con: Any, item: str) -> Any:
    label = label_in("value")
    status = f"""
        CASE answer WHEN 'accept' THEN 'submitted' WHEN 'ignore' THEN 'skipped'
             WHEN 'reject' THEN CASE WHEN kind = 'judged' THEN 'submitted'
                                     WHEN coalesce({label}, '[]') = '[]' THEN 'skipped' ELSE 'rejected' END
             ELSE answer END"""
    annotator = f"CASE WHEN NOT regexp_full_match(person, {literal(UNNAMED)}) THEN person END"
    parts = {"item_id": item, "annotator": annotator, "label": label, "status": status}
    return fetch_answers(con, "tasks", parts | {"annotated_at": "annotated_at", "batch_id": "batch_id"})
