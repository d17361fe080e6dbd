"""Judging: cleaned answers that break a rule go to quarantine with it, the others are accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from label_pipeline.clock import end_of_day
from label_pipeline.contracts.rules import Rule, answer_rules, failures
from label_pipeline.ingest.read import Read
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


def judge(con: Any, project: Project, day: date, reads: Sequence[Read]) -> None:
    """Tables `quarantine` and `accepted`: the first broken rule of a row is its reason."""
    import numpy as np
    import pyarrow as pa

    table = con.sql("SELECT * FROM cleaned ORDER BY landed_file, landed_row, answer").to_arrow_table()
    reason: Any = np.full(len(table), -1, np.int32)
    broken: list[Rule] = []
    for failure in failures(table, answer_rules(project.labels.classes, end_of_day(day, project.timezone))):
        rows = failure.rows.to_numpy(zero_copy_only=False) & (reason < 0)
        reason[rows] = len(broken)
        broken.append(failure.rule)
    con.register("judged", table.append_column("reason", pa.array(reason)))
    names = pa.table(
        {
            "reason": pa.array(range(len(broken)), pa.int32()),
            "rule": pa.array([r.name for r in broken], pa.string()),
            "column": pa.array([r.column for r in broken], pa.string()),
            "words": pa.array([r.words for r in broken], pa.string()),
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
        FROM judged JOIN rules USING (reason)
        UNION ALL
        SELECT landed_file, landed_row, 0, source, 'line_unreadable', '', reason, '{{}}' FROM broken
        """
    )
    con.execute("CREATE TEMP TABLE accepted AS SELECT * EXCLUDE (reason) FROM judged WHERE reason < 0")
    con.unregister("judged")
    con.unregister("rules")
    for read in reads:
        if read.problem is not None:
            words = " ".join(filter(None, (read.problem.what + ".", read.problem.do)))
            con.execute(
                "INSERT INTO quarantine VALUES (?, 0, 0, ?, ?, '', ?, '{}')",
                [read.file.name, read.file.source, read.problem.rule, words],
            )
