"""`status`: what a person asks in the morning, answered from the folders alone."""

from __future__ import annotations

import os
import socket

import pytest

from label_pipeline.cli import main
from label_pipeline.folders import DataFolder
from label_pipeline.locks import alone
from label_pipeline_tests.orchestration.runs import pets, write


def test_no_project_yet(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: an empty answer leaves a newcomer without the next step."""
    assert main(["status"]) == 0
    assert "label-pipeline init" in capsys.readouterr().out


def test_landed_and_waiting(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: files that landed and were never computed look like a quiet day."""
    pets(folder.root, days=3)
    assert main(["status", "--project", "pets"]) == 0
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "pets (2026-10-05 to open, Europe/Berlin)",
        "landed: 3 days, last 2026-10-07",
        "computed: nothing yet",
        "waiting: 3 landed days from 2026-10-05: label-pipeline nightly --project pets",
        "training set: none published",
    ]


def test_a_night_that_runs_is_told(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: whoever finds yesterday's state in the morning starts a second night beside the one that is late."""
    pets(folder.root, days=1)
    with alone(folder, "pets", "label-pipeline nightly"):
        assert main(["status", "--project", "pets"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"running: label-pipeline nightly, process {os.getpid()} on {socket.gethostname()}, since 20" in said
    assert main(["status", "--project", "pets"]) == 0
    assert "running" not in capsys.readouterr().out


def test_a_broken_project_is_told_and_the_others_shown(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: one typo hides the state of every project."""
    pets(folder.root, days=1)
    write(folder.project_file("toys"), "project: toys\n")
    assert main(["status"]) == 2
    said = capsys.readouterr().out
    assert "landed:       1 days" in said
    assert "broken: projects/toys/project.yaml" in said


def test_an_unknown_project(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a typo answered with nothing looks like a project with nothing."""
    pets(folder.root, days=0)
    assert main(["status", "--project", "pest"]) == 2
    assert "Did you mean 'pets'?" in capsys.readouterr().out
