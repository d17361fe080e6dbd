"""The report's guidelines: agreement under each version, what each change of version moved, which classes are unclear.

Facts for the template; no markup. Figures are those of the KPIs and of the tables of `guidelines`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from label_pipeline.report import words
from label_pipeline.report.data import ReportData

MOVED_SHOWN = 6
UNCLEAR_SHOWN = 8
_FIGURES = ("alpha", "raw_agreement")
_ITEMS = {"same": "items answered under both", "other": "items answered under one"}


@dataclass(frozen=True)
class Change:
    """What a change of version moved: `rows` of (what, of which items, before, after, difference, interval, tone)."""

    before: str
    after: str
    rows: list[tuple[str, str, str, str, str, str, str]]


@dataclass(frozen=True)
class Guidelines:
    """The versions in the order in which they came into force, their changes, the classes the one in force leaves open.

    A version has version, title, since, in_force, annotations, annotators, warning, and `cells`: alpha and raw
    agreement as (value, interval). `unclear` are (a class, another, in words).
    """

    headings: list[str]
    versions: list[dict[str, Any]]
    changes: list[Change]
    unclear: list[tuple[str, str, str]]


def guidelines(data: ReportData) -> Guidelines:
    """Whether people agree under each guideline, and whether the newer one helped."""
    rows = [row for row in data.kpis.to_pylist() if row["dimension"] == "guideline_version"]
    found = {(row["member"], row["kpi"]): row for row in rows}
    versions = [
        version | {"cells": [_cell(data, found.get((version["version"], kpi), {}), kpi) for kpi in _FIGURES]}
        for version in _versions(data, sorted({row["member"] for row in rows}))
    ]
    headings = [data.text_of(kpi).title for kpi in _FIGURES]
    return Guidelines(headings, versions, _changes(data), _unclear(data))


def _versions(data: ReportData, answered: list[str]) -> list[dict[str, Any]]:
    if "guideline_versions" in data.guidelines:
        known: list[dict[str, Any]] = data.guidelines["guideline_versions"].sort_by("place").to_pylist()
        return known
    nothing = dict.fromkeys(("title", "since", "annotations", "annotators", "warning"))
    return [nothing | {"version": name, "in_force": False} for name in answered]


def _cell(data: ReportData, row: dict[str, Any], kpi: str) -> tuple[str, str]:
    shown = words.FORMATS[data.text_of(kpi).unit]
    return shown(row.get("value")), words.interval(shown, row.get("ci_low"), row.get("ci_high"))


def _changes(data: ReportData) -> list[Change]:
    """Each change with its overall figures, and the figures of classes that it moved beyond their interval."""
    if "guideline_changes" not in data.guidelines:
        return []
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in data.guidelines["guideline_changes"].to_pylist():
        if words.known(row["difference"]):
            grouped.setdefault((row["before"], row["after"]), []).append(row)
    changes = []
    for (before, after), rows in grouped.items():
        overall = sorted((row for row in rows if not row["member"]), key=lambda r: (r["items"] != "same", r["figure"]))
        moved = sorted((row for row in rows if row["member"] and _moved(row)), key=lambda r: -abs(r["difference"]))
        changes.append(Change(before, after, [_line(row) for row in [*overall, *moved[:MOVED_SHOWN]]]))
    return changes


def _moved(row: dict[str, Any]) -> bool:
    """Whether the interval of a difference leaves out zero."""
    return words.known(row["ci_low"]) and words.known(row["ci_high"]) and not row["ci_low"] <= 0.0 <= row["ci_high"]


def _line(row: dict[str, Any]) -> tuple[str, str, str, str, str, str, str]:
    """A figure before and after; more agreement is good, more confusion is not."""
    better = (row["difference"] > 0) != (row["figure"] == "confusion")
    shown, moved = (words.number, words.signed) if row["figure"] == "alpha" else (words.percent, words.points)
    what = row["figure"].replace("_", " ").capitalize() + (f" of {row['member']}" if row["member"] else "")
    return (
        what,
        _ITEMS[row["items"]],
        shown(row["value_before"]),
        shown(row["value_after"]),
        moved(row["difference"]),
        words.interval(moved, row["ci_low"], row["ci_high"]),
        ("passed" if better else "warn") if _moved(row) else "",
    )


def _unclear(data: ReportData) -> list[tuple[str, str, str]]:
    """Pairs of classes that several people, none of them mostly, say of the same items under the version in force."""
    if "guideline_confusions" not in data.guidelines:
        return []
    in_force = {row["version"] for row in _versions(data, []) if row["in_force"]}
    rows = [
        row
        for row in data.guidelines["guideline_confusions"].to_pylist()
        if row["ambiguous"] and row["version"] in in_force
    ]
    rows.sort(key=lambda row: (-row["both"], row["first"], row["second"]))
    return [
        (
            row["first"],
            row["second"],
            f"both are said of {words.count(row['both'])} of {words.count(row['n'])} items"
            f" ({words.interval(words.percent, row['ci_low'], row['ci_high'])}),"
            f" by {words.plural(row['people'], 'person', 'people')}",
        )
        for row in rows[:UNCLEAR_SHOWN]
    ]
