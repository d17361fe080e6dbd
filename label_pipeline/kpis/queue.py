"""Queue: what waits for another answer, for whom, since when; what the budget shall buy, and what it bought."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from label_pipeline.estimates import normal
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night

ROUTES = ("annotator", "adjudicator", "guideline")


def figures(night: Night) -> list[Figure]:
    """queue_size, relabel_yield and relabel_promised (overall and by route), queue_tonight, relabel_expected,
    oldest_age_days."""
    n = len(night.consensus)
    size = len(night.queue) if n else None
    tonight = int(night.queue["within_budget"].sum()) if n else None
    found = [
        Figure.counted("queue_size", size, n),
        Figure.counted("queue_tonight", tonight, len(night.queue)),
        _oldest(night),
        _expected(night),
        *_bought(night.outcomes, "all", ""),
    ]
    for route in ROUTES:
        of_route = night.outcomes[night.outcomes["route"] == route] if len(night.outcomes) else night.outcomes
        found += _bought(of_route, "route", route)
        waiting = int((night.queue["route"] == route).sum()) if n else None
        found.append(Figure.counted("queue_size", waiting, n, "route", route))
    return found


def _expected(night: Night) -> Figure:
    tonight = night.queue[night.queue["within_budget"]] if len(night.queue) else night.queue
    value = float(tonight["gain"].sum()) if len(night.consensus) else None
    return Figure.counted("relabel_expected", value, len(tonight))


def _bought(rows: pd.DataFrame, dimension: str, member: str) -> list[Figure]:
    """Right labels by 100 answers, as they came out and as they were expected: n counts the answers.

    The interval is the large-sample one of a ratio of sums over items and days; none of fewer than two.
    """
    answers = int(rows["answers"].sum()) if len(rows) else 0
    if not answers:
        return [Figure.counted(kpi, None, 0, dimension, member) for kpi in ("relabel_yield", "relabel_promised")]
    achieved, given = rows["achieved"].to_numpy(np.float64), rows["answers"].to_numpy(np.float64)
    value = 100.0 * float(achieved.sum()) / answers
    promised = Figure.counted(
        "relabel_promised", 100.0 * float(rows["expected"].sum()) / answers, answers, dimension, member
    )
    if len(rows) < 2:
        return [Figure.counted("relabel_yield", value, answers, dimension, member), promised]
    squares = float(((100.0 * achieved - value * given) ** 2).sum()) * len(rows) / (len(rows) - 1)
    return [
        Figure.of("relabel_yield", normal(value, math.sqrt(squares) / answers, answers), dimension, member),
        promised,
    ]


def _oldest(night: Night) -> Figure:
    landed = night.items.loc[night.items["item_id"].isin(night.queue["item_id"]), "landed_day"]
    ages = (pd.Timestamp(night.day) - pd.to_datetime(landed)).dt.days.dropna()
    return Figure.counted("oldest_age_days", float(ages.max()) if len(ages) else None, len(ages))
