"""Cleaning: answers as written become answers in the project's words. SQL over the view `answers` of one file.

Ids lose outer spaces, labels become classes, times become UTC, annotators become pseudonyms, and every
version of an answer gets an id made of its content. Ids end with the pseudonym's digits and hold nothing else of it, so
that another key renames them without the landing file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from label_pipeline.ingest.meaning import day_sql, has_lookup, label_sql, meanings
from label_pipeline.landing import LandedFile
from label_pipeline.privacy.persons import Met, Persons
from label_pipeline.project import INTEGER_ID, Project
from label_pipeline.sources.text import aside, strip, trimmed
from label_pipeline.sql import literal

NO_VALUE = ("nan", "NaN", "None", "null", "NULL", "<NA>")  # what programs write into a text for "nothing here"
SHORTEST = 4  # letters of an identity that an id does not hold by chance; a number may always be chance
EXACT = 1e12  # seconds; durations below it are told apart by the microsecond, like times


def load_lookups(con: Any, project: Project, source: str, persons: Persons) -> list[Met]:
    """Tables `meanings` of the labels and `people`, the annotators, that stand in the view `answers`.

    Labels and people are looked up as they were written, and compared in Python, so that the project file's checks,
    the roster and the gold seeds all see case and white space alike. Returns the logins that were met.
    """
    import pyarrow as pa

    def lookup(name: str, rows: Mapping[str, Sequence[str | None]]) -> None:
        con.register("incoming", pa.table(dict(rows), pa.schema([(n, pa.string()) for n in rows])))
        con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM incoming")
        con.unregister("incoming")

    def distinct(column: str) -> list[str]:
        query = f"SELECT DISTINCT {column} FROM answers WHERE {column} IS NOT NULL"
        return [text for (text,) in con.execute(query).fetchall()]

    lookup("meanings", meanings(project.labels, distinct("label") if has_lookup(project.labels) else []))
    people = {written: strip(written) for written in distinct("annotator")}
    people = {written: person for written, person in people.items() if person and person not in NO_VALUE}
    met = {person: persons.met(source, person) for person in people.values()}
    columns: dict[str, Sequence[str | None]] = {
        "annotator": list(people),
        "annotator_id": [met[p].annotator_id for p in people.values()],
        "telling": [p if len(p) >= SHORTEST and not p.isdigit() else None for p in people.values()],
    }
    lookup("people", columns)
    return list(met.values())


def item_sql(project: Project, column: str) -> str:
    """SQL that normalises an item id: outer spaces off, and `1905.0` to `1905` where ids are integers."""
    text = trimmed(column)
    # Not `NOT IN`, of which DuckDB makes a join.
    item = f"CASE WHEN {' AND '.join(f'{text} <> {literal(nothing)}' for nothing in NO_VALUE)} THEN {text} END"
    return f"regexp_replace({item}, {literal(INTEGER_ID)}, '\\1')" if project.items.ids == "integer" else item


def time_sql(column: str) -> str:
    """SQL that reads a time: ISO 8601, MTurk's `Mon Mar 27 06:51:23 PDT 2017`, or seconds since 1970.

    A time without an offset is in the session's timezone, which is the source's while it is read.
    """
    zones = "MAP {'PDT': 7, 'PST': 8, 'EDT': 4, 'EST': 5, 'CDT': 5, 'CST': 6, 'MDT': 6, 'MST': 7, 'UTC': 0, 'GMT': 0}"

    def other(text: str) -> str:
        plain = f"try_strptime(regexp_replace({text}, ' [A-Z]{{3}} ', ' '), '%a %b %d %H:%M:%S %Y')"
        mturk = f"timezone('UTC', {plain} + to_hours({zones}[regexp_extract({text}, ' ([A-Z]{{3}}) ', 1)]))"
        seconds = f"try_cast({text} AS DOUBLE)"
        epoch = f"CASE WHEN {seconds} BETWEEN 0 AND 1e10 THEN to_timestamp({seconds}) END"
        return f"coalesce(try_cast({text} AS TIMESTAMPTZ), {mturk}, {epoch})"

    return f"coalesce(try_cast({column} AS TIMESTAMPTZ), {aside(column, lambda x: other(f'({trimmed(x)})'))})"


def plausible(time: str) -> str:
    """SQL that passes on a time from 1990 to 2199: year 1 and 1970 are what tools write for "none"."""
    return f"CASE WHEN {time} BETWEEN TIMESTAMPTZ '1990-01-01 00:00Z' AND '2199-12-31 00:00Z' THEN {time} END"


def clean_sql(project: Project, day: date, file: LandedFile, answers: str = "answers") -> str:
    """SQL for the cleaned answers of a file: ids normalised, label mapped, times read, annotator a pseudonym.

    Beside the columns of an event stand what the rules judge, and what was written where it could not be read. The
    session's timezone is the source's.
    """
    nul = " OR ".join(
        f"coalesce(contains({c}, chr(0)), false)" for c in ("t.item_id", "t.annotator", "t.annotation_id")
    )

    def number(text: str) -> str:
        return f"CASE WHEN isfinite(try_cast({text} AS DOUBLE)) THEN try_cast({text} AS DOUBLE) END"

    def unread(time: str) -> str:
        return aside(time, lambda x: f"CASE WHEN {trimmed(x)} IS NOT NULL THEN {x} END")

    odd = aside(
        "t.duration_s", lambda x: f"CASE WHEN {trimmed(x)} IS NOT NULL THEN coalesce({number(trimmed(x))}, -1) END"
    )
    content = {
        "source": "source",
        "annotation": "coalesce(given_id, telling_id)",
        "item": "item_id",
        "label": "label_raw",
        "status": "status",
        "gold": "is_gold_check",
        "started": "epoch_us(started_at)",
        "finished": "epoch_us(annotated_at)",
        "duration": f"CASE WHEN abs(duration_s) < {EXACT:g} THEN (duration_s * 1000000)::BIGINT::VARCHAR "
        "ELSE duration_s::VARCHAR END",
        "batch": "batch_id",
    }
    # An id that names who answered may not stay: it is made anew, of what is left of it and of the pseudonym.
    given = trimmed("t.annotation_id")
    telling = f"substr(md5(replace({given}, p.telling, '')), 1, 16)"
    return f"""
        WITH written AS (
            SELECT *, {literal(file.source)} AS source, {literal(file.name)} AS landed_file,
                   {plausible(time_sql("started_at"))} AS started, {plausible(time_sql("annotated_at"))} AS finished
            FROM {answers}
        ), parts AS (
            SELECT t.source, t.landed_file, t.landed_row, t.answer, {item_sql(project, "t.item_id")} AS item_id,
                   p.annotator_id, {label_sql(project, day)} AS meaning, {trimmed("t.label")} AS label_raw, t.status,
                   coalesce(t.is_gold_check, false) AS is_gold_check, t.started AS started_at,
                   t.finished AS annotated_at, t.annotated_at AS annotated_at_raw,
                   CASE WHEN t.finished IS NULL THEN {unread("t.annotated_at")} END AS finish_unread,
                   CASE WHEN t.started IS NULL THEN {unread("t.started_at")} END AS start_unread,
                   {nul} AS damaged,
                   coalesce({number("t.duration_s")}, {odd}, CASE WHEN t.duration_source = 'accept_submit'
                            THEN epoch(t.finished) - epoch(t.started) END) AS duration_s,
                   t.duration_source AS duration_by, t.batch_id,
                   CASE WHEN contains({given}, p.telling) THEN {telling} END AS telling_id,
                   CASE WHEN contains({given}, p.telling) THEN NULL ELSE {given} END AS given_id
            FROM written t LEFT JOIN people p USING (annotator) LEFT JOIN meanings m USING (label)
        ), named AS (
            SELECT *, coalesce(finish_unread, start_unread) AS time_unread,
                   CASE WHEN status IN ('submitted', 'rejected') THEN meaning END AS label,
                   CASE WHEN duration_s IS NULL THEN 'none' ELSE duration_by END AS duration_source,
                   coalesce(given_id, coalesce(telling_id, substr(md5(item_id), 1, 16)) || {digits("annotator_id")})
                       AS annotation_id
            FROM parts
        )
        -- A version of an answer is its content: the same content delivered twice, in whatever file, is one event.
        SELECT *, substr(md5(concat({", chr(31), ".join(content.values())})), 1, 16) || {digits("annotator_id")}
                   AS event_id,
               {guideline_sql(project, day)} AS guideline_version
        FROM named
        """


def digits(annotator: str) -> str:
    """SQL for a pseudonym's 16 digits; zeros where nobody is named."""
    return f"coalesce(substr({annotator}, 3), '{'0' * 16}')"


def guideline_sql(project: Project, day: date) -> str:
    """SQL for the guideline of the answer's batch, else the one in force when it was given."""
    guidelines = project.guidelines
    when = day_sql(project, day, "annotated_at")
    begun = sorted(((first, name) for name, first in guidelines.since.items()), reverse=True)
    cases = [f"WHEN batch_id = {literal(batch)} THEN {literal(name)}" for batch, name in guidelines.batches.items()]
    cases += [f"WHEN {when} >= DATE {literal(str(first))} THEN {literal(name)}" for first, name in begun]
    otherwise = "NULL" if begun else literal(guidelines.current)
    return f"CASE {' '.join(cases)} ELSE {otherwise} END" if cases else otherwise
