"""A real Label Studio on loopback, from its own environment (`make label-studio`) and a data folder of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from label_pipeline_tests.pull.tool import Tool

PROGRAM = Path(__file__).resolve().parents[2] / ".label-studio" / "bin" / "label-studio"
START_SECONDS = 600.0  # its database is made first, which on a busy machine takes minutes
LABELS = (
    '<View><Text name="text" value="$text"/><Choices name="tone" toName="text">'
    '<Choice value="a"/><Choice value="b"/></Choices></View>'
)
QUIET = {
    "COLLECT_ANALYTICS": "False",
    "LATEST_VERSION_CHECK": "False",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
}


class Studio:
    """A running server, asked by its owner."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        request = urllib.request.Request(
            f"{self.url}{path}" + (f"?{urlencode(query)}" if query else ""),
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def project(self, title: str) -> int:
        return int(self.ask("POST", "/api/projects/", {"title": title, "label_config": LABELS})["id"])

    def people(self, *names: str) -> list[int]:
        """New users of the tool; their numbers."""
        made = [
            self.ask(
                "POST",
                "/api/users/",
                {"email": f"{name}@example.com", "username": name, "password": secrets.token_hex(8)},
            )
            for name in names
        ]
        return [int(user["id"]) for user in made]

    def annotate(self, task: int, who: int, label: str | None) -> int:
        """One answer, or a skip; its number."""
        body = {"result": result(label), "was_cancelled": label is None, "completed_by": who, "lead_time": 1.5}
        return int(self.ask("POST", f"/api/tasks/{task}/annotations/", body | {"ground_truth": False})["id"])

    def action(self, name: str, project: int, tasks: list[int]) -> Any:
        """What a person does with selected tasks in the tool's table."""
        selected = {"selectedItems": {"all": False, "included": tasks}}
        return self.ask("POST", "/api/dm/actions/", selected, id=name, project=project)

    def export(self, project: int) -> list[dict[str, Any]]:
        """All tasks, as a person exports them: another way than that by which they are pulled."""
        found: list[dict[str, Any]] = self.ask(
            "GET", f"/api/projects/{project}/export", exportType="JSON", download_all_tasks="true"
        )
        return found

    def truth(self, project: int) -> dict[str, tuple[str, int, str | None, str]]:
        """Item, person, label and status of every annotation there is, by its id."""
        return {
            str(a["id"]): (
                task["data"]["item_id"],
                a["completed_by"],
                None if a["was_cancelled"] else a["result"][0]["value"]["choices"][0],
                "skipped" if a["was_cancelled"] else "submitted",
            )
            for task in self.export(project)
            for a in task["annotations"]
        }


def result(label: str | None) -> list[dict[str, Any]]:
    value = {"id": "r1", "from_name": "tone", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
    return [] if label is None else [value]


class Faulty(Tool):
    """A way to the real server on which things go wrong."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self.accepted = {f"Token {studio.token}"}

    def answer(self, path: str, query: dict[str, str]) -> Any:
        self.clock = datetime.now(UTC)
        return self._studio.ask("GET", path, **query)


@contextmanager
def studio(folder: Path) -> Iterator[Studio]:
    """Start the server and wait until it answers; end it and all its processes at the end."""
    if not PROGRAM.is_file():
        pytest.skip("Label Studio is not installed (make label-studio)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(20)
    command = [PROGRAM, "start", "--no-browser", "--data-dir", folder / "data", "--internal-host", "127.0.0.1"]
    command += ["--port", port, "--username", "owner@example.com", "--password", secrets.token_hex(8)]
    command += ["--user-token", token, "--enable-legacy-api-token"]
    log = folder / "label-studio.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            env=os.environ | QUIET | {"HOME": str(folder)},
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
        )
    running = Studio(f"http://127.0.0.1:{port}", token)
    try:
        _wait(running, process, log)
        yield running
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(running: Studio, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until our own token is accepted: on a busy port the tool would take the next one without a word."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            running.ask("GET", "/api/projects/")
        except OSError:
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.5)
        else:
            return
