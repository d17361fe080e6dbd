"""`prune`: deletes what the project's policy no longer keeps. Today that is published versions."""

from __future__ import annotations

import argparse

from label_pipeline import audit
from label_pipeline.cli import OK
from label_pipeline.clock import now
from label_pipeline.commands.columns import print_columns
from label_pipeline.folders import DataFolder
from label_pipeline.project import Project, load_project
from label_pipeline.publish.decisions import hold
from label_pipeline.publish.prune import fates, remove


def run(arguments: argparse.Namespace) -> int:
    """Delete, or with --dry-run only say what would go."""
    folder = DataFolder.choose(arguments.data)
    _versions(folder, load_project(folder, arguments.project), dry_run=arguments.dry_run)
    return OK


def _versions(folder: DataFolder, project: Project, *, dry_run: bool) -> None:
    name, policy = project.project, project.publish
    published, held = folder.published(name), hold(folder, name)
    every = fates(published, keep=policy.keep, jobs=policy.jobs, held=held.version if held else None)
    going = [fate for fate in every if fate.goes]
    for fate in [] if dry_run else going:
        audit.record(
            folder, name, at=now(), actor=audit.person(), action="prune", subject=fate.version,
            reason=f"publish.keep: {policy.keep}",
        )  # fmt: skip
        remove(published, fate.version)
    if every:
        word = "would go" if dry_run else "gone"
        print_columns([("version", ""), *((f.version, word if f.goes else f"stays: {f.stays}") for f in every)])
    print(f"{len(going)} of {len(every)} versions {'would go' if dry_run else 'went'}.")
