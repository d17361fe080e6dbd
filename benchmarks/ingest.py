"""Landed files to checked lake partitions, beside DuckDB's own read of the same file: `python -m benchmarks.ingest`.

What is timed is what the intake asset does: every landed answer read, cleaned, judged, compared with what is known,
checked against its contract and written. Each side runs in a process of its own, so that peak memory is its own, in
turns with the other, so that a busy machine slows both. Files are made once, seeded, in a temporary folder (TMPDIR).

`--rows N` sets the size (default ten million). `--array MB` measures a Label Studio JSON array of that size instead.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

DAY = date(2026, 10, 5)
CLASSES = [f"class-{k}" for k in range(10)]
MOST_TIMES, MOST_MEMORY = 4.0, 4.0  # DuckDB's own read of the file; GB
MAPPED = "annotation_id: annotation_id, annotated_at: annotated_at, duration_s: duration_s"
SOURCES = {
    "jsonl": f"{{format: jsonl, {MAPPED}}}",
    "csv": f"{{format: csv, {MAPPED}}}",
    "parquet": f"{{format: parquet, {MAPPED}}}",
    "json": "{format: label_studio_json, label: tone}",
}
READERS = {
    "jsonl": "read_json('{}', format = 'newline_delimited')",
    "csv": "read_csv('{}')",
    "parquet": "read_parquet('{}')",
    "json": "read_json('{}', format = 'array', maximum_object_size = 67108864)",
}
STAGES = {
    "label_pipeline.ingest.take": ("read_file", "load_lookups", "judge"),
    "label_pipeline.ingest.day": ("load_references", "_items", "news", "_account"),
    "label_pipeline.orchestration.desk": ("broken_contract",),
    "label_pipeline.lake": ("_write",),
}


# -- the files -------------------------------------------------------------------------------------------------------


def make_table(folder: Path, rows: int, kinds: list[str]) -> None:
    """`rows` annotations, three an item, by a thousand people, as JSON lines, CSV or Parquet."""
    import duckdb

    query = f"""
        SELECT 'ann-' || lpad(i::VARCHAR, 8, '0') AS annotation_id,
               'item-' || lpad((i // 3)::VARCHAR, 7, '0') AS item_id,
               'worker-' || lpad((hash(i) % 1000)::VARCHAR, 4, '0') AS annotator_id,
               'class-' || (hash(i, 1) % {len(CLASSES)}) AS label,
               strftime(TIMESTAMP '{DAY}' + to_milliseconds(i * 8 % 86400000), '%Y-%m-%dT%H:%M:%S.%gZ') AS annotated_at,
               round((hash(i, 2) % 60000) / 1000.0, 3) AS duration_s
        FROM range({rows}) t(i)
        """
    with duckdb.connect() as con:
        con.execute("SET memory_limit = '1GB'")
        con.execute(f"SET temp_directory = '{folder}'")
        con.execute("SET enable_progress_bar = false")
        for kind in kinds:
            form = {"jsonl": "json"}.get(kind, kind)
            con.execute(f"COPY ({query}) TO '{folder}/a.{kind}' (FORMAT {form})")


def make_array(folder: Path, megabytes: int) -> None:
    """A Label Studio export: one JSON list of tasks of 4 kB with two annotations each."""
    size = 0
    with (folder / "a.json").open("w") as file:
        for k in range(megabytes * 1_000_000 // 4_000):
            annotations = [
                {
                    "id": 2 * k + who,
                    "completed_by": who + k % 50,
                    "result": [{"from_name": "tone", "type": "choices", "value": {"choices": [CLASSES[k % 10]]}}],
                    "was_cancelled": False,
                    "updated_at": f"{DAY}T01:00:00.000000Z",
                    "lead_time": 4.25,
                }
                for who in (0, 1)
            ]
            task = {"id": k, "data": {"item_id": f"item-{k}", "text": "word " * 670}, "annotations": annotations}
            size += file.write(("," if k else "[") + json.dumps(task))
        file.write("]")


# -- both sides ------------------------------------------------------------------------------------------------------


def ours(folder: Path, kind: str) -> dict[str, Any]:
    """The intake of one landed file, to the lake."""
    import importlib

    from label_pipeline.contracts import tables
    from label_pipeline.folders import DataFolder
    from label_pipeline.ingest import Known
    from label_pipeline.ingest import day as ingest
    from label_pipeline.landing import landed_files
    from label_pipeline.orchestration.desk import Desk
    from label_pipeline.project import parse_project

    os.environ["LABEL_PIPELINE_KEY"] = "a key for measurements only"
    stages: dict[str, tuple[float, float]] = {}
    for module, names in STAGES.items():
        for name in names:
            _timed(importlib.import_module(module), name, stages)
    with tempfile.TemporaryDirectory(dir=folder) as root:
        data = DataFolder(Path(root))
        landed = data.landing("p", DAY) / "s"
        landed.mkdir(parents=True)
        os.link(folder / f"a.{kind}", landed / f"a.{kind}")
        words = (
            f"project: p\nstart: {DAY}\nlabels: {{classes: [{', '.join(CLASSES)}]}}\nsources: {{s: {SOURCES[kind]}}}\n"
        )
        (file := data.project_file("p")).parent.mkdir(parents=True)
        file.write_text(words, encoding="utf-8")
        desk = Desk(data, parse_project(words, "project.yaml"))
        with measured() as figures:
            found = ingest.ingest_day(desk.project, DAY, landed_files(data, "p", DAY), Known(), desk.persons)
            for table, rows in (
                (tables.ANNOTATION_EVENTS, found.events),
                (tables.ITEMS, found.items),
                (tables.QUARANTINE, found.quarantine),
                (tables.LANDINGS, found.landings),
                (tables.LANDED_PREDICTIONS, found.predictions),
                (tables.LOGINS, found.logins),
            ):
                desk.store(table, DAY, rows)
        (account,) = found.landings.to_pylist()
        assert account["landed"] == account["accepted"] > 0, account
    return figures | {"stages": stages}


def theirs(folder: Path, kind: str) -> dict[str, Any]:
    """The same file by DuckDB's reader, as it guesses it, into a table of a fresh database."""
    import duckdb

    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        with measured() as figures:
            con.execute(f"CREATE TABLE t AS SELECT * FROM {READERS[kind].format(folder / f'a.{kind}')}")
    return figures


def _timed(module: Any, name: str, stages: dict[str, tuple[float, float]]) -> None:
    call: Callable[..., Any] = getattr(module, name)

    def timed(*args: Any, **more: Any) -> Any:
        with measured() as figures:
            found = call(*args, **more)
        before = stages.get(name, (0.0, 0.0))
        stages[name] = (before[0] + figures["seconds"], before[1] + figures["cpu"])
        return found

    setattr(module, name, timed)


@contextmanager
def measured() -> Iterator[dict[str, Any]]:
    """Seconds, CPU seconds of all threads, and the most memory (GB) the process has held by the end."""
    figures: dict[str, Any] = {}
    start, cpu = time.perf_counter(), time.process_time()
    yield figures
    figures |= {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "memory": peak()}


def peak() -> float:
    """The most memory this process has held, in GB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says of a child starts at the size of the process that started it
        held = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(held.split()[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


SIDES = {"ours": ours, "theirs": theirs}


# -- the report ------------------------------------------------------------------------------------------------------


def compare(folder: Path, kind: str, rounds: int) -> tuple[float, float]:
    """Both sides in turns; prints them and returns the median ratio of seconds and our peak memory (GB)."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            command = [
                sys.executable,
                "-m",
                "benchmarks.ingest",
                "--measure",
                side,
                "--kind",
                kind,
                "--in",
                str(folder),
            ]
            runs[side].append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    size = (folder / f"a.{kind}").stat().st_size / 1e9
    print(f"\n{kind}, {size:.2f} GB, {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    for side, found in runs.items():
        seconds, cpu = (statistics.median(run[figure] for run in found) for figure in ("seconds", "cpu"))
        print(f"  {side:8} {seconds:7.1f} s {cpu:7.1f} s of CPU {max(run['memory'] for run in found):6.2f} GB")
    times, cpu = (
        statistics.median(a[figure] / b[figure] for a, b in zip(runs["ours"], runs["theirs"], strict=True))
        for figure in ("seconds", "cpu")
    )
    print(f"  ratio    {times:7.1f}   {cpu:7.1f}")
    for stage, (seconds, cpu) in runs["ours"][-1]["stages"].items():
        print(f"    {stage:18} {seconds:7.1f} s {cpu:7.1f} s of CPU")
    return times, max(run["memory"] for run in runs["ours"])


def main() -> int:
    """Measure; exit status 1 where JSON lines or the array miss a floor."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--formats", default="jsonl,csv,parquet")
    parser.add_argument("--array", type=int, metavar="MB", help="a Label Studio JSON array of this size instead")
    parser.add_argument("--measure", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=SOURCES, help=argparse.SUPPRESS)
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(SIDES[asked.measure](asked.folder, asked.kind)))
        return 0
    missed, kinds = [], ["json"] if asked.array else asked.formats.split(",")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.array:
            make_array(folder, asked.array)
        else:
            make_table(folder, asked.rows, kinds)
        for kind in kinds:
            times, memory = compare(folder, kind, asked.rounds)
            if kind == "jsonl" and times > MOST_TIMES:
                missed.append(f"{times:.1f} times DuckDB's own read (at most {MOST_TIMES:g})")
            if kind in ("jsonl", "json") and memory > MOST_MEMORY:
                missed.append(f"{memory:.1f} GB (at most {MOST_MEMORY:g})")
    if missed:
        print("\nmissed: " + "; ".join(missed))
    return int(bool(missed))


if __name__ == "__main__":
    raise SystemExit(main())
