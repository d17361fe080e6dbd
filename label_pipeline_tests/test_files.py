"""Atomic writes: a reader sees the state before or after, and a kill leaves nothing that is taken for a file."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from label_pipeline.files import TEMPORARY, replacing, replacing_folder, sha256, sweep, write_text


def contents(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def fail(path: Path) -> None:
    """Write half of something, and then have no more tonight."""
    path.write_text("half")
    raise ValueError("tonight")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Loss: a reader that meets half a file reports half a night."""
    path = tmp_path / "deep" / "er" / "x.txt"
    write_text(path, "old")
    with replacing(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
        assert beside.parent == path.parent
        assert beside.name.startswith(TEMPORARY)
        assert beside.suffix == ".txt"
    assert contents(tmp_path) == {"deep/er/x.txt": "new"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """Loss: yesterday's state is gone because tonight failed."""
    path = tmp_path / "x"
    write_text(path, "old")
    with pytest.raises(ValueError, match="tonight"), replacing(path) as beside:
        fail(beside)
    assert contents(tmp_path) == {"x": "old"}
    with pytest.raises(FileNotFoundError), replacing(path):
        pass  # a writer that wrote nothing
    assert contents(tmp_path) == {"x": "old"}


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    """Loss: a version with files of two versions in it is neither."""
    path = tmp_path / "v"
    for text in ("old", "new"):
        with replacing_folder(path) as beside:
            (beside / "in").mkdir()
            (beside / "in" / text).write_text(text)
    assert contents(tmp_path) == {"v/in/new": "new"}
    with pytest.raises(ValueError, match="tonight"), replacing_folder(path) as beside:
        fail(beside / "half")
    assert contents(tmp_path) == {"v/in/new": "new"}


def test_a_killed_process_leaves_the_old_file_and_a_leftover_that_is_swept(tmp_path: Path) -> None:
    """Loss: a power cut in mid-write must lose no night and double none."""
    path = tmp_path / "deep" / "x"
    write_text(path, "old")
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom label_pipeline.files import replacing, replacing_folder\n"
        "path = Path(sys.argv[1])\n"
        "with replacing_folder(path.parent / 'v') as folder, replacing(path) as beside:\n"
        "    (folder / 'part').write_text('half')\n"
        "    beside.write_text('half')\n"
        "    print('written', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    process.stdout.close()
    assert path.read_text() == "old"
    assert len(contents(tmp_path)) == 3
    left = sweep(tmp_path)
    assert len(left) == 2
    assert contents(tmp_path) == {"deep/x": "old"}
    assert sweep(tmp_path) == []
    assert sweep(tmp_path / "nowhere") == []


def test_readers_never_see_anything_between(tmp_path: Path) -> None:
    """Loss: a dashboard that reads at the wrong moment shows an empty night."""
    path = tmp_path / "x"
    write_text(path, "0" * 100_000)
    program = (
        "import sys\nfrom pathlib import Path\nfrom label_pipeline.files import write_text\n"
        "for k in range(1, 60):\n    write_text(Path(sys.argv[1]), str(k % 10) * 100_000)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(path)])
    seen = set()
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        text = path.read_text()
        assert len(text) == 100_000
        assert len(set(text)) == 1
        seen.add(text[0])
    assert process.wait(30) == 0
    assert len(seen) > 1


def test_checksum(tmp_path: Path) -> None:
    """Loss: a checksum nobody else computes alike proves nothing."""
    path = tmp_path / "x"
    path.write_bytes(os.urandom(1 << 20))
    assert sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
