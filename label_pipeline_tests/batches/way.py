"""A way to a real server on which a request is lost before it arrives, or its answer after it was done."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from label_pipeline_tests.serving import serving

BEFORE, AFTER = "before", "after"


class Way:
    """Passes everything on. `faults` are for POSTs, in order: when it strikes (`BEFORE` the server gets the request or
    `AFTER` it has done it), and what happens then; the asker gets no answer. None lets one pass."""

    def __init__(self, to: str) -> None:
        self.to, self.url = to, ""
        self.faults: list[tuple[str, Callable[[], None]] | None] = []
        self.posts = 0

    @contextmanager
    def open(self) -> Iterator[Way]:
        with serving(_handler(self)) as self.url:
            yield self


def _handler(way: Way) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def pass_on(self) -> None:
            fault = None
            if self.command == "POST":
                way.posts += 1
                fault = way.faults.pop(0) if way.faults else None
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            if fault and fault[0] == BEFORE:
                return fault[1]()
            kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
            request = urllib.request.Request(way.to + self.path, body, kept, method=self.command)
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    code, kind, content = answer.status, answer.headers.get("Content-Type", ""), answer.read()
            except urllib.error.HTTPError as error:
                code, kind, content = error.code, error.headers.get("Content-Type", ""), error.read()
            if fault:
                return fault[1]()
            self.send_response(code)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(content)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            return None

        def do_GET(self) -> None:
            self.pass_on()

        def do_POST(self) -> None:
            self.pass_on()

        def do_PATCH(self) -> None:
            self.pass_on()

        def do_DELETE(self) -> None:
            self.pass_on()

    return Handler
