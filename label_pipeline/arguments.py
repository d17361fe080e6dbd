"""The arguments of every command of `label-pipeline`: one function a command, in the order of `--help`.

What a command does is in `commands`, in a module of its name. Nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
from typing import Any


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="label-pipeline",
        description="Nightly label quality: what are the best labels, how sure are we, what to label again.",
    )
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data", metavar="DIR", help="the data folder (default: LABEL_PIPELINE_DATA, else ./data)")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_init, _land, _pull, _nightly, _status, _kpis, _quarantine, _audit, _ui, _simulate):
        add(commands, data)
    return top


def _init(commands: Any, data: argparse.ArgumentParser) -> None:
    init = commands.add_parser("init", parents=[data], help="make a project from a table of annotations")
    init.add_argument("project")
    init.add_argument(
        "--from", dest="table", required=True, metavar="FILE", help="CSV, JSONL or Parquet, one answer a row"
    )
    init.add_argument("--item", required=True, metavar="COL")
    init.add_argument("--annotator", required=True, metavar="COL")
    init.add_argument("--label", required=True, metavar="COL")
    init.add_argument("--annotated-at", metavar="COL")
    init.add_argument("--text", metavar="COL", help="item text: a baseline model is trained on it")


def _land(commands: Any, data: argparse.ArgumentParser) -> None:
    land = commands.add_parser("land", parents=[data], help="put files into a day's landing folder")
    land.add_argument("project")
    land.add_argument("files", nargs="+", metavar="FILE")
    land.add_argument("--source", required=True, metavar="NAME")
    land.add_argument("--day", metavar="D", help="landing day (default: today in the project's timezone)")


def _pull(commands: Any, data: argparse.ArgumentParser) -> None:
    pull = commands.add_parser("pull", parents=[data], help="land what changed in a running Label Studio")
    pull.add_argument("project")
    pull.add_argument("--source", metavar="NAME", help="one source (default: all that have a pull part)")


def _nightly(commands: Any, data: argparse.ArgumentParser) -> None:
    nightly = commands.add_parser("nightly", parents=[data], help="run last night, or the days asked for")
    nightly.add_argument("--project", metavar="P", help="one project (default: all)")
    nightly.add_argument("--day", metavar="D", help="one day, like 2026-10-05")
    nightly.add_argument("--from", dest="first", metavar="D", help="first day of a range")
    nightly.add_argument("--to", dest="last", metavar="D", help="last day of a range")


def _status(commands: Any, data: argparse.ArgumentParser) -> None:
    status = commands.add_parser("status", parents=[data], help="what has landed, run and been published")
    status.add_argument("--project", metavar="P", help="one project (default: all)")


def _kpis(commands: Any, data: argparse.ArgumentParser) -> None:
    kpis = commands.add_parser("kpis", parents=[data], help="the key figures of the newest night, or of a range")
    kpis.add_argument("project")
    kpis.add_argument("--kpi", metavar="K", help="one KPI, with its figures of classes, slices and groups")
    kpis.add_argument("--from", dest="first", metavar="D", help="from this day")
    kpis.add_argument("--to", dest="last", metavar="D", help="up to this day (default: the newest)")
    kpis.add_argument("--json", action="store_true", help="one JSON object a line")


def _quarantine(commands: Any, data: argparse.ArgumentParser) -> None:
    quarantine = commands.add_parser(
        "quarantine", parents=[data], help="which answers broke which rule; run them again once it is mended"
    )
    quarantine.add_argument("project")
    quarantine.add_argument("--day", metavar="D", help="one landing day")
    quarantine.add_argument("--from", dest="first", metavar="D", help="from this landing day")
    quarantine.add_argument("--to", dest="last", metavar="D", help="up to this landing day")
    quarantine.add_argument("--rule", metavar="R", help="only rows that broke this rule")
    quarantine.add_argument("--by", choices=("rule", "file", "column"), help="count them in groups")
    quarantine.add_argument("--limit", type=int, default=20, metavar="N", help="lines shown at most (default: 20)")
    quarantine.add_argument(
        "--replay", action="store_true", help="run the days again from the first that the project file now accepts"
    )


def _audit(commands: Any, data: argparse.ArgumentParser) -> None:
    audit = commands.add_parser("audit", parents=[data], help="who did what and why, and whether the log is whole")
    audit.add_argument("project")
    audit.add_argument("--action", metavar="A", help="only entries of this action")
    audit.add_argument("--limit", type=int, default=20, metavar="N", help="newest entries shown (default: 20)")
    audit.add_argument("--verify", action="store_true", help="only check the chain; exit code 1 where it is broken")
    audit.add_argument("--json", action="store_true", help="one JSON object a line")


def _ui(commands: Any, data: argparse.ArgumentParser) -> None:
    ui = commands.add_parser("ui", parents=[data], help="the Dagster UI with schedules, sensors and backfills")
    ui.add_argument("--host", default="127.0.0.1")
    ui.add_argument("--port", type=int, default=3000)


def _simulate(commands: Any, data: argparse.ArgumentParser) -> None:
    simulate = commands.add_parser(
        "simulate", parents=[data], help="write the sample project: simulated people on real digits"
    )
    simulate.add_argument("--seed", type=int, default=7)
    simulate.add_argument("--days", type=int, default=14)
    simulate.add_argument("--items", type=int, default=600)
