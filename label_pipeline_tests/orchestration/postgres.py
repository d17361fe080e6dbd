"""A Postgres of its own for Dagster's storage: Debian's package, started on loopback and ended with the test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from label_pipeline_tests.orchestration.servers import until


@contextmanager
def postgres(place: Path) -> Iterator[str]:
    """Start an empty database below `place`; yields its URL. The test is skipped where there is no Postgres."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("there is no Postgres on this machine (Debian: apt-get install postgresql)")
    home = place / "postgres"
    home.mkdir(parents=True)
    # Postgres refuses to run as the administrator.
    other = os.getuid() == 0
    run = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if other else []
    if other:
        shutil.chown(home, "postgres")
        for above in home.parents:
            if above != Path("/tmp") and above.is_relative_to("/tmp"):
                above.chmod(above.stat().st_mode | 0o011)
    command = [*run, str(found[-1] / "initdb"), "-D", str(home / "data"), "-U", "dagster", "-A", "trust", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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
        server.terminate()
        server.wait(30)
