"""A whole night beside DuckDB's own read of the same landing files: `python -m benchmarks.nightly`.

A synthetic project: annotations as JSON lines, a model's probabilities for every item as Parquet, gold. Its first night
takes in everything; the second adds 1% to it. Every side runs in a process of its own, so that peak memory is its own.
What each step took stands in the metadata of its assets, and is printed from there as a table.

`--annotations N` sets the size (default one million; items are 35% of it). Several sizes show how time grows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

DAY = date(2026, 10, 5)
CLASSES = [f"class-{k}" for k in range(10)]
ANNOTATORS, ITEM_SHARE, ADDED = 1_000, 0.35, 0.01
MOST_TIMES, MOST_MEMORY_GB, MOST_ADDED = 12.0, 6.0, 1 / 3
PROJECT = f"""\
project: big
start: {DAY}
end: {DAY + timedelta(days=1)}
labels: {{classes: [{", ".join(CLASSES)}]}}
items: {{fields: [site], slices: [site]}}
sources:
  crowd: {{format: jsonl, annotation_id: annotation_id, annotated_at: annotated_at, duration_s: duration_s}}
  model: {{format: predictions, model: model-1}}
gold: {{seeds: gold/*.csv}}
consensus: {{accept_at: 0.9}}
queue: {{budget: {{annotations: 1000}}}}
"""


@dataclass(frozen=True)
class Side:
    """What a process took: seconds, CPU seconds, peak memory in bytes."""

    seconds: float
    cpu: float
    memory: int


def land(data: Path, annotations: int) -> None:
    """Write the project, its first day with everything, and its second with 1% more on items of the first."""
    import duckdb

    items = int(annotations * ITEM_SHARE)
    per_item = annotations / items
    for path, text in {
        data / "projects/big/project.yaml": PROJECT,
        data / "projects/big/gold/seeds.csv": "item_id,label\n"
        + "".join(f"item-{k:08d},{CLASSES[_truth(k)]}\n" for k in range(0, items, max(items // 2000, 1))),
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    n = len(CLASSES)
    truth = f"(item * 7919 + item // 13) % {n}"
    with duckdb.connect() as con:
        con.execute(f"SET memory_limit = '1500MB'; SET temp_directory = '{data}'; SET enable_progress_bar = false")
        for day, first, last in ((DAY, 0, annotations), (DAY + timedelta(days=1), annotations, _more(annotations))):
            folder = data / "landing/big" / str(day)
            for source in ("crowd", "model"):
                (folder / source).mkdir(parents=True)
            # Answers on an item follow each other: nobody answers twice, and two of ten answers are wrong.
            con.execute(
                f"""
                COPY (
                    WITH drawn AS (
                        SELECT i, (i / {per_item})::BIGINT % {items} AS item FROM range({first}, {last}) t(i))
                    SELECT 'ann-' || lpad(i::VARCHAR, 9, '0') AS annotation_id,
                           'item-' || lpad(item::VARCHAR, 8, '0') AS item_id,
                           'worker-' || lpad(((hash(item) + i) % {ANNOTATORS})::VARCHAR, 4, '0') AS annotator_id,
                           'class-' || (CASE WHEN hash(i, 1) % 10 < 8 THEN {truth} ELSE hash(i, 2) % {n} END) AS label,
                           strftime(TIMESTAMP '{day}' + to_milliseconds((i * 8) % 80000000),
                                    '%Y-%m-%dT%H:%M:%S.%gZ') AS annotated_at,
                           round((hash(i, 3) % 60000) / 1000.0, 3) AS duration_s,
                           'site-' || (item % 5) AS site
                    FROM drawn) TO '{folder}/crowd/answers.jsonl' (FORMAT json)
                """
            )
            probabilities = ", ".join(
                f"(CASE WHEN {truth} = {k} THEN 0.75 ELSE 0.05 END + (hash(item, {k}) % 100) / 1000.0) / "
                f"({0.75 + 0.05 * (n - 1)} + {' + '.join(f'(hash(item, {j}) % 100) / 1000.0' for j in range(n))})"
                f' AS "{name}"'
                for k, name in enumerate(CLASSES)
            )
            if day == DAY:
                con.execute(
                    f"COPY (SELECT 'item-' || lpad(item::VARCHAR, 8, '0') AS item_id, {probabilities} "
                    f"FROM range({items}) t(item)) TO '{folder}/model/model.parquet' (FORMAT parquet)"
                )


def _truth(item: int) -> int:
    return (item * 7919 + item // 13) % len(CLASSES)


def _more(annotations: int) -> int:
    return annotations + int(annotations * ADDED)


def measured(command: list[str], data: Path) -> Side:
    """Run a process to its end; what it took, its peak memory as the kernel counts it."""
    environment = os.environ | {"LABEL_PIPELINE_KEY": "a key for benchmarks", "DAGSTER_HOME": ""}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    with (data / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):  # a gate may stop a synthetic night
        raise SystemExit(f"it ended with {code}: {(data / 'log').read_text()[-3000:]}")
    return Side(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def night(data: Path, day: date) -> tuple[Side, list[dict[str, Any]]]:
    """One night, in a process of its own, and what its steps took.

    Each step begins the kernel's count of the peak anew: that of the night is the highest of them.
    """
    call = ["nightly", "--project", "big", "--data", str(data), "--day", str(day)]
    took = measured([sys.executable, "-m", "label_pipeline.cli", *call], data)
    steps = stages(data)
    highest = max((int(float(step["peak_memory_mb"]) * 1e6) for step in steps), default=0)
    return replace(took, memory=max(took.memory, highest)), steps


def duckdb_read(data: Path) -> Side:
    """DuckDB reads the first day's landing files, all columns, in a process of its own."""
    folder = data / "landing/big" / str(DAY)
    program = (
        "import duckdb\nwith duckdb.connect() as con:\n"
        f"    con.execute(\"CREATE TABLE a AS SELECT * FROM read_json('{folder}/crowd/answers.jsonl', "
        "format = 'newline_delimited')\")\n"
        f"    con.execute(\"CREATE TABLE p AS SELECT * FROM read_parquet('{folder}/model/model.parquet')\")\n"
    )
    return measured([sys.executable, "-c", program], data)


def stages(data: Path) -> list[dict[str, Any]]:
    """What each step of the newest run took, as its metadata says."""
    import dagster as dg

    from label_pipeline.commands.home import home_of
    from label_pipeline.folders import DataFolder

    found = []
    with dg.DagsterInstance.from_config(str(home_of(DataFolder(data)))) as instance:
        run = instance.get_runs(limit=1)[0]
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
            materialization = entry.asset_materialization
            assert materialization is not None
            facts = {name: value.value for name, value in materialization.metadata.items()}
            if "seconds" in facts:
                found.append({"step": materialization.asset_key.path[-1]} | facts)
    return found


def measure(data: Path, annotations: int) -> dict[str, float]:
    """Both nights of one size and DuckDB's read, printed; the figures that are promised."""
    land(data, annotations)
    reads = [duckdb_read(data)]
    first, steps = night(data, DAY)
    reads.append(duckdb_read(data))
    second, later = night(data, DAY + timedelta(days=1))
    read = min(reads, key=lambda side: side.cpu)
    size = sum(f.stat().st_size for f in (data / "landing").rglob("*") if f.is_file())
    print(f"\n{annotations:,} annotations, {int(annotations * ITEM_SHARE):,} items, {size / 1e6:,.0f} MB landed")
    print("| | seconds | CPU seconds | peak memory (MB) |\n|---|---|---|---|")
    for name, side in {
        "DuckDB reads the landing files": read,
        "the night": first,
        "a night of 1% more": second,
    }.items():
        print(f"| {name} | {side.seconds:.1f} | {side.cpu:.1f} | {side.memory / 1e6:,.0f} |")
    print("\n| step | seconds | CPU seconds | peak memory (MB) | the same of a night of 1% more |")
    print("|---|---|---|---|---|")
    again = {s["step"]: f"{s['seconds']:.1f}, {s['cpu_seconds']:.1f}, {s['peak_memory_mb']:,.0f}" for s in later}
    for s in sorted(steps, key=lambda s: -float(s["seconds"])):
        memory = f"{s['peak_memory_mb']:,.0f}"
        print(f"| {s['step']} | {s['seconds']:.1f} | {s['cpu_seconds']:.1f} | {memory} | {again.get(s['step'], '–')} |")
    return {
        "annotations": annotations,
        "cpu": first.cpu,
        "times": first.seconds / min(side.seconds for side in reads),
        "cpu_times": first.cpu / read.cpu,
        "memory_gb": max(first.memory, second.memory) / 1e9,
        "added": second.cpu / first.cpu,
    }


def main() -> int:
    """Measure each size; exit code 1 where a promise is not kept at the largest."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nightly", description=__doc__)
    parser.add_argument("--annotations", type=int, nargs="+", default=[1_000_000], metavar="N")
    parser.add_argument("--json", action="store_true", help="the promised figures as JSON, at the end")
    asked = parser.parse_args()
    found = []
    for number in asked.annotations:
        with tempfile.TemporaryDirectory(prefix="benchmark-nightly-") as name:
            found.append(measure(Path(name), number))
    print("\n| annotations | times DuckDB's read | in CPU seconds | peak (GB) | a night of 1% more | CPU s a million |")
    print("|---|---|---|---|---|---|")
    for f in found:
        million = f["cpu"] / f["annotations"] * 1e6
        print(
            f"| {f['annotations']:,} | {f['times']:.1f} | {f['cpu_times']:.1f} | {f['memory_gb']:.2f} | "
            f"{f['added']:.0%} of the night | {million:.1f} |"
        )
    print(f"Promised: {MOST_TIMES:.0f} times, {MOST_MEMORY_GB:.0f} GB, {MOST_ADDED:.0%}.")
    if asked.json:
        print(json.dumps(found))
    last = found[-1]
    kept = last["times"] <= MOST_TIMES and last["memory_gb"] <= MOST_MEMORY_GB and last["added"] <= MOST_ADDED
    return int(not kept)


if __name__ == "__main__":
    raise SystemExit(main())
