"""Cleaning: answers as written become answers in the project's words. SQL over the tables of one connection.

Ids lose outer spaces, labels become classes, times become UTC, annotators become pseudonyms, and every
version of an answer gets an id made of its content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.ingest.meaning import has_lookup, label_sql, meanings
from label_pipeline.ingest.read import Read
from label_pipeline.privacy.pseudonyms import pseudonyms
from label_pipeline.project import INTEGER_ID, Project
from label_pipeline.sources.reading import Reading, answer_schema, broken_schema, item_schema
from label_pipeline.sources.text import trimmed
from label_pipeline.sql import literal

if TYPE_CHECKING:
    import pyarrow as pa

NO_VALUE = ("nan", "NaN", "None", "null", "NULL", "<NA>")  # what programs write into a text for "nothing here"


def load_answers(con: Any, project: Project, reads: Sequence[Read], secret: bytes) -> None:
    """What landed, in the connection: `answers`, `seen_items` and `broken` with their source and file, and the lookups
    `meanings` of labels and `people`. Answers stay where they are: `clean` is the one that copies them.

    Labels and people are looked up as they were written, and compared in Python, so that the project file's checks,
    the roster and the gold seeds all see case and white space alike.
    """
    import pyarrow as pa

    def labelled(table: pa.Table, source: str, file: str) -> pa.Table:
        for name, value in {"source": source, "landed_file": file}.items():
            table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), len(table)))
        return table

    good = [(r.reading, r.file) for r in reads if r.reading is not None]
    kinds: list[tuple[str, pa.Schema, Callable[[Reading], pa.Table]]] = [
        ("answers", answer_schema(), lambda reading: reading.answers),
        ("all_items", item_schema(), lambda reading: reading.items),
        ("broken", broken_schema(), lambda reading: reading.broken),
    ]
    for name, schema, pick in kinds:
        parts = [labelled(pick(reading), file.source, file.name) for reading, file in good]
        con.register(name, pa.concat_tables([labelled(schema.empty_table(), "", ""), *parts]))
    con.execute(
        "CREATE TEMP TABLE seen_items AS SELECT item_id, payload, source, landed_file, max(landed_row) AS landed_row "
        "FROM all_items GROUP BY ALL"
    )
    con.unregister("all_items")

    def lookup(name: str, rows: Mapping[str, Sequence[str | None]]) -> None:
        con.register("incoming", pa.table(dict(rows), pa.schema([(n, pa.string()) for n in rows])))
        con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM incoming")
        con.unregister("incoming")

    written: list[tuple[str]] = []
    if has_lookup(project.labels):
        written = con.execute("SELECT DISTINCT label FROM answers WHERE label IS NOT NULL").fetchall()
    lookup("meanings", meanings(project.labels, [label for (label,) in written]))
    people = con.execute("SELECT DISTINCT source, annotator FROM answers WHERE annotator IS NOT NULL").fetchall()
    people = [(source, written) for source, written in people if written.strip() and written.strip() not in NO_VALUE]
    named = pseudonyms({(source, written.strip()) for source, written in people}, secret)
    lookup(
        "people",
        {
            "source": [source for source, _ in people],
            "annotator": [written for _, written in people],
            "annotator_id": [named[source, written.strip()] for source, written in people],
        },
    )


def item_sql(project: Project, column: str) -> str:
    """SQL that normalises an item id: outer spaces off, and `1905.0` to `1905` where ids are integers."""
    text = f"nullif(regexp_replace({trimmed(column)}, '^({'|'.join(NO_VALUE)})$', ''), '')"
    return f"regexp_replace({text}, {literal(INTEGER_ID)}, '\\1')" if project.items.ids == "integer" else text


def time_sql(column: str) -> str:
    """SQL that reads a time: ISO 8601, MTurk's `Mon Mar 27 06:51:23 PDT 2017`, or seconds since 1970.

    A time without an offset is in the session's timezone, which is the source's while it is read.
    """
    zones = {"PDT": 7, "PST": 8, "EDT": 4, "EST": 5, "CDT": 5, "CST": 6, "MDT": 6, "MST": 7, "UTC": 0, "GMT": 0}
    hours = " ".join(f"WHEN '{name}' THEN {offset}" for name, offset in zones.items())
    zone = f"regexp_extract({column}, ' ([A-Z]{{3}}) ', 1)"
    plain = f"try_strptime(regexp_replace({column}, ' [A-Z]{{3}} ', ' '), '%a %b %d %H:%M:%S %Y')"
    mturk = f"timezone('UTC', {plain} + to_hours(CASE {zone} {hours} END))"
    seconds = f"try_cast({column} AS DOUBLE)"
    epoch = f"CASE WHEN {seconds} BETWEEN 0 AND 1e10 THEN to_timestamp({seconds}) END"
    return f"coalesce(try_cast({column} AS TIMESTAMPTZ), {mturk}, {epoch})"


def plausible(time: str) -> str:
    """SQL that passes on a time from 1990 to 2199: year 1 and 1970 are what tools write for "none"."""
    return f"CASE WHEN {time} BETWEEN TIMESTAMPTZ '1990-01-01 00:00Z' AND '2199-12-31 00:00Z' THEN {time} END"


def clean(con: Any, project: Project, day: date) -> None:
    """Table `cleaned`: one row an answer, ids normalised, label mapped, times read, annotator a pseudonym."""
    zones: dict[str, list[str]] = {}
    for name, source in sorted(project.sources.items()):
        zones.setdefault(source.timezone, []).append(name)
    for k, (zone, sources) in enumerate(zones.items()):
        con.execute(f"SET TimeZone = {literal(zone)}")
        into = "INSERT INTO cleaned " if k else "CREATE TEMP TABLE cleaned AS "
        con.execute(into + _clean_sql(project, day, sources))
    con.execute("SET TimeZone = 'UTC'")
    con.unregister("answers")


def _clean_sql(project: Project, day: date, sources: Sequence[str]) -> str:
    """SQL for the answers of sources of one timezone, while it is the session's."""
    return f"""
        WITH timed AS (
            SELECT *, {plausible(time_sql("started_at"))} AS started, {plausible(time_sql("annotated_at"))} AS finished
            FROM answers WHERE source IN ({", ".join(map(literal, sources))})
        ), parts AS (
            SELECT t.source, t.landed_file, t.landed_row, t.answer, {item_sql(project, "t.item_id")} AS item_id,
                   p.annotator_id, {label_sql(project, day)} AS label, {trimmed("t.label")} AS label_raw, t.status,
                   coalesce(t.is_gold_check, false) AS is_gold_check, t.started AS started_at,
                   t.finished AS annotated_at, t.annotated_at AS annotated_at_raw,
                   CASE WHEN t.finished IS NULL AND {trimmed("t.annotated_at")} IS NOT NULL THEN t.annotated_at
                        WHEN t.started IS NULL AND {trimmed("t.started_at")} IS NOT NULL THEN t.started_at
                        END AS time_unread,
                   contains(concat(t.item_id, t.annotator, t.annotation_id), chr(0)) AS damaged,
                   CASE WHEN {trimmed("t.duration_s")} IS NOT NULL
                        THEN CASE WHEN isfinite(try_cast(t.duration_s AS DOUBLE)) THEN t.duration_s::DOUBLE ELSE -1 END
                        WHEN t.duration_source = 'accept_submit'
                        THEN epoch(t.finished) - epoch(t.started) END AS duration_s,
                   t.duration_source, t.batch_id, {trimmed("t.annotation_id")} AS given_id
            FROM timed t LEFT JOIN people p USING (source, annotator) LEFT JOIN meanings m USING (label)
        ), named AS (
            SELECT * EXCLUDE (given_id), CASE WHEN given_id IS NULL
                   THEN substr(sha256(concat_ws(chr(31), item_id, annotator_id)), 1, 24) ELSE given_id
                   END AS annotation_id
            FROM parts
        )
        -- A version of an answer is its content: the same content delivered twice, in whatever file, is one event.
        SELECT *, substr(sha256(concat_ws(chr(31), source, annotation_id, item_id, annotator_id,
            coalesce(label_raw, ''), status, is_gold_check, coalesce(epoch_us(started_at)::VARCHAR, ''),
            coalesce(epoch_us(annotated_at)::VARCHAR, ''), coalesce(duration_s::VARCHAR, ''),
            coalesce(batch_id, ''))), 1, 32) AS event_id
        FROM named
        """
