"""Label Studio's CSV or TSV export: JSON_MIN as a table, losing what that loses. `delimiter` tells the two apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_pipeline.project_sources import Source
from label_pipeline.sources.label_studio_min import read_flat
from label_pipeline.sources.landed import open_table
from label_pipeline.sources.reading import Reading


def read(con: Any, path: Path, source: Source, fields: tuple[str, ...]) -> Reading:
    """Read one export. Raises UserError when it is another kind of file or the control is not there."""
    columns, broken = open_table(con, path, source.model_copy(update={"format": "csv"}))
    return read_flat(con, columns, broken, source, fields)
