"""The examples of the documentation, run as they are on the published sample."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from label_pipeline.arguments import parser
from label_pipeline.folders import DataFolder
from label_pipeline_tests.consumers.conftest import CONSUMERS, HOME

EXAMPLES = HOME / "docs" / "examples"


def run_example(python: str | Path, name: str, sample: DataFolder) -> str:
    """What an example prints."""
    command = [str(python), str(EXAMPLES / name), "sample", "--features", "pixels"]
    env = {**os.environ, "LABEL_PIPELINE_DATA": str(sample.root)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)
    return done.stdout


def accuracies(said: str) -> list[float]:
    return [float(value) for value in re.findall(r"accuracy (\d\.\d+)", said)]


@pytest.mark.slow
def test_scikit_learn(sample: DataFolder) -> None:
    """Loss: the first code a reader copies does not run, or trains on nothing."""
    said = run_example(sys.executable, "train_sklearn.py", sample)
    assert len(accuracies(said)) == 3
    assert min(accuracies(said)) > 0.5  # of ten classes
    assert len(re.findall(r"lift [+-]\d\.\d+ \([+-]\d\.\d+ to [+-]\d\.\d+\)", said)) == 2


@pytest.mark.slow
def test_pytorch(sample: DataFolder) -> None:
    """Loss: the same, where PyTorch lies here already or was fetched by `make torch`."""
    if not CONSUMERS.exists() or subprocess.run([CONSUMERS, "-c", "import torch"], capture_output=True).returncode:
        pytest.skip("PyTorch is not in .consumers; `make torch` puts it there")
    said = run_example(CONSUMERS, "train_pytorch.py", sample)
    assert len(accuracies(said)) == 2
    assert min(accuracies(said)) > 0.5
    assert "lift" in said


def test_the_workflow_calls_commands_that_exist() -> None:
    """Loss: a workflow that fails on its first night with a usage message."""
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    steps = [step["run"] for step in workflow["jobs"]["train"]["steps"] if "run" in step]
    check = next(run for run in steps if "label-pipeline check" in run)
    words = re.sub(r"\\\n|\| tee.*", " ", check).split("label-pipeline ", 1)[1]
    asked = parser().parse_args([word.strip('"') for word in words.split()])
    assert asked.command == "check"
    assert len(asked.require) == 4
    script = next(run for run in steps if "train_sklearn" in run)
    assert (EXAMPLES / script.split()[1]).is_file()
