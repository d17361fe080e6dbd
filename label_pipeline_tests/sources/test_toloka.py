"""Toloka's TSV: suites, control tasks, states of an assignment, and downloads that lack columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_pipeline_tests.ingest.house import D1, D2, House, account, keeps_contracts, reasons, rows
from label_pipeline_tests.sources.reader import column, problem, read

SOURCE = "format: toloka, item: image, label: tone"
HEAD = (
    "INPUT:image\tINPUT:text\tOUTPUT:tone\tGOLDEN:tone\tHINT:text\tASSIGNMENT:link\tASSIGNMENT:task_id\t"
    "ASSIGNMENT:assignment_id\tASSIGNMENT:task_suite_id\tASSIGNMENT:worker_id\tASSIGNMENT:status\tASSIGNMENT:started\t"
    "ASSIGNMENT:submitted\tASSIGNMENT:reward"
)


def line(
    image: str,
    tone: str,
    *,
    golden: str = "",
    suite: str = "1",
    worker: str = "w1",
    status: str = "APPROVED",
    seconds: int = 30,
) -> str:
    times = f"2026-10-05T08:00:00.000\t2026-10-05T08:00:{seconds:02}.500" if tone else "2026-10-05T08:00:00.000\t"
    return (
        f"{image}\tsays {image}\t{tone}\t{golden}\tlook again\thttps://example.com\tt-{image}\tA{suite}{worker}\t"
        f"S{suite}\t{worker}\t{status}\t{times}\t0.01"
    )


def tsv(*lines: str) -> str:
    return "\n".join([HEAD, *lines]) + "\n"


def test_a_suite_in_full(tmp_path: Path) -> None:
    """Loss: a suite's time given to each of its tasks makes everybody slow, and no one too fast."""
    found = read(
        tmp_path, tsv(line("i1", "a"), line("i2", "b", golden="b"), line("i3", "a", suite="2")), SOURCE, fields="[text]"
    )
    assert found.answers.to_pylist()[1] == {
        "landed_row": 2,
        "answer": 1,
        "annotation_id": "A1w1/i2",
        "item_id": "i2",
        "annotator": "w1",
        "label": "b",
        "status": "submitted",
        "is_gold_check": True,
        "started_at": "2026-10-05T08:00:00.000",
        "annotated_at": "2026-10-05T08:00:30.500",
        "duration_s": "15.25",
        "duration_source": "suite_divided",
        "batch_id": "S1",
    }
    assert column(found.answers, "is_gold_check", "duration_s", "duration_source") == [
        (False, "15.25", "suite_divided"),
        (True, "15.25", "suite_divided"),
        (False, "30.5", "accept_submit"),
    ]
    assert column(found.items, "item_id", "payload")[0] == ("i1", '{"text":"says i1"}')


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("APPROVED", "submitted"),
        ("ACCEPTED", "submitted"),
        ("SUBMITTED", "submitted"),
        ("REJECTED", "rejected"),
        ("SKIPPED", "skipped"),
        ("EXPIRED", "skipped"),
        ("BLOCKED", "blocked"),
    ],
)
def test_statuses(tmp_path: Path, written: str, status: str) -> None:
    """Loss: a rejected assignment that votes is paid for by the training set; an unknown state must be seen."""
    assert column(read(tmp_path, tsv(line("i1", "a", status=written)), SOURCE).answers, "status") == [status]


def test_an_active_assignment_holds_no_answer_yet(tmp_path: Path) -> None:
    """Loss: work in progress counted as missing answers stops the night for nothing."""
    found = read(tmp_path, tsv(line("i1", "", status="ACTIVE"), line("i2", "a")), SOURCE)
    assert column(found.answers, "item_id") == ["i2"]
    assert column(found.items, "item_id") == ["i1", "i2"]


def test_answers_of_several_parts(tmp_path: Path) -> None:
    """Loss: half of several choices would pass for the answer; an area cut in two is no area."""
    written = ['"[""a"",""b""]"', "[]", '"[{""type"": ""polygon"", ""data"": [1, 2]}]"', '"{""x"": 1}"', "[a", "TRUE"]
    found = read(tmp_path, tsv(*(line(f"i{k}", tone) for k, tone in enumerate(written))), SOURCE)
    assert column(found.answers, "label") == [
        "a|b",
        "[]",
        '[{"type":"polygon","data":[1,2]}]',
        '{"x":1}',
        "[a",
        "TRUE",
    ]


def test_names_with_and_without_the_prefix(tmp_path: Path) -> None:
    """Loss: an item that is named after another column than yesterday is a new item."""
    content = tsv(line("i1", "a"))
    full = "format: toloka, item: 'INPUT:image', label: 'OUTPUT:tone'"
    assert read(tmp_path, content, full).answers == read(tmp_path, content, SOURCE).answers
    unmapped = read(tmp_path, content, "format: toloka, label: tone")
    assert column(unmapped.answers, "item_id") == ["t-i1"]
    assert problem(tmp_path, content, "format: toloka, item: imgae, label: tone").startswith("column_missing")


def test_the_default_download(tmp_path: Path) -> None:
    """Loss: without who and in which state an answer is no answer; without times it is one, at no known time."""
    lacking = "INPUT:image\tOUTPUT:tone\tASSIGNMENT:link\tASSIGNMENT:assignment_id\tASSIGNMENT:worker_id\t"
    content = (
        lacking + "ASSIGNMENT:status\tASSIGNMENT:started\ni1\ta\thttps://example.com\tA1\tw1\tAPPROVED\t2026-10-05\n"
    )
    found = read(tmp_path, content, SOURCE)
    assert column(found.answers, "annotation_id", "annotated_at", "duration_s", "duration_source", "batch_id") == [
        ("A1/i1", None, None, "none", None)
    ]
    assert problem(tmp_path, "INPUT:image\tOUTPUT:tone\ni1\ta\n", SOURCE).startswith("column_missing: column 'ASSIGNM")


def test_a_night(tmp_path: Path) -> None:
    """Loss: a row that is neither accepted nor quarantined nor a duplicate is gone, and nobody knows."""
    house = House(tmp_path, "  s: {format: toloka, item: image, label: tone}\n")
    lines = [
        line("i1", "a"),
        line("i2", "b", golden="a"),
        line("i1", "b", worker="w2", status="REJECTED"),
        line("i2", "", worker="w2", status="SKIPPED"),
        line("i3", "", worker="w3"),
        line("i3", "c", worker="w4"),
        "torn\tline",
    ]
    house.put("s/pool.tsv", tsv(*lines))
    house.put("s/pool.tsv", tsv(*lines[:4]), D2)
    night = house.night(D1)
    keeps_contracts(night, house.project)
    assert account(night) == {"s/pool.tsv": (7, 4, 3, 0)}
    assert reasons(night) == [
        ("s/pool.tsv", 5, "label_missing"),
        ("s/pool.tsv", 6, "label_unknown"),
        ("s/pool.tsv", 7, "line_unreadable"),
    ]
    assert rows(night.events, "item_id", "label", "status", "is_gold_check", "duration_s") == [
        ("i1", "a", "submitted", False, 15.25),
        ("i1", "b", "rejected", False, 15.25),
        ("i2", None, "skipped", False, None),
        ("i2", "b", "submitted", True, 15.25),
    ]
    assert account(house.ingest(D2)) == {"s/pool.tsv": (4, 0, 0, 4)}
