"""MTurk's batch file: one assignment a row, with one answer or several in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_pipeline_tests.sources.reader import column, problem, read

HEAD = "HITId,AssignmentId,WorkerId,AssignmentStatus,AcceptTime,SubmitTime,WorkTimeInSeconds,LifetimeApprovalRate"
TIMES = '"Mon Mar 27 06:51:23 PDT 2017","Mon Mar 27 06:51:38 PDT 2017",15,0% (0/0)'
ONE = "format: mturk_csv, item: Input.id, label: Answer.tone"
MANY = "format: mturk_csv, item: 'Input.id<n>', label: ['Answer.tone<n>', Answer.other]"


def batch(columns: str, *rows: str, status: str = "Submitted") -> str:
    lines = [f"H,A{k},W{k},{status},{TIMES},{row}" for k, row in enumerate(rows, start=1)]
    return "\n".join([f"{HEAD},{columns}", *lines]) + "\n"


def test_an_assignment_in_full(tmp_path: Path) -> None:
    """Loss: a part of an assignment read from the wrong column is a wrong figure every night."""
    (answer,) = read(tmp_path, batch("Input.id,Answer.tone", "1905,For"), ONE).answers.to_pylist()
    assert answer == {
        "landed_row": 1,
        "answer": 1,
        "annotation_id": "A1",
        "item_id": "1905",
        "annotator": "W1",
        "label": "For",
        "status": "submitted",
        "is_gold_check": False,
        "started_at": "Mon Mar 27 06:51:23 PDT 2017",
        "annotated_at": "Mon Mar 27 06:51:38 PDT 2017",
        "duration_s": "15",
        "duration_source": "measured",
        "batch_id": None,
    }


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("Submitted", "submitted"),
        ("Approved", "submitted"),
        ("Rejected", "rejected"),
        ("Returned", "returned"),
        ("", None),
    ],
)
def test_statuses(tmp_path: Path, written: str, status: str | None) -> None:
    """Loss: a rejected assignment that votes is paid for by the training set."""
    content = batch("Input.id,Answer.tone", "1,For", status=written)
    assert column(read(tmp_path, content, ONE).answers, "status") == [status]


def test_several_answers_share_an_assignment(tmp_path: Path) -> None:
    """Loss: five answers under one id would be five versions of one, and four lost."""
    content = batch(
        "Input.id1,Input.id2,Input.text1,Input.text2,Answer.tone1,Answer.tone2",
        "1905,1906.0,one,two,For,Against",
        "7,,three,,,",
        ",,,,,",
        '8,9,"a ""b"",\nc",,For,',
    )
    found = read(tmp_path, content, MANY + ", fields: {text: 'Input.text<n>'}", fields="[text]")
    assert column(found.answers, "landed_row", "answer", "annotation_id", "item_id", "label", "duration_s") == [
        (1, 1, "A1/1", "1905", "For", "7.5"),
        (1, 2, "A1/2", "1906.0", "Against", "7.5"),
        (2, 1, "A2/1", "7", None, "7.5"),
        (4, 1, "A4/1", "8", "For", "7.5"),
        (4, 2, "A4/2", "9", None, "7.5"),
    ]
    assert set(column(found.answers, "duration_source")) == {"suite_divided"}
    assert sorted(column(found.items, "item_id", "payload")) == [
        ("1905", '{"text":"one"}'),
        ("1906.0", '{"text":"two"}'),
        ("7", '{"text":"three"}'),
        ("8", '{"text":"a \\"b\\",\\nc"}'),
        ("9", '{"text":null}'),
    ]


def test_a_batch_without_numbers_or_with_another_answer_field(tmp_path: Path) -> None:
    """Loss: one batch of an older form must not need a project of its own."""
    for columns in ("Input.id,Answer.tone", "Input.id,Answer.other"):
        found = read(tmp_path, batch(columns, "1,For"), MANY)
        assert column(found.answers, "annotation_id", "item_id", "label") == [("A1", "1", "For")]
    both = read(tmp_path, batch("Input.id,Answer.other,Answer.tone", "1,wrong,For"), MANY)
    assert column(both.answers, "label") == ["For"]


def test_an_answer_field_that_nobody_filled_is_left_out_by_the_tool(tmp_path: Path) -> None:
    """Loss: questions nobody answered must be seen as missing answers."""
    found = read(tmp_path, batch("Input.id1,Input.id2,Answer.tone1", "1,2,For"), MANY)
    assert column(found.answers, "item_id", "label") == [("1", "For"), ("2", None)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_byte_order_mark_line_ends_and_quoted_newlines(tmp_path: Path, end: str) -> None:
    """Loss: the file as a spreadsheet saved it is the same file."""
    content = "\ufeff" + batch("Input.id,Answer.tone,Answer.comment", '1,For,"two\nlines, ""quoted"""', "2,For,")
    found = read(tmp_path, content.replace("\n", end), ONE)
    assert column(found.answers, "landed_row", "item_id") == [(1, "1"), (2, "2")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("item_id,label\n1,a\n", "column_missing: column 'AssignmentStatus' is missing"),
        (batch("Input.id,Answer.tune", "1,For"), "column_missing: column 'Answer.tone' is missing"),
        (batch("Input.id1,Answer.tone", "1,For"), "column_missing: column 'Input.id' is missing"),
    ],
)
def test_another_file(tmp_path: Path, content: str, words: str) -> None:
    """Loss: as in CSV."""
    assert problem(tmp_path, content, ONE) == words
