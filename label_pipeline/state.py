"""The state at the end of a day: newest version of every answer and item, from the lake's partitions.

An answer's newest version is the one given last; at equal times the one that landed last. Of several answers
of one annotator on one item the newest counts. Adjudicators decide, models bear witness: neither votes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import ANNOTATION_EVENTS, ITEMS, LANDED_PREDICTIONS, Table
from label_pipeline.lake import Lake
from label_pipeline.project import Project
from label_pipeline.sources.text import json_key
from label_pipeline.sql import connect, file_list, identifier, literal

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

TEST_QUESTIONS = ("appen", "cvat", "labelbox", "toloka")
"""Formats whose gold mark is on the question: it was asked to score people."""
TRUSTED_ANSWERS = ("label_studio_json",)
"""Formats whose gold mark is on one answer, which somebody trusts; it votes like any other, but on evaluation gold."""
NEWEST = "annotated_at DESC NULLS LAST, landed_day DESC, event_id"


def current_events(lake: Lake, day: date, people: pd.DataFrame) -> pa.Table:
    """The newest version of every answer as of `day`, whatever its status, with group, role and landed_day.

    Sorted by item, annotator and event. `people` is the roster.
    """
    with connect() as con:
        return current_of(con, _partitions(con, lake, ANNOTATION_EVENTS, day), people)


def current_of(con: Any, events: str, people: pd.DataFrame) -> pa.Table:
    """`current_events` of the rows of `events`, SQL with the column `day`; all versions of an answer are among them."""
    con.register("roster", people)
    return con.sql(
        f"""
        WITH versions AS (
            SELECT * EXCLUDE (day), day AS landed_day FROM {events}
            QUALIFY row_number() OVER (PARTITION BY source, annotation_id ORDER BY
                annotated_at DESC NULLS LAST, day DESC, event_id) = 1
        )
        SELECT v.*, coalesce(r."group", 'unknown') AS "group", coalesce(r.role, 'annotator') AS role
        FROM versions v LEFT JOIN roster r USING (annotator_id)
        ORDER BY item_id, annotator_id, event_id
        """
    ).to_arrow_table()


def counted(
    events: pa.Table, *, test_sources: Sequence[str] = (), gold: Iterable[str] = (), evaluation: Iterable[str] = ()
) -> pa.Table:
    """The votes among current events: submitted answers of people, one an item and annotator, in the same order.

    No votes are those of adjudicators, who decide; of models, who are witnesses (`heard`); answers to the test
    questions of `test_sources`, but on items of our own `gold`, where they score who answered; and, on the items
    `evaluation`, all that a tool marks as gold. Such an answer may be the truth itself, or was given by people who had
    seen it, and what annotations are worth is measured there.
    """
    with connect() as con:
        con.register("events", events)
        con.register("gold", _items(gold))
        con.register("evaluation", _items(evaluation))
        return con.sql(
            f"""
            SELECT * FROM events WHERE status = 'submitted' AND role NOT IN ('adjudicator', 'model')
                AND (NOT ({_is_test(test_sources)}) OR item_id IN (SELECT item_id FROM gold))
                AND NOT (is_gold_check AND item_id IN (SELECT item_id FROM evaluation))
            QUALIFY row_number() OVER (PARTITION BY item_id, annotator_id ORDER BY {NEWEST}) = 1
            ORDER BY item_id, annotator_id
            """
        ).to_arrow_table()


def heard(events: pa.Table) -> pa.Table:
    """What models answered, in the shape of `counted`: evidence on an item, but no person's."""
    with connect() as con:
        con.register("events", events)
        return con.sql(
            f"""
            SELECT * FROM events WHERE status = 'submitted' AND role = 'model'
            QUALIFY row_number() OVER (PARTITION BY item_id, annotator_id ORDER BY {NEWEST}) = 1
            ORDER BY item_id, annotator_id
            """
        ).to_arrow_table()


def hidden_questions(events: pa.Table, *, test_sources: Sequence[str], gold: Iterable[str]) -> pa.Table:
    """The items that are a tool's test questions and nothing else: item_id.

    Every answer on them that stands is to a test question, and they are no `gold` of ours.
    """
    with connect() as con:
        con.register("events", events)
        con.register("gold", _items(gold))
        return con.sql(
            f"""
            SELECT item_id FROM events WHERE status <> 'deleted' AND item_id NOT IN (SELECT item_id FROM gold)
            GROUP BY item_id HAVING bool_and({_is_test(test_sources)}) ORDER BY item_id
            """
        ).to_arrow_table()


def _is_test(sources: Sequence[str]) -> str:
    """SQL: whether an answer is to a test question that one of the sources hid among the work."""
    return f"is_gold_check AND source IN ({', '.join(map(literal, sources))})" if sources else "false"


def _items(ids: Iterable[str]) -> pa.Table:
    import pyarrow as pa

    return pa.table({"item_id": pa.array(list(ids), pa.string())})


def answers_given(lake: Lake, day: date, items: Iterable[str]) -> pa.Table:
    """Who ever answered which of `items` as of `day`: item_id, annotator_id, batch_id, landed_day, versions.

    Every version that landed counts, also of answers that were changed or deleted since; deletions themselves do not.
    """
    import pyarrow as pa

    with connect() as con:
        con.register("wanted", pa.table({"item_id": pa.array(items, pa.string())}))
        return con.sql(
            f"""
            SELECT item_id, annotator_id, batch_id, day AS landed_day, count(*) AS versions
            FROM {_partitions(con, lake, ANNOTATION_EVENTS, day)} SEMI JOIN wanted USING (item_id)
            WHERE status <> 'deleted' GROUP BY ALL ORDER BY ALL
            """
        ).to_arrow_table()


def current_items(lake: Lake, project: Project, day: date) -> pa.Table:
    """The newest version of every item as of `day`: item_id, payload, arrived_at, landed_day (the first one).

    One more text column for each slice of the project. Sorted by item. Fields that are not sent out with a batch, and
    the arrival, are the newest that were ever known: what comes back of the batch does not have them.
    """
    kept = {f"kept_{k}": (name, json_key(name)) for k, name in enumerate(project.hidden)}
    known = (
        "OVER (PARTITION BY item_id ORDER BY day, landed_file ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    )
    hidden = "".join(f", last_value(payload -> {key} IGNORE NULLS) {known} AS {k}" for k, (_, key) in kept.items())
    payload = "payload"
    for k, (name, key) in kept.items():
        payload = (
            f"CASE WHEN {k} IS NULL OR json_exists(payload, {key}) THEN {payload} "
            f"ELSE json_merge_patch({payload}, json_object({literal(name)}, {k}))::VARCHAR END"
        )
    slices = "".join(
        f", coalesce(payload ->> {json_key(name)}, '') AS {identifier('slice_' + name)}"
        for name in project.items.slices
    )
    with connect() as con:
        return con.sql(
            f"""
            WITH versions AS (
                SELECT item_id, payload, last_value(arrived_at IGNORE NULLS) {known} AS arrived_at,
                    min(day) OVER (PARTITION BY item_id) AS landed_day{hidden}
                FROM {_partitions(con, lake, ITEMS, day)}
                QUALIFY row_number() OVER (
                    PARTITION BY item_id ORDER BY payload = '{{}}', day DESC, landed_file DESC) = 1
            ), whole AS (SELECT * REPLACE ({payload} AS payload) FROM versions)
            SELECT item_id, payload, arrived_at, landed_day{slices} FROM whole ORDER BY item_id
            """
        ).to_arrow_table()


def current_predictions(lake: Lake, day: date) -> pa.Table:
    """The newest landed probabilities of every item and model as of `day`: item_id, model, probabilities."""
    with connect() as con:
        return con.sql(
            f"""
            SELECT item_id, model, probabilities FROM {_partitions(con, lake, LANDED_PREDICTIONS, day)}
            QUALIFY row_number() OVER (PARTITION BY item_id, model ORDER BY day DESC, landed_file DESC) = 1
            ORDER BY item_id, model
            """
        ).to_arrow_table()


def _partitions(con: Any, lake: Lake, table: Table, day: date) -> str:
    """SQL for all rows of a table up to `day`, with the column `day`; a project without any has none."""
    files = lake.files(table, day)
    if files:
        source = f"read_parquet({file_list(files)}, hive_partitioning = true)"
        return f"(SELECT * EXCLUDE (project, day), day::DATE AS day FROM {source})"
    con.register("nothing", table.empty())
    return "(SELECT *, NULL::DATE AS day FROM nothing)"


def json_values(payload: Any, field: str) -> list[Any]:
    """One field of each item's payload, parsed; None where it is absent."""
    import json

    return [json.loads(text).get(field) for text in payload.to_pylist()]
