"""`python -m benchmarks.objects`: nights on a bucket beside the same nights on a disk, and what a long state costs.

The bucket is moto's S3 server on loopback, behind a proxy that counts: requests and bytes are real, the way is short.
At a store far away each request waits longer, eight at a time. Under `disk` are the CPU seconds of the nights, under
`bucket` those of opening, lease, commit and plain copies besides.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from benchmarks.crash import landed
from label_pipeline.files import replacing
from label_pipeline_tests.remote.server import BUCKET, Proxy, Request, environment, proxy, s3_server

TABLES, DAYS = 45, 365
FIRST, NEXT = ("2026-10-05", "2026-10-06"), ("2026-10-07", "2026-10-07")


def kind(request: Request) -> str:
    """What a request is in a price list."""
    if request.method == "GET":
        return "LIST" if "list-type=" in request.key else "GET"
    if request.method == "POST":
        return "DELETE" if "delete" in request.key else "PUT"
    return "COPY" if request.copied else request.method.replace("HEAD", "GET")


def on_disk(data: Path, first: str, last: str, log: Path) -> float:
    """Run nights in a process of their own; its CPU seconds."""
    asked = ["nightly", "--project", "pets", "--from", first, "--to", last, "--data", str(data)]
    with log.open("wb") as output:
        command = [sys.executable, "-m", "label_pipeline.cli", *asked]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, log.read_text()
    return used.ru_utime + used.ru_stime


def row(way: Proxy, what: str, do: Callable[[], object], disk: float | None = None) -> None:
    """Do it, and print what the disk took and what the bucket takes besides."""
    way.seen.clear()
    way.sent = way.received = 0
    spent, requests = _cpu(do), Counter(map(kind, way.seen))
    kinds = " ".join(f"{requests[k]:>6}" for k in ("LIST", "GET", "PUT", "COPY", "DELETE"))
    on = f"{disk:>8.1f}" if disk is not None else " " * 8
    print(f"{what:<36}{on}{spent:>8.2f} {kinds}{way.sent / 1e6:>8.2f}{way.received / 1e6:>8.2f}", flush=True)


def nights(place: Path, address: str) -> None:
    """The tiny project: two nights on a disk, then one more; and what it takes to have the same states in a bucket."""
    from label_pipeline import remote
    from label_pipeline.locks import alone
    from label_pipeline.publish.load import load_training_set
    from label_pipeline.remote.tree import opened

    data, url = place / "data", f"s3://{BUCKET}/pets"
    landed(data)
    two = on_disk(data, *FIRST, place / "log")
    shutil.copytree(data, place / "two")
    three = on_disk(data, *NEXT, place / "log")

    def night(state: Path) -> None:
        folder = remote.folder_of(url)
        opened(url).refresh("pets")
        with alone(folder, "pets", "benchmark"):
            _become(folder.root, state)
        opened(url).close()

    def look() -> None:
        remote.folder_of(url)
        opened(url).refresh("pets")
        opened(url).close()

    print(f"{'':<36}{'disk':>8}{'bucket':>8}   LIST    GET    PUT   COPY DELETE   MB up MB down")
    with proxy(address) as way:
        os.environ.update(environment(way.address, str(place / "warm")))
        row(way, "two nights", lambda: night(place / "two"), two)
        row(way, "one more night", lambda: night(data), three)
        row(way, "a look at it", look)
        os.environ.update(environment(way.address, str(place / "cold")))
        row(way, "a look from a new machine", look)
        row(way, "a version loaded there", lambda: load_training_set("pets", data=url))
        row(way, "loaded again", lambda: load_training_set("pets", data=url))


def _become(root: Path, state: Path) -> None:
    """Write what a night wrote, as it does: every file that differs, renamed into place."""
    for path in sorted(state.rglob("*")):
        part = path.relative_to(state)
        if path.is_file() and part.parts[0] not in ("dagster", "locks"):
            there = root / part
            if not there.is_file() or not filecmp.cmp(path, there, shallow=False):
                with replacing(there) as beside:
                    shutil.copyfile(path, beside)


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
