"""A flood: so many of a day's answers in quarantine that a mapping is broken rather than some rows.

A night stops at a flooded day, and none is built on one: what is missing from it would be missing from then on.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

from label_pipeline.contracts.tables import LANDINGS
from label_pipeline.lake import Lake
from label_pipeline.project import Project
from label_pipeline.sql import connect, file_list

if TYPE_CHECKING:
    import pyarrow as pa

FEWEST = 20  # answers in quarantine; one small broken file is no flood


def flood_words(project: Project, day: date, quarantine: pa.Table, landed: int) -> str:
    """What is wrong with a day of `landed` answers and which rules most of its quarantine broke; empty if no flood.

    No value of a row is shown: the message goes into logs.
    """
    if day in project.quarantine.let_pass or not is_flood(project, len(quarantine), landed):
        return ""
    pairs = zip(quarantine["rule"].to_pylist(), quarantine["landed_file"].to_pylist(), strict=True)
    reasons = Counter((rule, file.split("/")[0]) for rule, file in pairs)
    top = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:5]
    told = ", ".join(f"{rule} {n} (source {source})" for (rule, source), n in top)
    name = project.project
    return (
        f"{day}: {len(quarantine)} of {landed} answers ({len(quarantine) / landed:.0%}) are in quarantine, above "
        f"quarantine.limit {project.quarantine.limit:.0%}: {told}. "
        f"See: label-pipeline quarantine {name} --day {day}. Mend the project file, then: "
        f"label-pipeline quarantine {name} --replay; or list the day in quarantine.let_pass and run the night again."
    )


def is_flood(project: Project, quarantined: int, landed: int) -> bool:
    """Whether so many of a day's answers are too many."""
    return quarantined >= FEWEST and quarantined > project.quarantine.limit * landed


def flooded_days(lake: Lake, project: Project, until: date) -> list[date]:
    """The computed days up to `until` that are flooded by the project's present limit, in order."""
    files = lake.files(LANDINGS, until)
    if not files:
        return []
    with connect() as con:
        days = con.execute(
            "SELECT day::DATE, sum(quarantined)::BIGINT, sum(landed)::BIGINT "
            f"FROM read_parquet({file_list(files)}, hive_partitioning = true) GROUP BY day ORDER BY day"
        ).fetchall()
    return [
        day for day, bad, landed in days if day not in project.quarantine.let_pass and is_flood(project, bad, landed)
    ]
