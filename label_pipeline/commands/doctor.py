"""`doctor`: what may keep a night from running here, line by line, with what to do."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from label_pipeline.cli import BAD_INPUT, OK
from label_pipeline.commands.home import home_of
from label_pipeline.doctor import examine
from label_pipeline.folders import DataFolder

SIGNS = {"ok": "ok  ", "warn": "warn", "bad": "BAD "}


def run(arguments: argparse.Namespace) -> int:
    """Print all findings; the exit code is 2 where one of them keeps nights from running."""
    folder = DataFolder.choose(arguments.data)
    found = examine(folder, home_of(folder))
    for finding in found:
        if arguments.json:
            print(json.dumps(asdict(finding), ensure_ascii=False))
        else:
            print(f"{SIGNS[finding.level]}  {finding.about}: {finding.words}{' - ' * bool(finding.do)}{finding.do}")
    return BAD_INPUT if any(finding.level == "bad" for finding in found) else OK
