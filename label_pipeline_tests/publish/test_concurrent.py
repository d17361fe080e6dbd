"""Twenty readers in a loop while thirty nights publish, roll back and prune: real processes on real files."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.clock import end_of_day
from label_pipeline.contracts.tables import CONSENSUS_LABELS, GATES
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.mart import build_mart
from label_pipeline.publish import load_training_set
from label_pipeline.publish.latest import accept, advance, release, roll_back
from label_pipeline.publish.manifest import accepted_versions, latest, versions
from label_pipeline.publish.prune import fates, remove
from label_pipeline.publish.version import publish
from label_pipeline_tests.publish.tables import DAY, consensus, table, whole_night

NIGHTS, PROCESSES, THREADS, KEEP = 30, 4, 5, 12


def rows_of(day: str) -> int:
    """How many items a night has: another number every day, so that two days cannot be taken for one."""
    return 100 + int(day.replace("-", "")) % 1000


def read_version(root: Path, name: str) -> str:
    """Load a version as a job does; its rows are all of the day its manifest says."""
    training = load_training_set("demo", name, root)
    rows = {split: training.arrow(split) for split in training.splits}
    assert {split: len(table) for split, table in rows.items()} == training.manifest["counts"]["by_split"]
    assert sum(map(len, rows.values())) == training.manifest["counts"]["rows"] == rows_of(training.manifest["day"])
    texts = {text for table in rows.values() for text in table["text"].to_pylist()}
    assert {text.split()[-1] for text in texts} == {training.manifest["day"]}
    return training.version


def read_mart(root: Path) -> str:
    """Ask the mart twice with a while between; all tables are of one day, and of the same one."""
    import duckdb

    with duckdb.connect(str(DataFolder(root).mart("demo")), read_only=True) as con:
        seen = set()
        for _ in range(2):
            n, first, last = con.execute("SELECT count(*), min(day), max(day) FROM consensus_labels").fetchall()[0]
            newest = con.execute("SELECT max(day) FROM gates").fetchall()[0][0]
            assert first == last == newest
            assert n == rows_of(str(newest))
            seen.add(newest)
            threading.Event().wait(0.01)
    assert len(seen) == 1
    return str(seen.pop())


def read_on(root: Path, old: str, stop: Any, told: Path) -> None:
    """Five readers in one process, until told to stop; what they saw and what went wrong, as JSON."""
    errors: list[str] = []
    seen: dict[str, list[str]] = {"latest": [], "old": [], "mart": []}
    ways: dict[str, Callable[[], str]] = {
        "latest": lambda: read_version(root, "latest"),
        "old": lambda: read_version(root, old),
        "mart": lambda: read_mart(root),
    }

    def loop() -> None:
        while not stop.is_set():
            for name, way in ways.items():
                try:
                    seen[name].append(way())
                except Exception as error:
                    errors.append(f"{name}: {type(error).__name__}: {error}")

    readers = [threading.Thread(target=loop) for _ in range(THREADS)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    told.write_text(json.dumps({"errors": errors, "seen": seen}))


def night(folder: DataFolder, k: int) -> str:
    """What a night does: a version, the note of it, LATEST, the mart, and pruning."""
    day = DAY + timedelta(days=k)
    n = rows_of(str(day))
    rows, seen, passed, facts = whole_night(n)
    at = rows.schema.get_field_index("text")
    rows = rows.set_column(at, "text", [[f"{text} {day}" for text in rows["text"].to_pylist()]])
    published = folder.published("demo")
    version = publish(published, day, rows, replace(facts, guideline_version=f"v{k}"), seen, passed)
    accept(published, day, version.name)
    advance(folder, "demo", version.name, at=end_of_day(day, "UTC"), words="all gates hold")
    lake = Lake(folder, "demo")
    lake.write(CONSENSUS_LABELS, day, consensus([(f"i{i:05d}", "cat", 0.9, "accepted") for i in range(n)]))
    lake.write(
        GATES,
        day,
        table("gates", gate=["rows"], severity=["block"], passed=[True], observed=["1"], expected=["1"], words=["x"]),
    )
    build_mart(lake, folder.mart("demo"), day, newest=[CONSENSUS_LABELS], every_day=[GATES])
    for fate in fates(published, keep=KEEP, jobs={"ranker": accepted_versions(published)[DAY]}, held=None):
        if fate.goes:
            remove(published, fate.version)
    return version.name


@pytest.mark.slow
def test_readers_go_on_undisturbed_while_nights_publish(tmp_path: Path) -> None:
    """Loss: a training job that dies at half past two, or worse, trains on half of tonight and half of yesterday."""
    folder = DataFolder(tmp_path)
    first = night(folder, 0)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    told = [tmp_path / f"told-{k}.json" for k in range(PROCESSES)]
    readers = [context.Process(target=read_on, args=(tmp_path, first, stop, path)) for path in told]
    for reader in readers:
        reader.start()
    try:
        for k in range(1, NIGHTS):
            name = night(folder, k)
            if k % 10 == 0:
                decision: dict[str, Any] = {"reason": "try", "who": "ann", "at": end_of_day(DAY, "UTC")}
                roll_back(folder, "demo", to=None, **decision)
                release(folder, "demo", **decision)
            assert latest(folder.published("demo")) == name
    finally:
        stop.set()
        for reader in readers:
            reader.join(60)
    found = [json.loads(path.read_text()) for path in told]
    assert [error for one in found for error in one["errors"]] == []
    seen = {name: [v for one in found for v in one["seen"][name]] for name in ("latest", "old", "mart")}
    assert min(len(reads) for reads in seen.values()) > PROCESSES * THREADS
    assert len(set(seen["latest"])) > 5  # they met nights at work, not before or after them
    assert len(set(seen["mart"])) > 5
    assert set(seen["old"]) == {first}
    assert len(versions(folder.published("demo"))) == KEEP + 1
