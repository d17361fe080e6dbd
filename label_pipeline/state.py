"""The state at the end of a day: newest version of every answer and item, from the lake's partitions.

An answer's newest version is the one given last; at equal times the one that landed last. Of several answers
of one annotator on one item the newest counts. Adjudicators decide, models bear witness: neither votes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from label_pipeline.coding import code_column
from label_pipeline.contracts.tables import ANNOTATION_EVENTS, ITEMS, LANDED_PREDICTIONS, Table
from label_pipeline.held_codes import codes_of, is_in, narrowed
from label_pipeline.lake import Lake
from label_pipeline.project import Project
from label_pipeline.sources.text import json_key
from label_pipeline.sql import connect, file_list, identifier, literal
from label_pipeline.votes import sort_order

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

TEST_QUESTIONS = ("appen", "cvat", "labelbox", "toloka")
"""Formats whose gold mark is on the question: it was asked to score people."""
TRUSTED_ANSWERS = ("label_studio_json",)
"""Formats whose gold mark is on one answer, which somebody trusts; it votes like any other, but on evaluation gold."""
VERSION = ["event_id", "annotation_id", "started_at", "duration_source", "landed_file", "landed_row"]
"""What tells one version of an answer from another, and nothing of what was said."""


def current_events(lake: Lake, day: date, people: pd.DataFrame, *, versions: bool = True) -> pa.Table:
    """The newest version of every answer as of `day`, whatever its status, with group, role and landed_day.

    Sorted by item, annotator and event; texts are held as codes. `people` is the roster. Without
    `versions`, what only tells one version of an answer from another is left out (`VERSION`).
    """
    return current_of(_landed(lake, day), people, versions=versions)


def current_of(rows: pa.Table, people: pd.DataFrame, *, versions: bool = True) -> pa.Table:
    """`current_events` among `rows`, as `held` gives them: all versions of an answer, or none of them."""
    import pyarrow as pa

    gone = _superseded(rows)
    if len(gone):
        kept = np.ones(len(rows), dtype=np.bool_)
        kept[gone] = False
        rows = rows.filter(pa.array(kept))
    rows = _in_order(rows)
    rows = rows if versions else rows.drop_columns(VERSION)
    return narrowed(_with_roles(rows, people))


def _landed(lake: Lake, day: date) -> pa.Table:
    """All that landed up to `day`, with the column landed_day."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = []
    for path in lake.files(ANNOTATION_EVENTS, day):
        with pq.ParquetFile(path, read_dictionary=list(ANNOTATION_EVENTS.coded), memory_map=True) as file:
            part = file.read()
        landed = date.fromisoformat(path.parent.name.removeprefix("day="))
        parts.append(part.append_column("landed_day", pa.repeat(pa.scalar(landed, pa.date32()), len(part))))
    return held(parts)


def held(parts: list[pa.Table]) -> pa.Table:
    """Events with the column landed_day and texts as codes, in one table; an empty one where there are no parts."""
    import pyarrow as pa

    if not parts:
        coded = ANNOTATION_EVENTS.coded
        empty = ANNOTATION_EVENTS.empty().append_column("landed_day", pa.array([], pa.date32()))
        codes = [f.with_type(pa.dictionary(pa.int32(), f.type)) if f.name in coded else f for f in empty.schema]
        parts = [empty.cast(pa.schema(codes))]
    return pa.concat_tables(parts).replace_schema_metadata(None).unify_dictionaries()


def _superseded(rows: pa.Table) -> npt.NDArray[np.int64]:
    """The rows that are older versions of an answer: the newest is the one given last, at equal times landed last.

    Few answers have several versions: they are found by the hash of their id, and looked at closely.
    """
    import pyarrow as pa

    told = ["source", "annotation_id", "annotated_at", "landed_day", "event_id"]
    with connect() as con:
        con.register("versions", rows.select(told).append_column("place", pa.array(np.arange(len(rows)))))
        found = con.sql(
            """
            WITH several AS (SELECT hash(source, annotation_id) AS id FROM versions GROUP BY id HAVING count(*) > 1)
            SELECT place FROM versions WHERE hash(source, annotation_id) IN (FROM several)
            QUALIFY row_number() OVER (PARTITION BY source, annotation_id ORDER BY
                annotated_at DESC NULLS LAST, landed_day DESC, event_id) > 1
            """
        ).fetchnumpy()
    return np.asarray(found["place"], dtype=np.int64)


def _in_order(rows: pa.Table) -> pa.Table:
    """The rows by item, annotator and event, items as codes in the order of their ids."""
    import pyarrow as pa

    item, items = code_column(rows["item_id"], "item_id")
    annotator, people = code_column(rows["annotator_id"], "annotator_id")
    held = pa.DictionaryArray.from_arrays(pa.array(item), pa.array(items, pa.string()))
    rows = rows.set_column(rows.column_names.index("item_id"), "item_id", held)
    order = sort_order(item, annotator, len(items), len(people))
    if order is None:
        order = np.arange(len(rows))
    item, annotator = item[order], annotator[order]
    again = (item[1:] == item[:-1]) & (annotator[1:] == annotator[:-1])
    if again.any():
        several = np.flatnonzero(np.append(again, False) | np.insert(again, 0, False))
        group = np.cumsum(~np.insert(again, 0, False))[several]
        event = np.unique(rows["event_id"].take(order[several]).to_numpy(), return_inverse=True)[1]
        order[several] = order[several[np.lexsort((event, group))]]
    return rows if (order[1:] > order[:-1]).all() else rows.take(order)


def _with_roles(rows: pa.Table, people: pd.DataFrame) -> pa.Table:
    """With group and role, by the roster; who is not in it is an annotator of an unknown group."""
    import pyarrow as pa

    known = people.set_index("annotator_id")
    codes, names = codes_of(rows["annotator_id"]) if len(rows) else (np.empty(0, np.int32), pa.array([], pa.string()))
    for column, otherwise in (("group", "unknown"), ("role", "annotator")):
        theirs = known[column].reindex(names.to_pylist()).fillna(otherwise)
        values = sorted({*theirs, otherwise})
        place = np.array([values.index(each) for each in theirs], dtype=np.int32)
        held = pa.DictionaryArray.from_arrays(pa.array(place[codes]), pa.array(values, pa.string()))
        rows = rows.append_column(column, held)
    return rows


def counted(
    events: pa.Table, *, test_sources: Sequence[str] = (), gold: Iterable[str] = (), evaluation: Iterable[str] = ()
) -> pa.Table:
    """The votes among current events: submitted answers of people, one an item and annotator, in the same order.

    No votes are those of adjudicators, who decide; of models, who are witnesses (`heard`); answers to the test
    questions of `test_sources`, but on items of our own `gold`, where they score who answered; and, on the items
    `evaluation`, all that a tool marks as gold. Such an answer may be the truth itself, or was given by people who had
    seen it, and what annotations are worth is measured there.
    """
    votes = is_in(events["status"], ["submitted"]) & ~is_in(events["role"], ["adjudicator", "model"])
    marked = events["is_gold_check"].to_numpy()
    if test_sources:
        votes &= ~(marked & is_in(events["source"], test_sources)) | is_in(events["item_id"], gold)
    if marked.any():
        votes &= ~(marked & is_in(events["item_id"], evaluation))
    return _one_each(events, votes)


def heard(events: pa.Table) -> pa.Table:
    """What models answered, in the shape of `counted`: evidence on an item, but no person's."""
    return _one_each(events, is_in(events["status"], ["submitted"]) & is_in(events["role"], ["model"]))


def _one_each(events: pa.Table, chosen: npt.NDArray[np.bool_]) -> pa.Table:
    """The chosen rows of current events, of several by one annotator on one item the newest.

    Newest is what was given last, at equal times landed last, and else the first in the order of the rows.
    """
    import pyarrow as pa

    rows = np.flatnonzero(chosen)
    if len(rows) == 0:
        return events.slice(0, 0)
    item, annotator = (codes_of(events[name])[0][rows] for name in ("item_id", "annotator_id"))
    again = (item[1:] == item[:-1]) & (annotator[1:] == annotator[:-1])
    if again.any():
        several = rows[np.append(again, False) | np.insert(again, 0, False)]
        told = events.select(["item_id", "annotator_id", "annotated_at", "landed_day"]).take(several)
        with connect() as con:
            con.register("answers", told.append_column("place", pa.array(several)))
            older = con.sql(
                """
                SELECT place FROM answers QUALIFY row_number() OVER (PARTITION BY item_id, annotator_id
                    ORDER BY annotated_at DESC NULLS LAST, landed_day DESC, place) > 1
                """
            ).fetchnumpy()
        chosen[older["place"]] = False
    return events if chosen.all() else events.filter(pa.array(chosen))


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
            WITH landed AS MATERIALIZED (FROM {_partitions(con, lake, ITEMS, day)}),
            several AS (SELECT item_id FROM landed GROUP BY item_id HAVING count(*) > 1),
            versions AS (
                SELECT item_id, payload, last_value(arrived_at IGNORE NULLS) {known} AS arrived_at,
                    min(day) OVER (PARTITION BY item_id) AS landed_day{hidden}
                FROM landed SEMI JOIN several USING (item_id)
                QUALIFY row_number() OVER (
                    PARTITION BY item_id ORDER BY payload = '{{}}', day DESC, landed_file DESC) = 1
            ), whole AS (
                SELECT item_id, {payload} AS payload, arrived_at, landed_day FROM versions
                UNION ALL SELECT item_id, payload, arrived_at, day FROM landed ANTI JOIN several USING (item_id)
            )
            SELECT item_id, payload, arrived_at, landed_day{slices} FROM whole ORDER BY item_id
            """
        ).to_arrow_table()


def current_predictions(lake: Lake, day: date) -> pa.Table:
    """The newest landed probabilities of every item and model as of `day`: item_id, model, probabilities."""
    with connect() as con:
        return con.sql(
            f"""
            WITH landed AS MATERIALIZED (FROM {_partitions(con, lake, LANDED_PREDICTIONS, day)}),
            several AS (SELECT item_id, model FROM landed GROUP BY ALL HAVING count(*) > 1),
            newest AS (
                SELECT item_id, model, probabilities FROM landed SEMI JOIN several USING (item_id, model)
                QUALIFY row_number() OVER (PARTITION BY item_id, model ORDER BY day DESC, landed_file DESC) = 1
                UNION ALL
                SELECT item_id, model, probabilities FROM landed ANTI JOIN several USING (item_id, model)
            )
            FROM newest ORDER BY item_id, model
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
