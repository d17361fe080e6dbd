"""`python -m benchmarks.crash`: nights killed at every change of a file and at random moments, then run again.

A tiny project (`pets` of the tests, with rows that go to quarantine and a file that lands twice) is run undisturbed
once. Then, again and again, a real process runs the same nights and is killed with SIGKILL: before a change it makes
to a file of the data folder (a file opened to write, renamed or removed, a folder made), and after random times. The
nights are run again, and everything a reader can see must be what it is without the kill, byte for byte: lake,
versions, LATEST, reports, the audit log, and all rows of the mart. Exit code 1 where it is not.

Processes are forked from one that has the imports, and the small plots in Dagster's metadata are not drawn, so that a
kill costs seconds. `--first N --kills M` runs M of the same list of kills from the Nth on, so that a long campaign can
be run in pieces.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "shutil.rmtree")
DAYS = ("2026-10-05", "2026-10-06", "2026-10-07")
SEEN = ("lake", "published", "reports", "audit")
WARM = [  # what nights need, imported once for all processes
    "cleanlab",
    "great_expectations",
    "pandera.pyarrow",
    "label_pipeline.commands.nightly",
    "label_pipeline.orchestration.build",
]
# Not Dagster's own storage: SQLite keeps itself whole.
OURS = (*SEEN, "marts", "locks", "landing", "projects", "erasures", "roles")


@dataclass(frozen=True)
class Nights:
    """What is killed: the nights from `first` to `last`, over a data folder in which those before have run."""

    name: str
    first: str
    last: str
    before: Path

    def call(self, data: Path) -> list[str]:
        """The command line that runs them."""
        return ["nightly", "--project", "pets", "--data", str(data), "--from", self.first, "--to", self.last]


@dataclass(frozen=True)
class Kill:
    """One kill of the list: before a share of the changes a run makes, or after a share of its time."""

    nights: int
    boundary: bool
    share: float


def landed(data: Path) -> None:
    """Three days of the tiny project, landed below `data`."""
    from label_pipeline_tests.orchestration.runs import D2, ITEMS, answers, pets, put

    folder = pets(data, days=3)
    put(folder, D2, "bad.csv", "item_id,annotator_id,label,at,weight\ni08,d,bird,,1\n,d,cat,,1\n")
    put(folder, D2, "again.csv", answers(ITEMS[:4], D2))


def child(call: list[str], data: Path, log: Path, *, kill_at: int = 0, counted: Path | None = None) -> BaseProcess:
    """Start a process that does `nightly` with its output in `log`.

    It is forked from a server of ours that has imported everything and has no thread: forked from a process that has
    used Arrow or DuckDB, it would wait for ever for threads that did not come along.
    """
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(WARM)
    process = forks.Process(target=_alone, args=(call, data, log, kill_at, counted, dict(os.environ)))
    process.start()
    return process


def _alone(
    call: list[str], data: Path, log: Path, kill_at: int, counted: Path | None, environment: dict[str, str]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    with open(1, "w", buffering=1) as sys.stdout, open(2, "w", buffering=1) as sys.stderr:
        code = nightly(call, data, kill_at, counted)
    os._exit(code)


def ended(process: BaseProcess) -> int:
    """Wait for a process; its exit code, negative where a signal ended it."""
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def nightly(call: list[str], data: Path, kill_at: int, counted: Path | None) -> int:
    """Run the command line in this process, which kills itself before its change number `kill_at` (0: never)."""
    from label_pipeline.cli import main
    from label_pipeline.report import plots

    plots._png = lambda *_, **__: b"not drawn"
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
    return any(place.is_relative_to(data / part) for part in OURS)


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
        self.code = ended(child(self.nights.call(data), data, self.place / "log", counted=count))
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
        process = child(self.nights.call(data), data, self.place / "log", kill_at=at)
        if not at:
            time.sleep(after)
            process.kill()
        code = ended(process)
        if code != -signal.SIGKILL and code != self.code:
            return f"the run ended with {code}: {_last_words(self.place / 'log')}"
        code = ended(child(self.nights.call(data), data, self.place / "log"))
        if code != self.code:
            return f"run again it ended with {code}: {_last_words(self.place / 'log')}"
        if answers(data) != (self.accepted, self.accepted):
            return f"answers lost or doubled: {answers(data)} of {self.accepted}"
        now = seen(data)
        astray = sorted(name for name in {*now, *self.undisturbed} if now.get(name) != self.undisturbed.get(name))
        return f"{len(astray)} differ, the first: {astray[0]}" if astray else ""


def _last_words(log: Path) -> str:
    return " ".join(log.read_text(errors="replace").split())[-300:]


def prepared(place: Path) -> list[Nights]:
    """The nights to kill: one night more on one that has run, and a backfill of three days from nothing."""
    nothing, one = place / "nothing", place / "one"
    landed(nothing)
    shutil.copytree(nothing, one)
    eve = Nights("", DAYS[0], DAYS[0], one)
    code = ended(child(eve.call(one), one, place / "log"))
    assert code in (0, 1), _last_words(place / "log")
    return [Nights("one more night", DAYS[1], DAYS[1], one), Nights("backfill of 3 days", DAYS[0], DAYS[2], nothing)]


def kills(seed: int, changes: list[int]) -> list[Kill]:
    """The endless list of kills, cut at a thousand: of four, three in one night; of three, two before a change.

    Changes are gone through in an order drawn once, so that enough kills meet them all.
    """
    draw = random.Random(seed)
    orders = [draw.sample(range(n), n) for n in changes]
    listed, met = [], [0, 0]
    for k in range(1000):
        nights, boundary = int(k % 4 == 3), k % 3 != 2
        share = draw.random()
        if boundary:
            order = orders[nights]
            share = (order[met[nights] % len(order)] + 0.5) / len(order)
            met[nights] += 1
        listed.append(Kill(nights, boundary, share))
    return listed


def campaign(first: int, number: int, seed: int) -> tuple[list[Campaign], list[tuple[Kill, str]]]:
    """Run a piece of the list of kills; what was killed, and what was found wrong after each (nothing: empty)."""
    os.environ.pop("DAGSTER_HOME", None)
    os.environ["LABEL_PIPELINE_KEY"] = "a key for crashes only"
    memory = Path("/dev/shm")  # a SIGKILL loses nothing that the kernel has, and a disk in memory flushes at once
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        campaigns = [Campaign(Path(name), nights) for nights in prepared(Path(name))]
        found = []
        for k, kill in enumerate(kills(seed, [c.changes for c in campaigns])[first : first + number], start=first):
            one = campaigns[kill.nights]
            at = int(kill.share * one.changes) + 1 if kill.boundary else 0
            words = one.kill(at=at, after=0.0 if at else kill.share * one.seconds)
            found.append((kill, words))
            where = f"before change {at} of {one.changes}" if at else f"after {kill.share:.0%} of its time"
            print(f"{k}: {one.nights.name}, killed {where}: {words or 'as undisturbed'}", flush=True)
        return campaigns, found


def main() -> int:
    """Run the campaign and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=240)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="begin at the Nth kill of the list")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    campaigns, found = campaign(asked.first, asked.kills, asked.seed)
    print("| nights | changes of files | killed before a change | killed at a random moment | not as undisturbed |")
    print("|---|---|---|---|---|")
    for n, one in enumerate(campaigns):
        of = [(kill, words) for kill, words in found if kill.nights == n]
        at = sum(kill.boundary for kill, _ in of)
        print(f"| {one.nights.name} | {one.changes} | {at} | {len(of) - at} | {sum(bool(w) for _, w in of)} |")
    return int(any(words for _, words in found))


if __name__ == "__main__":
    raise SystemExit(main())
