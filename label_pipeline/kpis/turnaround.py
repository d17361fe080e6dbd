"""Turnaround: how long an item waits for a label that is good enough."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from label_pipeline.estimates import quantile
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night, ends_of

WINDOW_DAYS = 28


def figures(night: Night) -> list[Figure]:
    """turnaround_p50 and turnaround_p90."""
    hours = settled_hours(night).to_numpy(np.float64)
    return [
        Figure.of("turnaround_p50", quantile(hours, 0.5)),
        Figure.of("turnaround_p90", quantile(hours, 0.9)),
    ]


def settled_hours(night: Night) -> pd.Series[Any]:
    """The hours from arrival to settlement, by item_id, of the items first settled in the last `WINDOW_DAYS` days.

    An item is settled by its last answer that had landed on its first settled day, at the time that answer was
    given; where no time is known, at the end of that day. It arrives at arrived_at; where that is unknown both
    ends are ends of days, landing to settling, so that two clocks are never mixed. Gold seeds were settled
    before they came and are left out, as are items answered before they arrived (the clocks disagree).
    """
    settled = night.settled_by_labelling
    settled = settled.assign(settled_day=pd.to_datetime(settled["settled_day"]))
    since = pd.Timestamp(night.day - timedelta(days=WINDOW_DAYS - 1))
    settled = settled[(settled["settled_day"] >= since) & (settled["settled_day"] <= pd.Timestamp(night.day))]
    settled = settled.merge(night.items[["item_id", "arrived_at", "landed_day"]], on="item_id")
    settled = settled.set_index("item_id")

    day_ends = ends_of(settled["settled_day"], night.timezone)
    arrived = pd.to_datetime(settled["arrived_at"], utc=True)
    done = _last_answer(night, settled["settled_day"]).fillna(day_ends).where(arrived.notna(), day_ends)
    arrived = arrived.fillna(ends_of(settled["landed_day"], night.timezone))
    hours = (done - arrived).dt.total_seconds() / 3600.0
    return hours[hours >= 0]


def _last_answer(night: Night, settled_day: pd.Series[Any]) -> pd.Series[Any]:
    """When the last submitted answer of each item was given that had landed by its settled day; missing if unknown."""
    answers = night.events.loc[
        (night.events["status"] == "submitted") & night.events["item_id"].isin(settled_day.index),
        ["item_id", "annotated_at", "landed_day"],
    ]
    in_time = pd.to_datetime(answers["landed_day"]) <= answers["item_id"].map(settled_day)
    times = pd.to_datetime(answers.loc[in_time, "annotated_at"], utc=True)
    return times.groupby(answers.loc[in_time, "item_id"]).max().reindex(settled_day.index)
