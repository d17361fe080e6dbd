"""A data folder of its own for every test, and no Dagster home but the one in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_pipeline.folders import DataFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """An empty data folder that LABEL_PIPELINE_DATA names."""
    monkeypatch.setenv("LABEL_PIPELINE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", "")
    return DataFolder(tmp_path / "data")
