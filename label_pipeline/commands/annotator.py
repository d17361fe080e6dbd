"""`annotator`: one annotator's own figures, on a screen, as a page to be handed to the person, or for programs."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

from label_pipeline.cli import OK
from label_pipeline.clock import parse_day
from label_pipeline.commands.columns import print_columns
from label_pipeline.contracts.tables import ANNOTATOR_QUALITY
from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder
from label_pipeline.kept import kept_words
from label_pipeline.lake import Lake
from label_pipeline.project import Project, load_project


def run(arguments: argparse.Namespace) -> int:
    """Print or write the report as of the newest night, or of the one asked for."""
    from label_pipeline.orchestration.annotator_data import own_report
    from label_pipeline.orchestration.desk import Desk
    from label_pipeline.report.annotator import page, text

    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    if arguments.out and Path(arguments.out).suffix != ".html":
        raise UserError("the page is HTML: --out FILE.html", rule="annotator")
    day = parse_day(arguments.day) if arguments.day else _newest(folder, project)
    report, meaning = own_report(Desk(folder, project), arguments.annotator, day), project.labels.meaning
    if arguments.out:
        write_text(Path(arguments.out), page(report, meaning, checks=arguments.checks))
        print(f"{report.annotator}, as of {day}: {arguments.out}")
    if arguments.json:
        told = asdict(report)
        if not arguments.checks:
            del told["missed"]
        print(json.dumps(told, default=str, ensure_ascii=False))
    elif not arguments.out:
        for part in text(report, meaning, checks=arguments.checks):
            if isinstance(part, str):
                print(part.replace("\N{NO-BREAK SPACE}", " "))
            else:
                print_columns([[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in part])
    return OK


def _newest(folder: DataFolder, project: Project) -> date:
    if not project.labels.has_consensus:
        raise UserError(f"nobody's answers are judged: {kept_words(project)}", where=f"project {project.project}")
    return Lake(folder, project.project).newest(ANNOTATOR_QUALITY)
