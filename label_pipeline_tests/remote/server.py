"""A real S3 protocol server on loopback, in a process of its own, and a proxy before it that fails as networks do.

The server is moto's. What it answers, one request at a time, is atomic, as the protocol asks: its own threads would
look at a condition and write in two steps.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from label_pipeline_tests.orchestration.servers import free_port, until

BUCKET = "labels"


@contextmanager
def s3_server() -> Iterator[str]:
    """Start an S3 server with an empty bucket; yields its address. The test is skipped where there is none."""
    pytest.importorskip("moto")
    pytest.importorskip("obstore")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "label_pipeline_tests.remote.server", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(
            "the S3 server answers", lambda: socket.create_connection(("127.0.0.1", port), 1).close() or True, 60, 0.05
        )
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def environment(address: str, cache: str) -> dict[str, str]:
    """What a process needs to reach the server, with a cache of its own: another machine, as far as it can tell."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "LABEL_PIPELINE_CACHE": cache,
    }


@dataclass
class Request:
    """A request that came by: its method, the path it asks for, how many came before, and whether it copies."""

    method: str
    key: str
    number: int
    copied: bool = False


@dataclass
class Proxy:
    """Passes requests on to the server; `fault` says of each what happens to it: "" nothing, "500", "503", "403", "cut"
    (answered in half), "drop" (never passed on), "lost" (passed on, and the answer lost), "slow" (answered late).
    `before` and `after` are called when a request has come and when the server has answered it."""

    address: str
    fault: Callable[[Request], str] = lambda _: ""
    seen: list[Request] = field(default_factory=list)
    before: Callable[[Request], None] = lambda _: None
    after: Callable[[Request], None] = lambda _: None
    drop_headers: tuple[str, ...] = ()
    faults: int = 0
    sent: int = 0
    received: int = 0


@contextmanager
def proxy(server: str) -> Iterator[Proxy]:
    """A proxy before the server, in threads of this process."""
    target = int(server.rpartition(":")[2])
    listener = socket.create_server(("127.0.0.1", 0))
    made = Proxy(f"http://127.0.0.1:{listener.getsockname()[1]}")
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            with suppress(OSError):
                client, _ = listener.accept()
                threading.Thread(target=_passed, args=(made, client, target), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield made
    finally:
        ended.set()
        listener.close()


def _passed(made: Proxy, client: socket.socket, target: int) -> None:
    """One request and its answer; the connection is closed after it."""
    with client, suppress(OSError, ValueError):
        client.settimeout(60)
        head, body = _message(client)
        line, *fields = head.split("\r\n")
        method, path, _ = line.split(" ")
        copied = any(f.lower().startswith("x-amz-copy-source:") for f in fields)
        request = Request(method, path, len(made.seen), copied)
        made.sent += len(body)
        made.seen.append(request)
        made.before(request)
        fault = made.fault(request)
        if fault in ("500", "503", "403"):
            words = b"<Error><Code>Injected</Code></Error>"
            client.sendall(
                b"HTTP/1.1 %s Injected\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                % (fault.encode(), len(words))
                + words
            )
            return
        if fault == "drop":
            return
        dropped = ("connection", *made.drop_headers)
        kept = [f for f in fields if f.partition(":")[0].lower() not in dropped]
        with socket.create_connection(("127.0.0.1", target), 60) as server:
            server.sendall("\r\n".join([line, *kept, "Connection: close", "", ""]).encode("latin-1") + body)
            answer = b""
            while piece := server.recv(1 << 16):
                answer += piece
        made.received += len(answer)
        made.after(request)
        if fault == "lost":
            return
        if fault == "slow":
            threading.Event().wait(2)
        client.sendall(answer[: len(answer) // 2] if fault == "cut" else answer)


def _message(client: socket.socket) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(1 << 16)
        if not piece:
            raise ValueError("closed")
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for one in head.decode("latin-1").split("\r\n"):
        name, _, value = one.partition(":")
        if name.lower() == "content-length":
            length = int(value)
        if name.lower() == "expect":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(body) < length:
        body += client.recv(1 << 16)
    return head.decode("latin-1"), body


def _one_at_a_time(app: Any) -> Any:
    lock = threading.Lock()

    def answered(environ: dict[str, Any], start: Any) -> Any:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))  # not while others wait
        with lock:
            answer = app(environ, start)
            try:
                return [b"".join(answer)]
            finally:
                getattr(answer, "close", lambda: None)()

    return answered


def main(port: int) -> None:
    """The server's own process; it ends with the one that started it."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    app = _one_at_a_time(DomainDispatcherApplication(create_backend_app))
    asked = {"REQUEST_METHOD": "PUT", "PATH_INFO": f"/{BUCKET}", "SERVER_NAME": "localhost", "SERVER_PORT": str(port)}
    asked |= {"HTTP_HOST": f"127.0.0.1:{port}", "wsgi.url_scheme": "http", "SCRIPT_NAME": "", "QUERY_STRING": ""}
    list(app(asked | {"wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}, lambda *_: None))
    run_simple("127.0.0.1", port, app, threaded=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
