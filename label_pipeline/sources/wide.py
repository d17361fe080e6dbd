"""Rows of answers: the shared reading of tables in which a row holds one answer, or several numbered by `<n>`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from label_pipeline.errors import UserError, nearest
from label_pipeline.project import Source
from label_pipeline.sources.reading import Reading, answer_schema, fetch, item_schema
from label_pipeline.sql import identifier, literal


@dataclass(frozen=True, slots=True)
class Parts:
    """SQL, over the table `landed`, for the parts of an answer that are not its item and label."""

    annotation_id: str
    annotator: str
    status: str
    started_at: str
    annotated_at: str
    duration_s: str
    duration_source: str


def read_wide(
    con: Any, columns: Sequence[str], broken: Any, source: Source, fields: tuple[str, ...], parts: Parts
) -> Reading:
    """Answers and items of the opened table `landed`, `<n>` by `<n>`; a slot with neither item nor label is none."""
    items = first_numbered(source.item, columns, "item")
    labels = first_numbered(source.label, columns, "label")
    numbers = sorted(items.keys() & labels.keys(), key=lambda k: (len(k), k))
    answers, payloads = [], []
    for position, n in enumerate(numbers, start=1):
        item, label = identifier(items[n]), identifier(labels[n])
        suffix = f" || {literal('/' + n)}" if n else ""
        shared = len(numbers) > 1 and parts.duration_source != "none"
        duration = f"(try_cast({parts.duration_s} AS DOUBLE) / {len(numbers)})::VARCHAR" if shared else parts.duration_s
        here = f"FROM landed WHERE coalesce(nullif(trim({item}), ''), nullif(trim({label}), '')) IS NOT NULL"
        if len(numbers) == 1:
            here = "FROM landed"
        answers.append(
            f"SELECT landed_row, {position} AS answer, {parts.annotation_id}{suffix} AS annotation_id, "
            f"{item} AS item_id, "
            f"{parts.annotator} AS annotator, {label} AS label, {parts.status} AS status, false AS is_gold_check, "
            f"{parts.started_at} AS started_at, {parts.annotated_at} AS annotated_at, {duration} AS duration_s, "
            f"{literal('suite_divided' if shared else parts.duration_source)} AS duration_source, "
            f"NULL::VARCHAR AS batch_id {here}"
        )
        payload = payload_of(fields, source.fields, columns, n)
        payloads.append(f"SELECT landed_row, {item} AS item_id, {payload} AS payload {here}")
    return Reading(
        answers=fetch(con, " UNION ALL ".join(answers) + " ORDER BY landed_row, answer", answer_schema()),
        items=fetch(con, " UNION ALL ".join(payloads), item_schema()),
        broken=broken,
    )


def numbered(template: str, columns: Iterable[str]) -> dict[str, str]:
    """Columns that a template with `<n>` names, by what stands for n (digits or nothing)."""
    if "<n>" not in template:
        return {"": template} if template in columns else {}
    pattern = re.compile(re.escape(template).replace(re.escape("<n>"), r"(\d*)"))
    return {match.group(1): column for column in columns if (match := pattern.fullmatch(column))}


def first_numbered(templates: Sequence[str], columns: Sequence[str], field: str) -> dict[str, str]:
    """The columns of the first template that the file has.

    Raises:
        UserError: none of them is there; the message lists the nearest column.
    """
    for template in templates:
        found = numbered(template, columns)
        if found:
            return found
    wanted = " or ".join(f"'{t}'" for t in templates)
    raise UserError(
        f"column {wanted} is missing",
        rule="column_missing",
        do=f"{nearest(templates[0], columns)} Set {field} in the project file.",
    )


def text_of(column: str | None, columns: Sequence[str], field: str) -> str:
    """SQL for an optional text column: empty counts as null; a named column that is missing is an error."""
    if column is None:
        return "NULL::VARCHAR"
    if column not in columns:
        raise UserError(
            f"column '{column}' is missing",
            rule="column_missing",
            do=f"{nearest(column, columns)} Set {field} in the project file.",
        )
    return f"nullif(trim({identifier(column)}), '')"


def payload_of(fields: tuple[str, ...], mapping: dict[str, str], columns: Sequence[str], n: str = "") -> str:
    """SQL for the declared item fields as one JSON text; only those the file has, so '{}' when it has none."""
    parts = []
    for field in fields:
        column = mapping.get(field, field).replace("<n>", n)
        if column in columns:
            parts.append(f"{literal(field)}, {identifier(column)}")
    return f"json_object({', '.join(parts)})::VARCHAR"
