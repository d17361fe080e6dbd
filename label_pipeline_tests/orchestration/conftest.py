"""What several test files share, made once: the sample project small, and three of its nights run for real."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from label_pipeline.folders import DataFolder
from label_pipeline.simulate import simulate_project
from label_pipeline_tests.orchestration.runs import D1, D3, Run, run


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """The sample project with 200 items and seven landed days; only to be read."""
    folder = DataFolder(tmp_path_factory.mktemp("simulated"))
    simulate_project(folder.root, days=7, items=200)
    return folder


@pytest.fixture(scope="session")
def nights(simulated: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> tuple[DataFolder, Run]:
    """Its first three nights, run as one range; only to be read."""
    folder = DataFolder(tmp_path_factory.mktemp("nights"))
    shutil.copytree(simulated.root, folder.root, dirs_exist_ok=True)
    return folder, run(folder, D1, D3, project="sample")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)
