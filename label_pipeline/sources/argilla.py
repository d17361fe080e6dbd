"""Argilla's records, whichever way they were written: `to_list(flatten=True)`, nested (`to_json`), or its REST pages.

Each record tells its own shape: in REST `responses` is a list of people, nested it is an object of questions, flat it
is one column a question. A discarded response is a skip; so is a draft, which withdraws what was submitted before.
The nested shape has no status, so there everything counts as submitted; only REST has times. No shape's ids of
responses are read: one person answers a record once, so item and person name the answer in every shape alike.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import Columns
from label_pipeline.sources.parts import fetch_answers
from label_pipeline.sources.reading import Reading, fetch, item_schema
from label_pipeline.sources.records import NO_VALUE, found, label_in, open_records, payload_in, text_in
from label_pipeline.sources.text import json_key
from label_pipeline.sources.wide import missing

HOLDERS = ("fields", "metadata")
FLAT = ("", ".users", ".status")  # what follows `<question>.responses`


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one file. Raises UserError when it holds no records, or no answers to the question asked for."""
    items = [*source.item, "external_id", "id"]
    lists = {part: [f"{name}.responses{part}" for name in source.label] for part in FLAT}
    kept = (source.fields.get(field, field) for field in fields)
    values = {*items, *HOLDERS, "batch_id", "responses", *chain(*lists.values()), *kept}
    columns, broken = open_records(con, path, source, values=values)
    labels, users, states = (found(columns, lists[part]) for part in FLAT)
    con.execute(
        f"CREATE TEMP TABLE records AS SELECT landed_row, {text_in(found(columns, items, *HOLDERS))} AS item_id, "
        f"{text_in(found(columns, ['batch_id'], *HOLDERS))} AS batch_id, {found(columns, ['responses'])} AS responses, "
        f"{labels} AS labels, {users} AS users, {states} AS states, "
        f"{payload_in(columns, fields, source.fields, *HOLDERS)} AS payload "
        "FROM landed_rows"
    )
    _must_hold(con, columns, source)
    return Reading(
        answers=_answers(con, source),
        items=fetch(con, "SELECT landed_row, item_id, payload FROM records", item_schema()),
        broken=broken,
    )


def _must_hold(con: Any, columns: Columns, source: Source) -> None:
    """Refuse a file whose answers would silently be none: another question's, or records fetched without responses."""
    flat = [name.removesuffix(".responses") for name in columns if name.endswith(".responses")]
    if columns.texts and not flat and not {"id", "responses"} & set(columns):
        raise UserError("the file holds no Argilla records", rule="not_argilla", do="Land records as JSON.")
    if "fields" in columns and not flat:
        ((some,),) = con.execute("SELECT count(responses) FROM records").fetchall()
        if not some:
            raise UserError("the records came without responses", rule="not_argilla", do="Ask for include=responses.")
    nested = con.execute(
        """
        SELECT DISTINCT unnest(json_keys(CASE json_type(responses) WHEN 'OBJECT' THEN responses END)) FROM records
        UNION
        SELECT DISTINCT unnest(json_keys(r -> '$.values')) FROM (
            SELECT unnest(from_json(responses, '["JSON"]')) AS r FROM records WHERE json_type(responses) = 'ARRAY')
        WHERE json_type(r -> '$.values') = 'OBJECT'
        """
    ).fetchall()
    questions = {*flat, *(str(name) for (name,) in nested)}
    if questions and not questions & set(source.label):
        asked = Columns(dict.fromkeys(sorted(questions), ""), {}, frozenset())
        raise missing(" or ".join(f"'{name}'" for name in source.label), source.label[0], asked, "label")


def _answers(con: Any, source: Source) -> Any:
    def of(place: str, *inside: str) -> str:
        """The first asked question's value in `place`."""
        keys = ("".join(f" -> {json_key(part)}" for part in (name, *inside)) for name in source.label)
        return f"coalesce({', '.join(f'({place}{key})' for key in keys)}, {NO_VALUE})"

    given = f"""(
    WITH asked AS (
        SELECT landed_row, unnest(from_json({of("responses")}, '["JSON"]')) AS r,
               generate_subscripts(from_json({of("responses")}, '["JSON"]'), 1) AS answer
        FROM records WHERE json_type(responses) = 'OBJECT' AND json_type({of("responses")}) = 'ARRAY'
    ), people AS (
        SELECT landed_row, unnest(from_json(responses, '["JSON"]')) AS r,
               generate_subscripts(from_json(responses, '["JSON"]'), 1) AS answer
        FROM records WHERE json_type(responses) = 'ARRAY'
    ), columns AS (
        SELECT landed_row, labels, users, states,
               unnest(range(1, 1 + greatest(json_array_length(labels), json_array_length(users))::BIGINT)) AS answer
        FROM records WHERE responses IS NULL AND 'ARRAY' IN (json_type(labels), json_type(users))
    ), responses AS (
        SELECT landed_row, answer, r ->> '$.user_id' AS annotator, r ->> '$.status' AS state, NULL AS annotated_at,
               r -> '$.value' AS value FROM asked
        UNION ALL
        SELECT landed_row, answer, r ->> '$.user_id', r ->> '$.status',
               coalesce(r ->> '$.updated_at', r ->> '$.inserted_at'), {of("(r -> '$.values')", "value")} FROM people
        UNION ALL
        SELECT landed_row, answer, from_json(users, '["VARCHAR"]')[answer], from_json(states, '["VARCHAR"]')[answer],
               NULL, from_json(labels, '["JSON"]')[answer] FROM columns
    )
    FROM responses JOIN records USING (landed_row))"""
    state = "coalesce(state, 'submitted')"
    status = f"CASE WHEN {state} IN ('discarded', 'draft') THEN 'skipped' ELSE {state} END"
    parts = {name: name for name in ("answer", "item_id", "annotator", "annotated_at", "batch_id")}
    return fetch_answers(con, given, parts | {"label": label_in("value"), "status": status})
