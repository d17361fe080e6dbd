"""Judging: cleaned answers that break a rule go to quarantine with it, the others are accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from label_pipeline.clock import end_of_day
from label_pipeline.contracts.rules import Rule, answer_rules, failures
from label_pipeline.ingest.read import Read
from label_pipeline.ingest.references import reference_columns
from label_pipeline.project import Project


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

BATCH = 1_000_000  # answers judged at once
UNJUDGED = ("landed_file", "landed_row", "answer", "annotated_at_raw", "duration_source", "annotation_id", "event_id")


def judge(con: Any, project: Project, day: date, reads: Sequence[Read]) -> None:
    """Tables `quarantine`, `accepted` and `set_aside` (source and annotation_id of what is in quarantine): the first
    broken rule of a row is its reason."""
    import pyarrow as pa

    rules = answer_rules(project, end_of_day(day, project.timezone))
    _find_broken(con, project, day, rules)
    names = pa.table(
        {
            "reason": pa.array(range(len(rules)), pa.int32()),
            "rule": pa.array([r.name for r in rules], pa.string()),
            "column": pa.array([r.column for r in rules], pa.string()),
            "words": pa.array([r.words for r in rules], pa.string()),
        }
    )
    con.register("rules", names)
    value = """CASE "column" WHEN 'label_raw' THEN label_raw WHEN 'time_unread' THEN time_unread
        WHEN 'annotated_at' THEN annotated_at::VARCHAR WHEN 'started_at' THEN started_at::VARCHAR
        WHEN 'status' THEN status END"""
    con.execute(
        f"""
        CREATE TEMP TABLE quarantine AS
        SELECT landed_file, landed_row, answer, source, rule, "column",
               words || coalesce(': ''' || {shown(value)} || '''', '') AS reason, {RAW} AS raw
        FROM cleaned JOIN unkept ON cleaned.rowid = unkept.place JOIN rules USING (reason)
        UNION ALL
        SELECT landed_file, landed_row, 0, source, 'line_unreadable', '', reason, '{{}}' FROM broken
        """
    )
    con.execute(
        "CREATE TEMP TABLE set_aside AS "
        "SELECT source, annotation_id FROM cleaned JOIN unkept ON cleaned.rowid = unkept.place"
    )
    con.execute("DELETE FROM cleaned USING unkept WHERE cleaned.rowid = unkept.place")
    con.execute("ALTER TABLE cleaned RENAME TO accepted")
    con.unregister("rules")
    for read in reads:
        if read.problem is not None:
            words = " ".join(filter(None, (read.problem.what + ".", read.problem.do)))
            con.execute(
                "INSERT INTO quarantine VALUES (?, 0, 0, ?, ?, '', ?, '{}')",
                [read.file.name, read.file.source, read.problem.rule, words],
            )


def _find_broken(con: Any, project: Project, day: date, rules: Sequence[Rule]) -> None:
    """Table `unkept`: the place in `cleaned` of each row that breaks a rule, and the number of the first one."""
    import numpy as np
    import pyarrow as pa

    numbers = {rule.name: k for k, rule in enumerate(rules)}
    places, reasons = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    judged = con.sql(
        f"SELECT rowid AS place, * EXCLUDE ({', '.join(UNJUDGED)}){reference_columns(project, day)} FROM cleaned"
    ).to_arrow_reader(BATCH)
    for batch in judged:
        table = pa.Table.from_batches([batch])
        reason = np.full(len(table), -1, np.int32)
        for failure in failures(table, rules):
            reason[failure.rows.to_numpy(zero_copy_only=False) & (reason < 0)] = numbers[failure.rule.name]
        places.append(table["place"].to_numpy()[reason >= 0])
        reasons.append(reason[reason >= 0])
    con.register("incoming", pa.table({"place": np.concatenate(places), "reason": np.concatenate(reasons)}))
    con.execute("CREATE TEMP TABLE unkept AS FROM incoming")
    con.unregister("incoming")
