"""A Postgres of its own for Dagster's storage: Debian's package, started on loopback and ended with the test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from label_pipeline_tests.orchestration.servers import free_port, until


@contextmanager
def postgres(place: Path) -> Iterator[str]:
    """Start an empty database, its log in `place`; yields its URL. The test is skipped where there is no Postgres."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("there is no Postgres on this machine (Debian: apt-get install postgresql)")
    # Postgres refuses to run as the administrator, and each start of pytest closes the folder of all tests to others.
    other = os.getuid() == 0
    run = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if other else []
    home = Path(tempfile.mkdtemp(prefix="postgres-of-tests-"))
    if other:
        shutil.chown(home, "postgres")
    command = [*run, str(found[-1] / "initdb"), "-D", str(home / "data"), "-U", "dagster", "-A", "trust", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    settings = ["-p", str(port), "-k", str(home), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    with (place / "postgres.log").open("wb") as log:
        server = subprocess.Popen(
            [*run, str(found[-1] / "postgres"), "-D", str(home / "data"), *settings], stdout=log, stderr=log
        )
    try:
        ready = [str(found[-1] / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
        until("Postgres answers", lambda: subprocess.run(ready, capture_output=True).returncode == 0, 60)
        yield f"postgresql+psycopg2://dagster@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # it waits for no client
        server.wait(30)
        shutil.rmtree(home)
