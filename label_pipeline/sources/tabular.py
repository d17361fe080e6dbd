"""Plain tables (CSV, JSONL, Parquet) with a column mapping: one answer a row, or several numbered by `<n>`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import open_table
from label_pipeline.sources.reading import Reading
from label_pipeline.sources.wide import Parts, batch_of, column_of, read_wide, text_of

BATCH = "batch_id"


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one file. Raises UserError when the file or a mapped column is not there."""
    columns, broken = open_table(con, path, source, **_wanted(source, fields))
    parts = Parts(
        annotation_id=column_of(source.annotation_id, columns, "annotation_id"),
        annotator=column_of(source.annotator, columns, "annotator"),
        status=f"lower(coalesce({text_of(source.status, columns, 'status')}, 'submitted'))",
        started_at=column_of(source.started_at, columns, "started_at"),
        annotated_at=column_of(source.annotated_at, columns, "annotated_at"),
        duration_s=column_of(source.duration_s, columns, "duration_s"),
        duration_source="measured" if source.duration_s else "accept_submit" if source.started_at else "none",
        batch_id=batch_of(source, columns, BATCH),
    )
    return read_wide(columns, broken, source, fields, parts)


def _wanted(source: Source, fields: tuple[str, ...]) -> dict[str, set[str]]:
    """The columns that will be asked for, where no `<n>` stands in their names."""
    parts = (source.annotator, source.annotation_id, source.status, source.batch or BATCH)
    times = (source.started_at, source.annotated_at, source.duration_s)
    texts = {*source.item, *source.label, *(name for name in (*parts, *times) if name)}
    values = {source.fields.get(field, field) for field in fields}
    return {} if any("<n>" in name for name in texts | values) else {"texts": texts, "values": values}
