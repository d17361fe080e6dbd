"""What one annotator is told of their own work: figures with intervals, class by class, beside the group's spread.

Nothing about any other person goes in: others are three quartiles, of the group where it is large enough, else of all
who have the role, and none of fewer than `LEAST_OTHERS` people. No figure is given on fewer observations than it takes
to judge anybody. There is no rank. How it is shown is `report.annotator`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.annotators.table import Limits
from label_pipeline.estimates import Estimate, quantile, wilson

MINIMUM = Limits().minimum
"""Answers below which nothing is said of how right somebody is; the flags' own minimum."""
LEAST_CHECKS = 10
"""Gold checks, or answers on a class, below which no share is given."""
LEAST_OTHERS = 5
"""Other people with as many answers, below which nothing is said of them."""

Holds = Callable[["pd.Series[Any]", str], npt.NDArray[np.bool_]]
"""Which labels of a column say a class."""


@dataclass(frozen=True, slots=True)
class Quartiles:
    """A quarter, a half and three quarters of `people` others lie below these, all of one group if `of_group`."""

    low: float
    half: float
    high: float
    people: int
    of_group: bool


@dataclass(frozen=True, slots=True)
class OwnFigure:
    """One figure: `estimate` has no value where its n is below `least`; `group` is None with too few others."""

    name: str
    estimate: Estimate
    least: int
    group: Quartiles | None


@dataclass(frozen=True, slots=True)
class OwnClass:
    """Answers on items whose label is, or holds, the class: how many say so too, and what is said instead most often.

    `checks` is the same on gold checks.
    """

    name: str
    same: Estimate
    instead: str | None
    checks: Estimate


def own_figures(person: str, quality: pd.DataFrame, scores: pd.DataFrame, seconds: npt.NDArray[Any]) -> list[OwnFigure]:
    """How often right by all answers and on gold checks, and the time an answer takes.

    `quality` is a frame of annotator_quality, `scores` of gold_scores, of everybody; `seconds` (n,) are the person's
    durations, NaN where unknown.
    """
    own = quality[quality["annotator_id"] == person].iloc[0]
    others = quality[(quality["role"] == own["role"]) & (quality["annotator_id"] != person)].set_index("annotator_id")
    judged, group = others[others["n"] >= MINIMUM], others.index[others["group"] == own["group"]]
    overall = scores[scores["true_label"] == ""].set_index("annotator_id")
    checked = overall[overall.index.isin(others.index) & (overall["n"] >= LEAST_CHECKS)]
    right = Estimate(float(own["quality"]), _end(own["quality_low"]), _end(own["quality_high"]), int(own["n"]))
    timed = quantile(np.asarray(seconds, dtype=np.float64)[~np.isnan(seconds)], 0.5)
    return [
        OwnFigure(
            "right, by all that was answered", _enough(right, MINIMUM), MINIMUM, _quartiles(judged["quality"], group)
        ),
        OwnFigure(
            "right on gold checks",
            _enough(_checks(overall, person), LEAST_CHECKS),
            LEAST_CHECKS,
            _quartiles(checked["right"] / checked["n"], group),
        ),
        OwnFigure(
            "seconds an answer (median)",
            _enough(timed, MINIMUM),
            MINIMUM,
            _quartiles(judged["median_duration_s"], group),
        ),
    ]


def own_classes(
    person: str, votes: pd.DataFrame, scores: pd.DataFrame, classes: Sequence[str], holds: Holds
) -> list[OwnClass]:
    """One entry a class, in the declared order.

    `votes` are the person's, with label and `consensus`, the label of the item (missing: none); `scores` is a frame of
    gold_scores.
    """
    votes = votes[votes["consensus"].notna()]
    found = []
    for name in classes:
        there = votes[holds(votes["consensus"], name)]
        same = holds(there["label"], name)
        instead = there.loc[~same, "label"].value_counts()
        instead = instead[instead == instead.max()].sort_index()
        checks = scores[scores["true_label"] == name].set_index("annotator_id")
        found.append(
            OwnClass(
                name,
                _enough(wilson(int(same.sum()), len(there)), LEAST_CHECKS),
                str(instead.index[0]) if len(instead) and len(there) >= LEAST_CHECKS else None,
                _enough(_checks(checks, person), LEAST_CHECKS),
            )
        )
    return found


def _checks(scores: pd.DataFrame, person: str) -> Estimate:
    """Right answers on gold checks, by annotator id."""
    if person not in scores.index:
        return Estimate(None, None, None, 0)
    row = scores.loc[person]
    return Estimate(float(row["right"] / row["n"]), _end(row["low"]), _end(row["high"]), int(row["n"]))


def _enough(estimate: Estimate, least: int) -> Estimate:
    return estimate if estimate.n >= least else Estimate(None, None, None, estimate.n)


def _quartiles(values: pd.Series[Any], group: pd.Index[Any]) -> Quartiles | None:
    """Those of the `group`, or of all where fewer than `LEAST_OTHERS` of it have a value; by annotator id."""
    known = values.dropna()
    ours = known[known.index.isin(group)]
    of_group = len(ours) >= LEAST_OTHERS
    known = ours if of_group else known
    if len(known) < LEAST_OTHERS:
        return None
    low, half, high = (float(v) for v in np.quantile(known.to_numpy(np.float64), [0.25, 0.5, 0.75]))
    return Quartiles(low, half, high, len(known), of_group)


def _end(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
