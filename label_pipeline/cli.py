"""`label-pipeline`: the command line. Arguments and exit codes only; what commands do is in `commands`.

Exit codes: 0 done (for nightly: published), 1 a gate stopped the night, 2 bad input or configuration,
3 a fault of the pipeline itself.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from label_pipeline.errors import UserError

OK, STOPPED, BAD_INPUT, FAULT = 0, 1, 2, 3


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="label-pipeline",
        description="Nightly label quality: what are the best labels, how sure are we, what to label again.",
    )
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data", metavar="DIR", help="the data folder (default: LABEL_PIPELINE_DATA, else ./data)")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

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

    land = commands.add_parser("land", parents=[data], help="put files into a day's landing folder")
    land.add_argument("project")
    land.add_argument("files", nargs="+", metavar="FILE")
    land.add_argument("--source", required=True, metavar="NAME")
    land.add_argument("--day", metavar="D", help="landing day (default: today in the project's timezone)")

    pull = commands.add_parser("pull", parents=[data], help="land what changed in a running Label Studio")
    pull.add_argument("project")
    pull.add_argument("--source", metavar="NAME", help="one source (default: all that have a pull part)")

    nightly = commands.add_parser("nightly", parents=[data], help="run last night, or the days asked for")
    nightly.add_argument("--project", metavar="P", help="one project (default: all)")
    nightly.add_argument("--day", metavar="D", help="one day, like 2026-10-05")
    nightly.add_argument("--from", dest="first", metavar="D", help="first day of a range")
    nightly.add_argument("--to", dest="last", metavar="D", help="last day of a range")

    status = commands.add_parser("status", parents=[data], help="what has landed, run and been published")
    status.add_argument("--project", metavar="P", help="one project (default: all)")

    kpis = commands.add_parser("kpis", parents=[data], help="the key figures of the newest night, or of a range")
    kpis.add_argument("project")
    kpis.add_argument("--kpi", metavar="K", help="one KPI, with its figures of classes, slices and groups")
    kpis.add_argument("--from", dest="first", metavar="D", help="from this day")
    kpis.add_argument("--to", dest="last", metavar="D", help="up to this day (default: the newest)")
    kpis.add_argument("--json", action="store_true", help="one JSON object a line")

    _quarantine(commands, data)

    ui = commands.add_parser("ui", parents=[data], help="the Dagster UI with schedules, sensors and backfills")
    ui.add_argument("--host", default="127.0.0.1")
    ui.add_argument("--port", type=int, default=3000)

    simulate = commands.add_parser(
        "simulate", parents=[data], help="write the sample project: simulated people on real digits"
    )
    simulate.add_argument("--seed", type=int, default=7)
    simulate.add_argument("--days", type=int, default=14)
    simulate.add_argument("--items", type=int, default=600)
    return top


def _quarantine(commands: Any, data: argparse.ArgumentParser) -> None:
    """The command `quarantine`, which has more options than most."""
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        # Each command is its own module, imported only when asked for, so that --help answers at once.
        code: int = import_module(f"label_pipeline.commands.{arguments.command}").run(arguments)
    except UserError as error:
        print(f"label-pipeline: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        return OK
    except KeyboardInterrupt:
        print("label-pipeline: interrupted; what was computed stays, the rest runs next time.", file=sys.stderr)
        return FAULT
    except Exception:  # Python's own exit code for it is 1, which says that a gate stopped the night
        traceback.print_exc()
        return FAULT
    return code


if __name__ == "__main__":
    sys.exit(main())
