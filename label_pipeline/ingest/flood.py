"""A flood: so many of a day's answers in quarantine that a mapping is broken rather than some rows.

A night stops at a flooded day, and none is built on one: what is missing from it would be missing from then on.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import groupby
from pathlib import Path
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


Counts = dict[date, tuple[list[int], int, int]]
"""What a day's account told: when its files were written, answers in quarantine and landed."""


def flooded_days(lake: Lake, project: Project, until: date, known: Counts | None = None) -> list[date]:
    """The computed days up to `until` that are flooded by the project's present limit, in order.

    `known` remembers for the next call what was read; a day that was written again is read again.
    """
    known = {} if known is None else known
    files = {day: list(found) for day, found in groupby(lake.files(LANDINGS, until), _day)}
    written = {day: [file.stat().st_mtime_ns for file in found] for day, found in files.items()}
    if new := [day for day, at in written.items() if day not in known or known[day][0] != at]:
        with connect() as con:
            read = con.execute(
                "SELECT day::DATE, sum(quarantined)::BIGINT, sum(landed)::BIGINT FROM read_parquet("
                f"{file_list([file for day in new for file in files[day]])}, hive_partitioning = true) GROUP BY day"
            ).fetchall()
        known |= {day: (written[day], 0, 0) for day in new}  # where no file landed there is no row
        known |= {day: (written[day], bad, landed) for day, bad, landed in read}
    days = [(day, *known[day][1:]) for day in written]
    return [
        day for day, bad, landed in days if day not in project.quarantine.let_pass and is_flood(project, bad, landed)
    ]


def _day(file: Path) -> date:
    return date.fromisoformat(file.parent.name.removeprefix("day="))
