"""Who finds what: each role's own mart, in a folder of its own that a group may read and nobody else.

Training finds labels and how good they are, and nothing about who gave them; quality finds all that the mart has,
people as pseudonyms; operations finds counts, runs and figures. The privacy role reads the re-identification map and
the audit log, which are no marts. Which group each role is, is said by the folders: whoever runs the nights sets it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from label_pipeline.contracts.people import without_people
from label_pipeline.contracts.tables import (
    ANNOTATION_EVENTS,
    CONSENSUS_EVIDENCE,
    CONSENSUS_LABELS,
    CONSENSUS_NUMBERS,
    GATES,
    GOLD_PLAN,
    GOLD_SET,
    GUIDELINE_AGREEMENT,
    GUIDELINE_VERSIONS,
    KPIS,
    LABEL_ISSUES,
    LANDINGS,
    QUARANTINE,
    SPLITS,
    Table,
)
from label_pipeline.contracts.tables_night import RUNS
from label_pipeline.files import make_folder, replacing
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.mart import build_mart
from label_pipeline.project_privacy import READERS

FOLDER_MODE, FILE_MODE = 0o750, 0o640


TRAINING = (
    *(ANNOTATION_EVENTS, CONSENSUS_LABELS, CONSENSUS_NUMBERS, CONSENSUS_EVIDENCE, LABEL_ISSUES, SPLITS),
    *(GOLD_SET, GUIDELINE_VERSIONS, KPIS, GATES),
)
OPERATIONS = (LANDINGS, QUARANTINE, KPIS, GATES, GOLD_PLAN, GUIDELINE_AGREEMENT)
"""What operations finds of the mart, where it is there, without columns about people; training finds `TRAINING`."""


def build_role_marts(
    lake: Lake,
    folder: DataFolder,
    project: str,
    day: date,
    *,
    roles: Sequence[str],
    newest: Sequence[Table],
    every_day: Sequence[Table],
    runs: Mapping[str, Any],
) -> None:
    """Build the marts of `roles` beside the project's mart, of the same tables; those of other roles go.

    `runs` are the columns of the table of runs.
    """
    for role in READERS:
        path = folder.role_mart(role, project)
        if role not in roles:
            path.unlink(missing_ok=True)
            continue
        make_folder(folder.roles)  # for all: whose name a folder has is no secret, and each lets its own in
        make_folder(path.parent, mode=FOLDER_MODE)
        if role == "quality":
            with replacing(path, mode=FILE_MODE) as beside:
                shutil.copyfile(folder.mart(project), beside)
            continue
        theirs = {table.name for table in (TRAINING if role == "training" else OPERATIONS)}
        build_mart(
            lake,
            path,
            day,
            newest=[table for table in newest if table.name in theirs],
            every_day=[table for table in every_day if table.name in theirs],
            shown=without_people if role == "training" else _for_operations,
            more={RUNS: runs} if role == "operations" else {},
            mode=FILE_MODE,
        )


def _for_operations(table: Table) -> Table:
    """Without people, but for who signed for a gate: that is their own business."""
    return table if table is GATES else without_people(table)
