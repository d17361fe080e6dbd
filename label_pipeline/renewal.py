"""A lake that other code wrote: found by its columns, and made anew from landing, never read as if it were ours.

Every partition is a function of landing, project file and day, so there is nothing to migrate: all days are computed
again. Versions, the mart and reports stay what they are until the nights that replace them.
"""

from __future__ import annotations

from label_pipeline.contracts.tables import INTAKE, LANDINGS, TABLES, Table
from label_pipeline.errors import UserError
from label_pipeline.kept import last_table
from label_pipeline.lake import Lake
from label_pipeline.landing import landed_days, project_gone
from label_pipeline.project import Project


def stale(lake: Lake) -> list[Table]:
    """The tables whose partitions have other columns than this code writes.

    Raises:
        UserError: newer code wrote them.
    """
    return [table for table in TABLES.values() if not lake.is_ours(table)]


def renew(lake: Lake, project: Project) -> str:
    """Delete a stale lake, for a run that begins at the project's start; says so, empty where nothing was stale.

    What tells which days are done goes first and the stale tables last: a kill leaves a lake that is stale still. What
    was taken in of landed files that were deleted stays.

    Raises:
        UserError: it cannot stay, as its own columns are stale.
    """
    old = stale(lake)
    if not old:
        return ""
    names = {table.name for table in old}
    kept = [day for day in landed_days(lake.folder, project.landing_of) if project_gone(lake.folder, project, day)]
    if kept and (unread := sorted(names & {table.name for table in INTAKE})):
        raise UserError(
            f"{', '.join(unread)} have other columns than this label-pipeline writes, and landed files of {len(kept)} "
            f"days, {kept[0]} to {kept[-1]}, were deleted: they cannot be taken in again",
            where=f"project {project.project}",
            rule="retention.landing",
            do="Stay with the label-pipeline that wrote them, or move the project's lake away and give those days up.",
        )
    first = [table for table in (last_table(project), LANDINGS) if table.name not in names]
    others = [table for table in TABLES.values() if table.name not in names and table not in first]
    for table in [*first, *others, *old]:
        if kept and table in INTAKE:
            for day in set(lake.days(table)) - set(kept):
                lake.forget(table, day)
        else:
            lake.forget_all([table])
    return (
        f"{project.project}: {', '.join(sorted(names))} had other columns than this label-pipeline writes; "
        "all days are computed again"
    )
