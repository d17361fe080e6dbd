"""Cleaning: answers as written become answers in the project's words. SQL over the tables of one connection.

Ids lose outer spaces, labels become classes, times become UTC, annotators become pseudonyms, and every
version of an answer gets an id made of its content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

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
    """Tables `answers` (with source and file), `meanings` of labels and `people` in the connection.

    Labels and people are looked up as they were written, and compared in Python, so that the project file's checks,
    the roster and the gold seeds all see case and white space alike.
    """
    import pyarrow as pa

    def labelled(table: pa.Table, source: str, file: str) -> pa.Table:
        columns = {"source": source, "landed_file": file}
        for name, value in columns.items():
            table = table.append_column(name, pa.array([value] * len(table), pa.string()))
        return table

    good = [(r.reading, r.file) for r in reads if r.reading is not None]
    kinds: list[tuple[str, pa.Schema, Callable[[Reading], pa.Table]]] = [
        ("answers", answer_schema(), lambda reading: reading.answers),
        ("seen_items", item_schema(), lambda reading: reading.items),
        ("broken", broken_schema(), lambda reading: reading.broken),
    ]
    for name, schema, pick in kinds:
        parts = [labelled(pick(reading), file.source, file.name) for reading, file in good]
        con.register("incoming", pa.concat_tables([labelled(schema.empty_table(), "", ""), *parts]))
        con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM incoming")
        con.unregister("incoming")

    def lookup(name: str, rows: dict[str, list[str]]) -> None:
        con.register("incoming", pa.table(rows, pa.schema([(n, pa.string()) for n in rows])))
        con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM incoming")
        con.unregister("incoming")

    classes = project.labels.by_word
    labels = [s for (s,) in con.execute("SELECT DISTINCT label FROM answers WHERE label IS NOT NULL").fetchall()]
    known = [s for s in labels if s.strip().casefold() in classes]
    lookup("meanings", {"label": known, "class": [classes[s.strip().casefold()] for s in known]})
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


def clean(con: Any, project: Project) -> None:
    """Table `cleaned`: one row an answer, ids normalised, label mapped, times read, annotator a pseudonym."""
    con.execute(
        "CREATE TEMP TABLE timed AS "
        "SELECT *, NULL::TIMESTAMPTZ AS started, NULL::TIMESTAMPTZ AS finished FROM answers LIMIT 0"
    )
    for name, source in sorted(project.sources.items()):
        con.execute(f"SET TimeZone = {literal(source.timezone)}")
        con.execute(
            f"INSERT INTO timed SELECT *, {time_sql('started_at')}, {time_sql('annotated_at')} "
            "FROM answers WHERE source = ?",
            [name],
        )
    con.execute("SET TimeZone = 'UTC'")
    con.execute(
        f"""
        CREATE TEMP TABLE cleaned AS
        WITH timed AS (
            SELECT * REPLACE ({plausible("started")} AS started, {plausible("finished")} AS finished) FROM timed
        ), cleaned AS (
            SELECT t.source, t.landed_file, t.landed_row, t.answer, {item_sql(project, "t.item_id")} AS item_id,
                   p.annotator_id, m.class AS label, {trimmed("t.label")} AS label_raw, t.status,
                   coalesce(t.is_gold_check, false) AS is_gold_check, t.started AS started_at,
                   t.finished AS annotated_at, t.annotated_at AS annotated_at_raw,
                   CASE WHEN {trimmed("t.annotated_at")} IS NOT NULL AND t.finished IS NULL THEN t.annotated_at
                        WHEN {trimmed("t.started_at")} IS NOT NULL AND t.started IS NULL THEN t.started_at
                        END AS time_unread,
                   contains(concat(t.item_id, t.annotator, t.annotation_id), chr(0)) AS damaged,
                   CASE WHEN {trimmed("t.duration_s")} IS NOT NULL
                        THEN CASE WHEN isfinite(try_cast(t.duration_s AS DOUBLE)) THEN t.duration_s::DOUBLE ELSE -1 END
                        WHEN t.duration_source = 'accept_submit'
                        THEN epoch(t.finished) - epoch(t.started) END AS duration_s,
                   t.duration_source, t.batch_id, {trimmed("t.annotation_id")} AS given_id
            FROM timed t LEFT JOIN people p USING (source, annotator) LEFT JOIN meanings m USING (label)
        )
        SELECT *, coalesce(given_id, substr(sha256(concat_ws(chr(31), item_id, annotator_id)), 1, 24)) AS annotation_id
        FROM cleaned
        """
    )
    con.execute("ALTER TABLE cleaned ADD COLUMN event_id VARCHAR")
    # A version of an answer is its content: the same content delivered twice, in whatever file, is one event.
    con.execute(
        """
        UPDATE cleaned SET event_id = substr(sha256(concat_ws(chr(31), source, annotation_id, item_id, annotator_id,
            coalesce(label_raw, ''), status, is_gold_check, coalesce(epoch_us(started_at)::VARCHAR, ''),
            coalesce(epoch_us(annotated_at)::VARCHAR, ''), coalesce(duration_s::VARCHAR, ''),
            coalesce(batch_id, ''))), 1, 32)
        """
    )
