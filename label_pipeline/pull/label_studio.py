"""Label Studio's questions and answers: which tasks there are, and tasks with their annotations.

Pages are counted by task id, never by number: whatever is edited, added or deleted meanwhile, no page shifts. Of an
answer only what the project's files need is kept: no names, e-mail addresses, drafts, comments or predictions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.pull.server import Server

LISTED = 1000  # tasks of a page that lists them by id, time and counts only
COUNTS = ("total_annotations", "cancelled_annotations")
LISTING = ("id", "updated_at", *COUNTS)
TASK = ("id", "data", "meta", "created_at", "updated_at", *COUNTS, "annotations")
ANNOTATION = (
    "id",
    "completed_by",
    "was_cancelled",
    "ground_truth",
    "created_at",
    "updated_at",
    "lead_time",
    "result",
)
Task = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks, and the time by the server's clock at which it wrote them down."""

    tasks: list[Task]
    at: datetime


class Tool:
    """One project of a Label Studio."""

    def __init__(self, server: Server, project: int) -> None:
        self._server, self._project = server, project

    def listing(self) -> Iterator[Page]:
        """All tasks by rising id, with `LISTING` alone. At least one page."""
        last = 0
        while True:
            greater = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}
            query = {"filters": {"conjunction": "and", "items": [greater]}, "ordering": ["tasks:id"]}
            page, left = self._page(LISTED, LISTING, query)
            ids = [task["id"] for task in page.tasks]
            if ids != sorted(set(ids)) or (ids and ids[0] <= last) or (left and not ids):
                raise self._server.odd()
            yield Page([{key: task.get(key) for key in LISTING} for task in page.tasks], page.at)
            if len(ids) >= left:
                return
            last = ids[-1]

    def tasks(self, ids: Sequence[int], page_size: int) -> Iterator[Page]:
        """The tasks of these ids with their annotations, pages of at most `page_size`; deleted ones are left out."""
        wanted = list(ids)
        while wanted:
            asked = wanted[:page_size]
            query = {"selectedItems": {"all": False, "included": asked}}
            page, left = self._page(len(asked), (*TASK, *ANNOTATION), query, fields="all")
            found = {task["id"] for task in page.tasks}
            if not found <= set(asked) or len(found) != len(page.tasks) or (left and not found):
                raise self._server.odd()
            yield Page([self._kept(task) for task in page.tasks], page.at)
            # A server may cap its pages below what was asked for; what it has not, has been deleted.
            done = found if left > len(found) else set(asked)
            wanted = [i for i in wanted if i not in done]

    def _page(self, size: int, keys: Sequence[str], query: Any, **more: str) -> tuple[Page, int]:
        """One page, and how many tasks it is the beginning of."""
        answer = self._server.get(
            "/api/tasks/",
            {
                "project": self._project,
                "page": 1,
                "page_size": size,
                "resolve_uri": "false",  # else links into storages are replaced by the server's own
                "include": ",".join(dict.fromkeys(keys)),
                "query": json.dumps(query, separators=(",", ":")),
                **more,
            },
        )
        said = answer.value if isinstance(answer.value, dict) else {}
        tasks, left = said.get("tasks"), said.get("total")
        if not isinstance(tasks, list) or not isinstance(left, int) or not all(map(_is_task, tasks)):
            raise self._server.odd()
        return Page(tasks, answer.at), left

    def _kept(self, task: Task) -> Task:
        """What lands of a task. Raises UserError where a part is not as the tool writes it."""
        annotations = task.get("annotations")
        if not isinstance(task.get("data"), dict) or not isinstance(annotations, list):
            raise self._server.odd()
        kept = []
        for annotation in annotations:
            if not isinstance(annotation, dict) or type(annotation.get("id")) is not int:
                raise self._server.odd()
            who = annotation.get("completed_by")
            kept.append(
                {key: annotation.get(key) for key in ANNOTATION}
                | {"completed_by": who.get("id") if isinstance(who, dict) else who}
            )
        return {key: task.get(key) for key in TASK} | {"annotations": kept}


def _is_task(task: Any) -> bool:
    return (
        isinstance(task, dict)
        and type(task.get("id")) is int
        and isinstance(task.get("updated_at"), str)
        and all(type(task.get(key)) is int for key in COUNTS)
    )


def as_file(tasks: Sequence[Task]) -> bytes:
    """A landing file in the tool's own export format, a task a line; halves of signs, which UTF-8 has not, become `?`.

    Raises:
        UserError: a number that JSON does not know, like NaN.
    """
    try:
        lines = [json.dumps(task, allow_nan=False, ensure_ascii=False) for task in tasks]
    except ValueError:
        raise UserError(
            "a task of the server holds a number that is none in JSON", rule="pull", do="Mend it."
        ) from None
    return ("[" + ",\n".join(lines) + "]\n").encode(errors="replace")
