"""What holds after a night that is worth telling: gates, targets, floods, unreadable files, nights without an end.

Here belong the conditions and their words. They hold no annotator, no item, no file name and no text: a message leaves
the house. Whether a condition is news is `told`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from label_pipeline.contracts.tables import GATES, KPIS, LANDINGS
from label_pipeline.ingest.flood import flooded_days
from label_pipeline.kpis.catalogue import KPIS as CATALOGUE
from label_pipeline.lake import Lake
from label_pipeline.project import Project
from label_pipeline.sql import connect, file_list

NAMED = ("all", "class")  # dimensions whose members are the project file's words; others may be of items or people
SHOUTING = ("throughput",)  # families whose counts change from day to day by more than chance alone


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that holds: its `kind` (gate, target, flood, files, night), and a sentence."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Measured:
    """An overall figure with its interval, of which one end may be unknown."""

    value: float
    low: float | None
    high: float | None

    @property
    def ends(self) -> tuple[float, float | None, float | None]:
        """Value, lower and upper end."""
        return self.value, self.low, self.high


@dataclass(frozen=True)
class Standing:
    """What is known of every condition as of `day`, by key.

    `holds` are there; `over` says of those that are certainly not there what is told when they ended; of `undecided`
    ones the data cannot tell. A key in none of them is no longer asked about. `figures` are those by KPI whose changes
    are told.
    """

    day: date
    holds: dict[str, Condition] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    undecided: set[str] = field(default_factory=set)
    figures: dict[str, Measured] = field(default_factory=dict)


def standing(lake: Lake, project: Project, *, failed_at: str | None = "") -> Standing | None:
    """What holds as of the newest computed day; None before there is one.

    `failed_at` names the step at which the run broke off, empty where it came to its end, None where a part of a
    night was run.
    """
    landed = lake.days(LANDINGS)
    if not landed:
        return None
    found = Standing(landed[-1])
    _intake(found, lake, project)
    judged = lake.days(GATES) if project.labels.has_consensus else []
    if judged:
        _gates(found, lake.read(GATES, judged[-1]).to_pylist())
        _targets(found, lake.read(KPIS, judged[-1]).to_pylist())
    if failed_at is None:
        found.undecided.add("night")
    elif not failed_at:
        found.over["night"] = "Nights come to their end again."
    elif any(condition.kind == "flood" for condition in found.holds.values()):
        found.undecided.add("night")  # the flood is why
    else:
        found.holds["night"] = Condition("night", f"The run did not come to its end: it failed at {failed_at}.")
    return found


def _intake(found: Standing, lake: Lake, project: Project) -> None:
    flooded = flooded_days(lake, project, found.day)
    for day, unreadable in _unreadable(lake, found.day):
        flood, files = f"flood {day}", f"files {day}"
        if day in flooded:
            words = f"{day} is flooded with rows in quarantine; no later day is computed until it is mended."
            found.holds[flood] = Condition("flood", words)
        else:
            found.over[flood] = f"{day} is no longer flooded with rows in quarantine."
        if unreadable:
            found.holds[files] = Condition("files", f"{unreadable} landed file(s) of {day} could not be read.")
        else:
            found.over[files] = f"All landed files of {day} can be read now."


def _unreadable(lake: Lake, until: date) -> list[tuple[date, int]]:
    """Every computed day with the number of its files that could not be read."""
    source = f"read_parquet({file_list(lake.files(LANDINGS, until))}, hive_partitioning = true)"
    with connect() as con:
        counted = dict(con.execute(f"SELECT day::DATE, count(problem) FROM {source} GROUP BY ALL").fetchall())
    return [(day, int(counted.get(day, 0))) for day in lake.days(LANDINGS)]


def _gates(found: Standing, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        key = f"gate {row['gate']}"
        if row["severity"] != "block":
            continue
        if row["passed"]:
            found.over[key] = f"Gate {row['gate']} holds again."
        elif row["overridden"]:
            found.over[key] = f"Gate {row['gate']} was overridden."
        else:
            seen = f" ({row['observed']}, asked: {row['expected']})" if _is_number(row["observed"]) else ""
            words = f"Gate {row['gate']} stopped the night{seen}: training jobs keep the version before."
            found.holds[key] = Condition("gate", words)


def _targets(found: Standing, rows: list[dict[str, Any]]) -> None:
    for name, members in _by_name(rows):
        key, row = f"target {name}", max(members, key=lambda r: r["status"] == "missed")
        statuses = {r["status"] for r in members}
        if "missed" in statuses:
            words = f"{name} is {row['value']:.3g} and misses its target of {row['target']:.3g}."
            found.holds[key] = Condition("target", words)
        elif statuses != {"met"}:
            found.undecided.add(key)
        else:
            found.over[key] = f"{name} is {row['value']:.3g} and meets its target of {row['target']:.3g} again."
    for row in rows:
        kpi = CATALOGUE.get(row["kpi"])
        measured = row["value"] is not None and (row["ci_low"] is not None or row["ci_high"] is not None)
        if row["dimension"] == "all" and measured and kpi is not None and kpi.family not in SHOUTING:
            found.figures[row["kpi"]] = Measured(row["value"], row["ci_low"], row["ci_high"])


def _by_name(rows: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Figures that have a target under the name by which they are told; those of unnamed members share one."""
    named: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["target"] is not None:
            shown = row["member"] and row["dimension"] in NAMED
            named.setdefault(f"{row['kpi']} of {row['member']}" if shown else row["kpi"], []).append(row)
    yield from named.items()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
