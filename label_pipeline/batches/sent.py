"""What was sent, as files in landing: one a batch, written before its first row leaves, never changed.

A batch that was composed is a proposal; one that was sent is a fact of which later nights must know, and which a
rebuild must find again. So it lands, on the day on which it was sent. A push or an export that is done again reads the
batch from here, whatever has been composed since.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from label_pipeline.contracts.tables import BATCHES
from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder
from label_pipeline.landing import SENT, sent_files

if TYPE_CHECKING:
    import pandas as pd

BATCH_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def record_sent(folder: DataFolder, project: str, rows: pd.DataFrame, day: date) -> Path:
    """Land one batch (a frame of `batches`) as sent on `day`; returns its file.

    Raises:
        UserError: no rows, several batches, an id that is no file name, or the batch was sent before.
    """
    names = sorted(set(rows["batch_id"]))
    if len(names) != 1 or not BATCH_ID.fullmatch(names[0]):
        raise UserError(f"{len(rows)} rows of {len(names)} batches", rule="one batch, its id letters, digits, '-_.'")
    (name,) = names
    if sent_path(folder, project, name) is not None:
        raise UserError(f"batch {name} was sent before", rule="landing files are never changed")
    path = folder.landing(project, day) / SENT / f"{name}.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in BATCHES.conform(rows).to_pylist()]
    write_text(path, "\n".join(lines) + "\n")
    return path


def sent_path(folder: DataFolder, project: str, batch_id: str) -> Path | None:
    """The file of a batch that was sent; None for one that was not."""
    return next((p for p in sent_files(folder, project, date.max) if p.stem == batch_id), None)


def sent_rows(paths: Sequence[Path]) -> pd.DataFrame:
    """All rows of these files with sent_on, the day on which each landed: a frame of `batches` and that column.

    Raises:
        UserError: a file was changed since it landed.
    """
    import pandas as pd

    rows = [row | {"sent_on": date.fromisoformat(path.parent.parent.name)} for path in paths for row in _read(path)]
    return pd.DataFrame(rows, columns=[*BATCHES.names, "sent_on"], dtype=None if rows else object)


def _read(path: Path) -> list[dict[str, object]]:
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        whole = all(set(row) == set(BATCHES.names) and row["batch_id"] == path.stem for row in rows)
    except (ValueError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise UserError(
            "the file is not what was written when the batch was sent",
            where=f"{path.parent.parent.name}/{SENT}/{path.name}",
            rule="landing files are never changed",
            do="Restore it from a copy.",
        )
    return rows
