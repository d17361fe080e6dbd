"""Appen's full report: judgments, test questions, tainted workers, pages, and where people are."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from label_pipeline_tests.ingest.house import D1, D2, House, account, keeps_contracts, reasons, rows
from label_pipeline_tests.sources.reader import column, problem, read

SOURCE = "format: appen, label: tone"
JUDGMENT = {
    "_unit_id": "717",
    "_created_at": "10/5/2026 08:01:00",
    "_golden": "false",
    "_id": "1",
    "_missed": "",
    "_started_at": "10/5/2026 08:00:30",
    "_tainted": "false",
    "_channel": "elite",
    "_trust": "0.9",
    "_worker_id": "31",
    "_country": "FRA",
    "_region": "A1",
    "_city": "Lyon",
    "_ip": "192.0.2.7",
    "tone": "a",
    "tone_gold": "b",
    "text": "kind words",
}


def report(*judgments: dict[str, Any], lacking: tuple[str, ...] = ()) -> str:
    text = io.StringIO()
    names = [name for name in JUDGMENT if name not in lacking]
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for number, judgment in enumerate(judgments, start=1):
        writer.writerow(JUDGMENT | {"_id": number, "_worker_id": 30 + number} | judgment)
    return text.getvalue()


def test_a_judgment_in_full(tmp_path: Path) -> None:
    """Loss: the time of creation is that of the judgment's end; taken for its start, everything is late by a task."""
    (answer,) = read(tmp_path, report({}), SOURCE).answers.to_pylist()
    assert answer == {
        "landed_row": 1,
        "answer": 1,
        "annotation_id": "1",
        "item_id": "717",
        "annotator": "31",
        "label": "a",
        "status": "submitted",
        "is_gold_check": False,
        "started_at": "2026-10-05 08:00:30",
        "annotated_at": "2026-10-05 08:01:00",
        "duration_s": "30.0",
        "duration_source": "accept_submit",
        "batch_id": None,
    }


def test_test_questions_and_tainted_workers(tmp_path: Path) -> None:
    """Loss: who failed the tool's own test questions must not vote; their answers are still evidence."""
    judgments = [
        {"_golden": "true"},
        {"_golden": "TRUE", "_missed": "true"},
        {"_tainted": "true"},
        {"_tainted": "TRUE"},
    ]
    found = read(tmp_path, report(*judgments, {"_golden": "", "_tainted": ""}), SOURCE)
    assert column(found.answers, "is_gold_check", "status") == [
        (True, "submitted"),
        (True, "submitted"),
        (False, "rejected"),
        (False, "rejected"),
        (False, "submitted"),
    ]


def test_a_page_of_units_shares_its_time(tmp_path: Path) -> None:
    """Loss: a page's time given to each of its units makes everybody slow, and no one too fast."""
    page = [{"_worker_id": "7", "_unit_id": str(k)} for k in range(3)]
    found = read(tmp_path, report(*page, {}), SOURCE)
    assert column(found.answers, "duration_s", "duration_source") == [
        *[("10.0", "suite_divided")] * 3,
        ("30.0", "accept_submit"),
    ]


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2/25/15 5:24", "2015-02-25 05:24:00"),
        ("2/25/15 05:24:01", "2015-02-25 05:24:01"),
        ("12/31/2014 5:24", "2014-12-31 05:24:00"),
        ("12/31/2014 23:24:59", "2014-12-31 23:24:59"),
        ("2015-02-25T05:24:01Z", "2015-02-25T05:24:01Z"),
        ("25/12/2014 05:24", "25/12/2014 05:24"),
    ],
)
def test_times_have_the_month_first(tmp_path: Path, written: str, time: str) -> None:
    """Loss: a day read as a month is a wrong date that looks right."""
    found = read(tmp_path, report({"_created_at": written}), SOURCE)
    assert column(found.answers, "annotated_at") == [time]


def test_several_choices_stand_in_lines(tmp_path: Path) -> None:
    """Loss: two boxes ticked are no third class."""
    found = read(tmp_path, report({"tone": "a\nb"}, {"tone": "a\r\n b "}, {"tone": "a\n"}), SOURCE)
    assert column(found.answers, "label") == ["a|b", "a|b", "a"]


def test_where_people_are_is_never_read(tmp_path: Path) -> None:
    """Loss: an address in the lake is a leak, whoever declared it."""
    mapped = SOURCE + ", item: [_unit_id], fields: {place: _city}"
    found = read(tmp_path, report({}), mapped, fields="[text, _ip, _country, _region, place]")
    assert column(found.items, "item_id", "payload") == [("717", '{"text":"kind words"}')]


def test_other_reports_and_columns(tmp_path: Path) -> None:
    """Loss: the aggregated report has no people in it: its answers are nobody's."""
    aggregated = (
        "_unit_id,_golden,_unit_state,_trusted_judgments,_last_judgment_at,tone,tone:confidence\n1,false,x,3,,a,1\n"
    )
    assert problem(tmp_path, aggregated, SOURCE) == "column_missing: column '_worker_id' is missing"
    assert problem(tmp_path, report({}), "format: appen, label: tune") == "column_missing: column 'tune' is missing"
    assert problem(tmp_path, report({}), SOURCE + ", item: txt").startswith("column_missing: column 'txt'")
    bare = read(tmp_path, report({}, lacking=("_started_at", "_golden", "_tainted")), SOURCE + ", item: text")
    assert column(bare.answers, "item_id", "status", "is_gold_check", "duration_s", "duration_source") == [
        ("kind words", "submitted", False, None, "none")
    ]


def test_a_night(tmp_path: Path) -> None:
    """Loss: a row that is neither accepted nor quarantined nor a duplicate is gone, and nobody knows."""
    house = House(tmp_path, "  s: {format: appen, label: tone}\n", more="items: {fields: [text, _ip]}")
    judgments: list[dict[str, Any]] = [
        {},
        {"_golden": "true", "tone": "b"},
        {"_tainted": "true"},
        {"_worker_id": ""},
        {"tone": ""},
        {"_created_at": "25/12/2014 05:24"},
        {"_started_at": "10/5/2026 08:01:30"},
    ]
    house.put("s/full.csv", report(*judgments))
    house.put("s/again.csv", report(*judgments[:3]), D2)
    night = house.night(D1)
    keeps_contracts(night, house.project)
    assert account(night) == {"s/full.csv": (7, 3, 4, 0)}
    assert reasons(night) == [
        ("s/full.csv", 4, "annotator_missing"),
        ("s/full.csv", 5, "label_missing"),
        ("s/full.csv", 6, "time_unreadable"),
        ("s/full.csv", 7, "times_in_order"),
    ]
    assert rows(night.events, "annotation_id", "label", "status", "is_gold_check") == [
        ("1", "a", "submitted", False),
        ("2", "b", "submitted", True),
        ("3", "a", "rejected", False),
    ]
    assert "192.0.2.7" not in str([t.to_pylist() for t in (night.events, night.items, night.quarantine)])
    assert account(house.ingest(D2)) == {"s/again.csv": (3, 0, 0, 3)}
