"""`item`: what an item's label was on a day, from which votes, by which method, and how it came to be."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.cli import OK
from label_pipeline.clock import parse_day
from label_pipeline.commands.columns import print_columns
from label_pipeline.contracts.tables import CONSENSUS_LABELS
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.kept import kept_words
from label_pipeline.lake import Lake
from label_pipeline.project import Project, load_project

if TYPE_CHECKING:
    from label_pipeline.orchestration.item_history import ItemHistory


def run(arguments: argparse.Namespace) -> int:
    """Print what the newest night, or the one asked for, knew of an item."""
    from label_pipeline.orchestration.desk import Desk
    from label_pipeline.orchestration.item_history import item_history

    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    day = _day(folder, project, parse_day(arguments.day) if arguments.day else None)
    found = item_history(Desk(folder, project), arguments.item, day)
    if arguments.json:
        print(json.dumps(asdict(found), default=str, ensure_ascii=False))
    else:
        _show(project, found)
    return OK


def _day(folder: DataFolder, project: Project, asked: date | None) -> date:
    if not project.labels.has_consensus:
        raise UserError(f"items have no consensus: {kept_words(project)}", where=f"project {project.project}")
    newest = Lake(folder, project.project).newest(CONSENSUS_LABELS)
    return asked or newest


def _show(project: Project, found: ItemHistory) -> None:
    words, row = project.labels.meaning.words, found.label
    label = "no label" if row["label"] is None else words(row["label"])
    sure = "" if row["confidence"] is None else f", confidence {row['confidence']:.3f}"
    since = f" since {row['settled_on']}" if row["settled_on"] else ""
    print(f"{found.item} of {project.project} as of {found.day}: {label} ({row['status']}{since}{sure})")
    if row["voted_label"] is not None and row["voted_label"] != row["label"]:
        print(f"Annotators alone say: {words(row['voted_label'])}")
    if found.gold:
        gold = found.gold
        said = f"{words(gold['label'])}, {gold['role']} since {gold['valid_from']} ({gold['evidence']})"
        print(f"Gold in force: {said}")
    chances = sorted(found.probabilities.items(), key=lambda pair: -pair[1])[:3]
    if chances:
        print("Probabilities: " + ", ".join(f"{name} {chance:.3f}" for name, chance in chances))
    print(f"Method: {row['method']}. {found.evidence}")
    if found.answers:
        print("\nAnswers")
        print_columns(
            [("given", "annotator", "label", "counts", "guideline", "landed"), *map(_answer(words), found.answers)]
        )
    print("\nCourse")
    head = ("day", "label", "status", "confidence", "votes", "method")
    print_columns([head, *(_step(words, step) for step in found.course)])


def _answer(words: Any) -> Any:
    def line(row: dict[str, Any]) -> tuple[str, ...]:
        given = "–" if row["annotated_at"] is None else f"{row['annotated_at']:%Y-%m-%d %H:%M}"
        label = "–" if row["label"] is None else words(row["label"])
        landed = f"{row['landed_day']} {row['landed_file']}:{row['landed_row']}"
        return given, row["annotator_id"], label, row["counts"], row["guideline_version"] or "–", landed

    return line


def _step(words: Any, row: dict[str, Any]) -> tuple[str, ...]:
    label = "–" if row["label"] is None else words(row["label"])
    sure = "–" if row["confidence"] is None else f"{row['confidence']:.3f}"
    return str(row["day"]), label, row["status"], sure, str(row["n_annotations"]), row["method"]
