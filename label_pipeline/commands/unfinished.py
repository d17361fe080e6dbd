"""What was broken off in a project before: gone on with, by whoever writes the project next at the command line."""

from __future__ import annotations

from label_pipeline.cli import OK
from label_pipeline.folders import DataFolder
from label_pipeline.privacy.journal import read_journal


def resume(folder: DataFolder, project: str) -> int:
    """Finish an erasure or a rotation of keys that a kill broke off, if there is one; returns its exit code."""
    journal = read_journal(folder, project)
    if journal is None:
        return OK
    if journal.kind == "rotation":
        from label_pipeline.commands.rotate_key import go_on
    else:
        from label_pipeline.commands.erase import go_on
    return go_on(folder, project)
