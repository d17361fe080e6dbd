"""Drawing the night's report at volume: `python -m benchmarks.report [--items N]`.

The tables of a night are made up in memory: N items with three annotations each, every label examined, a queue of
5,000, gold of 5,000, 500 annotators, texts of 10,000 characters and a picture an item. A small report is drawn for the
imports, then this one is measured: CPU and wall seconds, size, and the peak memory of the process. The exit code is 1
above a limit.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd

from label_pipeline.report.build import build_report
from label_pipeline.report.data import ReportData
from label_pipeline.votes import Votes
from label_pipeline_tests.report.synthetic import CLASSES, DAY, night, table

SECONDS, MEGABYTES = 5.0, 3.0
PER_ITEM, ANNOTATORS, QUEUED, GOLD = 3, 500, 5_000, 5_000


def large(n: int) -> ReportData:
    """A night of `n` items."""
    random, small = np.random.default_rng(0), night(200)
    k, names = len(CLASSES), np.array(CLASSES, dtype=object)
    ids = np.array([f"digit-{i:08d}" for i in range(n)], dtype=object)
    truth = random.integers(0, k, n)
    right = random.random((n, PER_ITEM)) < 0.85
    said = np.where(right, truth[:, None], random.integers(0, k, (n, PER_ITEM)))
    people = (random.integers(0, ANNOTATORS, (n, 1)) + np.arange(PER_ITEM)) % ANNOTATORS
    frame = pd.DataFrame(
        {
            "item_id": ids.repeat(PER_ITEM),
            "annotator_id": np.char.add("ann_", people.ravel().astype(str)).astype(object),
            "label": names[said.ravel()],
        }
    )
    confidence = random.uniform(0.4, 1.0, n)
    status = np.where(confidence > 0.9, "accepted", np.where(confidence > 0.5, "open", "disputed"))
    consensus = {
        "item_id": ids, "label": names[truth], "voted_label": names[truth], "confidence": confidence,
        "agreement": confidence, "n_annotations": np.full(n, PER_ITEM), "method": ["dawid_skene"] * n, "status": status,
        "settled_on": np.where(status == "accepted", DAY, None),
    }  # fmt: skip
    moved = np.where(random.random(n) < 0.02, (truth + 1) % k, truth)
    issue = random.random(n) < 0.03
    issues = {
        "item_id": ids, "given_label": names[truth], "suggested_label": names[(truth + issue) % k],
        "label_quality": random.random(n), "is_issue": issue, "kind": np.where(issue, "label", ""),
    }  # fmt: skip
    queued, gold = ids[:QUEUED], ids[-GOLD:]
    queue = {
        "rank": np.arange(1, len(queued) + 1), "item_id": queued, "value": random.random(len(queued)),
        "reason": ["2 of 3 say 4, the model says 9 with 0.97"] * len(queued), "route": ["annotator"] * len(queued),
        "within_budget": np.arange(len(queued)) < 200, "exclude_annotators": [["ann_1"]] * len(queued),
        "gain": random.random(len(queued)), "ask_annotators": [["ann_2"]] * len(queued),
    }  # fmt: skip
    settled = {
        "item_id": gold, "version": np.ones(len(gold), dtype=int), "label": names[truth[-GOLD:]],
        "origin": ["seed"] * len(gold), "role": ["evaluation"] * len(gold), "valid_from": [DAY] * len(gold),
        "evidence": ["gold/seeds.csv"] * len(gold),
    }  # fmt: skip
    text = "a sentence of some words that goes on and on " * 222
    return replace(
        small,
        votes=Votes.build(frame, classes=CLASSES),
        consensus=table("consensus_labels", consensus),
        previous=table("consensus_labels", consensus | {"label": names[moved]}).slice(n // 50),
        label_issues=table("label_issues", issues),
        relabel_queue=table("relabel_queue", queue),
        gold_set=table("gold_set", settled),
        payloads=lambda wanted: {i: {"text": text, "scan": i} for i in wanted},
    )


def drawn(data: ReportData) -> tuple[str, float, float]:
    """The report, its CPU seconds and its wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    html = build_report(data)
    return html, time.process_time() - cpu, time.perf_counter() - wall


def main(arguments: list[str] | None = None) -> int:
    """Draw, print, and return 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    data = large(parser.parse_args(arguments).items)
    build_report(night(200))
    html, cpu, wall = drawn(data)
    size = len(html.encode("utf-8")) / 1e6
    print(f"{data.votes.n_items:,} items, {len(data.votes.item):,} annotations: {cpu:.1f} CPU s, {wall:.1f} s wall,")
    print(f"{size:.2f} MB (at most {MEGABYTES}); at most {SECONDS} CPU s; peak memory of the process with its tables"
          f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")  # fmt: skip
    return int(cpu > SECONDS or size > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
