"""Rows of answers: the shared reading of tables in which a row holds one answer, or several numbered by `<n>`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.project_sources import Source
from label_pipeline.sources.landed import Columns
from label_pipeline.sources.reading import Reading
from label_pipeline.sources.text import trimmed
from label_pipeline.sql import literal


@dataclass(frozen=True, slots=True)
class Parts:
    """SQL, over the table `landed_rows`, for the parts of an answer that are not its item and label."""

    annotation_id: str
    annotator: str
    status: str
    started_at: str
    annotated_at: str
    duration_s: str
    duration_source: str
    batch_id: str


def read_wide(columns: Columns, broken: Any, source: Source, fields: tuple[str, ...], parts: Parts) -> Reading:
    """Answers and items of `landed_rows`, `<n>` by `<n>`; a slot with neither item nor label is none."""
    items = first_numbered(source.item, columns, "item")
    labels = first_numbered(source.label, columns, "label")
    for n in sorted(labels.keys() - items.keys()):
        raise UserError(
            f"column '{labels[n]}' has no item column beside it",
            rule="column_missing",
            do="Set item and label in the project file, both with <n> or both without.",
        )
    numbers = sorted(items, key=lambda k: (len(k), k))
    answers, payloads = [], []
    for position, n in enumerate(numbers, start=1):
        # A column that no answer was ever written to is left out by some tools: those answers are empty.
        item, label = columns.text(items[n]), columns.text(labels[n]) if n in labels else "NULL::VARCHAR"
        suffix = f" || {literal('/' + n)}" if n else ""
        shared = len(numbers) > 1 and parts.duration_source != "none"
        duration = f"(try_cast({parts.duration_s} AS DOUBLE) / {len(numbers)})::VARCHAR" if shared else parts.duration_s
        here = f"FROM landed_rows WHERE coalesce({trimmed(item)}, {trimmed(label)}) IS NOT NULL"
        if len(numbers) == 1:
            here = "FROM landed_rows"
        answers.append(
            f"SELECT landed_row, {position} AS answer, {parts.annotation_id}{suffix} AS annotation_id, "
            f"{item} AS item_id, "
            f"{parts.annotator} AS annotator, {label} AS label, {parts.status} AS status, false AS is_gold_check, "
            f"{parts.started_at} AS started_at, {parts.annotated_at} AS annotated_at, {duration} AS duration_s, "
            f"{literal('suite_divided' if shared else parts.duration_source)} AS duration_source, "
            f"{parts.batch_id} AS batch_id {here}"
        )
        payload = payload_of(fields, source.fields, columns, n)
        payloads.append(f"SELECT landed_row, {item} AS item_id, {payload} AS payload {here}")
    in_order = " ORDER BY landed_row, answer" if len(numbers) > 1 else ""  # one a row is in order as it is
    return Reading(" UNION ALL ".join(answers) + in_order, " UNION ALL ".join(payloads), broken)


def numbered(template: str, columns: Iterable[str]) -> dict[str, str]:
    """Columns that a template with `<n>` names, by what stands for n (digits or nothing)."""
    if "<n>" not in template:
        return {"": template} if template in columns else {}
    pattern = re.compile(re.escape(template).replace(re.escape("<n>"), "([0-9]*)"))
    return {match.group(1): column for column in columns if (match := pattern.fullmatch(column))}


def first_numbered(templates: Sequence[str], columns: Columns, field: str) -> dict[str, str]:
    """The columns of the first template that the file has.

    Raises:
        UserError: none of them is there; the message names the nearest column.
    """
    for template in templates:
        found = numbered(template, columns)
        if found:
            return found
    raise missing(" or ".join(f"'{t}'" for t in templates), templates[0], columns, field)


def column_of(column: str | None, columns: Columns, field: str) -> str:
    """SQL for an optional text column as it is; a named column that is missing is an error."""
    if column is None:
        return "NULL::VARCHAR"
    if column not in columns:
        raise missing(f"'{column}'", column, columns, field)
    return columns.text(column)


def text_of(column: str | None, columns: Columns, field: str) -> str:
    """The same without white space around it; empty counts as null."""
    return "NULL::VARCHAR" if column is None else trimmed(column_of(column, columns, field))


def batch_of(source: Source, columns: Columns, own: str) -> str:
    """SQL for the batch: the mapped column, else `own`, in which `batch` sends it out, where the file has it."""
    return text_of(source.batch or (own if own in columns else None), columns, "batch")


def missing(words: str, name: str, columns: Columns, field: str) -> UserError:
    """A mapped column that the file has not. A file without a header has people in its first line: only a name that
    is nearly the wanted one is shown."""
    close = get_close_matches(name, columns, n=1)
    return UserError(
        f"column {words} is missing",
        rule="column_missing",
        do=(f"Did you mean '{close[0]}'?" if close else f"None of the file's {len(columns.texts)} columns is like it.")
        + f" Set {field} in the project file.",
    )


def payload_of(fields: tuple[str, ...], mapping: dict[str, str], columns: Columns, n: str = "") -> str:
    """SQL for the declared item fields as one JSON text; only those the file has, so '{}' when it has none."""
    parts = []
    for field in fields:
        column = mapping.get(field, field).replace("<n>", n)
        if column in columns:
            parts.append(f"{literal(field)}, {columns.value(column)}")
    return f"json_object({', '.join(parts)})::VARCHAR"
