"""A batch as files that tools take in: Label Studio tasks, CSV, JSON lines, MTurk input.

What a row shows is `payload`'s. Where a tool asks the same number of people for everything in a file, each number has
a file of its own. Texts in a CSV cannot become formulas: spreadsheets compute what begins with `=`, `+`, `-` or `@`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from label_pipeline.batches.payload import Control, Shown, columns_of, task
from label_pipeline.errors import UserError
from label_pipeline.project import Project
from label_pipeline.project_sources import Source

FORMATS = ("label-studio", "csv", "jsonl", "mturk")
READ_BY = {"label-studio": ("label_studio_json",), "csv": ("csv",), "jsonl": ("jsonl",), "mturk": ("mturk_csv",)}
"""Formats of sources that read back what was written."""
SUGGESTED = "suggested_label"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MTURK_NAME = re.compile(r"[A-Za-z0-9_]+")


def written(
    rows: Sequence[Shown], project: Project, source: Source, form: str, *, control: Control | None, per_hit: int = 1
) -> dict[str, bytes]:
    """The files of one batch in a format of `FORMATS`, by name; the order of rows is the batch's.

    `control` is Label Studio's, for the model's labels; `per_hit` how many items one MTurk task shows.

    Raises:
        UserError: an id that a spreadsheet would compute, a column name that MTurk does not take.
    """
    name = rows[0].batch_id
    if form == "label-studio":
        return _by_people(name, "json", rows, lambda some: _tasks(some, project, source, control))
    if form == "jsonl":
        lines = [json.dumps(_record(row, project, source), ensure_ascii=False) + "\n" for row in rows]
        return {f"{name}.jsonl": "".join(lines).encode("utf-8", "replace")}
    if form == "csv":
        return {f"{name}.csv": _csv([_record(row, project, source) for row in rows], rows)}
    return _by_people(name, "csv", rows, lambda some: _csv(_hits(some, project, source, per_hit), some))


def _by_people(name: str, suffix: str, rows: Sequence[Shown], write: Any) -> dict[str, bytes]:
    numbers = sorted({row.people for row in rows})
    if len(numbers) == 1:
        return {f"{name}.{suffix}": write(rows)}
    return {f"{name}-{n}-people.{suffix}": write([row for row in rows if row.people == n]) for n in numbers}


def _tasks(rows: Sequence[Shown], project: Project, source: Source, control: Control | None) -> bytes:
    lines = [json.dumps(task(row, project, source, control), ensure_ascii=False) for row in rows]
    return ("[" + ",\n".join(lines) + "]\n").encode("utf-8", "replace")


def _record(row: Shown, project: Project, source: Source, slot: str = "1") -> dict[str, Any]:
    """A row of a table: item, fields, batch and, where the project sends such, the model's label."""
    record = columns_of(row, project, source, slot) | {source.batch or "batch_id": row.batch_id}
    return record | ({SUGGESTED: row.suggested_label} if project.batches.prelabel else {})


def _hits(rows: Sequence[Shown], project: Project, source: Source, per_hit: int) -> list[dict[str, Any]]:
    """MTurk's input: what its results call `Input.x` is the column `x`; several items a row are numbered from 1."""
    numbered = "<n>" in source.item[0]
    if per_hit > 1 and not numbered:
        raise UserError(
            f"a task of {per_hit} items needs as many columns",
            rule="sources.item",
            do="Write it with <n>, like Input.review_id<n>.",
        )
    hits: list[dict[str, Any]] = []
    for first in range(0, len(rows), per_hit):
        hit: dict[str, Any] = {}
        for k, row in enumerate(rows[first : first + per_hit], start=1):
            record = _record(row, project, source, str(k))
            if numbered and SUGGESTED in record:
                record[f"{SUGGESTED}{k}"] = record.pop(SUGGESTED)
            hit |= {name.removeprefix("Input."): value for name, value in record.items()}
        hits.append(hit)
    for name in dict.fromkeys(name for hit in hits for name in hit):
        if not _MTURK_NAME.fullmatch(name):
            raise UserError(
                f"MTurk takes no column '{name}'",
                rule="letters, digits and _",
                do="Name it otherwise in the source's fields.",
            )
    return hits


def _csv(records: Sequence[Mapping[str, Any]], rows: Sequence[Shown]) -> bytes:
    """RFC 4180 with a header; lists and objects as JSON, a text that would be a formula after an apostrophe."""
    for value in (text for row in rows for text in (row.item_id, row.batch_id)):
        if _is_formula(value):
            raise UserError(
                f"the id '{value}' would be a formula in a spreadsheet",
                rule="ids must come back as they were sent",
                do="Send the batch as jsonl or label-studio.",
            )
    names = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(record.get(name)) for name in names] for record in records)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "'" + text if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    return text.startswith(_FORMULA) and not _NUMBER.fullmatch(text)
