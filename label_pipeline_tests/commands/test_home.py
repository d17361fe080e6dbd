"""Where Dagster keeps its runs: one place for the command line and the UI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from label_pipeline.commands.home import dagster_home, opened
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


@pytest.mark.slow(seconds=15)
def test_several_that_open_a_new_storage_at_once(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: on a new data folder, the UI's two programs or two projects' nights both make Dagster's tables, and a
    storage that was stamped twice opens never again.
    """
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.chdir(tmp_path)
    program = """
import sys, time
from pathlib import Path
from label_pipeline.commands.home import opened
with opened(Path(sys.argv[1]) / "own" / sys.argv[2]):
    pass  # everything is imported
(Path(sys.argv[1]) / sys.argv[2]).touch()
while len(list(Path(sys.argv[1]).glob("ready-*"))) < 4:
    time.sleep(0.001)
with opened(Path(sys.argv[1])) as instance:
    assert instance.get_runs() == []
"""
    home = dagster_home(folder)
    several = [
        subprocess.Popen([sys.executable, "-c", program, str(home), f"ready-{n}"], stderr=subprocess.PIPE)
        for n in range(4)
    ]
    said = [process.communicate(timeout=120)[1].decode() for process in several]
    assert [process.returncode for process in several] == [0] * 4, said
    with opened(home) as instance:
        assert instance.get_runs() == []
