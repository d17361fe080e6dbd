"""Nights written by hand, row by row; a column left out is missing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night

DAY = date(2026, 10, 8)
VOTE = ["item_id", "annotator_id", "label", "annotated_at", "duration_s", "source", "group", "role",
        "is_gold_check", "guideline_version"]  # fmt: skip
COLUMNS = {
    "annotations": VOTE,
    "events": [*VOTE, "status", "landed_day"],
    "items": ["item_id", "arrived_at", "landed_day"],
    "consensus": ["item_id", "label", "voted_label", "voted_confidence", "confidence", "status"],
    "first_settled": ["item_id", "settled_day"],
    "gold": ["item_id", "version", "label", "origin", "role"],
    "issues": ["item_id", "given_label", "suggested_label", "label_quality", "is_issue", "kind"],
    "queue": ["rank", "item_id", "route", "within_budget", "gain"],
    "outcomes": ["item_id", "route", "answers", "expected", "achieved"],
}


@dataclass(frozen=True)
class Asked:
    """A target as a project states it."""

    at_least: float | None = None
    at_most: float | None = None


def frame(name: str, rows: Iterable[dict[str, Any]], slices: tuple[str, ...] = ()) -> pd.DataFrame:
    columns = [*COLUMNS[name], *(slices if name == "items" else ())]
    made = pd.DataFrame(list(rows), columns=columns, dtype=object)
    for column in {"annotated_at", "arrived_at"} & set(columns):
        made[column] = pd.to_datetime(made[column], utc=True, format="ISO8601")
    for column in {"duration_s", "confidence", "voted_confidence", "label_quality"} & set(columns):
        made[column] = made[column].astype("float64")
    return made


def night(
    *, classes: tuple[str, ...] = ("cat", "dog"), slices: tuple[str, ...] = (), kind: Any = "single_choice",
    timezone: str = "Europe/Berlin", **rows: list[dict[str, Any]],
) -> Night:  # fmt: skip
    frames = {name: frame(name, rows.get(name, []), slices) for name in COLUMNS}
    return Night(DAY, timezone, classes, kind, slices=slices, targets={}, seed=3, **frames)


def by_key(figures: list[Figure]) -> dict[tuple[str, str, str], Figure]:
    found = {(f.kpi, f.dimension, f.member): f for f in figures}
    assert len(found) == len(figures), "two figures have one key"
    return found


def value(figures: list[Figure], kpi: str, dimension: str = "all", member: str = "") -> tuple[float | None, int]:
    figure = by_key(figures)[kpi, dimension, member]
    return figure.value, figure.n
