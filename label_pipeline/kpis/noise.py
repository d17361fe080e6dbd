"""Noise: how many labels are disputed, probably wrong, or not settled yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from label_pipeline.estimates import wilson
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import BoolArray, Night

SETTLED = ("accepted", "adjudicated", "gold")


def figures(night: Night) -> list[Figure]:
    """dispute_rate, noise_rate and coverage: overall, by class of the label, by slice."""
    status, label = night.consensus["status"], night.consensus["label"]
    labelled = label.notna().to_numpy()
    everything = np.ones(len(status), dtype=np.bool_)
    disputed, settled = (status == "disputed").to_numpy(), status.isin(SETTLED).to_numpy()
    examined = np.ones(len(night.issues), dtype=np.bool_)
    is_issue = night.issues["is_issue"].to_numpy(dtype=np.bool_)

    found = _shares("dispute_rate", disputed, labelled, label, night.consensus, night)
    found += _shares("coverage", settled, everything, label, night.consensus, night)
    found += _shares("noise_rate", is_issue, examined, night.issues["given_label"], night.issues, night)
    return found


def _shares(
    kpi: str, hits: BoolArray, base: BoolArray, label: pd.Series[Any], rows: pd.DataFrame, night: Night
) -> list[Figure]:
    """The share of `base` that is `hits`, for all rows, the rows of each class, and the rows of each slice."""
    parts = [("all", "", np.ones(len(rows), dtype=np.bool_))]
    parts += [("class", name, night.meaning.holds(label, name)) for name in night.shown_classes]
    parts += [("slice", member, ours) for member, ours in night.by_slice(rows["item_id"])]
    return [
        Figure.of(kpi, wilson(int((hits & base & ours).sum()), int((base & ours).sum())), dimension, member)
        for dimension, member, ours in parts
    ]
