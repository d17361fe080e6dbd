"""A lake that other code wrote: found by its columns, and made anew from landing, never read as if it were ours.

Every partition is a function of landing, project file and day, so there is nothing to migrate: all days are computed
again. Versions, the mart and reports stay what they are until the nights that replace them.
"""

from __future__ import annotations

from label_pipeline.contracts.tables import LANDINGS, TABLES, Table
from label_pipeline.kept import last_table
from label_pipeline.lake import Lake
from label_pipeline.project import Project


def stale(lake: Lake) -> list[Table]:
    """The tables whose partitions have other columns than this code writes.

    Raises:
        UserError: newer code wrote them.
    """
    return [table for table in TABLES.values() if not lake.is_ours(table)]


def renew(lake: Lake, project: Project) -> str:
    """Delete a stale lake, for a run that begins at the project's start; says so, empty where nothing was stale.

    What tells which days are done goes first and the stale tables last: a kill leaves a lake that is stale still.
    """
    old = stale(lake)
    if not old:
        return ""
    names = {table.name for table in old}
    first = [table for table in (last_table(project), LANDINGS) if table.name not in names]
    others = [table for table in TABLES.values() if table.name not in names and table not in first]
    lake.forget_all([*first, *others, *old])
    return (
        f"{project.project}: {', '.join(sorted(names))} had other columns than this label-pipeline writes; "
        "all days are computed again"
    )
