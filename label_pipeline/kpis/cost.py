"""Cost: what a settled label costs by who worked on it, and how many labels needed no person.

Rates are the project file's. What an answer is worth is not asked here.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.estimates import Estimate, FloatArray, normal, wilson
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night, members

_UNKNOWN = Estimate(None, None, None, 0)
_HOUR = 3600.0
_WEEK = 7


def figures(night: Night) -> list[Figure]:
    """cost_per_settled_label and spend_last_7_days, overall and by group; automation_rate."""
    events = night.events
    cost, item = _costs(night), pd.factorize(events["item_id"])[0]
    credit = _credit(night, item)
    week = night.within(events["annotated_at"], events["landed_day"], _WEEK)
    found = [Figure.of("automation_rate", _automation(night))]
    parts = [("all", "", np.ones(len(events), np.bool_))]
    parts += [("group", str(name), (events["group"] == name).to_numpy()) for name in members(events["group"])]
    for dimension, member, ours in parts:
        known = bool(night.rates) and bool(ours.any()) and not np.isnan(cost[ours]).any()
        spent = float(cost[ours & week].sum()) if known else None
        per_label = _ratio(item[ours], cost[ours], credit[ours]) if known else _UNKNOWN
        found += [
            Figure.of("cost_per_settled_label", per_label, dimension, member),
            Figure.counted("spend_last_7_days", spent, int((ours & week).sum()) if known else 0, dimension, member),
        ]
    return found


def _costs(night: Night) -> FloatArray:
    """What each answer cost (n,); missing where its group has no rate, or is paid by the hour and no hour is known.

    Submitted answers are paid by the piece; by the hour, skipped and rejected ones took time too. An answer whose
    time is unknown took the median of its group's.
    """
    events = night.events
    cost = pd.Series(np.where(events["status"] == "deleted", 0.0, np.nan), index=events.index)
    for group, rate in night.rates.items():
        ours = (events["group"] == group) & (events["status"] != "deleted")
        if rate.per_annotation is not None:
            cost[ours] = np.where(events.loc[ours, "status"] == "submitted", rate.per_annotation, 0.0)
        elif rate.per_hour is not None:
            seconds = events.loc[ours, "duration_s"].astype(np.float64)
            cost[ours] = seconds.fillna(seconds.dropna().median()) / _HOUR * rate.per_hour
    return np.asarray(cost, dtype=np.float64)


def _credit(night: Night, item: npt.NDArray[np.int64]) -> FloatArray:
    """Each answer's share in a settled label (n,): one, shared equally by the submitted answers on its `item`."""
    settled = night.events["item_id"].isin(night.settled_by_labelling["item_id"])
    answered = np.asarray(settled & (night.events["status"] == "submitted"), dtype=np.float64)
    if not len(item):
        return answered
    return np.asarray(answered / np.maximum(np.bincount(item, weights=answered)[item], 1.0))


def _ratio(item: npt.NDArray[np.int64], cost: FloatArray, credit: FloatArray) -> Estimate:
    """Money by labels, with the large-sample interval of a ratio of sums over items; n counts the items with labels."""
    worked = np.bincount(item) > 0
    costs, labels = (np.bincount(item, weights=each)[worked] for each in (cost, credit))
    total, n = float(labels.sum()), int((labels > 0).sum())
    if n == 0:
        return _UNKNOWN
    value = float(costs.sum()) / total
    if len(costs) < 2:
        return Estimate(value, None, None, n)
    squares = float(((costs - value * labels) ** 2).sum()) * len(costs) / (len(costs) - 1)
    estimate = normal(value, math.sqrt(squares) / total, n)
    assert estimate.ci_low is not None
    return Estimate(value, max(estimate.ci_low, 0.0), estimate.ci_high, n)


def _automation(night: Night) -> Estimate:
    """The share of settled labels that models gave alone; labels from gold seeds are no work and are left out."""
    settled = night.settled_by_labelling["item_id"]
    events = night.people_events
    alone = ~settled.isin(events.loc[events["status"] == "submitted", "item_id"])
    return wilson(int(alone.sum()), len(settled))
