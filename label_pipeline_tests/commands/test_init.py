"""`init`: from a table to a project that runs, in one command, and nothing half made when it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from label_pipeline.cli import main
from label_pipeline.clock import last_night
from label_pipeline.folders import DataFolder
from label_pipeline.project import load_project

ROWS = [
    {"doc": "d1", "who": "ann", "answer": "yes", "when": "2026-10-01T10:00:00", "body": 'one, "two"'},
    {"doc": "d1", "who": "bob", "answer": " no", "when": "2026-10-01T11:00:00", "body": 'one, "two"'},
    {"doc": "d2", "who": "ann", "answer": "", "when": "2026-10-02T10:00:00", "body": "drei"},
]


def table(path: Path) -> Path:
    """The rows in the format that the file's name says."""
    rows = pa.Table.from_pylist(ROWS)
    if path.suffix == ".parquet":
        pa.parquet.write_table(rows, path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        sign = "\t" if path.suffix == ".tsv" else ","
        pa.csv.write_csv(rows, path, pa.csv.WriteOptions(delimiter=sign))
    return path


def init(path: Path, *more: str, name: str = "polls", label: str = "answer") -> int:
    return main(["init", name, "--from", str(path), "--item", "doc", "--annotator", "who", "--label", label, *more])


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "odd name, [1] 'it''s'.CSV"])
def test_a_table_becomes_a_project(folder: DataFolder, tmp_path: Path, name: str) -> None:
    """Loss: whoever must write a project file before seeing anything does not come back."""
    path = table(tmp_path / name)
    assert init(path, "--annotated-at", "when", "--text", "body") == 0
    project = load_project(folder, "polls")
    assert project.labels.classes == ("no", "yes")
    source = project.sources["table"]
    assert (source.item, source.annotator, source.label, source.annotated_at) == (("doc",), "who", ("answer",), "when")
    assert project.items.text == "body"
    assert project.predictions.baseline is not None
    assert project.predictions.baseline.text == "body"
    landed = folder.landing("polls", last_night("UTC")) / "table" / name
    assert landed.read_bytes() == path.read_bytes()
    assert project.start == last_night("UTC")


@pytest.mark.parametrize("name", ["reviews", "2026-q4", "a_b-c", "x" * 63])
def test_names_that_are_fine(folder: DataFolder, tmp_path: Path, name: str) -> None:
    """Loss: a name that init takes and the pipeline does not."""
    assert init(table(tmp_path / "a.csv"), name=name) == 0
    assert load_project(folder, name).project == name


@pytest.mark.parametrize("name", ["Reviews", "a b", "../up", "a/b", "", "x" * 64, "-a", "a--b", "ä", "a.b"])
def test_names_that_are_none(folder: DataFolder, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a name that leads out of the data folder, or that Dagster cannot carry."""
    arguments = ["init", "--from", str(table(tmp_path / "a.csv")), "--item", "doc", "--annotator", "who"]
    assert main([*arguments, "--label", "answer", "--", name]) == 2
    assert f"'{name}' is not a project name" in capsys.readouterr().err
    assert not folder.root.exists()


def test_a_missing_column_is_named_with_the_nearest(
    folder: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a typo in an option that leaves a half made project behind must be undone by hand."""
    assert init(table(tmp_path / "a.csv"), label="answr") == 2
    words = capsys.readouterr().err
    assert words == "label-pipeline: a.csv: there is no column 'answr' [--label]. Did you mean 'answer'?\n"
    assert not folder.root.exists()


def test_an_existing_project_is_not_touched(
    folder: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a second init would overwrite the project file somebody has worked on for weeks."""
    path = table(tmp_path / "a.csv")
    assert init(path) == 0
    before = folder.project_file("polls").read_bytes()
    assert init(path) == 2
    assert "project 'polls' is there already" in capsys.readouterr().err
    assert folder.project_file("polls").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", "PK", "'a.xlsx' is no table"),
        ("empty.csv", "", "empty.csv"),
        ("head.csv", "doc,who,answer\n", "fewer than two labels"),
        ("one.csv", "doc,who,answer\nd,w,yes\nd,v,yes\n", "fewer than two labels"),
        ("twice.csv", "doc,who,answer,answer\nd,w,yes,no\nd,v,no,yes\n", "twice.csv: two columns are named 'answer'"),
        ("torn.parquet", "PAR1 torn", "torn.parquet"),
        ("torn.jsonl", '{"doc": "d", "who"', "torn.jsonl"),
    ],
)
def test_what_is_no_table_is_said(
    folder: DataFolder, tmp_path: Path, name: str, content: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a traceback tells a labelling lead nothing, and the half made project is in the way next time."""
    (tmp_path / name).write_text(content)
    assert init(tmp_path / name) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not folder.root.exists()


def test_a_file_that_is_not_there(folder: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a wrong path that is only noticed in the night."""
    assert init(tmp_path / "none.csv") == 2
    assert "there is no file" in capsys.readouterr().err


def test_numbers_are_labels_too(folder: DataFolder, tmp_path: Path) -> None:
    """Loss: exports often hold classes as numbers; they are names all the same."""
    rows = pa.table({"doc": [1, 2, 3], "who": [5, 6, 7], "answer": [10, 2, 2]})
    pa.parquet.write_table(rows, tmp_path / "a.parquet")
    assert init(tmp_path / "a.parquet") == 0
    assert load_project(folder, "polls").labels.classes == ("10", "2")


def test_labels_that_differ_only_in_case_are_refused(
    folder: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: `Yes` and `yes` as two classes make every figure wrong; merged silently, they hide a mistake."""
    (tmp_path / "a.csv").write_text("doc,who,answer\nd1,w,Yes\nd2,w,yes\nd3,w,no\n")
    code = init(tmp_path / "a.csv")
    said = capsys.readouterr().err
    assert (code, "Traceback" in said) == (2, False)
    assert "'Yes' and 'yes'" in said
    assert not folder.root.exists()


@pytest.mark.parametrize(
    "labels", [("no", "yes"), ("1", "2"), ("true", "null"), ("007", "7"), ("a: b", "- c"), ("'", '"')]
)
def test_labels_that_yaml_would_change(folder: DataFolder, tmp_path: Path, labels: tuple[str, str]) -> None:
    """Loss: a label `no` that becomes `false` in the project file is a class that nobody ever gave."""
    rows = [{"doc": f"d{k}", "who": "w", "answer": label} for k, label in enumerate(labels)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert init(tmp_path / "a.jsonl") == 0
    assert load_project(folder, "polls").labels.classes == tuple(sorted(labels))
