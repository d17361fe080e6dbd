"""Atomic writes: a reader sees the state before or after, and a kill leaves nothing that is taken for a file."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from label_pipeline import files
from label_pipeline.errors import refused
from label_pipeline.files import (
    TEMPORARY,
    remove_folder,
    replacing,
    replacing_folder,
    sha256,
    sweep,
    sweep_beside,
    write_text,
)
from label_pipeline_tests.disks import small_disk


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


OPERATIONS = ("mkdir", "mkstemp", "mkdtemp", "fsync", "replace", "rmtree")
REFUSALS = {
    errno.ENOSPC: "no room",
    errno.EDQUOT: "no room",
    errno.EACCES: "may not be read or written",
    errno.EROFS: "may only be read",
    errno.EIO: "does not answer",
    errno.ESTALE: "does not answer",
    errno.ENOMEM: "not enough memory",
    errno.EMFILE: "too many files",
}


@contextlib.contextmanager
def refusing(monkeypatch: pytest.MonkeyPatch, operation: str, at: int, code: int) -> Iterator[list[int]]:
    """Let the `at`th call of a file operation fail as the machine would; yields how often it was called."""
    module = {"mkdir": Path, "mkstemp": files.tempfile, "mkdtemp": files.tempfile, "rmtree": files.shutil}
    owner, calls = module.get(operation, files.os), [0]
    real = getattr(owner, operation)

    def refuse(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            raise OSError(code, os.strerror(code), str(arguments[0]) if arguments else None)
        return real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, operation, refuse)
        yield calls


def change(folder: Path) -> None:
    """A little of everything that nights do to files: new, replaced, new and replaced folders, and one removed."""
    write_text(folder / "deep" / "er" / "x", "new")
    write_text(folder / "fresh" / "y", "new")
    for name in ("v", "w"):
        with replacing_folder(folder / name) as beside:
            (beside / "part").write_text("new")
    if (folder / "old").exists():
        remove_folder(folder / "old")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_the_machine_refuses_at_whatever_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """Loss: one refused call that leaves half a file, or a state that the next run cannot mend.

    Each call of each operation is refused in turn. Every file is then as before or as after, the refusal is told in
    words, and the same again, after a sweep, ends as undisturbed.
    """
    before = {"deep/er/x": "old", "v/part": "old", "old/z": "old"}
    after = {"deep/er/x": "new", "fresh/y": "new", "v/part": "new", "w/part": "new"}
    refusals = 0
    for at in range(1, 40):
        folder = tmp_path / str(at)
        for name, text in before.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        code, words = list(REFUSALS.items())[at % len(REFUSALS)]
        with refusing(monkeypatch, operation, at, code) as calls:
            try:
                change(folder)
            except OSError as error:
                refusals += 1
                told = refused(error)
                assert told is not None
                assert words in told.text()
        for name, text in contents(folder).items():
            if TEMPORARY not in name:
                assert text in (before.get(name), after.get(name)), (operation, at, name)
        assert {"deep/er/x", "v/part"} <= set(contents(folder)), (operation, at)
        sweep(folder)
        change(folder)
        assert contents(folder) == after, (operation, at)
        if calls[0] < at:
            break
    assert refusals == calls[0] > 0


def test_a_bug_is_no_refusal() -> None:
    """Loss: a bug told as a full disk is looked for on the disk, and its traceback is gone."""
    assert refused(ValueError("no space left on device")) is None
    assert refused(FileNotFoundError(errno.ENOENT, "No such file or directory", "x")) is None
    told = refused(OSError(errno.ENOSPC, "No space left on device", "/data/lake/x"))
    assert told is not None
    assert told.where == "/data/lake/x"
    try:
        try:
            raise MemoryError
        except MemoryError as error:
            raise ValueError("the consensus of nothing") from error
    except ValueError as error:
        told = refused(error)
        assert told is not None
        assert "memory" in told.what


def test_leftovers_of_one_file_are_told_from_those_of_another(tmp_path: Path) -> None:
    """Loss: one project's start takes away the mart that another is building beside it."""
    ours, others = tmp_path / "a.duckdb", tmp_path / "a-b.duckdb"
    with replacing(others) as beside:
        beside.write_text("building")
        for left in (".tmp-a-0123abcd.duckdb", ".tmp-a-0123abcd.duckdb.wal"):
            (tmp_path / left).write_text("half")
        assert len(sweep_beside(ours)) == 2
    assert contents(tmp_path) == {"a-b.duckdb": "building"}
    assert sweep(tmp_path, older=60) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only the administrator may mount")
def test_a_real_disk_that_is_full(tmp_path: Path) -> None:
    """Loss: a write that ends half way on a full disk and stands there as if it were whole."""
    with small_disk(tmp_path / "disk", "256k") as disk:
        write_text(disk / "x", "old")
        with pytest.raises(OSError, match="No space left") as error:
            write_text(disk / "x", "new" * 200_000)
        told = refused(error.value)
        assert told is not None
        assert "Make room" in told.do
        assert contents(disk) == {"x": "old"}
        write_text(disk / "x", "new")
        assert contents(disk) == {"x": "new"}
