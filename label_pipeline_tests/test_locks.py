"""One writer a project: real processes, one of them really killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from label_pipeline.folders import DataFolder
from label_pipeline.locks import LANDING_AGE, HeldError, alone, changing, holder_of, was_left

HOLD = (
    "import sys, time\nfrom label_pipeline.folders import DataFolder\nfrom label_pipeline.locks import alone\n"
    "with alone(DataFolder.choose(sys.argv[1]), 'pets', 'a night'):\n    print('held', flush=True)\n"
    "    time.sleep(60)\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


@pytest.fixture
def other(folder: DataFolder) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the project."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder.root)], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"held\n"
        yield running
        running.kill()


def test_a_second_writer_is_refused_and_told_who_it_is(folder: DataFolder, other: subprocess.Popen[bytes]) -> None:
    """Loss: two writers of one project, or a refusal that leaves people looking for the one that holds it."""
    words = rf"pets is being written by a night, process {other.pid} on {socket.gethostname()}, since 20\d\d-"
    with pytest.raises(HeldError, match=words), alone(folder, "pets", "another night"):
        pass
    holder = holder_of(folder, "pets")
    assert holder is not None
    assert holder.pid == other.pid
    assert was_left(folder, "pets") is None
    with alone(folder, "toys", "a night"):
        assert holder_of(folder, "pets") == holder


def test_a_lock_that_a_killed_process_left_holds_nobody_up(folder: DataFolder, other: subprocess.Popen[bytes]) -> None:
    """Loss: after one power cut every night is refused until somebody deletes a file."""
    other.send_signal(signal.SIGKILL)
    other.wait()
    left = was_left(folder, "pets")
    assert left is not None
    assert left.pid == other.pid
    assert holder_of(folder, "pets") is None
    with alone(folder, "pets", "the next night"):
        holder = holder_of(folder, "pets")
        assert holder is not None
        assert holder.pid == os.getpid()
    assert was_left(folder, "pets") is None
    assert holder_of(folder, "pets") is None


def test_an_error_is_no_kill(folder: DataFolder) -> None:
    """Loss: a doctor that speaks of a killed run after every night that failed."""
    with pytest.raises(ValueError, match="tonight"), alone(folder, "pets", "a night"):
        raise ValueError("tonight")
    assert was_left(folder, "pets") is None
    assert holder_of(folder, "nobody") is None


def test_whoever_holds_it_first_sweeps(folder: DataFolder) -> None:
    """Loss: leftovers that fill the disk; another project's half built mart, or a landing in progress, taken away."""
    ours = [
        folder.lake / "items" / "project=pets" / "day=2026-10-05" / ".tmp-part-0123abcd.parquet",
        folder.published("pets") / ".tmp-2026-10-05-0123abcd" / "train.parquet",
        folder.published("pets") / "rejected" / ".tmp-x-0123abcd.json",
        folder.reports / "pets" / ".tmp-2026-10-05-0123abcd.html",
        folder.root / "marts" / ".tmp-pets-0123abcd.duckdb",
        folder.root / "marts" / ".tmp-pets.alerts-0123abcd.json",
        folder.roles / "training" / "pets" / ".tmp-pets-0123abcd.duckdb",
        folder.root / "audit" / ".tmp-pets-0123abcd.head",
        folder.landing("pets") / "2026-10-05" / "crowd" / ".tmp-old-0123abcd.csv",
    ]
    others = [
        folder.lake / "items" / "project=toys" / "day=2026-10-05" / ".tmp-part-0123abcd.parquet",
        folder.root / "marts" / ".tmp-pets-b-0123abcd.duckdb",
        folder.roles / "training" / "toys" / ".tmp-toys-0123abcd.duckdb",
        folder.landing("pets") / "2026-10-05" / "crowd" / ".tmp-new-0123abcd.csv",
        folder.lake / "items" / "project=pets" / "day=2026-10-05" / "part.parquet",
    ]
    for path in ours + others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    old = time.time() - LANDING_AGE - 60
    os.utime(ours[-1], (old, old))
    spilled = Path(os.environ.get("TMPDIR", "/tmp")) / f"label-pipeline-{ended_pid()}"
    spilled.mkdir()
    with alone(folder, "pets", "a night") as left:
        assert len(left) >= len(ours) + 1
    assert not any(path.exists() for path in [*ours, spilled])
    assert all(path.exists() for path in others)


def test_what_a_person_writes_meanwhile_is_not_swept(folder: DataFolder) -> None:
    """Loss: a night that begins while LATEST is being taken back removes what is about to be renamed into its place."""
    beside = folder.published("pets") / ".tmp-LATEST-0123abcd"
    beside.parent.mkdir(parents=True)

    def night() -> None:
        with alone(folder, "pets", "a night"):
            pass

    with ThreadPoolExecutor(1) as other:
        with changing(folder.latest_lock("pets")):
            beside.write_text("2026-10-05-01234567")
            begun = other.submit(night)
            with pytest.raises(TimeoutError):
                begun.result(timeout=0.3)
            beside.replace(beside.parent / "LATEST")
        begun.result(timeout=30)
    assert (beside.parent / "LATEST").read_text() == "2026-10-05-01234567"


def ended_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid
