"""Where Dagster keeps its runs: one place for the command line and the UI."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from label_pipeline.commands.home import dagster_home
from label_pipeline.folders import DataFolder
from label_pipeline_tests.orchestration.runs import write


def test_as_set(folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a deployment that sets DAGSTER_HOME would find its runs elsewhere."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert dagster_home(folder) == tmp_path
    assert not folder.root.exists()


def test_the_folder_that_owns_the_data(folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: in a checkout, the UI would not show what the command line ran."""
    write(tmp_path / "dagster.yaml", "telemetry: {enabled: false}\n")
    monkeypatch.chdir(tmp_path)
    assert dagster_home(folder) == tmp_path
    assert dagster_home(DataFolder(tmp_path / "elsewhere")) == tmp_path / "elsewhere" / "dagster"


def test_else_one_beside_the_data_that_works(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: without pools and monitoring two runs write together, and a killed one blocks the next."""
    monkeypatch.chdir(tmp_path)
    home = dagster_home(folder)
    assert home == folder.root / "dagster"
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.event_log_storage.get_pool_config().default_pool_limit == 1
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 30
    write(home / "dagster.yaml", "telemetry: {enabled: false}\n")
    assert dagster_home(folder) == home
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
