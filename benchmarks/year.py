"""A year of daily landings of the sample project, backfilled in one run: `python -m benchmarks.year [--days N]`.

Prints the time, the peak of memory, the size of lake and Dagster storage, how long `prune` takes and what it leaves,
and how long the pages that people open take to answer in the real UI over that year. And what a night costs by the
number of days behind it, with the steps that grow: the run says a line for each table and day, and the process's CPU
seconds are read at each of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from benchmarks.nightly import Side, measured, stages
from label_pipeline.clock import today

MOST_SECONDS = 2.0
BLOCKS = 6
MOST_STEPS = 8
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


def nights(command: list[str], data: Path) -> tuple[Side, dict[tuple[str, date], float]]:
    """Run the nights; what they took, and the CPU seconds of each step and day.

    A step's first day has none: with it goes what Dagster writes at the end of the step before.
    """
    environment = os.environ | {"LABEL_PIPELINE_LOG": "json"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    spent: Counter[tuple[str, date]] = Counter()
    with (data / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.PIPE)
        try:
            last, before = "", 0.0
            for line in process.stderr or ():
                log.write(line)
                log.flush()
                cpu = _cpu(process.pid)
                told = json.loads(line) if line.startswith(b"{") else {}
                if told.get("asset") == last and told["day"]:
                    spent[last, date.fromisoformat(told["day"])] += cpu - before
                last, before = str(told.get("asset")), cpu
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
    if (code := os.waitstatus_to_exitcode(status)) not in (0, 1):  # a gate may stop the newest night
        raise SystemExit(f"it ended with {code}: {(data / 'log').read_text()[-3000:]}")
    # Each step begins the kernel's count of the peak anew: that of the run is the highest of them.
    highest = max((int(float(step["peak_memory_mb"]) * 1e6) for step in stages(data)), default=0)
    side = Side(time.perf_counter() - started, used.ru_utime + used.ru_stime, max(used.ru_maxrss * 1024, highest))
    return side, spent


def _cpu(pid: int) -> float:
    """The CPU seconds of a process so far; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def growth(spent: dict[tuple[str, date], float]) -> Iterator[str]:
    """Lines of a table: CPU seconds a night by the days behind it, and of the steps whose cost grew most."""
    days = sorted({day for _, day in spent})
    steps = sorted({step for step, _ in spent})
    blocks = [days[k * len(days) // BLOCKS : (k + 1) * len(days) // BLOCKS] for k in range(BLOCKS)]

    def mean(step: str, block: list[date]) -> float:
        return sum(spent.get((step, day), 0.0) for day in block) / max(len(block), 1)

    def row(name: str, wanted: list[str]) -> str:
        return f"| {name} | " + " | ".join(f"{sum(mean(s, b) for s in wanted):.2f}" for b in blocks) + " |"

    until = [len(days) * (k + 1) // BLOCKS for k in range(BLOCKS)]
    yield "\n| CPU s a night, days behind it | " + " | ".join(f"to {n}" for n in until) + " |"
    yield "|---|" + "---|" * BLOCKS
    yield row("all steps", steps)
    for step in sorted(steps, key=lambda s: mean(s, blocks[0]) - mean(s, blocks[-1]))[:MOST_STEPS]:
        yield row(step, [step])


def main() -> int:
    """Simulate, backfill, prune, ask the UI; exit code 1 where a page takes more than two seconds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.year", description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--items", type=int, default=1_700)
    parser.add_argument("--keep", metavar="DIR", help="a folder for the data, which stays there")
    asked = parser.parse_args()
    start = today("Europe/Berlin") - timedelta(days=asked.days)  # days that are over
    os.environ["LABEL_PIPELINE_KEY"] = "a key for benchmarks"
    os.environ["DAGSTER_HOME"] = ""
    with tempfile.TemporaryDirectory(prefix="benchmark-year-", ignore_cleanup_errors=True) as temporary:
        data = Path(asked.keep or temporary).absolute()
        data.mkdir(parents=True, exist_ok=True)
        os.environ["LABEL_PIPELINE_MAP"], name = f"{temporary}/map", str(data)
        command = [sys.executable, "-m", "label_pipeline.cli"]
        size_of = ["--days", str(asked.days), "--items", str(asked.items), "--start", str(start)]
        measured([*command, "simulate", "--data", name, *size_of], data)
        took, spent = nights([*command, "nightly", "--project", "sample", "--data", name], data)
        done = len(list((data / "lake/gates/project=sample").glob("day=*")))
        assert done == asked.days, f"{done} days of {asked.days} were computed"
        print("\n".join(growth(spent)), "\n", flush=True)
        print("| | |\n|---|---|")
        print(f"| {asked.days} days in one run | {took.seconds:.0f} s, {took.cpu:.0f} CPU s |")
        print(f"| the same, a night | {took.cpu / asked.days:.1f} CPU s |")
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
