"""A year of daily landings of the sample project, backfilled in one run: `python -m benchmarks.year [--days N]`.

Prints the time, the size of lake and Dagster storage, how long `prune` takes and what it leaves, and how long the pages
that people open take to answer in the real UI over that year.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.nightly import measured

MOST_SECONDS = 2.0
QUERIES = {
    "asset graph": "{ assetNodes { assetKey { path } } }",
    "partitions of an asset": """{ assetNodeOrError(assetKey: {path: ["sample", "consensus_labels"]}) {
        ... on AssetNode { assetPartitionStatuses {
        ... on TimePartitionStatuses { ranges { status startKey endKey } } } } } }""",
    "runs": "{ runsOrError(limit: 25) { ... on Runs { results { runId status } } } }",
    "a KPI's history": """{ assetNodeOrError(assetKey: {path: ["sample", "kpis_accuracy"]}) { ... on AssetNode {
        assetMaterializations(limit: 100) { partition metadataEntries { label } } } } }""",
}


def size(folder: Path) -> float:
    """Bytes below a folder, in MB."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


def main() -> int:
    """Simulate, backfill, prune, ask the UI; exit code 1 where a page takes more than two seconds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.year", description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--items", type=int, default=1_700)
    asked = parser.parse_args()
    os.environ["LABEL_PIPELINE_KEY"] = "a key for benchmarks"
    os.environ["DAGSTER_HOME"] = ""
    with tempfile.TemporaryDirectory(prefix="benchmark-year-", ignore_cleanup_errors=True) as name:
        data = Path(name)
        command = [sys.executable, "-m", "label_pipeline.cli"]
        measured([*command, "simulate", "--data", name, "--days", str(asked.days), "--items", str(asked.items)], data)
        took = measured([*command, "nightly", "--project", "sample", "--data", name], data)
        print("| | |\n|---|---|")
        print(f"| {asked.days} days in one run | {took.seconds:.0f} s, {took.cpu:.0f} CPU s |")
        print(f"| peak memory | {took.memory / 1e6:.0f} MB |")
        sizes = {part: size(data / part) for part in ("landing", "lake", "published", "reports", "marts", "dagster")}
        for part, megabytes in sizes.items():
            print(f"| {part} | {megabytes:.1f} MB |")
        took = measured([*command, "prune", "sample", "--data", name], data)
        print(f"| prune | {took.seconds:.0f} s; lake then {size(data / 'lake'):.1f} MB |")
        worst = ask(data)
    return int(worst > MOST_SECONDS)


def ask(data: Path) -> float:
    """Ask the real UI for what its pages ask for, three times each; the slowest answer of the second and third."""
    from label_pipeline.folders import DataFolder
    from label_pipeline_tests.orchestration.servers import ui

    worst = 0.0
    with ui(DataFolder(data)) as servers:
        for name, query in QUERIES.items():
            took = []
            for _ in range(3):
                started = time.perf_counter()
                servers.graphql(query)
                took.append(time.perf_counter() - started)
            print(f"| UI: {name} | {min(took):.2f} s, first {took[0]:.2f} s |", flush=True)
            worst = max(worst, *took[1:])
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
