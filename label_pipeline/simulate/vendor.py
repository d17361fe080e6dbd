"""Answers as a labelling vendor delivers them: one CSV a working day, its own column names, local times."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from label_pipeline.simulate.work import Answer

SOURCE = "vendor"
COLUMNS = ("row_id", "image_id", "worker", "answer", "started_at", "finished_at")
SUMMER_TIME = timezone(timedelta(hours=2))


def stamp(at: datetime) -> str:
    """A time as the vendor writes it: Berlin's clock, with its offset, to the second."""
    return at.astimezone(SUMMER_TIME).isoformat(timespec="seconds")


def sheet(answers: Iterable[Answer], *, day: int) -> list[dict[str, str]]:
    """The rows of one day's work."""
    return [
        {
            "row_id": f"v-{a.number:05d}",
            "image_id": a.item_id,
            "worker": a.person.identity,
            "answer": a.label,
            "started_at": stamp(a.began),
            "finished_at": stamp(a.ended),
        }
        for a in answers
        if a.day == day and a.person.source == SOURCE and a.label is not None
    ]


def write(rows: Iterable[Mapping[str, str]]) -> bytes:
    """The CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
