"""MTurk batch result CSV: one assignment a row, one or several answers in it.

A rejected assignment is kept as rejected and is no vote. Accept, submit and work times are the assignment's:
with several answers the work time is divided by their number. Only the item, the answers, the worker and
the declared fields are read; the other columns (feedback, approval rates) stay in landing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import open_table
from label_pipeline.sources.reading import Reading
from label_pipeline.sources.wide import Parts, batch_of, read_wide, text_of


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one batch file. Raises UserError when it is no batch file or a mapped column is not there."""
    columns, broken = open_table(con, path, source)

    def column(name: str) -> str:
        return text_of(name, columns, "format")

    status = f"lower({column('AssignmentStatus')})"
    parts = Parts(
        annotation_id=column("AssignmentId"),
        annotator=column("WorkerId"),
        status=f"CASE {status} WHEN 'approved' THEN 'submitted' ELSE {status} END",
        started_at=column("AcceptTime"),
        annotated_at=column("SubmitTime"),
        duration_s=column("WorkTimeInSeconds"),
        duration_source="measured",
        batch_id=batch_of(source, columns, "Input.batch_id"),
    )
    return read_wide(columns, broken, source, fields, parts)
