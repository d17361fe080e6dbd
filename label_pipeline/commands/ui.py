"""`ui`: Dagster's webserver and daemon, side by side until one ends or the user interrupts."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from label_pipeline.commands.home import dagster_home, opened
from label_pipeline.folders import DataFolder
from label_pipeline.memory import be_frugal


def run(arguments: argparse.Namespace) -> int:
    """Start both and wait. The UI is for this machine only unless --host says otherwise."""
    be_frugal()  # so are the runs it starts
    folder = DataFolder.choose(arguments.data)
    folder.dagster.mkdir(parents=True, exist_ok=True)
    home = dagster_home(folder)
    with opened(home):
        pass  # its tables are there before two programs look for them
    environment = os.environ | {"LABEL_PIPELINE_DATA": folder.place, "DAGSTER_HOME": str(home)}
    workspace = ["-m", "label_pipeline.definitions"]
    here = Path(sys.executable).parent
    commands = [
        [str(here / "dagster-webserver"), "-h", arguments.host, "-p", str(arguments.port), *workspace],
        [str(here / "dagster-daemon"), "run", *workspace],
    ]
    print(f"Dagster UI: http://{arguments.host}:{arguments.port}  (Ctrl-C ends it)", file=sys.stderr)
    running = [subprocess.Popen(command, env=environment) for command in commands]  # noqa: S603 - our own programs
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while all(p.poll() is None for p in running):
            time.sleep(0.5)
        return next((p.returncode for p in running if p.returncode), 0)
    finally:
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in running:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
