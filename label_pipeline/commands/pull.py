"""`pull`: what changed in a running labelling tool, into today's landing folder."""

from __future__ import annotations

import argparse

from label_pipeline.errors import UserError, nearest
from label_pipeline.folders import DataFolder
from label_pipeline.project import load_project
from label_pipeline.pull import pull_source, pulled_sources, said


def run(arguments: argparse.Namespace) -> int:
    """Pull one source, or all that have a `pull` part, one after the other."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    pulled = pulled_sources(project)
    if not pulled:
        raise UserError("no source of the project is pulled", rule="pull", do="docs/label-studio.md shows how.")
    if arguments.source is not None and arguments.source not in pulled:
        raise UserError(
            f"'{arguments.source}' is no source that is pulled", rule="source", do=nearest(arguments.source, pulled)
        )
    for name in [arguments.source] if arguments.source else pulled:
        print(said(name, pull_source(folder, project, name)))
    return 0
