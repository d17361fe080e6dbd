"""A batch into a running Label Studio: every row is one task there, however often and wherever a push is broken off.

The tool knows no unique keys and answers a POST once. So each task carries a key that is a function of batch and item,
and before anything is created the tasks that carry a key of this batch are looked up. What is missing is created, a
hundred at a time, never twice without looking: when it is not known whether the tool took something, it is looked up
again. At the end the batch is looked up once more; what is there twice, because the tool took late what it had not
confirmed, is removed where nobody has worked on it.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from label_pipeline.batches.payload import KEY, Control, Shown, batch_key, task, word_for
from label_pipeline.errors import UserError
from label_pipeline.project import Project
from label_pipeline.pull.run import server_of

AT_ONCE = 100  # tasks of one POST
LISTED = 100  # tasks of a page; each comes with its data
COUNTS = ("total_annotations", "cancelled_annotations")
KINDS = {"Choices": "choices", "Rating": "rating"}


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many tasks of the batch were there before, how many were created, and how many duplicates removed."""

    present: int
    created: int
    removed: int


class Target:
    """One project of a Label Studio that takes tasks. `pause` waits between attempts.

    Raises:
        UserError: the source is not pulled, so that answers would not come back, or there is no token.
    """

    def __init__(self, project: Project, name: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        pull = project.sources[name].pull
        if pull is None:
            raise UserError(
                f"source '{name}' has no Label Studio", rule="pull", do=f"Give sources.{name} a 'pull' part."
            )
        self._project, self._source, self._pull, self._pause = project, project.sources[name], pull, pause
        self._server = server_of(pull, pause)

    def control(self, rows: Sequence[Shown]) -> Control:
        """The control of the tool's project that takes this source's labels.

        Raises:
            UserError: it has none, its data fields are not among those that are sent, or it does not know a class
                that a row suggests.
        """
        said = self._server.get(f"/api/projects/{self._pull.project}/", {}).value
        config = said.get("parsed_label_config") if isinstance(said, dict) else None
        if not isinstance(config, dict):
            raise self._server.odd()
        found = next(((name, config[name]) for name in self._source.label if name in config), None)
        where = f"{self._pull.url}/projects/{self._pull.project}"
        if found is None or found[1].get("type") not in KINDS:
            raise UserError(
                f"its labelling interface has no choices or rating named {' or '.join(self._source.label)}",
                where=where,
                rule="sources.label",
                do=f"It has: {', '.join(config) or 'none'}.",
            )
        name, its = found
        asked = {one["value"] for one in its["inputs"] if isinstance(one.get("value"), str)}
        missing = sorted(
            asked - {column for row in rows for column in task(row, self._project, self._source, None)["data"]}
        )
        if missing:
            raise UserError(
                f"its labelling interface shows '{missing[0]}', which no task would have",
                where=where,
                rule="items.fields",
                do="Declare the field, take it out of batches.hide, or name its column in the source's fields.",
            )
        known = [*its.get("labels", ())] or list(self._project.labels.by_word)
        words = {
            label: word_for(self._project, label, known)
            for label in sorted({r.suggested_label or "" for r in rows} - {""})
        }
        unknown = [label for label, word in words.items() if word is None]
        if unknown:
            raise UserError(
                f"its labelling interface does not know the class '{unknown[0]}'",
                where=where,
                rule="labels.classes",
                do="Add it there, or an alias of it here.",
            )
        return Control(
            name, its["to_name"][0], KINDS[its["type"]], {label: word or label for label, word in words.items()}
        )

    def push(self, rows: Sequence[Shown]) -> Pushed:
        """Bring the rows of one batch into the tool, each once; those that are there stay as they are.

        Raises:
            UserError: the tool refuses, or fails in every attempt; what was created stays, and is found next time.
        """
        control = self.control(rows)
        wanted = {row.key: row for row in rows}
        present = {key for key in self._found(rows) if key in wanted}
        there = set(present)
        for attempt in range(self._pull.attempts):
            missing = [row for key, row in wanted.items() if key not in there]
            if self._create(missing, control):
                break
            self._pause(min(2.0**attempt, 60.0))
            there = set(self._found(rows))
        return self._settled(rows, wanted, present)

    def _create(self, rows: Sequence[Shown], control: Control) -> bool:
        """Create tasks; whether the tool confirmed them all."""
        for first in range(0, len(rows), AT_ONCE):
            tasks = [self._task(row, control) for row in rows[first : first + AT_ONCE]]
            if not self._server.create(f"/api/projects/{self._pull.project}/import", tasks):
                return False
        return True

    def _task(self, row: Shown, control: Control) -> dict[str, Any]:
        return task(row, self._project, self._source, control)

    def _settled(self, rows: Sequence[Shown], wanted: Mapping[str, Shown], present: set[str]) -> Pushed:
        """Look the batch up once more: each row is there, once, and asks as many people as it should."""
        found = self._found(rows)
        lost = [key for key in wanted if key not in found]
        if lost:
            raise UserError(
                f"{len(lost)} of {len(wanted)} tasks are not in the tool",
                where=self._pull.url,
                rule="push",
                do="Push again: what is there is found.",
            )
        removed = 0
        for key, row in wanted.items():
            first, *others = sorted(found[key], key=lambda t: (not _worked_on(t), t["id"]))
            for other in (t for t in others if not _worked_on(t)):
                self._server.change("DELETE", f"/api/tasks/{other['id']}/")
                removed += 1
            if first.get("overlap") != row.people:
                self._server.change("PATCH", f"/api/tasks/{first['id']}/", {"overlap": row.people})
        return Pushed(len(present), len(wanted) - len(present), removed)

    def _found(self, rows: Sequence[Shown]) -> dict[str, list[dict[str, Any]]]:
        """The tasks of this batch that the tool has, by their key."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        last, key = 0, batch_key(rows[0].batch_id)
        while True:
            filters = [_filter(f"data.{KEY}", "contains", "String", key), _filter("id", "greater", "Number", last)]
            query = {"filters": {"conjunction": "and", "items": filters}, "ordering": ["tasks:id"]}
            include = ",".join(("id", "data", "overlap", *COUNTS))
            said = self._server.get(
                "/api/tasks/",
                {"project": self._pull.project, "page": 1, "page_size": LISTED, "fields": "all", "include": include,
                 "resolve_uri": "false", "query": json.dumps(query, separators=(",", ":"))},
            ).value  # fmt: skip
            tasks, left = (said.get("tasks"), said.get("total")) if isinstance(said, dict) else (None, None)
            if not isinstance(tasks, list) or not isinstance(left, int) or (left and not tasks):
                raise self._server.odd()
            for one in tasks:
                if one["id"] <= last or not str(one["data"].get(KEY, "")).startswith(key):
                    raise self._server.odd()  # it does not understand how to filter: everything would look new
                last = one["id"]
                found[one["data"][KEY]].append(one)
            if len(tasks) >= left:
                return found


def _filter(name: str, operator: str, kind: str, value: object) -> dict[str, object]:
    return {"filter": f"filter:tasks:{name}", "operator": operator, "type": kind, "value": value}


def _worked_on(one: Mapping[str, Any]) -> bool:
    return any(one.get(count) for count in COUNTS)
