"""A small real HTTP server that answers as Label Studio does, and fails as servers and the ways to them do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from label_pipeline_tests.serving import serving

TOKEN = "0123456789abcdef-a-secret"
Fault = str | Callable[[], None]


class Tool:
    """Tasks as the tool keeps them, a clock, and `faults`: what goes wrong with the next questions, in order.

    A fault is `ok`, an HTTP code, `cut`, `drop`, `html`, `null`, `silent`, `away URL`, or a function that is called
    before the answer.
    """

    def __init__(self) -> None:
        self.tasks: dict[int, dict[str, Any]] = {}
        self.clock = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.accepted = {f"Token {TOKEN}"}
        self.most = 10_000  # tasks a page may have, whatever is asked for
        self.deaf: tuple[str, ...] = ()  # parts of a query that it passes over, as another server might
        self.refreshed = 0
        self.silence = 1.5
        self.url = ""
        self._annotations = 1000

    def now(self) -> str:
        """The time, a millisecond later each time it is asked for."""
        self.clock += timedelta(milliseconds=1)
        return self.clock.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def later(self, **much: int) -> None:
        self.clock += timedelta(**much)

    def task(self, number: int, **data: Any) -> dict[str, Any]:
        now = self.now()
        self.tasks[number] = {
            "id": number,
            "data": {"item_id": f"i{number}", "text": "Grüße – 今日は"} | data,
            "meta": {"batch_id": "b1"},
            "created_at": now,
            "updated_at": now,
            "drafts": [{"result": [], "user": "jane@example.com"}],
            "predictions": [{"score": 0.9}],
            "comment_authors": [{"email": "jane@example.com"}],
            "annotations": [],
        }
        return self.tasks[number]

    def annotate(self, task: int, who: int, label: str, **more: Any) -> int:
        """A new annotation; its id."""
        self._annotations += 1
        annotation = {"id": self._annotations, "completed_by": who, "created_at": self.now(), "was_cancelled": False}
        annotation |= {"ground_truth": False, "lead_time": 2.5, "created_username": " jane@example.com, 7"}
        self.tasks[task]["annotations"].append(annotation)
        self.edit(task, self._annotations, label, **more)
        return self._annotations

    def edit(self, task: int, annotation: int, label: str, **more: Any) -> None:
        (found,) = (a for a in self.tasks[task]["annotations"] if a["id"] == annotation)
        result = {"from_name": "tone", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
        found |= {"result": [result] if label else [], "updated_at": self.now()} | more
        self.tasks[task]["updated_at"] = self.now()

    def delete(self, task: int, annotation: int) -> None:
        kept = [a for a in self.tasks[task]["annotations"] if a["id"] != annotation]
        self.tasks[task] |= {"annotations": kept, "updated_at": self.now()}

    def truth(self) -> dict[str, tuple[str, int, str | None, str]]:
        """Item, person, label and status of every annotation there is, by its id."""
        return {
            str(a["id"]): (
                t["data"]["item_id"],
                a["completed_by"],
                None if a["was_cancelled"] else a["result"][0]["value"]["choices"][0],
                "skipped" if a["was_cancelled"] else "submitted",
            )
            for t in self.tasks.values()
            for a in t["annotations"]
        }

    def answer(self, path: str, query: dict[str, str]) -> Any:
        """What the tool says to a question; None for a project that it has not."""
        if path != "/api/tasks/" or query["project"] != "83":
            return None
        asked = {key: part for key, part in json.loads(query["query"]).items() if key not in self.deaf}
        found = [self.tasks[k] for k in sorted(self.tasks)]
        for line in asked.get("filters", {}).get("items", []):
            assert (line["filter"], line["operator"]) == ("filter:tasks:id", "greater")
            found = [t for t in found if t["id"] > line["value"]]
        if selected := asked.get("selectedItems"):
            found = [t for t in found if t["id"] in selected["included"]]
        page = []
        for task in found[: min(int(query["page_size"]), self.most)]:
            skipped = sum(a["was_cancelled"] for a in task["annotations"])
            counts = {"total_annotations": len(task["annotations"]) - skipped, "cancelled_annotations": skipped}
            page.append(task | counts if query.get("fields") else task | counts | {"annotations": None})
        return {"tasks": page, "total": len(found), "total_annotations": 0}

    @contextmanager
    def running(self) -> Iterator[Tool]:
        with serving(_handler(self)) as self.url:
            yield self


def _handler(tool: Tool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(tool.clock, usegmt=True)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            tool.asked.append((self.path, body, dict(self.headers)))
            if self.fault() or self.path != "/api/token/refresh/":
                return
            tool.refreshed += 1
            tool.accepted = {f"Bearer access-{tool.refreshed}"}
            self.say(200, {"access": f"access-{tool.refreshed}"})

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            tool.asked.append((parts.path, query, dict(self.headers)))
            if self.fault():
                return None
            if self.headers.get("Authorization") not in tool.accepted:
                return self.say(401, {"detail": "Invalid token."})
            answer = tool.answer(parts.path, query)
            return self.say(404, {}) if answer is None else self.say(200, answer)

        def fault(self) -> bool:
            """Whether the next fault was the whole answer."""
            fault = tool.faults.pop(0) if tool.faults else "ok"
            if callable(fault):
                fault()
            elif fault == "silent":
                time.sleep(tool.silence)
            elif fault == "cut":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"total": 3, "tasks": [')
            elif fault == "html":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<html>jane@example.com: be patient</html>")
            elif fault == "null":
                self.say(200, None)
            elif fault.startswith("away "):
                self.send_response(302)
                self.send_header("Location", fault.removeprefix("away ") + self.path)
                self.end_headers()
            elif fault.isdigit():
                self.say(int(fault), {"detail": "jane@example.com"}, **({"Retry-After": "7"} if fault == "429" else {}))
            return fault != "ok" and not callable(fault)

        def say(self, code: int, value: Any, **headers: str) -> None:
            body = json.dumps(value).encode()
            self.send_response(code)
            for name, header in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, header)
            self.end_headers()
            self.wfile.write(body)

    return Handler
