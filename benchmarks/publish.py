"""Publishing at volume: `python -m benchmarks.publish [--items N]`.

A lake as a night leaves it is written first, by a process of its own. Then the night's publishing step runs on it, as
it runs every night: read the partitions, place, build the candidate, profile it, judge it, write the version with all
its documents and checksums. Its seconds and its peak memory are printed; the exit code is 1 above a limit. The limit is
held against CPU seconds of all threads, which a busy machine does not stretch: on a quiet one they are not fewer.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

SECONDS, GIGABYTES = 20.0, 2.0
DAY = date(2026, 10, 6)
CLASSES = ("negative", "neutral", "positive")
PROJECT = f"""\
project: large
start: 2026-10-05
labels: {{classes: [{", ".join(CLASSES)}]}}
items: {{fields: [text, product]}}
sources: {{crowd: {{format: csv}}}}
publish: {{group: product}}
"""
GOLD, TWINS = 5_000, 0.05  # evaluation gold items; share of items that are near duplicates, in pairs


def prepare(root: Path, n: int) -> None:
    """A data folder with the partitions that publishing reads, of `n` items: half of them placed the day before."""
    import numpy as np
    import pyarrow as pa

    from label_pipeline.contracts.tables import TABLES
    from label_pipeline.folders import DataFolder
    from label_pipeline.lake import Lake
    from label_pipeline.publish.split import assign

    folder = DataFolder(root)
    folder.project("large").mkdir(parents=True)
    folder.project_file("large").write_text(PROJECT, encoding="utf-8")
    lake, random = Lake(folder, "large"), np.random.default_rng(0)
    ids = np.array([f"review-{k:08d}" for k in range(n)])
    codes = random.integers(0, len(CLASSES), n)
    sure = random.uniform(0.5, 0.99, n)
    probabilities = np.repeat(((1 - sure) / (len(CLASSES) - 1))[:, None], len(CLASSES), axis=1)
    probabilities[np.arange(n), codes] = sure
    labels = np.array(CLASSES, dtype=object)[codes]
    words = np.array(["good", "bad", "late", "again", "broken", "box", "colour", "never", "fits", "well"])
    texts = [" ".join(row) for row in words[random.integers(0, len(words), (n, 12))]]
    payload = [json.dumps({"text": text, "product": f"p{k % 20_000}"}) for k, text in enumerate(texts)]
    pairs = np.where(random.random(n) < TWINS, np.arange(n) // 2, -1)

    def write(name: str, day: date = DAY, **columns: Any) -> None:
        table = TABLES[name]
        rows = len(next(iter(columns.values())))
        # What publishing does not read is empty, or nought where it may not be.
        nought = {field.name: "" if pa.types.is_string(field.type) else 0 for field in table.schema}
        nought |= {field.name: [] for field in table.schema if pa.types.is_list(field.type)}
        empty = {c.name: [None if c.nullable else nought[c.name]] * rows for c in table.columns}
        lake.write(table, day, empty | columns)

    for day, known in ((DAY - timedelta(days=1), slice(0, n // 2)), (DAY, slice(n // 2, n))):
        some = ids[known]
        write(
            "items",
            day,
            item_id=some,
            payload=payload[known],
            content_hash=["x"] * len(some),
            landed_file=["crowd/a.csv"] * len(some),
        )
        write("landings", day, landed_file=["crowd/a.csv"], source=["crowd"], sha256=["0" * 64], bytes=[1],
              landed=[len(some)], accepted=[len(some)], quarantined=[0], duplicates=[0])  # fmt: skip
    placed = ids[: n // 2].tolist()
    write("splits", DAY - timedelta(days=1), item_id=placed, split=assign(placed, {"train": 0.8, "validation": 0.2}),
          follows=["item"] * len(placed))  # fmt: skip
    write("consensus_labels", item_id=ids, label=labels, voted_label=labels, probabilities=list(probabilities),
          confidence=sure, agreement=sure, n_annotations=[3] * n, method=["majority"] * n,
          status=["accepted"] * n)  # fmt: skip
    write("label_issues", item_id=ids, given_label=labels, label_quality=sure, is_issue=sure < 0.55,
          duplicate_set=pa.array(np.where(pairs >= 0, pairs, 0), mask=pairs < 0))  # fmt: skip
    write("gold_set", item_id=ids[:GOLD], version=[1] * GOLD, label=labels[:GOLD], origin=["seed"] * GOLD,
          role=["evaluation"] * GOLD, valid_from=[DAY] * GOLD, evidence=["seeds"] * GOLD)  # fmt: skip
    write("relabel_queue", rank=list(range(1, 1001)), item_id=ids[-1000:], value=np.linspace(1, 0, 1000),
          reason=["unsure"] * 1000, route=["annotator"] * 1000, within_budget=[k < 100 for k in range(1000)],
          exclude_annotators=[[]] * 1000)  # fmt: skip
    write("kpis", kpi=["label_accuracy"], dimension=["all"], member=[""], value=[0.95], ci_low=[0.94], ci_high=[0.96],
          n=[GOLD], status=["no target"])  # fmt: skip
    write("consensus_evidence", method=["majority"], words=["asked for by name"])
    write("annotator_quality", annotator_id=["a-1"], group=["crowd"], role=["annotator"], n=[n], quality=[0.9],
          gold_n=[0], flags=[[]])  # fmt: skip
    write("predictions", item_id=ids[:1], model=["landed"], probabilities=[[0.4, 0.3, 0.3]])


def run(root: Path) -> None:
    """The publishing step of a night, in this process; prints what it took as JSON."""
    from label_pipeline.folders import DataFolder
    from label_pipeline.orchestration import assets_publish
    from label_pipeline.orchestration.desk import Desk
    from label_pipeline.project import load_project

    folder = DataFolder(root)
    started, worked = time.perf_counter(), time.process_time()
    made = assets_publish._candidate(Desk(folder, load_project(folder, "large")), DAY)
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    accepted = made.checks["accepted"]
    size = sum(file.stat().st_size for file in folder.published("large").rglob("*.parquet")) / 1e6
    told = {"seconds": seconds, "cpu": cpu, "gigabytes": peak, "rows": made.figures["rows"], "megabytes": size}
    print(json.dumps(told | {"accepted": accepted.passed, "words": accepted.words}))


def main() -> int:
    """Prepare and run in processes of their own, and hold what was measured against the limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--step", choices=("prepare", "run"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        prepare(asked.folder, asked.items) if asked.step == "prepare" else run(asked.folder)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.publish", "--items", str(asked.items), "--folder", folder]
        subprocess.run([*command, "--step", "prepare"], check=True)
        told = json.loads(
            subprocess.run([*command, "--step", "run"], check=True, capture_output=True, text=True).stdout
        )
    print(f"{asked.items:,} items, {told['rows']:,.0f} rows published, {told['megabytes']:.0f} MB of Parquet")
    print(f"  seconds   {told['cpu']:6.1f}   at most {SECONDS:g} (CPU; {told['seconds']:.1f} by the clock)")
    print(f"  gigabytes {told['gigabytes']:6.2f}   at most {GIGABYTES:g} (peak memory of the process)")
    if not told["accepted"]:
        print(f"  not accepted: {told['words']}")
    return int(told["cpu"] > SECONDS or told["gigabytes"] > GIGABYTES or not told["accepted"])


if __name__ == "__main__":
    sys.exit(main())
