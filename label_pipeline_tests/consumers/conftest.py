"""A sample project published for real, and the environment of those who read it without our code's requirements."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.folders import DataFolder
from label_pipeline.simulate import simulate_project
from label_pipeline_tests.orchestration.runs import run

HOME = Path(__file__).parents[2]
CONSUMERS = HOME / ".consumers" / "bin" / "python"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """The sample project with its first night published; only to be read."""
    folder = DataFolder(tmp_path_factory.mktemp("sample"))
    simulate_project(folder.root, days=7, items=200)
    night = run(folder, date(2026, 10, 5), date(2026, 10, 6), project="sample")
    assert night.success, night.failures
    return folder


@pytest.fixture(scope="session")
def version(sample: DataFolder) -> Path:
    """The published version."""
    folder = sample.published("sample")
    return folder / (folder / "LATEST").read_text().strip()


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run Python code in `.consumers`, offline and with nothing of ours on its path; what it printed last, as JSON."""
    if not CONSUMERS.exists():
        pytest.skip("there is no .consumers; `make .consumers/ready` makes it")
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LABEL_PIPELINE"))}
    env = {**kept, "HOME": str(home), "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}

    def run_code(code: str, *arguments: str, **more: str) -> Any:
        command = [str(CONSUMERS), "-c", code, *arguments]
        done = subprocess.run(command, cwd=home, env=env | more, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run_code
