"""The real webserver and daemon on loopback and a data folder of their own: started as `label-pipeline ui` does, or
apart, with a code server as a third process, as docs/deployment.md says.

Everything that was started is ended, whatever happens: its processes are known by the data folder in their
environment, which no other process has.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg

from label_pipeline.commands.home import dagster_home
from label_pipeline.folders import DataFolder

T = TypeVar("T")
START_SECONDS, END_SECONDS = 180.0, 60.0


@dataclass
class Servers:
    """A running UI: `graphql` asks it, `processes` are all of its own."""

    folder: DataFolder
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    beside: list[subprocess.Popen[bytes]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return json.loads(answer.read())

    def graphql(self, query: str, **variables: Any) -> Any:
        """The data of an answer; what the server complains about is an error."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = json.loads(answer.read())
        assert not said.get("errors"), said
        return said["data"]

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The instance whose storage the servers share with the command line."""
        with dg.DagsterInstance.from_config(str(dagster_home(self.folder))) as instance:
            yield instance

    def processes(self) -> list[int]:
        """All processes that work on the data folder but this one."""
        mark, found = f"LABEL_PIPELINE_DATA={self.folder.root}\0".encode(), []
        for about in Path("/proc").glob("[0-9]*"):
            try:
                ours = mark in (about / "environ").read_bytes() + b"\0"
                ended = (about / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            if ours and not ended and int(about.name) != os.getpid():
                found.append(int(about.name))
        return found

    def stop(self) -> None:
        """End it as a service manager does; what is left after a while is killed."""
        running = [process for process in (self.process, *self.beside) if process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


@contextmanager
def ui(folder: DataFolder) -> Iterator[Servers]:
    """Start the UI and wait until webserver and daemon are well; end both at the end."""
    port = free_port()
    environment = os.environ | {"DAGSTER_HOME": "", "LABEL_PIPELINE_DATA": str(folder.root)}
    command = [sys.executable, "-m", "label_pipeline.cli", "ui", "--data", str(folder.root), "--port", str(port)]
    log = folder.root / "ui.log"
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=folder.root)
    servers = Servers(folder, port, process, log)
    with _until_well(servers, started):
        yield servers


@contextmanager
def apart(folder: DataFolder) -> Iterator[Servers]:
    """Code server, webserver and daemon as three services that share Dagster's home; wait until all are well."""
    home, port, started = dagster_home(folder), free_port(), time.monotonic()
    code = code_server(folder, free_port())
    workspace = home / "workspace.yaml"
    workspace.write_text(
        f"load_from: [{{grpc_server: {{host: 127.0.0.1, port: {code.args[-1]}, location_name: label_pipeline}}}}]\n"
    )
    servers = Servers(folder, port, service(folder, "dagster-webserver", "-w", workspace, "-p", port), home / "log")
    servers.beside += [code, service(folder, "dagster-daemon", "run", "-w", workspace)]
    with _until_well(servers, started):
        yield servers


def code_server(folder: DataFolder, port: int) -> subprocess.Popen[bytes]:
    """The service that holds the code of all projects, and whose children are the runs."""
    return service(folder, "dagster", "code-server", "start", "-m", "label_pipeline.definitions", "-p", port)


def service(folder: DataFolder, program: str, *arguments: object) -> subprocess.Popen[bytes]:
    """One of Dagster's programs on the folder's own home, with a log of its own there."""
    home = dagster_home(folder)
    environment = os.environ | {"DAGSTER_HOME": str(home), "LABEL_PIPELINE_DATA": str(folder.root)}
    command = [str(Path(sys.executable).parent / program), *map(str, arguments)]
    with (home / f"{program}.log").open("ab") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _until_well(servers: Servers, started: float) -> Iterator[None]:
    """Wait until webserver and daemon are well; end all of it at the end, whatever happens."""
    try:
        until("the webserver answers", lambda: servers.get("/server_info"), START_SECONDS)
        until("the daemon is well", lambda: _well(servers), START_SECONDS)
        servers.seconds["start"] = time.monotonic() - started
        yield
    finally:
        servers.stop()


def _well(servers: Servers) -> bool:
    said = servers.graphql("{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }")
    statuses = said["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(status["healthy"] for status in statuses if status["required"])


def until(what: str, ask: Callable[[], T], seconds: float, every: float = 0.5) -> T:
    """What `ask` gives as soon as it gives anything; connection errors are a no for now."""
    end = time.monotonic() + seconds
    while True:
        try:
            if answer := ask():
                return answer
        except OSError:
            pass
        assert time.monotonic() < end, f"after {seconds:.0f} s still not: {what}"
        time.sleep(every)
