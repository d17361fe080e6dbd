"""`rollback`: LATEST goes back to an earlier version and stays there until a person releases it."""

from __future__ import annotations

import argparse

from label_pipeline import audit
from label_pipeline.cli import OK
from label_pipeline.clock import now
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.project import load_project
from label_pipeline.publish.latest import release, roll_back


def run(arguments: argparse.Namespace) -> int:
    """Move LATEST back, or let it go again, and say where it is and what nights will do."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project).project
    who = arguments.by or audit.person()
    if arguments.release:
        if arguments.to:
            raise UserError("--release goes without --to", rule="rollback")
        before, after = release(folder, project, reason=arguments.reason, who=who, at=now())
        print(f"{project}: LATEST is {after} (it was held at {before}); nights move it forward again.")
        return OK
    before, after = roll_back(folder, project, to=arguments.to, reason=arguments.reason, who=who, at=now())
    print(f"{project}: LATEST is {after} (it was {before}).")
    print(
        f"Nights go on writing versions; it stays here until `label-pipeline rollback {project} --release --reason R`."
    )
    return OK
