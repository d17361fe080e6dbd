"""Cleaning: answers as written become answers in the project's words. SQL over the tables of one connection.

Ids lose outer spaces, labels become classes, times become UTC, annotators become pseudonyms, and every
version of an answer gets an id made of its content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from label_pipeline.ingest.read import Read
from label_pipeline.privacy.pseudonyms import pseudonyms
from label_pipeline.project import Project
from label_pipeline.sources.reading import Reading, answer_schema, broken_schema, item_schema
from label_pipeline.sql import literal

if TYPE_CHECKING:
    import pyarrow as pa


def load_answers(con: Any, project: Project, reads: Sequence[Read], secret: bytes) -> None:
    """Tables `answers` (with source and file), `aliases` and `people` in the connection."""
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
    written = {c.strip().casefold(): c for c in project.labels.classes}
    written |= {a.strip().casefold(): c for a, c in project.labels.aliases.items()}
    con.register("incoming", pa.table({"written": list(written), "class": list(written.values())}))
    con.execute("CREATE TEMP TABLE aliases AS SELECT * FROM incoming")
    con.unregister("incoming")
    pairs = con.execute("SELECT DISTINCT source, trim(annotator) FROM answers WHERE trim(annotator) <> ''").fetchall()
    named = pseudonyms(pairs, secret)
    rows = {"source": [s for s, _ in named], "identity": [i for _, i in named], "annotator_id": list(named.values())}
    con.register("incoming", pa.table(rows, pa.schema([(n, pa.string()) for n in rows])))
    con.execute("CREATE TEMP TABLE people AS SELECT * FROM incoming")
    con.unregister("incoming")


def item_sql(project: Project, column: str) -> str:
    """SQL that normalises an item id: outer spaces off, and `1905.0` to `1905` where ids are integers."""
    trimmed = f"nullif(trim({column}), '')"
    return f"regexp_replace({trimmed}, '^([0-9]+)\\.0+$', '\\1')" if project.items.ids == "integer" else trimmed


def time_sql(column: str) -> str:
    """SQL that reads a time: ISO 8601, MTurk's `Mon Mar 27 06:51:23 PDT 2017`, or seconds since 1970.

    A time without an offset is in the session's timezone, which is the source's while it is read.
    """
    zones = {"PDT": 7, "PST": 8, "EDT": 4, "EST": 5, "CDT": 5, "CST": 6, "MDT": 6, "MST": 7, "UTC": 0, "GMT": 0}
    hours = " ".join(f"WHEN '{name}' THEN {offset}" for name, offset in zones.items())
    zone = f"regexp_extract({column}, ' ([A-Z]{{3}}) ', 1)"
    plain = f"try_strptime(regexp_replace({column}, ' [A-Z]{{3}} ', ' '), '%a %b %d %H:%M:%S %Y')"
    mturk = f"timezone('UTC', {plain} + to_hours(CASE {zone} {hours} END))"
    # 1e11 seconds is the year 5138: a larger number is no time in seconds.
    epoch = f"CASE WHEN abs(try_cast({column} AS DOUBLE)) < 1e11 THEN to_timestamp(try_cast({column} AS DOUBLE)) END"
    iso = f"CASE WHEN isfinite(try_cast({column} AS TIMESTAMPTZ)) THEN try_cast({column} AS TIMESTAMPTZ) END"
    return f"coalesce({iso}, {mturk}, {epoch})"


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
        WITH cleaned AS (
            SELECT t.source, t.landed_file, t.landed_row, t.answer, {item_sql(project, "t.item_id")} AS item_id,
                   p.annotator_id, a.class AS label, nullif(trim(t.label), '') AS label_raw, t.status,
                   coalesce(t.is_gold_check, false) AS is_gold_check, t.started AS started_at,
                   t.finished AS annotated_at, t.annotated_at AS annotated_at_raw,
                   (nullif(trim(t.annotated_at), '') IS NOT NULL AND t.finished IS NULL)
                   OR (nullif(trim(t.started_at), '') IS NOT NULL AND t.started IS NULL) AS time_unreadable,
                   CASE WHEN nullif(trim(t.duration_s), '') IS NOT NULL
                        THEN coalesce(try_cast(t.duration_s AS DOUBLE), -1)
                        WHEN t.duration_source = 'accept_submit'
                        THEN epoch(t.finished) - epoch(t.started) END AS duration_s,
                   t.duration_source, t.batch_id, nullif(trim(t.annotation_id), '') AS given_id
            FROM timed t
            LEFT JOIN people p ON p.source = t.source AND p.identity = trim(t.annotator)
            LEFT JOIN aliases a ON a.written = lower(trim(t.label))
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
