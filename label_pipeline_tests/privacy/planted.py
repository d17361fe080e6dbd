"""A small file of every supported format, in which each person gave one answer on each item.

People are named by an identity of their own, and beside it stand more of them that no adapter reads: an address, a
city, an IP. `FORMATS` has the settings of a source and how its file is made.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Someone:
    """A person as tools know them."""

    identity: str
    more: tuple[str, ...]

    @classmethod
    def called(cls, name: str, number: int) -> Someone:
        return cls(f"{name}{number}X", (f"{name}.{number}@example.org", f"10.20.30.{number}", f"{name}town{number}"))


ANA, BEN, CYD = (Someone.called(name, 41 + k) for k, name in enumerate(("anaworker", "benworker", "cydworker")))
ITEMS = ("item-001", "item-002", "item-003")
AT = "2026-10-05T08:0{}:00Z"


Make = Callable[[Sequence[Someone], Sequence[str]], bytes]


@dataclass(frozen=True)
class Format:
    """The settings of a source (YAML), a file's name, and its content for people and items."""

    settings: str
    name: str
    content: Make

    @property
    def format(self) -> str:
        return self.settings.removeprefix("format: ").split(",")[0]


def _csv(header: Sequence[str], rows: Sequence[Sequence[Any]], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerows([header, *rows])
    return out.getvalue().encode()


def _lines(records: Sequence[Any]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _pairs(people: Sequence[Someone], items: Sequence[str]) -> list[tuple[int, int, str, Someone]]:
    """Every answer with the numbers of its item and person, which are the same whoever else is there."""
    return [(int(item[-1]), int(who.identity[-3:-1]), item, who) for item in items for who in people]


def _plain(people: Sequence[Someone], items: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"item_id": item, "annotator_id": who.identity, "label": "a", "at": AT.format(i), "text": f'say "{item}", {i}',
         "mail": who.more[0], "ip": who.more[1], "city": who.more[2]}
        for i, _, item, who in _pairs(people, items)
    ]  # fmt: skip


def _table(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    rows = _plain(people, items)
    return _csv(list(rows[0]), [list(row.values()) for row in rows])


def _parquet(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(_plain(people, items)), out)
    return out.getvalue()


def _mturk(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    """Two items an assignment; a last one alone leaves its second slot empty."""
    header = ["AssignmentId", "WorkerId", "AssignmentStatus", "AcceptTime", "SubmitTime", "WorkTimeInSeconds"]
    header += [f"{part}{n}" for n in (1, 2) for part in ("Input.id", "Input.text", "Answer.tone")] + ["Answer.feedback"]
    rows = []
    for start in range(0, len(items), 2):
        for who in people:
            shown = [v for item in items[start : start + 2] for v in (item, f"text of {item}", "a")]
            at = "Mon Oct 05 06:51:23 PDT 2026"
            rows.append(
                [
                    f"as-{start}-{who.identity}",
                    who.identity,
                    "Approved",
                    at,
                    at,
                    "60",
                    *(shown + [""] * 3)[:6],
                    who.more[0],
                ]
            )
    return _csv(header, rows)


def _label_studio(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    tasks = []
    for i, item in ((int(item[-1]), item) for item in items):
        annotations = [
            {"id": 100 * i + int(who.identity[-3:-1]),
             "completed_by": {"id": int(who.identity[-3:-1]), "email": who.more[0], "first_name": who.identity},
             "result": [{"from_name": "tone", "type": "choices", "value": {"choices": ["a"]}}],
             "was_cancelled": False, "ground_truth": False, "created_at": AT.format(i), "updated_at": AT.format(i),
             "lead_time": 4.5}
            for who in people
        ]  # fmt: skip
        tasks.append({"id": i + 1, "data": {"item_id": item, "text": f"text of {item}"}, "annotations": annotations})
    return json.dumps(tasks, indent=1).encode()


def _min(people: Sequence[Someone], items: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"id": i, "item_id": item, "text": f"text of {item}", "annotation_id": 100 * i + p, "annotator": who.identity,
         "tone": "a", "updated_at": AT.format(i), "created_at": AT.format(i), "lead_time": 3.5}
        for i, p, item, who in _pairs(people, items)
    ]  # fmt: skip


def _min_table(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    rows = _min(people, items)
    return _csv(list(rows[0]), [list(row.values()) for row in rows])


def _argilla_flat(people: Sequence[Someone], items: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"id": item, "text": f"text of {item}", "tone.responses": ["a" for _ in people],
         "tone.responses.users": [who.identity for who in people],
         "tone.responses.status": ["submitted" for _ in people]}
        for item in items
    ]  # fmt: skip


def _argilla_nested(people: Sequence[Someone], items: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"id": item, "fields": {"text": f"text of {item}"}, "metadata": {},
         "responses": {"tone": [{"value": "a", "user_id": who.identity} for who in people]}}
        for item in items
    ]  # fmt: skip


def _argilla_rest(people: Sequence[Someone], items: Sequence[str]) -> dict[str, Any]:
    return {
        "items": [
            {"id": f"server-{item}", "external_id": item, "fields": {"text": f"text of {item}"}, "metadata": None,
             "responses": [{"id": f"r-{who.identity}", "user_id": who.identity, "status": "submitted",
                            "values": {"tone": {"value": "a"}}, "updated_at": AT.format(0)} for who in people]}
            for item in items
        ],
        "total": len(items),
    }  # fmt: skip


def _prodigy(people: Sequence[Someone], items: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"text": f"text of {item}", "_input_hash": i, "_task_hash": 100 + i, "options": [{"id": "a"}, {"id": "b"}],
         "accept": ["a"], "answer": "accept", "_view_id": "choice", "_annotator_id": f"set-{who.identity}",
         "_session_id": f"set-{who.identity}", "_timestamp": 1790000000 + i, "meta": {"item_id": item}}
        for i, _, item, who in _pairs(people, items)
    ]  # fmt: skip


def _doccano(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for who in people:
            records = [
                {"id": i, "item_id": item, "text": f"text of {item}", "label": ["a"]} for i, item in enumerate(items)
            ]
            archive.writestr(f"{who.identity}.jsonl", _lines(records))
    return out.getvalue()


def _cvat_reports(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    reports = [
        {"id": 100 * i + p, "job_id": item, "target": "job", "task_id": 3, "created_date": AT.format(i),
         "assignee": {"id": p, "username": who.identity, "first_name": who.more[2]}, "summary": {"conflict_count": p}}
        for i, p, item, who in _pairs(people, items)
    ]  # fmt: skip
    return json.dumps({"count": len(reports), "results": reports}).encode()


def _manifest(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    return _lines(
        [
            {"source-ref": item, "tone": {"annotationsFromAllWorkers": [
                {"workerId": who.identity, "annotationData": {"content": json.dumps({"tone": "a"})}}
                for who in people]},
             "tone-metadata": {"job-name": "job/tone", "human-annotated": "yes"}}
            for item in items
        ]
    )  # fmt: skip


def _responses(people: Sequence[Someone], items: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"datasetObjectId": item, "answers": [
            {"workerId": who.identity, "workerMetadata": {"identityData": {"sub": who.more[2]}},
             "acceptanceTime": AT.format(0), "submissionTime": AT.format(1), "timeSpentInSeconds": 9.5,
             "answerContent": {"crowd-classifier": {"label": "a"}}} for who in people]}
        for item in items
    ]  # fmt: skip


def _labelbox(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    named = {"name": "tone", "value": "tone", "radio_answer": {"name": "a", "value": "a"}}
    return _lines(
        [
            {"data_row": {"id": f"d-{item}", "global_key": item}, "projects": {"p1": {
                "name": "Tone", "labels": [
                    {"id": f"l-{item}-{who.identity}", "label_kind": "Default",
                     "label_details": {"created_at": AT.format(i), "updated_at": AT.format(i),
                                       "created_by": who.identity, "reviews": []},
                     "annotations": {"objects": [], "classifications": [named]}} for who in people],
                "project_details": {"batch_id": "b1", "workflow_history": [{"created_by": people[0].identity}]}}}}
            for i, item in ((int(item[-1]), item) for item in items)
        ]
    )  # fmt: skip


def _toloka(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    header = ["INPUT:item_id", "INPUT:text", "OUTPUT:tone", "GOLDEN:tone", "ASSIGNMENT:assignment_id"]
    header += [f"ASSIGNMENT:{part}" for part in ("worker_id", "status", "started", "submitted", "task_suite_id")]
    rows = [
        [
            item,
            f"text of {item}",
            "a",
            "",
            f"as-{who.identity}",
            who.identity,
            "APPROVED",
            AT.format(0),
            AT.format(5),
            "s1",
        ]
        for _, _, item, who in _pairs(people, items)
    ]
    return _csv(header, rows, "\t")


def _appen(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    header = ["_unit_id", "_id", "_worker_id", "_created_at", "_started_at", "_golden", "_tainted", "_ip", "_city"]
    header += ["item_id", "text", "tone"]
    rows = [
        [i, f"j-{i}-{who.identity}", who.identity, f"10/5/2026 08:0{i}:30", f"10/5/2026 08:0{i}:00", "false", "false",
         who.more[1], who.more[2], item, f"text of {item}", "a"]
        for i, _, item, who in _pairs(people, items)
    ]  # fmt: skip
    return _csv(header, rows)


def _json(
    make: Callable[[Sequence[Someone], Sequence[str]], Any],
) -> Make:
    return lambda people, items: json.dumps(make(people, items)).encode()


def _jsonl(
    make: Callable[[Sequence[Someone], Sequence[str]], Any],
) -> Make:
    return lambda people, items: _lines(make(people, items))


def _utf16(people: Sequence[Someone], items: Sequence[str]) -> bytes:
    return _table(people, items).decode().encode("utf-16")


FORMATS = {
    "csv": Format("format: csv, annotated_at: at", "x.csv", _table),
    "utf-16": Format("format: csv, annotated_at: at, encoding: utf-16", "x.csv", _utf16),
    "jsonl": Format("format: jsonl, annotated_at: at", "x.jsonl", _jsonl(_plain)),
    "parquet": Format("format: parquet, annotated_at: at", "x.parquet", _parquet),
    "mturk_csv": Format("format: mturk_csv, item: Input.id<n>, label: Answer.tone<n>", "batch.csv", _mturk),
    "label_studio_json": Format("format: label_studio_json, label: tone", "export.json", _label_studio),
    "label_studio_min": Format("format: label_studio_min, label: tone", "min.json", _json(_min)),
    "label_studio_csv": Format("format: label_studio_csv, label: tone", "ls.csv", _min_table),
    "argilla flat": Format("format: argilla, label: tone", "flat.json", _json(_argilla_flat)),
    "argilla nested": Format("format: argilla, label: tone", "nested.jsonl", _jsonl(_argilla_nested)),
    "argilla rest": Format("format: argilla, label: tone", "rest.json", _json(_argilla_rest)),
    "prodigy": Format("format: prodigy", "out.jsonl", _jsonl(_prodigy)),
    "prodigy list": Format("format: prodigy", "out.json", _json(_prodigy)),
    "doccano": Format("format: doccano", "all.zip", _doccano),
    "cvat": Format("format: cvat", "reports.json", _cvat_reports),
    "ground_truth_manifest": Format("format: ground_truth_manifest, label: tone", "output.manifest", _manifest),
    "ground_truth_responses": Format("format: ground_truth_responses", "0.json", _jsonl(_responses)),
    "ground_truth list": Format("format: ground_truth_responses", "0.json", _json(_responses)),
    "labelbox": Format("format: labelbox, label: tone", "export.ndjson", _labelbox),
    "toloka": Format("format: toloka, label: tone", "assignments.tsv", _toloka),
    "appen": Format("format: appen, label: tone", "full.csv", _appen),
}
