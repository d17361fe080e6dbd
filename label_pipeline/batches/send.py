"""Sending: from a night's batches to the record in landing that they were sent, and back to their rows.

What is written or pushed then is `written`'s and `push`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from label_pipeline.batches.sent import record_sent, sent_path, sent_rows
from label_pipeline.clock import today
from label_pipeline.contracts.tables import BATCHES, DISPATCHES
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.landing import sent_files
from label_pipeline.project import Project

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A batch that is sent, or was: its rows (a frame of `batches`), since when it is out (None for not yet), and how
    many of the composed rows are left out because another batch took their items out meanwhile."""

    batch_id: str
    rows: pd.DataFrame
    sent_on: date | None
    left_out: int = 0


def outgoing(folder: DataFolder, project: Project, day: date) -> list[Outgoing]:
    """The batches that the night of `day` composed; those that were sent, as they were sent.

    Raises:
        UserError: that night has not been run.
    """
    lake = Lake(folder, project.project)
    composed = lake.read(BATCHES, day).to_pandas()
    known = set(lake.read(DISPATCHES, day)["batch_id"].to_pylist())
    later = [path for path in sent_files(folder, project.project, date.max) if path.stem not in known]
    gone = sent_rows(later)
    found = []
    for name, rows in composed.groupby("batch_id"):
        before = sent_path(folder, project.project, str(name))
        if before is not None:
            was = sent_rows([before])
            found.append(Outgoing(str(name), was[BATCHES.names], was["sent_on"].iloc[0]))
            continue
        free = rows[~rows["item_id"].isin(set(gone["item_id"]))].reset_index(drop=True)
        found.append(Outgoing(str(name), free, None, len(rows) - len(free)))
    return found


def send(folder: DataFolder, project: Project, batch: Outgoing) -> Outgoing:
    """The batch, landed as sent today (in a project that is over, on its last day); once, however often it is sent.

    Raises:
        UserError: the project has not begun, or somebody else has sent the batch meanwhile with other rows.
    """
    if batch.sent_on is not None:
        return batch
    day = today(project.timezone)
    day = min(day, project.end) if project.end else day
    if day < project.start:
        raise UserError(f"project '{project.project}' begins on {project.start}", rule="start", do="Send it then.")
    try:
        record_sent(folder, project.project, batch.rows, day)
    except UserError:
        before = sent_path(folder, project.project, batch.batch_id)
        if before is None:
            raise
        was = sent_rows([before])  # by somebody else, since this one looked
        if BATCHES.conform(was[BATCHES.names]) != BATCHES.conform(batch.rows):
            what = f"batch {batch.batch_id} was just sent by somebody else, with other rows"
            raise UserError(what, do="Send it again: it goes out as it was sent.") from None
        day = was["sent_on"].iloc[0]
    return Outgoing(batch.batch_id, batch.rows, day, batch.left_out)
