"""Which of a project's items measure, or will: the one answer to it for batches, promotions and training sets."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from label_pipeline.contracts.tables import GOLD_SET, LABEL_ISSUES
from label_pipeline.gold.holdout import held_out
from label_pipeline.gold.life import is_drawn
from label_pipeline.orchestration.desk import Desk
from label_pipeline.state import current_items

if TYPE_CHECKING:
    import pandas as pd


def drawn_items(desk: Desk, day: date) -> dict[str, date]:
    """The items that are drawn for evaluation, with the day on which each came."""
    draw = desk.project.gold.draw
    if draw is None:
        return {}
    items = current_items(desk.lake, desk.project, day).select(["item_id", "landed_day"]).to_pylist()
    return {
        r["item_id"]: r["landed_day"]
        for r in items
        if r["landed_day"] >= draw.since and is_drawn(r["item_id"], draw.share)
    }


def held_items(desk: Desk, day: date) -> pd.Series[str]:
    """What evaluates as of `day`, near duplicates included, each with why; see `gold.holdout.held_out`."""
    return held_out(desk.frame(GOLD_SET, day), drawn=drawn_items(desk, day), twins=desk.frame(LABEL_ISSUES, day))
