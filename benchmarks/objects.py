"""`python -m benchmarks.objects`: nights on a bucket beside the same nights on a disk, and what a long state costs.

The bucket is moto's S3 server on loopback, behind a proxy that counts: requests and bytes are real, the way is short.
At a store far away each request waits longer, eight at a time. A night is a process; CPU seconds are that process's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from benchmarks.crash import landed
from label_pipeline_tests.remote.server import BUCKET, Proxy, Request, environment, proxy, s3_server

TABLES, DAYS = 45, 365
FIRST, NEXT = ("2026-10-05", "2026-10-06"), ("2026-10-07", "2026-10-07")


@dataclass
class Spent:
    """What a command took."""

    cpu: float
    wall: float
    requests: Counter[str]
    sent: int
    received: int

    def row(self, what: str) -> str:
        """As a line of the table."""
        kinds = " ".join(f"{self.requests[k]:>5}" for k in ("LIST", "GET", "PUT", "COPY", "DELETE"))
        return f"{what:<44}{self.cpu:>7.1f}{self.wall:>8.1f}  {kinds}{self.sent / 1e6:>8.2f}{self.received / 1e6:>8.2f}"


def kind(request: Request) -> str:
    """What a request is in a price list."""
    if request.method == "GET":
        return "LIST" if "list-type=" in request.key else "GET"
    if request.method == "POST":
        return "DELETE" if "delete" in request.key else "PUT"
    return "COPY" if request.copied else request.method


def spent(way: Proxy, arguments: list[str], environ: dict[str, str], log: Path) -> Spent:
    """Run the command line in a process of its own."""
    way.seen.clear()
    way.sent = way.received = 0
    start = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "label_pipeline.cli", *arguments], env=environ, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    assert os.waitstatus_to_exitcode(status) == 0, log.read_text()
    return Spent(used.ru_utime + used.ru_stime, wall, Counter(map(kind, way.seen)), way.sent, way.received)


def nights(place: Path, address: str) -> None:
    """The tiny project: two days at once, then one more, on both."""
    from label_pipeline.remote.store import Store

    landed(place / "data")
    url = f"s3://{BUCKET}/pets"
    store = Store(url)
    for path in sorted((place / "data").rglob("*")):
        if path.is_file():
            store.put(path.relative_to(place / "data").as_posix(), path)
    print(f"{'':<44}{'CPU s':>7}{'wall s':>8}   LIST   GET   PUT  COPY DELETE MB up MB down")
    with proxy(address) as way:
        warm = os.environ | environment(way.address, str(place / "warm"))
        for what, days in (("two nights", FIRST), ("one more night", NEXT)):
            asked = ["nightly", "--project", "pets", "--from", days[0], "--to", days[1], "--data"]
            for where, data, environ in (
                ("on disk", str(place / "data"), warm),
                ("in a bucket", url, warm),
            ):
                print(spent(way, [*asked, data], environ, place / "log").row(f"{what}, {where}"), flush=True)
        for what, arguments in (("status", ["status"]), ("check", ["check", "pets"])):
            cold = os.environ | environment(way.address, str(place / f"cold {what}"))
            for how, environ in (("a new machine", cold), ("known", cold)):
                took = spent(way, [*arguments, "--data", url], environ, place / "log")
                print(took.row(f"{what}, {how}"), flush=True)


def long_state(place: Path, address: str) -> None:
    """A year of one project, in a cache that has its contents: what opening and committing costs beside the bytes."""
    os.environ.update(environment(address, str(place / "year")))
    from label_pipeline import remote
    from label_pipeline.remote.cache import Cache
    from label_pipeline.remote.state import Entry, Manifest, manifest_key
    from label_pipeline.remote.tree import opened

    url, project = f"s3://{BUCKET}/year", "long"
    cache, files = Cache.of(url), {}
    for k in range(TABLES * DAYS):
        content = str(k).encode()
        checksum = hashlib.sha256(content).hexdigest()
        kept = cache.content(checksum)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content)
        day = date(2026, 1, 1) + timedelta(k % DAYS)
        files[f"lake/table_{k // DAYS:02}/project={project}/day={day}/part.parquet"] = Entry.new(checksum, len(content))
    manifest = Manifest(project).next(files, "")
    remote.folder_of(url)
    tree = opened(url)
    tree.store.put(manifest_key(project), manifest.dump())
    print(f"\n{len(files):,} files of a year, manifest of {len(manifest.dump()) / 1e6:.2f} MB; CPU s:")
    for what, do in (
        ("a working copy made", lambda: tree.refresh(project)),
        ("brought up to date, nothing new", lambda: tree.refresh(project)),
        ("looked through for changes", tree.settle),
        ("taken away", tree.close),
    ):
        print(f"  {what:<40}{_cpu(do):>6.2f}", flush=True)


def _cpu(do: Callable[[], object]) -> float:
    before = time.process_time()
    do()
    return time.process_time() - before


def main() -> None:
    """Both, on a server of their own."""
    place = Path(tempfile.mkdtemp(prefix="label-pipeline-objects-"))
    os.environ.setdefault("LABEL_PIPELINE_KEY", "a key for benchmarks only, of nobody")
    os.environ["LABEL_PIPELINE_MAP"] = str(place / "map")
    os.environ.pop("DAGSTER_HOME", None)
    try:
        with s3_server() as address:
            os.environ.update(environment(address, str(place / "own")))
            long_state(place, address)
            nights(place, address)
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
