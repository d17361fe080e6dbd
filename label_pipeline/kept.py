"""Projects whose labels are kept and counted only: which table a night ends with, and how people are told.

What is done with labels that have a consensus is everybody else's.
"""

from __future__ import annotations

from label_pipeline.contracts.tables import GATES, LANDINGS, Table
from label_pipeline.project import Project


def last_table(project: Project) -> Table:
    """The table whose partition says that a day was computed to the end."""
    return GATES if project.labels.has_consensus else LANDINGS


def kept_words(project: Project) -> str:
    """What becomes of labels without a consensus, in a sentence."""
    return (
        f"labels of type '{project.labels.type}' have no consensus yet: answers are kept as they are and counted, "
        "and nothing is published"
    )
