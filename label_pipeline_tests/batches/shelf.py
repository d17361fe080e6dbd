"""A small real HTTP server that takes tasks as Label Studio does: no unique keys, and POSTs done late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from label_pipeline_tests.serving import serving

TOKEN = "a-token"
CONFIG: dict[str, Any] = {
    "tone": {"type": "Choices", "to_name": ["body"], "inputs": [{"value": "text"}], "labels": ["a", "zwei"]}
}


class Shelf:
    """Tasks by id. `posts` is what becomes of the next POSTs: `ok`, `lost` (done, but the answer is an error), `late`
    (an error now, done before the next but one question) or `never`. A `deaf` one passes over filters."""

    def __init__(self) -> None:
        self.tasks: dict[int, dict[str, Any]] = {}
        self.config: Any = CONFIG
        self.posts: list[str] = []
        self.deaf = False
        self.url = ""
        self._late: list[tuple[int, list[Any]]] = []
        self._asked = 0

    def take(self, tasks: list[Any]) -> None:
        for task in tasks:
            number = len(self.tasks) + 1
            self.tasks[number] = json.loads(json.dumps(task)) | {"id": number, "overlap": 1, "total_annotations": 0}

    def keys(self) -> list[str]:
        return sorted(task["data"]["dispatch_key"] for task in self.tasks.values() if not task.get("deleted"))

    def listed(self, query: dict[str, str]) -> dict[str, Any]:
        self._asked += 1
        for due, tasks in [each for each in self._late if each[0] <= self._asked]:
            self._late.remove((due, tasks))
            self.take(tasks)
        found = [task for task in self.tasks.values() if not task.get("deleted")]
        for line in json.loads(query["query"])["filters"]["items"]:
            if line["operator"] == "contains" and not self.deaf:
                found = [t for t in found if line["value"] in t["data"].get("dispatch_key", "")]
            if line["operator"] == "greater":
                found = [t for t in found if t["id"] > line["value"]]
        return {"tasks": found[: int(query["page_size"])], "total": len(found)}

    def post(self, tasks: list[Any]) -> int:
        fate = self.posts.pop(0) if self.posts else "ok"
        if fate in ("ok", "lost"):
            self.take(tasks)
        if fate == "late":
            self._late.append((self._asked + 2, tasks))
        return 201 if fate == "ok" else 504

    @contextmanager
    def open(self) -> Iterator[Shelf]:
        with serving(_handler(self)) as self.url:
            yield self


def _handler(shelf: Shelf) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def body(self) -> Any:
            return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

        def say(self, code: int, value: Any) -> None:
            content = json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if self.headers["Authorization"] != f"Token {TOKEN}":
                return self.say(401, {})
            if parts.path == "/api/tasks/":
                return self.say(200, shelf.listed(query))
            return self.say(200, {"parsed_label_config": shelf.config})

        def do_POST(self) -> None:
            self.say(shelf.post(self.body()), {})

        def do_PATCH(self) -> None:
            shelf.tasks[int(self.path.split("/")[-2])] |= self.body()
            self.say(200, {})

        def do_DELETE(self) -> None:
            shelf.tasks[int(self.path.split("/")[-2])]["deleted"] = True
            self.send_response(204)
            self.end_headers()

    return Handler
