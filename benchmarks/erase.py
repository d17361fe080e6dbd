"""`python -m benchmarks.erase`: how long an erasure takes, on the sample and on a million annotations; or `--kills`.

One person is erased from a project whose nights have run. Printed beside it stands what the nights themselves took in
the same process: an erasure runs the days since the person's first answer again. `--kills` instead kills an erasure
with SIGKILL before every change it makes to a file, goes on with it, and compares everything with one that was not
killed; exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

START = date(2026, 10, 5)
WHOLE = ("lake", "landing", "projects", "published", "reports", "audit")
PROJECT = """\
project: large
start: {start}
labels: {{classes: [c0, c1, c2, c3]}}
sources: {{crowd: {{format: csv, annotated_at: at}}}}
consensus: {{method: dawid_skene}}
retention: {{as_of: 400d}}
"""


def aftermath(data: Path, parts: tuple[str, ...] = WHOLE) -> dict[str, str]:
    """The checksum of every file below `parts` of a data folder; of the audit log and what names days of the erasure,
    their words without times."""
    found = {}
    for part in parts:
        for path in sorted((data / part).rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                if part == "audit":
                    lines = [] if path.suffix == ".head" else content.decode().splitlines()
                    acts = [{k: v for k, v in json.loads(line).items() if k not in _TIMED} for line in lines]
                    content = repr(acts).encode()
                elif path.parent.name == "withdrawn":
                    content = b"withdrawn"
                found[str(path.relative_to(data))] = hashlib.sha256(content).hexdigest()
    return found


_TIMED = ("at", "chain", "subject")


def landed(data: Path, days: int, annotations: int, people: int) -> None:
    """A project of `annotations` answers, five an item, over `days` days; most people answer every day."""
    import numpy as np

    folder = data / "projects" / "large"
    folder.mkdir(parents=True)
    (folder / "project.yaml").write_text(PROJECT.format(start=START))
    draw = np.random.default_rng(7)
    items = annotations // 5 // days
    for k in range(days):
        day = START + timedelta(days=k)
        place = data / "landing" / "large" / str(day) / "crowd"
        place.mkdir(parents=True)
        truth = draw.integers(0, 4, items)
        with (place / "answers.csv").open("w", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(["item_id", "annotator_id", "label", "at"])
            who = draw.integers(0, people, (items, 5))
            right = draw.random((items, 5)) < 0.85
            other = draw.integers(0, 4, (items, 5))
            for i in range(items):
                for j in range(5):
                    label = truth[i] if right[i, j] else other[i, j]
                    out.writerow([f"i{k:03d}{i:07d}", f"worker{who[i, j]:05d}@x.org", f"c{label}", f"{day}T10:00:00"])


@contextmanager
def quiet() -> Iterator[None]:
    """What commands say, unsaid."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def timed(call: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command in this process."""
    from label_pipeline.cli import main

    wall, cpu = time.perf_counter(), time.process_time()
    with quiet():
        code = main(call)
    assert code in (0, 1), code
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(name: str, data: Path, project: str, who: str, days: int) -> None:
    """Run the nights, look, erase; print what each took."""
    last = START + timedelta(days=days - 1)
    span = ["--project", project, "--data", str(data), "--from", str(START), "--to", str(last)]
    rows = [("nights", *timed(["nightly", *span]))]
    call = ["erase", project, "--data", str(data), "--annotator", who, "--reason", "benchmark"]
    rows.append(("access", *timed(["access", project, "--data", str(data), "--annotator", who])))
    rows.append(("dry run", *timed([*call, "--dry-run"])))
    rows.append(("erasure", *timed(call)))
    certificate = json.loads(next((data / "erasures" / project).glob("2*.json")).read_text())
    dropped = certificate["rows"]["annotation_events"]
    print(f"\n{name}: {dropped:,} answers of one person, {days} days from {certificate['first']}")
    print(f"{'':<10}{'wall s':>10}{'CPU s':>10}{'of the nights':>16}")
    for step, wall, cpu in rows:
        print(f"{step:<10}{wall:>10.1f}{cpu:>10.1f}{cpu / rows[0][2]:>16.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")


def sample(data: Path) -> None:
    """The sample project, landed."""
    from label_pipeline.cli import main

    with quiet():
        assert main(["simulate", "--data", str(data)]) == 0


def kills(place: Path) -> int:
    """Kill an erasure before every change that it makes; how many went wrong."""
    from benchmarks.crash import child, ended
    from label_pipeline_tests.orchestration.runs import pets

    data, before, count, log = (place / name for name in ("data", "before", "count", "log"))
    pets(before, days=2)
    span = ["--project", "pets", "--from", str(START), "--to", str(START + timedelta(days=1))]
    assert ended(child(["nightly", "--data", str(before), *span], before, log)) in (0, 1), log.read_text()
    call = ["erase", "pets", "--data", str(data), "--annotator", "c", "--reason", "kills", "--by", "benchmark"]
    shutil.copytree(before, data)
    code = ended(child(call, data, log, counted=count))
    undisturbed, changes, wrong = aftermath(data), int(count.read_text()), 0
    for at in range(1, changes + 1):
        shutil.rmtree(data)
        shutil.copytree(before, data)
        assert ended(child(call, data, log, kill_at=at)) in (-signal.SIGKILL, code), log.read_text()
        ended(child(["erase", "pets", "--resume", "--data", str(data)], data, log))
        ended(child(call, data, log))
        now = aftermath(data)
        astray = sorted(n for n in {*now, *undisturbed} if now.get(n) != undisturbed.get(n))
        wrong += bool(astray)
        outcome = f"differs: {astray[:3]}" if astray else "the same"
        print(f"killed before change {at} of {changes}: {outcome}", flush=True)
    return wrong


def main() -> int:
    """Measure, or kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--sample", action="store_true", help="only the sample project")
    parser.add_argument("--kills", action="store_true")
    arguments = parser.parse_args()
    os.environ["LABEL_PIPELINE_KEY"] = "a key for benchmarks only"
    os.environ["DAGSTER_HOME"] = ""
    with tempfile.TemporaryDirectory() as name:
        os.environ["LABEL_PIPELINE_MAP"] = f"{name}/map"
        if arguments.kills:
            return int(kills(Path(name)) > 0)
        if arguments.sample:
            sample(data := Path(name) / "sample")
            measure("the sample", data, "sample", "w-301", 14)
            return 0
        data = Path(name) / "large"
        landed(data, arguments.days, arguments.annotations, arguments.people)
        measure(f"{arguments.annotations:,} annotations", data, "large", "worker00007@x.org", arguments.days)
    return 0


if __name__ == "__main__":
    sys.exit(main())
