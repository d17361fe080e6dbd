"""`audit`: the audit log as a table for people or JSON lines for programs, and the proof that it is whole."""

from __future__ import annotations

import argparse
import json
import sys

from label_pipeline.audit import entries
from label_pipeline.cli import OK, STOPPED
from label_pipeline.commands.columns import print_columns
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.project import load_project

HEAD = ("seq", "at", "who", "did", "to", "before", "after", "reason")


def run(arguments: argparse.Namespace) -> int:
    """Print the newest entries, or only whether the chain holds: exit code 1 where it does not."""
    folder = DataFolder.choose(arguments.data)
    name = load_project(folder, arguments.project).project
    try:
        found = entries(folder, name, arguments.action)
    except UserError as error:
        if not arguments.verify:
            raise
        print(error, file=sys.stderr)
        return STOPPED
    if arguments.verify:
        print(f"{len(found)} entries, each follows the one before it.")
        return OK
    shown = found[max(len(found) - arguments.limit, 0) :]
    if arguments.json:
        for entry in shown:
            print(json.dumps(entry.plain(), ensure_ascii=False))
    elif shown:
        lines = [
            (e.seq, f"{e.at:%Y-%m-%d %H:%M}", e.act.actor, e.act.action, e.act.subject, e.act.before, e.act.after)
            for e in shown
        ]
        print_columns([HEAD, *((*line, e.act.reason) for line, e in zip(lines, shown, strict=True))])
    else:
        print("Nothing was recorded.")
    return OK
