"""Throughput: how much work was done, how fast, by how many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from label_pipeline.estimates import Estimate, rate, wilson
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import BoolArray, Night, members

_UNKNOWN = Estimate(None, None, None, 0)
_HOUR = 3600.0


def figures(night: Night) -> list[Figure]:
    """annotations_per_day, annotations_last_7_days, settled_items_per_day, and the rest, by group where it is work."""
    events = night.people_events
    answered = (events["status"] == "submitted").to_numpy()
    today = night.within(events["annotated_at"], events["landed_day"], 1)
    week = night.within(events["annotated_at"], events["landed_day"], 7)
    found = [Figure.of("settled_items_per_day", _settled(night))]
    for dimension, member, ours in _parts(events):
        ever = bool((answered & ours).any())
        per_day = rate(int((answered & today & ours).sum()), 1.0) if ever else _UNKNOWN
        per_week = rate(int((answered & week & ours).sum()), 1.0) if ever else _UNKNOWN
        recent = events.loc[answered & week & ours, ["annotator_id", "duration_s"]]
        active = recent["annotator_id"].nunique() if ever else None
        found += [
            Figure.of("annotations_per_day", per_day, dimension, member),
            Figure.of("annotations_last_7_days", per_week, dimension, member),
            Figure.of("annotations_per_annotator_hour", _speed(recent), dimension, member),
            Figure.counted("active_annotators", active, per_week.n, dimension, member),
            Figure.of("skip_rate", _skips(events.loc[week & ours, "status"]), dimension, member),
        ]
    return found


def _parts(events: pd.DataFrame) -> Iterator[tuple[str, str, BoolArray]]:
    yield "all", "", np.ones(len(events), dtype=np.bool_)
    for group in members(events["group"]):
        yield "group", str(group), (events["group"] == group).to_numpy()


def _settled(night: Night) -> Estimate:
    if not len(night.items):
        return _UNKNOWN
    settled = pd.to_datetime(night.first_settled["settled_day"]) == pd.Timestamp(night.day)
    return rate(int(settled.sum()), 1.0)


def _speed(answers: pd.DataFrame) -> Estimate:
    seconds = answers["duration_s"].dropna()
    seconds = seconds[seconds > 0]
    return rate(len(seconds), float(seconds.sum()) / _HOUR) if len(seconds) else _UNKNOWN


def _skips(status: pd.Series[Any]) -> Estimate:
    decided = status.isin(["submitted", "rejected", "skipped"])
    return wilson(int((status == "skipped").sum()), int(decided.sum()))
