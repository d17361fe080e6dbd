"""The KPI assets: one a family, all writing their part of the one `kpis` table."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from label_pipeline.contracts.tables import (
    KPIS,
)
from label_pipeline.kpis.catalogue import KPIS as CATALOGUE
from label_pipeline.kpis.catalogue import fitting
from label_pipeline.kpis.change import NIGHTS_BACK, beyond_interval
from label_pipeline.kpis.definition import to_frame
from label_pipeline.kpis.kpi import Kpi
from label_pipeline.kpis.night import Night
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.kpi_frames import night
from label_pipeline.orchestration.table_assets import Check, CheckSpec, Made, Output, table_step
from label_pipeline.project import Project
from label_pipeline.sql import connect, file_list

if TYPE_CHECKING:
    pass

FAMILIES = {
    "accuracy": "label_accuracy",
    "agreement": "alpha",
    "throughput": "annotations_per_day",
    "turnaround": "turnaround_p50",
    "noise": "dispute_rate",
    "queue": "queue_size",
    "drift": "label_drift",
    "cost": "cost_per_settled_label",
    "fairness": "gaps_beyond_chance",
    "lift": "model_lift",
}
"""Each family, named like its file, and the KPI its plot follows over the days."""

DAYS_SHOWN = 30
_NONE = dict.fromkeys(("value", "ci_low", "ci_high"))


def families(project: Project) -> dict[str, dict[str, Kpi]]:
    """The families of which a project's labels have a KPI, each with those KPIs."""
    fit = fitting(project.labels.type, project.labels.tolerance)
    found = {family: {name: kpi for name, kpi in fit.items() if kpi.family == family} for family in FAMILIES}
    return {family: kpis for family, kpis in found.items() if kpis}


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The third stage of a project's graph: all families in one step, since they read the same night."""
    fit = families(desk.project)
    return [
        table_step(
            desk,
            [Output(f"kpis_{family}", KPIS, family, _about(family, kpis)) for family, kpis in fit.items()],
            _kpis,
            group="kpis",
            after=[
                "annotation_events",
                "items",
                "consensus_labels",
                "gold_set",
                "label_issues",
                "relabel_queue",
                "relabel_outcomes",
                "annotator_quality",
            ],
            checks=[
                CheckSpec(
                    f"targets_{family}",
                    f"kpis_{family}",
                    "No KPI of this family misses its target by its whole interval; those set to block stop the night.",
                    blocking=False,
                )
                for family in fit
            ],
        )
    ]


def _about(family: str, kpis: dict[str, Kpi]) -> str:
    """What an asset of figures is, for whoever meets it in the UI: its KPIs with their definitions."""
    module = import_module(f"label_pipeline.kpis.{family}")
    said = [
        f"- **{kpi.name}** ({kpi.unit}{'' if kpi.better == 'neither' else f', {kpi.better} is better'}): {kpi.meaning}."
        f" *{kpi.formula}*; interval: {kpi.interval}; no data when {kpi.no_data}."
        for kpi in kpis.values()
    ]
    return "\n".join([(module.__doc__ or "").splitlines()[0], "", *said])


def _kpis(desk: Desk, day: date) -> Made:
    seen, past = night(desk, day), _past(desk, day)
    made = {family: _family(family, kpis, desk, seen, past) for family, kpis in families(desk.project).items()}
    return Made(
        rows={name: rows for each in made.values() for name, rows in each.rows.items()},
        checks={name: check for each in made.values() for name, check in each.checks.items()},
        about={f"kpis_{family}": each for family, each in made.items()},
    )


def _past(desk: Desk, day: date) -> dict[str, dict[str, Any]]:
    """The overall figures of the nights that tonight is compared with, by KPI."""
    known, found = set(desk.lake.days(KPIS)), {}
    for words, back in NIGHTS_BACK.items():
        before = day - timedelta(days=back)
        rows = desk.lake.read(KPIS, before).to_pylist() if before in known else []
        found[words] = {r["kpi"]: r for r in rows if r["dimension"] == "all"}
    return found


def _family(family: str, kpis: dict[str, Kpi], desk: Desk, seen: Night, past: dict[str, dict[str, Any]]) -> Made:
    figures = [f for f in import_module(f"label_pipeline.kpis.{family}").figures(seen) if f.kpi in kpis]
    frame = to_frame(figures, desk.project.kpis)
    overall = frame[(frame["dimension"] == "all") & frame["value"].notna()]
    missed = frame[frame["status"] == "missed"]
    said = [_missed(seen.day, r) for r in missed.to_dict("records")]
    return Made(
        rows={f"kpis_{family}": frame},
        figures=dict(zip(overall["kpi"], overall["value"].astype(float), strict=True)),
        plot=partial(_plot, desk, seen.day, family),
        words=_words(overall, past),
        checks={f"targets_{family}": Check(missed.empty, "\n".join(said), {"missed": len(missed)})},
    )


def _missed(day: date, row: dict[Any, Any]) -> str:
    """What a missed target says, and what to do about it."""
    kpi, of = CATALOGUE[row["kpi"]], f" of {row['member']}" if row["member"] else ""
    interval = "" if pd.isna(row["ci_low"]) else f" ({row['ci_low']:.3f} to {row['ci_high']:.3f}, n {row['n']})"
    return (
        f"{day}: {row['kpi']}{of} is {row['value']:.3f}{interval} and misses its target {row['target']:g}."
        f" {kpi.meaning}: look at it by class, slice and group in the night's report,"
        f" or with `label-pipeline kpis PROJECT --kpi {row['kpi']}`."
    )


def _words(overall: pd.DataFrame, past: dict[str, dict[str, Any]]) -> str:
    lines = ["| KPI | value | 95% interval | n | target | status | moved |", "|---|---|---|---|---|---|---|"]
    for r in overall.to_dict("records"):
        interval = "" if pd.isna(r["ci_low"]) else f"{r['ci_low']:.3f} to {r['ci_high']:.3f}"
        target = "" if pd.isna(r["target"]) else f"{r['target']:g}"
        since = [f"{words} ({before[r['kpi']]['value']:.3f})" for words, before in past.items() if _moved(r, before)]
        moved = f"beyond its interval since {' and '.join(since)}" if since else ""
        lines.append(f"| {r['kpi']} | {r['value']:.3f} | {interval} | {r['n']} | {target} | {r['status']} | {moved} |")
    return "\n".join(lines)


def _moved(row: dict[Any, Any], before: dict[str, Any]) -> bool:
    now, then = (
        tuple(r[name] for name in ("value", "ci_low", "ci_high")) for r in (row, before.get(row["kpi"], _NONE))
    )
    return beyond_interval(now, then)


def _plot(desk: Desk, day: date, family: str) -> bytes:
    from label_pipeline.report.plots import line

    kpi = FAMILIES[family]
    course = _course(desk, day, family, kpi)
    return line([d for d, _ in course], {kpi: [value for _, value in course]}, kpi.replace("_", " "))


def _course(desk: Desk, day: date, family: str, kpi: str) -> list[tuple[date, float]]:
    """The overall value of a KPI on the last `DAYS_SHOWN` nights up to `day`, of those that have one."""
    nights = [d for d in desk.lake.days(KPIS) if d <= day][-DAYS_SHOWN:]
    files = [path for path in (desk.lake.path(KPIS, d, family) for d in nights) if path.is_file()]
    with connect() as con:
        course: list[tuple[date, float]] = con.execute(
            f"SELECT day::DATE, value FROM read_parquet({file_list(files)}, hive_partitioning = true) "
            "WHERE kpi = ? AND dimension = 'all' AND value IS NOT NULL ORDER BY day",
            [kpi],
        ).fetchall()
    return course
