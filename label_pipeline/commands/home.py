"""Where Dagster keeps its runs for the command line: beside the data, so that the UI shows nightly runs too."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from label_pipeline.files import make_folder, write_text
from label_pipeline.folders import DataFolder

if TYPE_CHECKING:
    import dagster as dg


def dagster_home(folder: DataFolder) -> Path:
    """Dagster's home, ready to be used: where it is the data folder's own, it is made on first use."""
    home = home_of(folder)
    if home == folder.dagster and not (home / "dagster.yaml").is_file():
        write_text(home / "dagster.yaml", DAGSTER_YAML)
    return home


@contextmanager
def opened(home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage. Of several processes that open a new one at once, one makes its tables and the others wait:
    Dagster itself lets both write them, and a SQLite storage stamped twice opens never again.
    """
    import dagster as dg

    from label_pipeline.orchestration.event_log import keep_engines

    keep_engines()
    make_folder(home)
    handle = os.open(home, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        instance = dg.DagsterInstance.from_config(str(home))
        with instance:
            _ = instance.run_storage, instance.event_log_storage, instance.schedule_storage  # each made on first use
            fcntl.flock(handle, fcntl.LOCK_UN)
            yield instance
    finally:
        os.close(handle)


def home_of(folder: DataFolder) -> Path:
    """DAGSTER_HOME: as set, else the folder of the ./dagster.yaml that owns this data, else one in the data folder.

    `./dagster.yaml` keeps its storage in `data/dagster`, so it is used only when ./data is the data folder.
    """
    if os.environ.get("DAGSTER_HOME"):
        return Path(os.environ["DAGSTER_HOME"])
    here = Path.cwd()
    return here if (here / "dagster.yaml").is_file() and folder.root == here / "data" else folder.dagster


DAGSTER_YAML = """\
telemetry: {enabled: false}
nux: {enabled: false}
concurrency:
  pools: {granularity: op, default_limit: 1}
run_monitoring:
  {enabled: true, start_timeout_seconds: 300, poll_interval_seconds: 10, free_slots_after_run_end_seconds: 30}
run_retries: {enabled: true, max_retries: 1, retry_on_asset_or_op_failure: false}
"""
