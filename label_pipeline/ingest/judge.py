"""Judging: cleaned answers of a file that break a rule go to quarantine with it, the others are accepted.

Answers stream from the file's table through cleaning to the rules, part by part, so that never all are held twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.clock import end_of_day
from label_pipeline.contracts.rules import Rule, answer_rules, failures
from label_pipeline.contracts.tables import ANNOTATION_EVENTS, QUARANTINE
from label_pipeline.ingest.clean import clean_sql
from label_pipeline.ingest.references import reference_columns
from label_pipeline.landing import LandedFile
from label_pipeline.project import Project

if TYPE_CHECKING:
    import pyarrow as pa


def shown(value: str, longest: int = 80) -> str:
    """SQL for a value as quarantine shows it: cut, and without e-mail addresses that slipped into a wrong column."""
    return f"left(regexp_replace({value}, '[^\\s@]+@[^\\s@]+', '[e-mail]', 'g'), {longest})"


# The pseudonym and the declared parts of the answer, nothing else of the row.
RAW = (
    "json_object("
    + ", ".join(
        f"'{name}', {shown(column, 200)}"
        for name, column in {
            "annotation_id": "annotation_id",
            "item_id": "item_id",
            "annotator_id": "annotator_id",
            "label": "label_raw",
            "status": "status",
            "annotated_at": "annotated_at_raw",
        }.items()
    )
    + ")::VARCHAR"
)

PART = 1_000_000  # answers judged at once
SHORT = 1000  # rows; a longer gap between two rows that follow each other is a seam between two threads' work


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a file's answers: those `accepted`, in their order (events held as codes, and the
    number of the answer); the `quarantine` rows of the others; and the annotation ids of these, `set_aside`, which
    have not vanished."""

    accepted: pa.Table
    quarantine: pa.Table
    set_aside: pa.ChunkedArray


def judge(con: Any, project: Project, day: date, file: LandedFile) -> Judged:
    """Clean and judge the view `answers` of a file; the first broken rule of a row is its reason."""
    import numpy as np
    import pyarrow as pa

    rules = answer_rules(project, end_of_day(day, project.timezone))
    own = [name for name in ANNOTATION_EVENTS.names if name not in ("source", "landed_file")]
    flags = "damaged, label_raw IS NULL AS label_empty, time_unread IS NOT NULL AS unread"
    query = (
        f"SELECT {', '.join(own)}, answer, {flags}{reference_columns(project, day)} "
        f"FROM ({clean_sql(project, day, file)})"
    )
    accepted, broken = [], []
    with con.sql(query).to_arrow_reader(PART) as parts:
        for batch in parts:
            table = pa.Table.from_batches([batch])
            reason = np.full(len(table), -1, np.int32)
            for failure in failures(table, rules):
                reason[failure.rows.to_numpy(zero_copy_only=False) & (reason < 0)] = rules.index(failure.rule)
            if (bad := reason >= 0).any():
                reasons = table.select(["landed_row", "answer"]).append_column("reason", pa.array(reason))
                broken.append(reasons.filter(pa.array(bad)))
                table = table.filter(pa.array(~bad))
            accepted.append(coded(_in_file(table, file)).append_column("answer", table["answer"]))
    events = _in_order(accepted)
    if not broken:
        return Judged(events, QUARANTINE.empty(), ANNOTATION_EVENTS.empty()["annotation_id"])
    rows = _quarantined(con, project, day, file, rules, pa.concat_tables(broken))
    return Judged(events, QUARANTINE.conform(rows), rows["annotation_id"])


def _in_file(table: pa.Table, file: LandedFile) -> pa.Table:
    """With the columns that are one value in a file."""
    import numpy as np
    import pyarrow as pa

    for name, value in {"source": file.source, "landed_file": file.name}.items():
        codes = pa.array(np.zeros(len(table), np.int32))
        table = table.append_column(name, pa.DictionaryArray.from_arrays(codes, pa.array([value], pa.string())))
    return table


def coded(events: pa.Table) -> pa.Table:
    """Events with the types of their contract, and what has few values as codes."""
    import pyarrow as pa

    coding = pa.dictionary(pa.int32(), pa.string())
    return pa.table(
        {
            field.name: events[field.name].dictionary_encode().cast(coding)
            if field.name in ANNOTATION_EVENTS.coded
            else events[field.name].cast(field.type)
            for field in ANNOTATION_EVENTS.schema
        }
    )


def _in_order(parts: Sequence[pa.Table]) -> pa.Table:
    """A file's events in the order of its answers, in whatever order DuckDB handed them over."""
    import numpy as np
    import pyarrow as pa

    table = pa.concat_tables([no_answers(), *parts])
    for _ in range(2):
        row, answer = (table[name].to_numpy() for name in ("landed_row", "answer"))
        after = (row[1:] > row[:-1]) | ((row[1:] == row[:-1]) & (answer[1:] > answer[:-1]))
        if after.all():
            return table
        # Threads hand over runs of rows in turns: putting runs in order copies nothing.
        starts = np.concatenate([[0], np.flatnonzero(~after | (row[1:] > row[:-1] + SHORT)) + 1])
        ends = np.append(starts[1:], len(table))
        order = np.lexsort((answer[starts], row[starts]))
        table = pa.concat_tables([table.slice(starts[k], ends[k] - starts[k]) for k in order])
    return table.take(np.lexsort((answer, row)))


def no_answers() -> pa.Table:
    """What is `accepted` where nothing is."""
    import pyarrow as pa

    return coded(ANNOTATION_EVENTS.empty()).append_column("answer", pa.array([], pa.int64()))


def _quarantined(
    con: Any, project: Project, day: date, file: LandedFile, rules: Sequence[Rule], broken: pa.Table
) -> pa.Table:
    """Quarantine rows, with their annotation id, of the `broken` answers (landed_row, answer, number of the rule)."""
    import pyarrow as pa

    names = pa.table(
        {
            "reason": pa.array(range(len(rules)), pa.int32()),
            "rule": [r.name for r in rules],
            "column": [r.column for r in rules],
            "words": [r.words for r in rules],
        }
    )
    value = """CASE "column" WHEN 'label_raw' THEN label_raw WHEN 'time_unread' THEN time_unread
        WHEN 'annotated_at' THEN timezone('UTC', annotated_at)::VARCHAR || '+00'
        WHEN 'started_at' THEN timezone('UTC', started_at)::VARCHAR || '+00' WHEN 'status' THEN status END"""
    con.register("broken", broken)
    con.register("rules", names)
    cleaned = clean_sql(project, day, file, "(FROM answers SEMI JOIN broken USING (landed_row, answer))")
    rows: pa.Table = con.sql(
        f"""
        SELECT landed_file, landed_row, answer, source, rule, "column",
               words || coalesce(': ''' || {shown(value)} || '''', '') AS reason, {RAW} AS raw, annotation_id
        FROM ({cleaned}) JOIN broken USING (landed_row, answer) JOIN rules USING (reason)
        """
    ).to_arrow_table()
    con.unregister("broken")
    con.unregister("rules")
    return rows
