"""The way into the reports: one page a project with its nights, newest first, and one page over all projects.

Each holds links, verdicts and the headline KPIs with their trend, and keeps the report's standards: one file, offline,
no script. Facts come as tables; where they are kept, and which reports there are, is not asked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from label_pipeline.report import words
from label_pipeline.report.build import page
from label_pipeline.report.data import KpiText
from label_pipeline.report.figures import HEADLINES, NIGHTS
from label_pipeline.report.marks import Point, Sparkline, sparkline

NIGHTS_LISTED = 400


@dataclass(frozen=True)
class Nights:
    """A project's nights: the `days` that have a report, and what is told of them.

    `kpis` are their overall figures (day, kpi, value, ci_low, ci_high, target, status), `accepted` the version of each
    day on which a set was accepted, `stopped` the blocking gates that failed, by day.
    """

    project: str
    days: Sequence[date]
    kpis: Sequence[Mapping[str, Any]]
    accepted: Mapping[date, str]
    stopped: Mapping[date, Sequence[str]]
    texts: Mapping[str, KpiText] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """A KPI of a night as it is shown, with its trend up to it where that is drawn."""

    title: str
    value: str
    interval: str
    status: str
    trend: Sparkline | None
    trend_words: str


@dataclass(frozen=True)
class Row:
    """A night: its day, the version a model may train on (empty: none) or why not, and its headline KPIs."""

    day: date
    version: str
    why: str
    cells: list[Cell]


def project_index(nights: Nights) -> str:
    """The page of a project: its headline KPIs with their trend, and its nights, newest first."""
    listed = sorted(nights.days, reverse=True)[:NIGHTS_LISTED]
    rows = _rows(nights, listed, drawn=listed[:1])
    more = len(nights.days) - len(listed)
    return page("index_project.html", project=nights.project, rows=rows, more=more)


def projects_index(projects: Sequence[Nights]) -> str:
    """The page over all projects: the newest night of each."""
    shown = []
    for nights in sorted(projects, key=lambda one: one.project):
        newest = [max(nights.days)]
        [row] = _rows(nights, newest, drawn=newest)
        by_title = {cell.title: cell for cell in row.cells}
        shown.append((nights.project, len(nights.days), row, by_title))
    known = (cell for *_, cells in shown for cell in cells.values() if cell.value != words.MISSING)
    titles = list(dict.fromkeys(cell.title for cell in known))  # a column that nobody fills says nothing
    return page("index_projects.html", rows=shown, titles=titles)


def _rows(nights: Nights, days: Sequence[date], drawn: Sequence[date]) -> list[Row]:
    """The nights of `days`, in their order; those of `drawn` with trends."""
    figures = {(row["day"], row["kpi"]): row for row in nights.kpis}
    targeted = {kpi for (_, kpi), row in figures.items() if words.known(row["target"])}
    order = [*HEADLINES, *(kpi for kpi in nights.texts if kpi in targeted and kpi not in HEADLINES)]
    return [
        Row(
            day,
            nights.accepted.get(day, ""),
            ", ".join(gate.replace("_", " ") for gate in nights.stopped.get(day, ())),
            [_cell(nights, figures, kpi, day, drawn=day in drawn) for kpi in order],
        )
        for day in days
    ]


def _cell(
    nights: Nights, figures: Mapping[tuple[date, str], Mapping[str, Any]], kpi: str, day: date, *, drawn: bool
) -> Cell:
    text = nights.texts.get(kpi) or KpiText(kpi.replace("_", " ").capitalize())
    shown = words.FORMATS[text.unit]
    row = figures.get((day, kpi), {})
    interval = words.interval(shown, row.get("ci_low"), row.get("ci_high"))
    past = [day - timedelta(days=back) for back in range(NIGHTS - 1, -1, -1)] if drawn else []
    points = [_point(night, figures[night, kpi]) for night in past if (night, kpi) in figures]
    seen = [point for point in points if words.known(point.value)]
    course = f"{text.title} over {words.plural(len(seen), 'night')}" if seen else ""
    return Cell(
        text.title,
        shown(row.get("value")),
        interval,
        row.get("status", "no data"),
        sparkline(points, row.get("target")),
        f"{course}, from {shown(seen[0].value)} to {shown(seen[-1].value)}" if seen else "",
    )


def _point(day: date, row: Mapping[str, Any]) -> Point:
    return Point(day, row["value"], row["ci_low"], row["ci_high"])
