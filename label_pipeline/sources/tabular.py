"""Plain tables (CSV, JSONL, Parquet) with a column mapping: one answer a row, or several numbered by `<n>`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.project import Source
from label_pipeline.sources.landed import open_table
from label_pipeline.sources.reading import Reading
from label_pipeline.sources.wide import Parts, read_wide, text_of


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one file. Raises UserError when the file or a mapped column is not there."""
    columns, broken = open_table(con, path, source)
    parts = Parts(
        annotation_id=text_of(source.annotation_id, columns, "annotation_id"),
        annotator=text_of(source.annotator, columns, "annotator"),
        status=f"lower(coalesce({text_of(source.status, columns, 'status')}, 'submitted'))",
        started_at=text_of(source.started_at, columns, "started_at"),
        annotated_at=text_of(source.annotated_at, columns, "annotated_at"),
        duration_s=text_of(source.duration_s, columns, "duration_s"),
        duration_source="measured" if source.duration_s else "accept_submit" if source.started_at else "none",
    )
    return read_wide(con, columns, broken, source, fields, parts)
