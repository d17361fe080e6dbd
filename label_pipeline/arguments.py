"""The arguments of every command of `label-pipeline`: one function a command, in the order of `--help`.

What a command does is in `commands`, in a module of its name. Nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
from typing import Any

ENGINES = ("local", "shards", "spark")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="label-pipeline",
        description="Nightly label quality: what are the best labels, how sure are we, what to label again.",
    )
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data",
        metavar="DIR",
        help="the data folder, or s3://BUCKET/PREFIX (default: LABEL_PIPELINE_DATA, else ./data)",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _init,
        _land,
        _pull,
        _nightly,
        _batch,
        _pilot,
        _guidelines,
        _status,
        _kpis,
        _item,
        _annotator,
        _challenge,
        _quarantine,
        *PUBLISHING,
        _audit,
        _processing,
        _identify,
        _access,
        _erase,
        _rotate_key,
        _doctor,
        _ui,
        _simulate,
    ):
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
    nightly.add_argument("--pull", action="store_true", help="first fetch what changed in the tools that are pulled")
    nightly.add_argument("--day", metavar="D", help="one day, like 2026-10-05")
    nightly.add_argument("--from", dest="first", metavar="D", help="first day of a range")
    nightly.add_argument("--to", dest="last", metavar="D", help="last day of a range")
    nightly.add_argument(
        "--engine", choices=ENGINES, help="what makes the consensus (default: as the project file says)"
    )


def _batch(commands: Any, data: argparse.ArgumentParser) -> None:
    batch = commands.add_parser("batch", parents=[data], help="what to label next: shown, written to files, or pushed")
    batch.add_argument("project")
    batch.add_argument("--day", metavar="D", help="the night that composed it (default: the newest)")
    batch.add_argument("--purpose", choices=("pilot", "new", "relabel", "adjudication"), help="batches with such rows")
    _sending(batch)
    batch.add_argument(
        "--to-name", metavar="NAME", help="what the model's labels name, in Label Studio files: its toName"
    )


def _sending(command: argparse.ArgumentParser) -> None:
    """How a batch leaves."""
    command.add_argument("--out", metavar="DIR", help="write files there, and count the batch as sent")
    forms = ("label-studio", "csv", "jsonl", "mturk")
    command.add_argument("--format", choices=forms, default="jsonl", help="of --out (default: jsonl)")
    command.add_argument(
        "--push", action="store_true", help="push it to the Label Studio that the source is pulled from"
    )
    command.add_argument(
        "--source", metavar="NAME", help="by which the answers come back (default: the only fitting one)"
    )
    command.add_argument("--per-hit", type=int, default=1, metavar="N", help="items an MTurk task shows (default: 1)")


def _pilot(commands: Any, data: argparse.ArgumentParser) -> None:
    pilot = commands.add_parser(
        "pilot", parents=[data], help="a first batch: how sure it will be, and then whether to go on"
    )
    pilot.add_argument("project")
    pilot.add_argument("--size", type=int, metavar="N", help="items, 100 to 1000 (default: 200)")
    pilot.add_argument("--people", type=int, metavar="N", help="who answer an item (default: as the project asks)")
    pilot.add_argument("--day", metavar="D", help="the night it is drawn from or told of (default: the newest)")
    _sending(pilot)
    pilot.set_defaults(to_name=None)
    pilot.add_argument("--report", action="store_true", help="what came back of it: go or no-go, and what to mend")
    pilot.add_argument(
        "--batch", action="append", default=[], metavar="ID", help="of this batch (default: the last pilot)"
    )
    pilot.add_argument("--all", action="store_true", help="report of every answer there is, batch or none")
    pilot.add_argument("--write", metavar="FILE", help="the report as a page (.html) or Markdown (.md) too")
    pilot.add_argument("--json", action="store_true", help="one JSON object")


def _guidelines(commands: Any, data: argparse.ArgumentParser) -> None:
    guidelines = commands.add_parser(
        "guidelines", parents=[data], help="agreement under each guideline version, what a change moved, examples"
    )
    guidelines.add_argument("project")
    guidelines.add_argument("--day", metavar="D", help="as of this night (default: the newest)")
    guidelines.add_argument("--examples", action="store_true", help="what to put into the next version, as Markdown")
    guidelines.add_argument("--json", action="store_true", help="one JSON object")


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


def _item(commands: Any, data: argparse.ArgumentParser) -> None:
    item = commands.add_parser(
        "item", parents=[data], help="what an item's label was on a day, from which votes, by which method"
    )
    item.add_argument("project")
    item.add_argument("item", help="its id")
    item.add_argument("--day", metavar="D", help="as of this night (default: the newest)")
    item.add_argument("--json", action="store_true", help="one JSON object")


def _annotator(commands: Any, data: argparse.ArgumentParser) -> None:
    annotator = commands.add_parser(
        "annotator", parents=[data], help="one annotator's own figures, to be handed to the person"
    )
    annotator.add_argument("project")
    annotator.add_argument("annotator", help="a pseudonym, or SOURCE:LOGIN as the source writes it")
    annotator.add_argument("--day", metavar="D", help="as of this night (default: the newest)")
    annotator.add_argument("--out", metavar="FILE", help="write it as a page (.html)")
    annotator.add_argument(
        "--checks", action="store_true", help="list the gold checks answered otherwise: the person then knows them"
    )
    annotator.add_argument("--json", action="store_true", help="one JSON object")


def _challenge(commands: Any, data: argparse.ArgumentParser) -> None:
    challenge = commands.add_parser(
        "challenge", parents=[data], help="appeal against a gold item: an adjudicator decides it anew"
    )
    challenge.add_argument("project")
    challenge.add_argument("item", help="its id")
    challenge.add_argument("--day", metavar="D", help="from this night on (default: today's)")
    _signed(challenge)


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


def _rollback(commands: Any, data: argparse.ArgumentParser) -> None:
    rollback = commands.add_parser(
        "rollback", parents=[data], help="put LATEST back to an earlier version, and hold it"
    )
    rollback.add_argument("project")
    rollback.add_argument("--to", metavar="VERSION", help="which version (default: the one before)")
    rollback.add_argument("--release", action="store_true", help="let nights move LATEST forward again")
    _signed(rollback)


def _override(commands: Any, data: argparse.ArgumentParser) -> None:
    override = commands.add_parser("override", parents=[data], help="let a day's training set pass a failed gate")
    override.add_argument("project")
    override.add_argument("--day", required=True, metavar="D", help="the day that was stopped")
    override.add_argument("--gate", required=True, metavar="G", help="the gate that stopped it")
    _signed(override)


def _signed(command: argparse.ArgumentParser) -> None:
    """What every decision of a person needs."""
    command.add_argument("--reason", required=True, metavar="R", help="why; kept in the audit log")
    command.add_argument("--by", metavar="WHO", help="who decided (default: this account)")


def _check(commands: Any, data: argparse.ArgumentParser) -> None:
    check = commands.add_parser("check", parents=[data], help="may a model be trained on it? exit code 0 yes, 1 no")
    check.add_argument("project")
    check.add_argument("--version", default="latest", metavar="V", help="a version's name (default: latest)")
    check.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="EXPR",
        help='like "label_accuracy.ci_low>=0.9"; may be repeated',
    )
    check.add_argument("--json", action="store_true", help="one JSON object, with every figure that may be asked for")


def _training_set(commands: Any, data: argparse.ArgumentParser) -> None:
    training = commands.add_parser("training-set", parents=[data], help="make the training set of a past day anew")
    training.add_argument("project")
    training.add_argument("--as-of", required=True, metavar="D", help="the day")
    training.add_argument("--into", metavar="DIR", help="where to put the version (default: among the published ones)")
    training.add_argument("--from-landing", action="store_true", help="run all nights up to it, from landing alone")


def _diff(commands: Any, data: argparse.ArgumentParser) -> None:
    diff = commands.add_parser("diff", parents=[data], help="what changed between two versions, item by item")
    diff.add_argument("project")
    diff.add_argument("before", metavar="A", help="a version, its day, or latest")
    diff.add_argument("after", metavar="B", help="the same")
    diff.add_argument(
        "--least", type=float, default=0.05, metavar="X", help="least change of confidence (default: 0.05)"
    )
    diff.add_argument("--limit", type=int, default=20, metavar="N", help="lines shown at most (default: 20)")
    diff.add_argument("--json", action="store_true", help="one JSON object with every item that changed")


def _prune(commands: Any, data: argparse.ArgumentParser) -> None:
    prune = commands.add_parser("prune", parents=[data], help="delete what policy no longer keeps and can be rebuilt")
    prune.add_argument("project")
    prune.add_argument("--dry-run", action="store_true", help="only say what would go")


PUBLISHING = (_check, _diff, _override, _rollback, _training_set, _prune)


def _audit(commands: Any, data: argparse.ArgumentParser) -> None:
    audit = commands.add_parser("audit", parents=[data], help="who did what and why, and whether the log is whole")
    audit.add_argument("project")
    audit.add_argument("--action", metavar="A", help="only entries of this action")
    audit.add_argument("--limit", type=int, default=20, metavar="N", help="newest entries shown (default: 20)")
    audit.add_argument("--verify", action="store_true", help="only check the chain; exit code 1 where it is broken")
    audit.add_argument("--json", action="store_true", help="one JSON object a line")


def _processing(commands: Any, data: argparse.ArgumentParser) -> None:
    processing = commands.add_parser(
        "processing", parents=[data], help="record of processing and impact assessment, prefilled from the project file"
    )
    processing.add_argument("project")
    processing.add_argument("--out", metavar="DIR", help="write both there (default: print them)")


def _identify(commands: Any, data: argparse.ArgumentParser) -> None:
    identify = commands.add_parser(
        "identify", parents=[data], help="whom a pseudonym stands for: for the privacy role, and audited"
    )
    identify.add_argument("project")
    identify.add_argument("pseudonym", help="like a-0123456789abcdef")
    _signed(identify)
    identify.add_argument("--json", action="store_true", help="one JSON object a line")


def _access(commands: Any, data: argparse.ArgumentParser) -> None:
    access = commands.add_parser("access", parents=[data], help="everything that is held about an annotator")
    access.add_argument("project")
    access.add_argument("--annotator", required=True, metavar="X", help="a login, a person in the roster, a pseudonym")
    access.add_argument("--out", metavar="FILE", help="write it there, as .json or .csv (default: JSON on the screen)")
    access.add_argument("--reason", default="asked for by the person", metavar="R", help="why; kept in the audit log")
    access.add_argument("--by", metavar="WHO", help="who gathers it (default: this account)")


def _erase(commands: Any, data: argparse.ArgumentParser) -> None:
    erase = commands.add_parser("erase", parents=[data], help="remove a person or an item from everything that is held")
    erase.add_argument("project", nargs="?", help="one project, with those that read the same landing (default: all)")
    what = erase.add_mutually_exclusive_group()
    what.add_argument("--annotator", metavar="X", help="a login, a person of the roster, or a pseudonym")
    what.add_argument("--item", metavar="Y", help="an item's id")
    what.add_argument("--resume", action="store_true", help="go on with an erasure that was broken off")
    erase.add_argument("--reason", metavar="R", help="why, without names; kept in the audit log")
    erase.add_argument("--by", metavar="WHO", help="who decided (default: this account)")
    erase.add_argument("--dry-run", action="store_true", help="only say what is held")


def _rotate_key(commands: Any, data: argparse.ArgumentParser) -> None:
    rotate = commands.add_parser("rotate-key", parents=[data], help="a new pseudonym key; the history under new names")
    rotate.add_argument("--reason", metavar="R", help="why; kept in the audit log")
    rotate.add_argument("--by", metavar="WHO", help="who decided (default: this account)")
    rotate.add_argument("--resume", action="store_true", help="go on with a rotation that was broken off")


def _doctor(commands: Any, data: argparse.ArgumentParser) -> None:
    doctor = commands.add_parser("doctor", parents=[data], help="what may keep a night from running here")
    doctor.add_argument("--json", action="store_true", help="one JSON object a line")


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
    simulate.add_argument("--start", metavar="D", default="2026-10-05", help="the first landing day")
