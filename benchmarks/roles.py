"""What the roles' marts cost a night: `python -m benchmarks.roles [--items N]`.

On a lake as a night leaves it, the project's own mart is built, then those of the roles beside it, in one process. CPU
seconds of all threads and bytes are printed for each, and what the roles add to the mart.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.publish import DAY


def main() -> int:
    """Prepare in a process of its own, build, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    items = parser.parse_args().items
    with tempfile.TemporaryDirectory(prefix="label-pipeline-roles-") as root:
        code = f"from pathlib import Path; from benchmarks.publish import prepare; prepare(Path({root!r}), {items})"
        subprocess.run([sys.executable, "-c", code], check=True)
        _build(Path(root))
    return 0


def _build(root: Path) -> None:
    from label_pipeline.folders import DataFolder
    from label_pipeline.lake import Lake
    from label_pipeline.mart import EVERY_DAY, NEWEST, build_mart
    from label_pipeline.mart_roles import build_role_marts
    from label_pipeline.project_privacy import READERS

    folder, name = DataFolder(root), "large"
    lake = Lake(folder, name)
    every_day = [table for table in EVERY_DAY if lake.days(table)]
    none: dict[str, list[object]] = {
        column: [] for column in ("run_id", "status", "started_at", "ended_at", "first_day", "last_day")
    }
    took = {}
    begun = time.process_time()
    build_mart(lake, folder.mart(name), DAY, newest=NEWEST, every_day=every_day)
    took["mart"] = (time.process_time() - begun, folder.mart(name))
    for role in READERS:
        begun = time.process_time()
        build_role_marts(lake, folder, name, DAY, roles=[role], newest=NEWEST, every_day=every_day, runs=none)
        took[role] = (time.process_time() - begun, folder.role_mart(role, name))
        size = took[role][1].stat().st_size
        print(f"{role:<12}{took[role][0]:6.2f} CPU s {size / 1e6:8.1f} MB")
    print(f"{'mart':<12}{took['mart'][0]:6.2f} CPU s {took['mart'][1].stat().st_size / 1e6:8.1f} MB")
    added = sum(took[role][0] for role in READERS) / took["mart"][0]
    print(f"the roles add {added:.0%} of the mart's CPU seconds")


if __name__ == "__main__":
    sys.exit(main())
