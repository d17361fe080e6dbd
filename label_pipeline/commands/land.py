"""`land`: files into a day's landing folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from label_pipeline.clock import parse_day, today
from label_pipeline.folders import DataFolder
from label_pipeline.landing import land
from label_pipeline.project import load_project


def run(arguments: argparse.Namespace) -> int:
    """Copy the files; nothing is landed when one of them cannot be."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    day = parse_day(arguments.day) if arguments.day else today(project.timezone)
    landed = land(folder, project, [Path(f) for f in arguments.files], arguments.source, day)
    print(f"Landed {len(landed)} file(s) on {day}, source '{arguments.source}'.")
    return 0
