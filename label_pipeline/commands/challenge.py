"""`challenge`: somebody appeals against a gold item. An adjudicator decides it anew, and scores follow the decision."""

from __future__ import annotations

import argparse
from datetime import date

from label_pipeline import audit
from label_pipeline.cli import OK
from label_pipeline.clock import now, parse_day, today
from label_pipeline.contracts.tables import GOLD_SET
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.gold.told import APPEALED
from label_pipeline.lake import Lake
from label_pipeline.project import Project, load_project


def run(arguments: argparse.Namespace) -> int:
    """Record the appeal; nights from its day on read it."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    name, item = project.project, arguments.item
    now_there = today(project.timezone)
    asked = parse_day(arguments.day) if arguments.day else min(project.end or now_there, now_there)
    newest, truth = _contested(folder, project, item, asked)
    audit.record(
        folder,
        name,
        at=now(),
        actor=arguments.by or audit.person(),
        action=APPEALED,
        subject=f"item {item}",
        reason=arguments.reason,
        before=truth,
        after=str(asked),
    )
    print(f"{name}: gold says {truth} of {item}. From the night of {asked} on it waits for an adjudicator.")
    print(
        "A check item scores nobody meanwhile, and everybody anew once it is decided; evaluation gold stays in force."
    )
    if asked <= newest:
        print(
            f"That night has been computed. Run: label-pipeline nightly --project {name} --from {asked} --to {newest}"
        )
    print(f"Then ask the adjudicator: label-pipeline batch {name} --purpose adjudication")
    return OK


def _contested(folder: DataFolder, project: Project, item: str, asked: date) -> tuple[date, str]:
    """The newest computed night, and what it holds true of the item.

    Raises:
        UserError: nothing is held true of it, or only since a later day, or it waits for an adjudicator already.
    """
    lake, where = Lake(folder, project.project), f"project {project.project}"
    known = lake.days(GOLD_SET)
    if not known:
        do = f"Run: label-pipeline nightly --project {project.project}"
        raise UserError("there is no gold yet", where=where, do=do)
    rows = [row for row in lake.read(GOLD_SET, known[-1]).to_pylist() if row["item_id"] == item]
    last = max(rows, key=lambda row: row["version"]) if rows else None
    if last is not None and last["challenged_on"] is not None:
        raise UserError(f"item '{item}' waits for an adjudicator since {last['challenged_on']}", where=where)
    if last is None or last["valid_to"] is not None:
        raise UserError(
            f"item '{item}' is not gold on {known[-1]}",
            where=where,
            do=f"See what it is: label-pipeline item {project.project} {item}",
        )
    if asked < last["valid_from"]:
        raise UserError(f"item '{item}' is gold since {last['valid_from']}, not on {asked}", where=where)
    return known[-1], str(last["label"])
