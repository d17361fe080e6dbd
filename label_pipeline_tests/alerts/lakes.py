"""A lake written by hand: what a few nights came to, and nothing else."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from label_pipeline.contracts.tables import GATES, KPIS, LANDINGS, Table
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.project import Project, parse_project

D1, D2, D3 = (date(2026, 10, d) for d in (5, 6, 7))
PROJECT = """\
project: pets
start: 2026-10-05
labels: {classes: [cat, dog]}
sources: {crowd: {format: csv}}
alerts: {webhook_env: HOOK}
"""


def project(text: str = PROJECT) -> Project:
    return parse_project(text, "project.yaml")


def lake(root: Path) -> Lake:
    return Lake(DataFolder(root), "pets")


def night(
    lake: Lake,
    day: date,
    *,
    kpis: list[dict[str, Any]] | None = None,
    gates: dict[str, tuple[bool, str]] | None = None,
    overridden: tuple[str, ...] = (),
    unreadable: int = 0,
    quarantined: int = 0,
) -> None:
    """One night's tables; without `gates` it did not come so far."""
    landings = [landing("a.csv", 100, quarantined)]
    landings += [landing(f"anna-{k}.csv", 1, 1, "no header of Anna's") for k in range(unreadable)]
    write(lake, LANDINGS, day, landings)
    if gates is None:
        return
    write(lake, KPIS, day, kpis or [])
    rows = [
        gate(g, passed=ok, observed=seen, overridden="anna@example.org: i07" if g in overridden else None)
        for g, (ok, seen) in gates.items()
    ]
    write(lake, GATES, day, [*rows, gate("old", severity="warn", passed=False)])


def gate(name: str, **other: Any) -> dict[str, Any]:
    return {
        "gate": name, "severity": "block", "observed": "", "expected": "at least 0.5", "words": "i07",
        "overridden": None, **other,
    }  # fmt: skip


def landing(name: str, landed: int, quarantined: int, problem: str | None = None) -> dict[str, Any]:
    return {
        "landed_file": f"crowd/{name}", "source": "crowd", "sha256": "0", "bytes": 1, "landed": landed,
        "accepted": landed - quarantined, "quarantined": quarantined, "duplicates": 0, "problem": problem,
    }  # fmt: skip


def figure(
    kpi: str, value: float | None, low: float | None = None, high: float | None = None, **other: Any
) -> dict[str, Any]:
    return {
        "kpi": kpi, "dimension": "all", "member": "", "value": value, "ci_low": low, "ci_high": high, "n": 9,
        "target": None, "status": "no target", **other,
    }  # fmt: skip


def write(lake: Lake, table: Table, day: date, rows: list[dict[str, Any]]) -> None:
    lake.write(table, day, {name: [row[name] for row in rows] for name in table.names})
