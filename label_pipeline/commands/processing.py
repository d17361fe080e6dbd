"""`processing`: the record of processing and the impact assessment, prefilled from the project file."""

from __future__ import annotations

import argparse
from pathlib import Path

from label_pipeline.cli import OK
from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder
from label_pipeline.privacy.processing import ANSWERS, IMPACT_FILE, RECORD_FILE, render_impact, render_record
from label_pipeline.project import load_project
from label_pipeline.questions import OPEN, read_answers


def run(arguments: argparse.Namespace) -> int:
    """Print both documents, or write them into a folder and say what is open."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    answers = read_answers(folder.project(project.project) / ANSWERS)
    texts = {RECORD_FILE: render_record(project, answers), IMPACT_FILE: render_impact(project, answers)}
    if not arguments.out:
        print("\n".join(texts.values()), end="")
        return OK
    for name, text in texts.items():
        path = Path(arguments.out) / name
        write_text(path, text)
        print(
            f"{path}: {text.count(chr(10) + OPEN)} questions are open; answer them in {ANSWERS} beside the project file"
        )
    return OK
