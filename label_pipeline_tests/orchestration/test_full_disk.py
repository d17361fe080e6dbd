"""Whole nights on a real disk that fills up, may not be written, or is lost half way: one clear error, and it goes on.

Each run is a real process; the disk is a small one in memory.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.crash import child, ended
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline_tests.disks import resize, small_disk
from label_pipeline_tests.orchestration.runs import D1, D2, pets, state

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.getuid() != 0, reason="only the administrator may mount")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[DataFolder]:
    """The data folder on a disk of its own, with Dagster's storage elsewhere: what fills up is the pipeline's part."""
    with small_disk(tmp_path / "disk", "200m") as place, pytest.MonkeyPatch.context() as environment:
        home = tmp_path / "home"
        home.mkdir()
        from label_pipeline.commands.home import DAGSTER_YAML

        (home / "dagster.yaml").write_text(DAGSTER_YAML)
        environment.setenv("DAGSTER_HOME", str(home))
        yield pets(place, days=2)


def night(folder: DataFolder, log: Path) -> tuple[int, list[str]]:
    """Run the two days in a process of its own; its exit code, and what it told beside its progress."""
    call = ["nightly", "--project", "pets", "--data", str(folder.root), "--from", str(D1), "--to", str(D2)]
    code = ended(child(call, folder.root, log))
    return code, [line for line in log.read_text().splitlines() if line.startswith("label-pipeline:")]


def used(place: Path) -> int:
    about = os.statvfs(place)
    return (about.f_blocks - about.f_bfree) * about.f_frsize


def test_a_disk_that_fills_up_at_any_moment(disk: DataFolder, tmp_path: Path) -> None:
    """Loss: a full disk that corrupts a partition, or greets people with a traceback, or needs hands to go on."""
    log, landed = tmp_path / "log", used(disk.root)
    code, told = night(disk, log)
    assert (code, told) == (0, [])
    expected, whole = state(disk), used(disk.root)
    for share in (0.03, 0.3, 0.6, 0.9):
        for part in ("lake", "marts", "roles", "published", "reports", "audit", "locks"):
            subprocess.run(["rm", "-rf", str(disk.root / part)], check=True)
        resize(disk.root, str(landed + int((whole - landed) * share)))
        code, told = night(disk, log)
        text = log.read_text()
        assert code == 3, (share, text[-3000:])
        assert "Traceback" not in text, (share, text[-3000:])
        assert len(told) == 1, (share, told)
        assert "there is no room left on the disk" in told[0]
        assert {name: digest for name, digest in state(disk).items() if name.startswith("lake")}.items() <= (
            expected.items()
        ), share
        resize(disk.root, "200m")
        assert night(disk, log) == (0, []), log.read_text()[-3000:]
        assert state(disk) == expected, share


def test_a_disk_that_may_only_be_read(disk: DataFolder, tmp_path: Path) -> None:
    """Loss: a traceback where one line says what to do, or a night that seems to have happened."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk.root)], check=True)
    code, told = night(disk, tmp_path / "log")
    assert code == 3
    assert len(told) == 1
    assert "may only be read" in told[0]
    assert "Traceback" not in (tmp_path / "log").read_text()
    subprocess.run(["mount", "-o", "remount,rw", str(disk.root)], check=True)
    assert night(disk, tmp_path / "log") == (0, [])


def test_a_mount_that_is_lost_in_the_middle(disk: DataFolder, tmp_path: Path) -> None:
    """Loss: a night that goes on below the lost mount, on another disk, where nobody ever looks for its days."""
    lost = threading.Event()

    def lose() -> None:
        while not Lake(disk, "pets").days(_consensus()):
            time.sleep(0.01)
        subprocess.run(["umount", "-l", str(disk.root)], check=True)
        lost.set()

    thread = threading.Thread(target=lose)
    thread.start()
    code, told = night(disk, tmp_path / "log")
    thread.join(60)
    assert lost.is_set()
    text = (tmp_path / "log").read_text()
    assert code == 3, text[-3000:]
    assert "Traceback" not in text, text[-3000:]
    assert told
    assert all("is gone" in line for line in told)
    assert not [path for path in disk.root.rglob("*") if path.is_file()], "something was written below the mount"


def _consensus() -> object:
    from label_pipeline.contracts.tables import CONSENSUS_LABELS

    return CONSENSUS_LABELS
