"""Queue: what waits for another answer, for whom, and since when."""

from __future__ import annotations

import pandas as pd

from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night

ROUTES = ("annotator", "adjudicator", "guideline")


def figures(night: Night) -> list[Figure]:
    """queue_size (overall and by route), queue_tonight, oldest_age_days."""
    n = len(night.consensus)
    size = len(night.queue) if n else None
    tonight = int(night.queue["within_budget"].sum()) if n else None
    found = [
        Figure.counted("queue_size", size, n),
        Figure.counted("queue_tonight", tonight, len(night.queue)),
        _oldest(night),
    ]
    for route in ROUTES:
        waiting = int((night.queue["route"] == route).sum()) if n else None
        found.append(Figure.counted("queue_size", waiting, n, "route", route))
    return found


def _oldest(night: Night) -> Figure:
    landed = night.items.loc[night.items["item_id"].isin(night.queue["item_id"]), "landed_day"]
    ages = (pd.Timestamp(night.day) - pd.to_datetime(landed)).dt.days.dropna()
    return Figure.counted("oldest_age_days", float(ages.max()) if len(ages) else None, len(ages))
