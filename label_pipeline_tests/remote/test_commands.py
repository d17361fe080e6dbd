"""Commands on a bucket, as a user gives them: what they read and change, and what they say without the extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from label_pipeline.cli import BAD_INPUT, OK, main
from label_pipeline.remote.store import Store
from label_pipeline_tests.orchestration.runs import D1, PETS, SEEDS, answers


@pytest.fixture
def project(url: str, store: Store) -> str:
    store.put("projects/pets/project.yaml", PETS.encode())
    store.put("projects/pets/gold/seeds.csv", SEEDS.encode())
    return url


def test_files_land_in_the_bucket(
    project: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a file that `land` says has landed, and no machine but this one has."""
    file = tmp_path / "answers.csv"
    file.write_text(answers(["i01"], D1))
    asked = ["land", "pets", str(file), "--source", "crowd", "--day", "2026-10-05", "--data", project]
    assert main(asked) == OK
    assert store.get("landing/pets/2026-10-05/crowd/answers.csv")[0] == file.read_bytes()  # type: ignore[index]
    assert main(asked) == OK
    file.write_text("other")
    assert main(asked) == BAD_INPUT
    assert main(["status", "--data", project]) == OK
    said = capsys.readouterr()
    assert "landed:       1 days, last 2026-10-05" in said.out
    assert "another file named" in said.err


def test_a_project_that_is_not_there(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: the wrong name, and an empty answer that looks right."""
    assert main(["kpis", "pet", "--data", project]) == BAD_INPUT
    assert main(["check", "pets", "--data", project]) == BAD_INPUT
    assert main(["status", "--data", "gs://bucket/x"]) == BAD_INPUT
    said = capsys.readouterr().err
    assert f"{project}/projects: there is no project 'pet'" in said  # not this process's working copy
    assert f"{project}: project 'pets' has published nothing" in said
    assert "s3://BUCKET/PREFIX" in said


def test_nothing_is_left_on_the_machine(project: str, tmp_path: Path) -> None:
    """Loss: a disk full of working copies, one a command."""
    assert main(["status", "--data", project]) == OK
    assert list((tmp_path / "cache").glob("*/copies/*")) == []


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: an ImportError in place of what to install."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    assert main(["status", "--data", "s3://bucket/x"]) == BAD_INPUT
    said = capsys.readouterr().err.splitlines()
    assert said == ["label-pipeline: s3://bucket/x needs the extra s3. Run: pip install 'label-pipeline[s3]'"]


def test_a_local_folder_loads_nothing_of_it(tmp_path: Path) -> None:
    """Loss: a second for every command of those who have no bucket."""
    words = (
        "import sys; from label_pipeline.cli import main; main(['status', '--data', sys.argv[1]]); "
        "from label_pipeline.publish.load import load_training_set; "
        "sys.exit(any(m == 'obstore' or m.startswith('label_pipeline.remote.') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", words, str(tmp_path)], capture_output=True).returncode == 0


def test_a_project_is_made_in_the_bucket(
    url: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a project that `init` says it made, and that is gone with the working copy."""
    table = tmp_path / "answers.csv"
    table.write_text(answers(["i01", "i02"], D1))
    columns = ["--item", "item_id", "--annotator", "annotator_id", "--label", "label", "--annotated-at", "at"]
    assert main(["status", "--data", url]) == OK
    assert f"No project in {url}/projects." in capsys.readouterr().out
    assert main(["init", "cats", "--from", str(table), *columns, "--data", url]) == OK
    assert f"Project file: {url}/projects/cats/project.yaml" in capsys.readouterr().out
    assert store.get("projects/cats/project.yaml") is not None
    assert [key for key in store.listing("landing/cats") if key.endswith("answers.csv")]
    assert main(["status", "--data", url]) == OK
    assert "cats" in capsys.readouterr().out


def test_doctor_looks_at_the_bucket(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a store that cannot keep two writers apart, found out by a lost night."""
    main(["doctor", "--data", project])
    assert f"bucket: {project} can be written, and keeps conditions" in capsys.readouterr().out
