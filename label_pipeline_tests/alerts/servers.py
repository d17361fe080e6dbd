"""A real HTTP server that is told, and a real SMTP server that takes mail: what they got is kept for the test."""

from __future__ import annotations

import base64
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_string
from email.message import Message as Letter
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hook:
    """An HTTP server: answers with `statuses` in turn (the last one from then on), after `wait` seconds."""

    statuses: list[int] = field(default_factory=lambda: [200])
    wait: float = 0.0
    got: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def hook(statuses: tuple[int, ...] = (200,), wait: float = 0.0) -> Iterator[Hook]:
    seen = Hook(list(statuses), wait)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.paths.append(self.path)
            seen.got.append(json.loads(body))
            time.sleep(seen.wait)
            status = seen.statuses.pop(0) if len(seen.statuses) > 1 else seen.statuses[0]
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{seen.url}/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            seen.paths.append(f"GET {self.path}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        seen.url = f"http://127.0.0.1:{port}"
        yield seen


@dataclass
class Post:
    """An SMTP server: refuses the addresses of `refuses`."""

    refuses: tuple[str, ...] = ()
    user: str = ""
    password: str = ""
    port: int = 0
    letters: list[Letter[str, str]] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@contextmanager
def post_office(*, refuses: tuple[str, ...] = (), user: str = "", password: str = "") -> Iterator[Post]:
    seen = Post(refuses, user, password)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            taken: list[str] = []
            while line := self.rfile.readline().decode("ascii", "replace").rstrip("\r\n"):
                seen.said.append(line)
                command = line.split(" ", 1)[0].upper()
                if command == "EHLO":
                    self._say("250-here", "250 AUTH PLAIN" if seen.user else "250 SIZE 100000")
                elif command == "AUTH":
                    plain = base64.b64decode(line.split(" ")[2]).decode()
                    known = plain == f"\0{seen.user}\0{seen.password}"
                    self._say("235 welcome" if known else f"535 no {plain!r}")
                elif command == "MAIL":
                    self._say("250 go on" if not seen.user or any("AUTH" in s for s in seen.said) else "530 who")
                elif command == "RCPT":
                    address = line.split("<")[1].split(">")[0]
                    if address in seen.refuses:
                        self._say(f"550 nobody called {address}")
                    else:
                        taken.append(address)
                        self._say("250 known")
                elif command == "DATA":
                    self._say("354 tell")
                    seen.letters.append(message_from_string("".join(self._lines()), policy=default))
                    seen.recipients.append(taken)
                    self._say("250 taken")
                elif command == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 well" if command == "RSET" else "502 cannot")

        def _say(self, *lines: str) -> None:
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

        def _lines(self) -> Iterator[str]:
            while (line := self.rfile.readline().decode()) != ".\r\n":
                yield line.removeprefix(".").replace("\r\n", "\n")

    with _running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        seen.port = port
        yield seen


@contextmanager
def _running(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
