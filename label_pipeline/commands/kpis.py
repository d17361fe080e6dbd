"""`kpis`: key figures from the lake, as a table for people or JSON lines for programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

from label_pipeline.cli import OK
from label_pipeline.clock import parse_day
from label_pipeline.commands.columns import print_columns
from label_pipeline.contracts.tables import KPIS
from label_pipeline.errors import UserError, nearest
from label_pipeline.folders import DataFolder
from label_pipeline.kept import kept_words
from label_pipeline.kpis.catalogue import KPIS as CATALOGUE
from label_pipeline.kpis.catalogue import fitting
from label_pipeline.lake import Lake
from label_pipeline.project import Project, load_project
from label_pipeline.sql import connect, file_list

Row = dict[str, Any]
HEAD = ("day", "kpi", "of", "value", "95% interval", "n", "target", "status")


def run(arguments: argparse.Namespace) -> int:
    """Print the figures asked for: the newest night's, or those of a range of days."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    if arguments.kpi and arguments.kpi not in CATALOGUE:
        raise UserError(f"there is no KPI '{arguments.kpi}'", rule="kpis", do=nearest(arguments.kpi, CATALOGUE))
    fit = fitting(project.labels.type, project.labels.tolerance)
    if arguments.kpi and project.labels.has_consensus and arguments.kpi not in fit:
        words = f"'{arguments.kpi}' is a KPI of other labels: {', '.join(CATALOGUE[arguments.kpi].fits)}"
        raise UserError(words, where=f"project {project.project}, labels.type {project.labels.type}", rule="kpis")
    rows = _rows(Lake(folder, project.project), project, arguments)
    if arguments.json:
        for row in rows:
            print(json.dumps(row | {"day": str(row["day"])}))
        if not rows:
            print(*_without_data(rows, arguments.kpi), file=sys.stderr)
        return OK
    if rows:
        print_columns([HEAD, *(_line(row) for row in rows)])
    for words in _without_data(rows, arguments.kpi):
        print(words)
    return OK


def _rows(lake: Lake, project: Project, arguments: argparse.Namespace) -> list[Row]:
    """The figures in order of day, KPI, dimension; without `--kpi` only those that a target is held against."""
    first, last = (parse_day(text) if text else None for text in (arguments.first, arguments.last))
    if first and last and first > last:
        raise UserError(f"--from {first} is after --to {last}", rule="kpis")
    days = [day for day in lake.days(KPIS) if (first or date.min) <= day <= (last or date.max)]
    if not days:
        raise _nothing(lake, project)
    since = days[0] if first or last else days[-1]
    files = [f for f in lake.files(KPIS, days[-1]) if f.parent.name >= f"day={since}"]
    columns = ", ".join(f'"{name}"' for name in KPIS.names)
    with connect() as con:
        found = con.execute(
            f"SELECT day::DATE AS day, {columns} FROM read_parquet({file_list(files)}, hive_partitioning = true) "
            "WHERE kpi = coalesce(?, kpi) ORDER BY day, kpi, dimension <> 'all', dimension, member",
            [arguments.kpi],
        ).fetchall()
    rows = [dict(zip(("day", *KPIS.names), row, strict=True)) for row in found]
    fit = fitting(project.labels.type, project.labels.tolerance)
    shown = rows if arguments.kpi else [r for r in rows if r["kpi"] in fit and _is_headline(r)]
    order = {name: k for k, name in enumerate(CATALOGUE)}
    return sorted(shown, key=lambda r: (r["day"], order.get(r["kpi"], len(order))))


def _nothing(lake: Lake, project: Project) -> UserError:
    """Why there is no figure at all."""
    name, known = project.project, lake.days(KPIS)
    where = f"project {name}"
    if not project.labels.has_consensus:
        return UserError(f"there are no KPIs: {kept_words(project)}", where=where)
    if known:
        return UserError("no night of these days was computed", where=where, do=f"There are {known[0]} to {known[-1]}.")
    return UserError(
        "no night has been computed", where=where, do=f"Run: label-pipeline nightly --project {lake.project}"
    )


def _is_headline(row: Row) -> bool:
    kpi = CATALOGUE.get(row["kpi"])
    return bool(row["dimension"] == (kpi.headline if kpi else "all"))


def _line(row: Row) -> Sequence[Any]:
    ends = [row["ci_low"], row["ci_high"]]
    interval = "" if ends == [None, None] else f"{_number(ends[0], '…')} to {_number(ends[1], '…')}"
    member = "" if row["dimension"] == "all" else f"{row['dimension']} {row['member']}"
    value, target = _number(row["value"], "–"), _number(row["target"], "")
    return row["day"], row["kpi"], member, value, interval, row["n"], target, row["status"]


def _number(value: float | None, missing: str) -> str:
    return missing if value is None else f"{value:.4g}"


def _without_data(rows: Sequence[Row], asked: str | None) -> list[str]:
    """Why KPIs have no figure, in the words of their definitions."""
    if not rows:
        assert asked is not None  # every night has some figure
        return [f"{asked} was not computed on these days. It has no data when {CATALOGUE[asked].no_data}."]
    known = {row["kpi"] for row in rows if row["value"] is not None}
    missing = dict.fromkeys(row["kpi"] for row in rows if row["kpi"] in CATALOGUE)
    return [f"{name} has no data: {CATALOGUE[name].no_data}." for name in missing if name not in known]
