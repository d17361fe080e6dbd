"""A real Chromium without a window, asked over its DevTools protocol: what a page shows, logs and fetches.

Nothing outside this machine can be reached: no name resolves.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60.0


@dataclass
class Page:
    """One tab: `call` is a command of the protocol; `logged` are errors of the console, `asked` addresses fetched."""

    socket: Any
    logged: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _sent: int = 0
    _loaded: bool = False

    def call(self, method: str, **parameters: Any) -> Any:
        """The result of a command."""
        self._sent += 1
        self.socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while (said := self._next()).get("id") != self._sent:
            pass
        assert "error" not in said, said
        return said["result"]

    def open(self, address: str) -> None:
        """Go to an address and wait until it is loaded."""
        self.logged.clear()
        self.asked.clear()
        self._loaded = False
        self.call("Page.navigate", url=address)
        while not self._loaded:
            self._next()

    def run(self, expression: str) -> Any:
        """The value of an expression, its promise awaited; the page's own policy does not bind it."""
        said = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def until(self, what: str, expression: str, seconds: float = SECONDS) -> Any:
        """The value of an expression as soon as it is anything."""
        end = time.monotonic() + seconds
        while not (value := self.run(expression)):
            assert time.monotonic() < end, f"after {seconds:.0f} s still not: {what}"
            time.sleep(0.3)
        return value

    def show(self, width: int, height: int = 900, *, dark: bool = False, medium: str = "screen") -> None:
        """Show pages in a window of this size, light or dark, or as printed."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=medium, features=[scheme])

    def _next(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.socket.recv(timeout=SECONDS))
        about = said.get("params", {})
        if said.get("method") == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.logged.append(details.get("exception", {}).get("description") or details["text"])
        elif said.get("method") == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.logged.append(" ".join(str(a.get("value", a.get("description", ""))) for a in about["args"]))
        elif said.get("method") == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.logged.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
        elif said.get("method") == "Network.requestWillBeSent":
            self.asked.append(about["request"]["url"])
        elif said.get("method") == "Page.loadEventFired":
            self._loaded = True
        return said


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A browser with one tab, ended at the end; skips where there is none."""
    from websockets.sync.client import connect

    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    command = [
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-port=0",
        f"--user-data-dir={profile}", "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_tab(profile), max_size=None, open_timeout=SECONDS) as socket:
            page = Page(socket)
            for domain in ("Page", "Runtime", "Log", "Network"):
                page.call(f"{domain}.enable")
            yield page
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


def _tab(profile: Path) -> str:
    """The address of the browser's one tab, once it is there."""
    named, end = profile / "DevToolsActivePort", time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            port = int(named.read_text().split()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
                return next(str(tab["webSocketDebuggerUrl"]) for tab in json.load(answer) if tab["type"] == "page")
        except (OSError, IndexError, ValueError, StopIteration):
            time.sleep(0.1)
    raise AssertionError("the browser did not start")
