"""What goes wrong in deliveries, planted and counted: bad rows, repeated rows, files that come late or twice.

Every bad row is an extra one that breaks one rule only, so that the answers of `work` are all still there and the
counts say exactly what a pipeline must quarantine and what it must recognise as known.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Row = dict[str, str]
Tasks = list[dict[str, Any]]

FUTURE = "2062"
WORDS = {"4": "four", "9": "nine"}


@dataclass(frozen=True)
class Planted:
    """What became of the landed answers by design: `landed` = `accepted` + `quarantined` + `duplicates`.

    `quarantined` counts answers by the rule they break, `duplicates` by how they came again; `marks` counts what
    is no bad answer and must be understood: skipped, mended, adjudicated, aliased ones, missing lead times, a late
    file, a wrong gold seed.
    """

    landed: int
    accepted: int
    quarantined: Mapping[str, int]
    duplicates: Mapping[str, int]
    marks: Mapping[str, int]


@dataclass
class Sheet:
    """A vendor's file: the day it lands, its name and rows."""

    day: int
    name: str
    rows: list[Row]


BAD_ROWS = (
    ("label_unknown", "10"),
    ("item_missing", ""),
    ("time_unreadable", "31.02.2026"),
    ("times_in_order", ""),
    ("annotator_missing", ""),
    ("in_the_future", ""),
    ("id_reused", ""),
    ("label_unknown", "?"),
    ("item_missing", ""),
    ("time_unreadable", "yesterday"),
    ("times_in_order", ""),
    ("annotator_missing", ""),
    ("in_the_future", ""),
    ("id_reused", ""),
    ("label_unknown", "g"),
    ("item_missing", ""),
)
"""Faults of a vendor's rows, in the order they are spread over the files, with the value that is wrong."""

BAD_ANNOTATIONS = ("label_unknown", "label_missing", "in_the_future", "item_missing", "label_unknown", "label_missing")
"""Faults of exported annotations, in order of the days."""


def plant_in_sheets(sheets: list[Sheet]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Plant faults in a vendor's files, in place; returns counts of bad answers, repeated answers and marks.

    `sheets` are at least five, by day. The second lands a day late; the fourth, free of bad rows, lands twice, the
    second time under another name.
    """
    bad: Counter[str] = Counter()
    marks = Counter({"aliased": _use_words(sheets[: len(sheets) // 2]), "late_file": 1})
    twice = sheets[3]
    others = [s for s in sheets if s is not twice]
    good = {s.name: list(s.rows) for s in others}
    for turn, (fault, value) in enumerate(BAD_ROWS):
        sheet = others[turn % len(others)]
        place = (turn * 7 + 3) % len(good[sheet.name])
        row, other = good[sheet.name][place], good[sheet.name][place - 1]
        sheet.rows.append(_spoiled(row | {"row_id": f"v-9{turn:04d}"}, other, fault, value))
        bad[fault] += 1
    for sheet in others[:3]:
        sheet.rows.append(good[sheet.name][0])
    again = Counter({"repeated_row": 3, "redelivered_file": len(twice.rows)})
    sheets[1].day = sheets[2].day
    sheets.append(Sheet(sheets[min(5, len(sheets) - 1)].day, f"final_{twice.name}", twice.rows))
    return bad, again, marks


def _use_words(sheets: Sequence[Sheet]) -> int:
    """Make the first of a vendor's workers write some digits as words; returns how many."""
    found = 0
    first = min(row["worker"] for sheet in sheets for row in sheet.rows)
    for row in (row for sheet in sheets for row in sheet.rows if row["worker"] == first):
        if row["answer"] in WORDS:
            row["answer"] = WORDS[row["answer"]]
            found += 1
    return found


def _spoiled(row: Row, other: Row, fault: str, value: str) -> Row:
    """A copy of a good row with one fault; `other` is another row of the file."""
    changes = {
        "label_unknown": {"answer": value},
        "item_missing": {"image_id": value},
        "annotator_missing": {"worker": value},
        "time_unreadable": {"finished_at": value},
        "in_the_future": {key: FUTURE + row[key][4:] for key in ("started_at", "finished_at")},
        "times_in_order": {"started_at": row["finished_at"], "finished_at": row["started_at"]},
        "id_reused": {"row_id": other["row_id"]},
    }
    return row | changes[fault]


def plant_in_exports(exports: Mapping[int, Tasks]) -> tuple[Counter[str], Counter[str]]:
    """Plant faults in Label Studio exports by day, in place; returns counts of bad answers and marks.

    A bad annotation stands in the last export of its task, so that it lands once.
    """
    marks = Counter({"missing_lead_time": _lose_lead_times(exports)})
    bad: Counter[str] = Counter()
    last = {task["id"]: day for day, tasks in sorted(exports.items()) for task in tasks}
    closed = [task for day, tasks in sorted(exports.items()) for task in tasks if last[task["id"]] == day]
    closed = [task for task in closed if task["total_annotations"]]
    for turn, fault in enumerate(BAD_ANNOTATIONS):
        task = closed[(2 * turn + 1) * len(closed) // (2 * len(BAD_ANNOTATIONS))]
        if fault == "item_missing":
            day = last[task["id"]]
            nameless = _nameless(task, 90001 + turn)
            exports[day].append(nameless)
            bad[fault] += len(nameless["annotations"])
        else:
            task["annotations"].append(_bad_annotation(task, fault, 90001 + turn))
            task["total_annotations"] += 1
            bad[fault] += 1
    return bad, marks


def _lose_lead_times(exports: Mapping[int, Tasks]) -> int:
    """Take the lead time from every 97th annotation; returns how many annotations have none."""
    lost = set()
    for annotation in (a for tasks in exports.values() for task in tasks for a in task["annotations"]):
        if annotation["id"] % 97 == 0:
            annotation["lead_time"] = None
            lost.add(annotation["id"])
    return len(lost)


def _bad_annotation(task: dict[str, Any], fault: str, number: int) -> dict[str, Any]:
    """A further annotation of the task with one fault."""
    annotation: dict[str, Any] = copy.deepcopy(next(a for a in task["annotations"] if a["result"]))
    annotation |= {"id": number, "unique_id": str(uuid5(NAMESPACE_URL, f"annotation-{number}"))}
    if fault == "label_unknown":
        annotation["result"][0]["value"] = {"choices": ["l"]}
    elif fault == "label_missing":
        annotation |= {"result": [], "result_count": 0}
    elif fault == "in_the_future":
        annotation |= {key: FUTURE + annotation[key][4:] for key in ("created_at", "updated_at")}
    return annotation


def _nameless(task: dict[str, Any], number: int) -> dict[str, Any]:
    """A task whose data lost its item id, with annotations of its own."""
    nameless = copy.deepcopy(task) | {"id": number, "inner_id": number}
    nameless["annotations"] = nameless["annotations"][:2]
    for k, annotation in enumerate(nameless["annotations"]):
        annotation |= {"id": number + 1000 * (k + 1), "task": number}
        annotation["unique_id"] = str(uuid5(NAMESPACE_URL, f"annotation-{annotation['id']}"))
    cancelled = sum(a["was_cancelled"] for a in nameless["annotations"])
    nameless |= {
        "total_annotations": len(nameless["annotations"]) - cancelled,
        "cancelled_annotations": cancelled,
    }
    nameless["data"]["item_id"] = ""
    return nameless
