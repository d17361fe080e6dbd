"""`python -m benchmarks.crash`: nights killed at every change of a file and at random moments, then run again.

A small simulated project is run undisturbed once. Then, again and again, a real process runs the same nights and is
killed with SIGKILL: before a change it makes to a file of the data folder (a file opened to write, renamed or removed,
a folder made), and after random times. The nights are run again, and everything a reader can see must be what it is
without the kill, byte for byte: lake, versions, LATEST, reports, the audit log, and all rows of the mart. Exit code 1 where it is not.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "shutil.rmtree")
FIRST, DAYS = "2026-10-05", ("2026-10-05", "2026-10-06", "2026-10-07")
SEEN = ("lake", "published", "reports", "audit")
DAGSTER = "dagster"  # Dagster's own storage: SQLite keeps itself whole


@dataclass(frozen=True)
class Nights:
    """What is killed: the nights from `first` to the last, over a data folder in which those before have run."""

    name: str
    first: str
    before: Path

    def call(self, data: Path) -> list[str]:
        """The command line that runs them."""
        days = ["--from", self.first, "--to", DAYS[-1]]
        return ["nightly", "--project", "sample", "--data", str(data), *days]


def simulated(data: Path, items: int, seed: int) -> None:
    """A project of a week, gold, a model and some bad rows, landed below `data`."""
    from label_pipeline.cli import main

    size = ["--days", "7", "--items", str(items), "--seed", str(seed)]
    assert main(["simulate", "--data", str(data), *size]) == 0


def child(work: Callable[[], int], log: Path) -> int:
    """Start a process that does `work` with its output in `log`; returns its number. Nothing is imported anew in it."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout, sys.stderr = open(1, "w", buffering=1), open(2, "w", buffering=1)  # whatever they were before
        code = work()
        sys.stdout.flush()
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """Wait for a process; its exit code, negative where a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def nightly(call: list[str], data: Path, kill_at: int, counted: Path | None) -> int:
    """Run the command line in this process, which kills itself before its change number `kill_at` (0: never)."""
    from label_pipeline.cli import main

    changes = 0

    def before(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal changes
        if event == "open":
            place, _, flags = arguments
            if not flags & (os.O_WRONLY | os.O_RDWR):
                return
        elif event in CHANGES:
            place = arguments[0]
        else:
            return
        if isinstance(place, str | os.PathLike) and _ours(Path(os.fspath(place)), data):
            changes += 1
            if changes == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(before)
    code = main(call)
    if counted:
        counted.write_text(str(changes))
    return code


def _ours(place: Path, data: Path) -> bool:
    return place.is_relative_to(data) and not place.is_relative_to(data / DAGSTER)


def answers(data: Path) -> tuple[int, int]:
    """How many answers the account of landing says were accepted, and how many different ones the lake holds."""
    import duckdb

    with duckdb.connect() as con:
        lake = f"{data}/lake/%s/*/*/*.parquet"
        (accepted,) = con.execute("SELECT sum(accepted) FROM read_parquet(?)", [lake % "landings"]).fetchall()[0]
        held = con.execute("SELECT count(DISTINCT event_id) FROM read_parquet(?)", [lake % "annotation_events"])
        return int(accepted), int(held.fetchall()[0][0])


def seen(data: Path) -> dict[str, str]:
    """Everything a reader can see: the checksum of each file, and of each table of the marts."""
    import duckdb

    found = {
        str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest()
        for part in SEEN
        for path in sorted((data / part).rglob("*"))
        if path.is_file()
    }
    for mart in sorted((data / "marts").glob("*.duckdb")):
        with duckdb.connect(str(mart), read_only=True) as con:
            names = [
                str(name) for (name,) in con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
            ]
            for name in names:
                rows = repr(con.execute(f'SELECT * FROM "{name}"').fetchall())
                found[f"{mart.name} {name}"] = hashlib.sha256(rows.encode()).hexdigest()
    return found


@dataclass
class Campaign:
    """Kills over one kind of nights, and what came of each."""

    place: Path
    nights: Nights

    def __post_init__(self) -> None:
        data, count = self._fresh(), self.place / "count"
        start = time.perf_counter()
        self.code = ended(child(lambda: nightly(self.nights.call(data), data, 0, count), self.place / "log"))
        self.seconds = time.perf_counter() - start
        assert self.code in (0, 1), (self.place / "log").read_text()
        self.changes = int(count.read_text())
        self.undisturbed = seen(data)
        self.accepted, held = answers(data)
        assert self.accepted == held

    def _fresh(self) -> Path:
        data = self.place / "data"
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(self.nights.before, data)
        return data

    def kill(self, at: int = 0, after: float = 0.0) -> str:
        """Kill before change `at` or `after` seconds, run again; returns what was found wrong, or nothing."""
        data = self._fresh()
        pid = child(lambda: nightly(self.nights.call(data), data, at, None), self.place / "log")
        if not at:
            time.sleep(after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        code = ended(pid)
        if code != -signal.SIGKILL and code != self.code:
            return f"the run ended with {code}: {_last_words(self.place / 'log')}"
        code = ended(child(lambda: nightly(self.nights.call(data), data, 0, None), self.place / "log"))
        if code != self.code:
            return f"run again it ended with {code}: {_last_words(self.place / 'log')}"
        if answers(data) != (self.accepted, self.accepted):
            return f"answers lost or doubled: {answers(data)} of {self.accepted}"
        now = seen(data)
        astray = sorted(name for name in {*now, *self.undisturbed} if now.get(name) != self.undisturbed.get(name))
        return f"{len(astray)} differ, the first: {astray[0]}" if astray else ""


def _last_words(log: Path) -> str:
    return " ".join(log.read_text(errors="replace").split())[-300:]


def prepared(place: Path, items: int, seed: int) -> list[Nights]:
    """The nights to kill: one night more on two that have run, and all nights from nothing."""
    nothing, two = place / "nothing", place / "two"
    simulated(nothing, items, seed)
    shutil.copytree(nothing, two)
    first = ["nightly", "--project", "sample", "--data", str(two), "--from", DAYS[0], "--to", DAYS[1]]
    code = ended(child(lambda: nightly(first, two, 0, None), place / "log"))
    assert code in (0, 1), _last_words(place / "log")
    return [Nights("one more night", DAYS[2], two), Nights("all from nothing", DAYS[0], nothing)]


def warm() -> None:
    """Import what nights need, once for all processes that are started later; nothing is run here."""
    import cleanlab  # noqa: F401
    import great_expectations  # noqa: F401
    import pandera.pyarrow  # noqa: F401

    import label_pipeline.commands.nightly
    import label_pipeline.commands.simulate
    import label_pipeline.orchestration.build  # noqa: F401


def main() -> int:
    """Run the campaign and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=250, help="in all; every change of a file comes first")
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    os.environ.pop("DAGSTER_HOME", None)
    os.environ["LABEL_PIPELINE_KEY"] = "a key for crashes only"
    warm()
    draw = random.Random(asked.seed)
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        campaigns = [Campaign(Path(name), nights) for nights in prepared(Path(name), asked.items, asked.seed)]
        for share, campaign in zip((0.7, 0.3), campaigns, strict=True):
            kills = round(asked.kills * share)
            changes = list(range(1, campaign.changes + 1))
            at = sorted(draw.sample(changes, min(len(changes), kills * 2 // 3)))
            times = [draw.uniform(0, campaign.seconds) for _ in range(kills - len(at))]
            found = Counter[str]()
            for kind, words in [
                *(("before a change", campaign.kill(at=k)) for k in at),
                *(("at a random moment", campaign.kill(after=after)) for after in times),
            ]:
                found[kind] += 1
                if words:
                    wrong += 1
                    print(f"  {campaign.nights.name}, {kind}: {words}", flush=True)
            said = ", ".join(f"{n} {kind}" for kind, n in found.items())
            print(
                f"{campaign.nights.name}: {campaign.changes} changes in {campaign.seconds:.1f} s; killed {said}",
                flush=True,
            )
    print(f"{wrong} of {asked.kills} ended otherwise than undisturbed")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
