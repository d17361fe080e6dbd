"""One project in one process, out of core, and on Spark, from the same lake: `python -m benchmarks.scale`.

Every engine reads the lake's annotation events, takes the votes among them, and fits Dawid–Skene (10 iterations) and
CROWDLAB; each in a process of its own. Printed are seconds, CPU seconds and peak memory of that process and all it
starts, the bytes a pass sends and gets back, and how far results are from those of the local engine. Spark (`--engines
spark1 spark2`: one worker, two) is that of `make .spark/ready`. `--quick` runs small sizes, to see that it works.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.synthetic import synthetic
from label_pipeline.contracts.tables import ANNOTATION_EVENTS, PREDICTIONS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.sql import connect, file_list
from label_pipeline_tests.shards.cluster import SETTINGS, cluster, environment, missing

FIRST = date(2026, 1, 1)
PER_DAY = 1_000_000
CLASSES = [f"class-{k:03d}" for k in range(10)]
PEOPLE = pd.DataFrame({"annotator_id": [], "group": [], "role": []}, dtype=str)
EM = {"max_iter": 10, "tol": 0.0}
METHODS = ("dawid_skene", "crowdlab")
Figures = dict[str, Any]


# -- the lake --------------------------------------------------------------------------------------------------------


def make(folder: Path, n: int, annotators: int) -> Figures:
    """About `n` annotations in days of a million, and a model's probabilities of every item."""
    import pyarrow as pa

    lake, made = Lake(DataFolder(folder), "scale"), 0
    for k in range(max(n // PER_DAY, 1)):
        part = synthetic(min(n, PER_DAY) * 100 // 299, annotators, len(CLASSES), per_item=2.99, seed=k)
        votes, day = part.votes, FIRST + timedelta(days=k)
        items = pa.array([f"item-{k:04d}-{i:07d}" for i in range(votes.n_items)])
        people = pa.array([f"annotator-{j:06d}" for j in range(annotators)])
        rows, one = np.arange(votes.n), pa.array(np.zeros(votes.n, np.int8))
        alike = {
            "source": "tool",
            "status": "submitted",
            "is_gold_check": False,
            "annotated_at": datetime(2026, 1, 1, tzinfo=UTC),
            "duration_source": "none",
            "landed_file": "a.json",
        }
        events = {
            **{name: pa.nulls(votes.n) for name in ANNOTATION_EVENTS.names},
            **{name: pa.array([value]).take(one) for name, value in alike.items()},
            "event_id": pa.array([f"{k:08d}{a:024d}" for a in rows]),
            "annotation_id": pa.array([f"{k}-{a}" for a in rows]),
            "item_id": items.take(pa.array(votes.item)),
            "annotator_id": people.take(pa.array(votes.annotator)),
            "label": pa.array(CLASSES).take(pa.array(votes.label)),
            "landed_row": pa.array(rows + 1),
        }
        kinds = {column.name: column for column in ANNOTATION_EVENTS.schema}
        lake.write(ANNOTATION_EVENTS, day, pa.table({name: events[name].cast(kinds[name].type) for name in kinds}))
        model = pa.FixedSizeListArray.from_arrays(pa.array(part.probabilities().ravel()), len(CLASSES))
        kind = PREDICTIONS.schema.field("probabilities").type
        lake.write(
            PREDICTIONS,
            FIRST,
            pa.table({"item_id": items, "model": pa.array(["m"] * len(items)), "probabilities": model.cast(kind)}),
            part=f"day-{k:04d}",
        )
        made += votes.n
    return {"n": made}


# -- the engines -----------------------------------------------------------------------------------------------------


def local(folder: Path, out: Path, _: int) -> Iterator[tuple[str, Any]]:
    """As a night does it: the state of the day, its votes, the estimators."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from label_pipeline.consensus.crowdlab import CROWDLAB
    from label_pipeline.consensus.dawid_skene import DawidSkene
    from label_pipeline.state import counted, current_events
    from label_pipeline.votes import Votes

    lake = Lake(DataFolder(folder), "scale")
    votes = Votes.build(counted(current_events(lake, date.max, PEOPLE)), classes=CLASSES)
    yield "votes", votes.n
    table = pa.concat_tables(pq.read_table(f, columns=["item_id", "probabilities"]) for f in _predictions(lake))
    table = table.sort_by("item_id").combine_chunks()
    model = table["probabilities"].combine_chunks().values.to_numpy().reshape(-1, len(CLASSES))
    for name, fit in (
        ("dawid_skene", lambda: DawidSkene(**EM).fit(votes)),
        ("crowdlab", lambda: CROWDLAB().fit(votes, probabilities=model)),
    ):
        fitted = fit()
        labels = pa.table({"item_id": votes.items, "label": np.array(CLASSES)[fitted.labels_]})
        pq.write_table(labels, out / f"{name}.parquet")
        yield name, fitted


def sharded(folder: Path, out: Path, size: int, runner: Any = None) -> Iterator[tuple[str, Any]]:
    """By shards on disk, whoever works on them."""
    from label_pipeline.consensus.dawid_skene import DawidSkene
    from label_pipeline.shards.build import Facts, lake_shards
    from label_pipeline.shards.crowdlab import fit_crowdlab
    from label_pipeline.shards.dawid_skene import fit_dawid_skene
    from label_pipeline.shards.disk import write_consensus
    from label_pipeline.shards.runners import InProcess

    lake, counting = Lake(DataFolder(folder), "scale"), Counting(runner or InProcess())
    facts = Facts(PEOPLE, predictions=_predictions(lake))
    with lake_shards(lake, date.max, CLASSES, facts, size=size, runner=counting) as shards:
        yield "votes", len(shards)
        for name, fit in (
            ("dawid_skene", lambda: fit_dawid_skene(shards, DawidSkene(**EM))),
            ("crowdlab", lambda: fit_crowdlab(shards)),
        ):
            counting.sent.clear()
            fitted = fit()
            yield f"{name} passes", counting.told()
            write_consensus(shards, fitted, out / name)
            yield name, fitted


def on_spark(folder: Path, out: Path, size: int, workers: int) -> Iterator[tuple[str, Any]]:
    """By the same shards, in Spark's tasks."""
    from label_pipeline.shards.spark import spark

    with ExitStack() as stack:
        started = stack.enter_context(cluster(out / "cluster", workers))
        runner = stack.enter_context(spark(started.url, SETTINGS))
        yield "cluster", None
        yield from sharded(folder, out, size, runner)


ENGINES: dict[str, Callable[[Path, Path, int], Iterator[tuple[str, Any]]]] = {
    "local": local,
    "shards": sharded,
    "spark1": lambda folder, out, size: on_spark(folder, out, size, 1),
    "spark2": lambda folder, out, size: on_spark(folder, out, size, 2),
}


@dataclass
class Counting:
    """A runner that keeps, for each pass, the bytes of what it sends to a worker and of all it gets back."""

    runner: Any
    sent: list[tuple[int, int]] = field(default_factory=list)

    def map(self, function: Any, tasks: Sequence[Any], broadcast: Any) -> Iterator[Any]:
        out, back = len(pickle.dumps(broadcast)), 0
        for result in self.runner.map(function, tasks, broadcast):
            back += len(pickle.dumps(result))
            yield result
        self.sent.append((out, back))

    def told(self) -> list[float]:
        """Passes, and the largest of each in MB."""
        return [len(self.sent), *(max(column) / 1e6 for column in zip(*self.sent, strict=True))]


def _predictions(lake: Lake) -> list[Path]:
    return lake.files(PREDICTIONS, FIRST)


def measure(engine: str, folder: Path, out: Path, size: int) -> Figures:
    """Seconds and CPU seconds of each step of one engine, and peak memory of this process and its children."""
    found: Figures = {}
    watched = Watch()
    wall, cpu = time.perf_counter(), cpu_of_all()
    for name, result in ENGINES[engine](folder, out, size):
        if name.endswith("passes"):
            found[name] = result
            continue
        seconds = time.perf_counter() - wall, cpu_of_all() - cpu
        found[name] = {"seconds": seconds[0], "cpu": seconds[1], "peak": _peak()}
        if name in METHODS:
            (out / f"{name}.pickle").write_bytes(pickle.dumps((result.annotator_weight_, result.annotator_quality_)))
        wall, cpu = time.perf_counter(), cpu_of_all()
    return found | {"tree": watched.stop()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def cpu_of_all() -> float:
    """CPU seconds of this process and all below it, those included that have ended and were waited for."""
    return sum(ticks for _, _, ticks in _descendants(os.getpid())) / os.sysconf("SC_CLK_TCK")


class Watch:
    """The largest memory (GB) that this process and all its children held together, looked at ten times a second."""

    def __init__(self) -> None:
        self._most, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self._most = max(self._most, sum(held for _, held, _ in _descendants(os.getpid())) / 1e9)

    def stop(self) -> float:
        """The largest so far."""
        self._over.set()
        self._thread.join()
        return self._most


def _descendants(root: int) -> list[tuple[int, int, int]]:
    """The process and all below it, each with the bytes it holds in memory and its clock ticks of CPU."""
    parents: dict[int, list[int]] = {}
    about: dict[int, tuple[int, int]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):  # a process that has just ended
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(place.name))
            about[int(place.name)] = int(fields[21]) * resource.getpagesize(), sum(map(int, fields[11:15]))
    found = [root]
    for process in found:
        found.extend(parents.get(process, []))
    return [(process, *about.get(process, (0, 0))) for process in found]


# -- side by side ----------------------------------------------------------------------------------------------------


def compare(n: int, annotators: int, engines: Sequence[str], size: int, place: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=place) as home:
        lake = Path(home) / "lake"
        made = child("make", lake, lake, n, annotators)
        print(f"{made['n']:,} annotations, {annotators:,} annotators, {len(CLASSES)} classes, shards of {size:,}")
        for engine in engines:
            out = Path(home) / engine
            out.mkdir()
            found = child(engine, lake, out, size, annotators)
            print(f"  {engine}: peak memory of its process {_most(found):.2f} GB, of all {found['tree']:.2f} GB")
            for step in (name for name in ("cluster", "votes", *METHODS) if name in found):
                line = f"    {step}: {found[step]['seconds']:.1f} s, {found[step]['cpu']:.1f} CPU s"
                if f"{step} passes" in found:
                    passes, sent, back = found[f"{step} passes"]
                    line += f", {passes} passes, at most {sent:.2f} MB to each worker and {back:.2f} MB back"
                if step in METHODS and engine != "local" and "local" in engines:
                    line += f"; {apart(Path(home), engine, step)}"
                print(line, flush=True)


def apart(home: Path, engine: str, method: str) -> str:
    """How an engine's results differ from the local one's, in words."""
    ours, theirs = (pickle.loads((home / e / f"{method}.pickle").read_bytes()) for e in (engine, "local"))
    distance = max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))
    files = sorted((home / engine / method).glob("*.parquet")), [home / "local" / f"{method}.parquet"]
    with connect() as con:
        sums = [
            con.execute(
                f"SELECT count(*), bit_xor(hash(item_id, label)), sum(hash(item_id, label)::HUGEINT) "
                f"FROM read_parquet({file_list(paths)})"
            ).fetchone()
            for paths in files
        ]
    assert distance < 1e-9, distance
    assert sums[0] == sums[1], sums
    return f"labels identical, annotators within {distance:.0e}"


def _most(found: Figures) -> float:
    return max(step["peak"] for step in found.values() if isinstance(step, dict))


def child(what: str, folder: Path, out: Path, size: int, annotators: int) -> Figures:
    command = [sys.executable, "-m", "benchmarks.scale", "--child", what, str(folder), str(out), str(size)]
    # With Spark on everybody's path, the local engine could not show that it does without.
    env = environment() if what.startswith("spark") else None
    done = subprocess.run([*command, str(annotators)], stdout=subprocess.PIPE, text=True, check=True, env=env)
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000_000, 10_000_000], help="annotations")
    parser.add_argument("--engines", nargs="+", default=["local", "shards"], choices=list(ENGINES))
    parser.add_argument("--annotators", type=int, default=1_000)
    parser.add_argument("--shard", type=int, default=250_000, help="annotations of a shard")
    parser.add_argument("--place", help="folder for the lake and shards, else the temporary one")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        what, folder, out, size, annotators = asked.child
        places = Path(folder), Path(out)
        made = make(places[0], int(size), int(annotators)) if what == "make" else measure(what, *places, int(size))
        print(json.dumps(made))
        return
    if any(engine.startswith("spark") for engine in asked.engines) and (words := missing()):
        parser.error(words)
    for n in [30_000] if asked.quick else asked.sizes:
        compare(n, asked.annotators, asked.engines, 10_000 if asked.quick else asked.shard, asked.place)


if __name__ == "__main__":
    main()
