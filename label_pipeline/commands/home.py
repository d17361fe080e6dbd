"""Where Dagster keeps its runs for the command line: beside the data, so that the UI shows nightly runs too."""

from __future__ import annotations

import os
from pathlib import Path

from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder


def dagster_home(folder: DataFolder) -> Path:
    """Dagster's home, ready to be used: where it is the data folder's own, it is made on first use."""
    home = home_of(folder)
    if home == folder.dagster and not (home / "dagster.yaml").is_file():
        write_text(home / "dagster.yaml", DAGSTER_YAML)
    return home


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
