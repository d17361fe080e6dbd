"""The end of the graph of a project whose labels have no consensus yet: a mart with every answer as it was given."""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg

from label_pipeline.contracts.tables import ANNOTATION_EVENTS, LANDINGS, QUARANTINE
from label_pipeline.kept import kept_words
from label_pipeline.orchestration.assets_publish import last_day_asset
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.marts import build_marts


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """What follows the intake: the mart alone, which says why."""
    words = f"The DuckDB file people and BI tools open. {kept_words(desk.project).capitalize()}."
    after = ("annotation_events", "landings", "quarantine")
    return [last_day_asset(desk, "mart", words, {"duckdb"}, _mart, after=after)]


def _mart(desk: Desk, walked: list[date]) -> dict[str, Any]:
    """The mart of the newest day, and how many answers of each status there are as of the last day walked."""
    newest = desk.lake.days(LANDINGS)[-1]
    tables = (ANNOTATION_EVENTS, LANDINGS, QUARANTINE)
    rows = build_marts(desk, newest, (), tables)
    found = desk.events(walked[-1])["status"].value_counts().to_pylist()
    counted = {each["values"]: each["counts"] for each in sorted(found, key=lambda each: str(each["values"]))}
    said = dg.MetadataValue.md(kept_words(desk.project).capitalize() + ".")
    return {"in words": said, "day": str(newest), "dagster/row_count": sum(rows.values()), **rows, **counted}
