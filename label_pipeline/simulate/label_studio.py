"""Answers as Label Studio exports them: tasks as JSON, each touched task with all its annotations.

Keys and their order are those of a real server's JSON export. Which answers there are is `work`'s affair.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from label_pipeline.simulate.work import Answer

SOURCE = "label_studio"
PROJECT = 1
OWNER = 1
CONTROL, OBJECT = "digit", "image"


@dataclass(frozen=True)
class Task:
    """A task of the tool: its number, the day and time it was made, and its data."""

    number: int
    day: int
    created: datetime
    data: Mapping[str, Any]


def stamp(at: datetime) -> str:
    """A time as the tool writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def export(tasks: Iterable[Task], answers: Sequence[Answer], *, day: int, expanded: bool) -> list[dict[str, Any]]:
    """What an export of everything touched on `day` holds, as it stands at the end of that day.

    `expanded` gives who completed an annotation as an object with an e-mail address instead of a number.
    """
    latest: dict[str, dict[int, Answer]] = {}
    for answer in answers:
        if answer.person.source == SOURCE and answer.day <= day:
            latest.setdefault(answer.item_id, {})[answer.number] = answer
    exported = []
    for task in tasks:
        here = [a for _, a in sorted(latest.get(str(task.data["item_id"]), {}).items())]
        if task.day == day or any(a.day == day for a in here):
            exported.append(_task(task, here, expanded=expanded))
    return exported


def _task(task: Task, answers: Sequence[Answer], *, expanded: bool) -> dict[str, Any]:
    cancelled = sum(a.label is None for a in answers)
    touched = max([task.created, *(a.revised or a.ended for a in answers)])
    return {
        "id": task.number,
        "annotations": [annotation(a, task.number, expanded=expanded) for a in answers],
        "drafts": [],
        "predictions": [],
        "data": dict(task.data),
        "meta": {},
        "created_at": stamp(task.created),
        "updated_at": stamp(touched),
        "allow_skip": True,
        "inner_id": task.number,
        "total_annotations": len(answers) - cancelled,
        "cancelled_annotations": cancelled,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": PROJECT,
        "updated_by": int(answers[-1].person.identity) if answers else OWNER,
        "comment_authors": [],
    }


def annotation(answer: Answer, task: int, *, expanded: bool = False) -> dict[str, Any]:
    """One annotation of a task; a skipped one has no result and is cancelled."""
    person = int(answer.person.identity)
    who = {"id": person, "email": f"annotator-{person}@example.com", "first_name": "", "last_name": ""}
    value = {"choices": [answer.label]}
    result = {"from_name": CONTROL, "to_name": OBJECT, "type": "choices", "value": value}
    return {
        "id": answer.number,
        "completed_by": who if expanded else person,
        "result": [] if answer.label is None else [result],
        "was_cancelled": answer.label is None,
        "ground_truth": False,
        "created_at": stamp(answer.ended),
        "updated_at": stamp(answer.revised or answer.ended),
        "draft_created_at": None,
        "lead_time": answer.seconds,
        "prediction": {},
        "result_count": 0 if answer.label is None else 1,
        "unique_id": str(uuid5(NAMESPACE_URL, f"annotation-{answer.number}")),
        "import_id": None,
        "last_action": None,
        "bulk_created": False,
        "task": task,
        "project": PROJECT,
        "updated_by": person,
        "parent_prediction": None,
        "parent_annotation": None,
        "last_created_by": None,
    }


def repeats(exports: Iterable[Sequence[Mapping[str, Any]]]) -> int:
    """How many annotations of these exports, oldest first, stood unchanged in an earlier one."""
    seen: dict[int, str] = {}
    found = 0
    for tasks in exports:
        for one in (a for task in tasks for a in task["annotations"]):
            found += seen.get(one["id"]) == one["updated_at"]
            seen[one["id"]] = one["updated_at"]
    return found


def write(tasks: Iterable[Mapping[str, Any]]) -> bytes:
    """The export file: a JSON list, one task a line."""
    lines = (json.dumps(task, ensure_ascii=False, separators=(",", ":")) for task in tasks)
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()
