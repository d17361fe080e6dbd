"""What the rest of a project costs, told by its pilot: annotations that are still needed, and their price by group.

An item gets the least number of annotations, and one that is disputed then gets the most there are. How many are
disputed, and how long an answer takes, is what the pilot measured. What adjudicators cost after that is not in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from label_pipeline.estimates import Estimate, mean, wilson
from label_pipeline.kpis.night import Rate

_HOUR = 3600.0
UNSETTLED = ("unlabelled", "open", "disputed")


@dataclass(frozen=True, slots=True)
class GroupCost:
    """What it costs when one group does all of it: hours of work, the price of an annotation, money in all.

    `hours` is undefined where no time is known, `price` and `money` too where the group has no rate.
    """

    group: str
    hours: Estimate
    price: Estimate
    money: Estimate


@dataclass(frozen=True, slots=True)
class Finish:
    """What is left: `items` not settled of `known`, of which `exhausted` have the most annotations there are and wait
    for an adjudicator; the share of the pilot's items that was `disputed` after the least number of annotations, the
    annotations that makes, and what they cost by group."""

    known: int
    items: int
    exhausted: int
    disputed: Estimate
    annotations: Estimate
    groups: tuple[GroupCost, ...]


def finish(
    consensus: pd.DataFrame,
    pilot: pd.DataFrame,
    answers: pd.DataFrame,
    rates: Mapping[str, Rate],
    *,
    least: int,
    most: int,
) -> Finish:
    """The cost to finish.

    `consensus` is consensus_labels of all items, `pilot` the part of it that the pilot asked for; `answers` are the
    pilot's: group, duration_s. Groups are those with answers in the pilot, and those with a rate.
    """
    disputed = _disputed(pilot, least)
    left = consensus[consensus["status"].isin(UNSETTLED)]
    annotations = _annotations(left, disputed, least, most)
    exhausted = int((left["n_annotations"] >= most).sum())
    return Finish(len(consensus), len(left), exhausted, disputed, annotations, group_costs(annotations, answers, rates))


def group_costs(annotations: Estimate, answers: pd.DataFrame, rates: Mapping[str, Rate]) -> tuple[GroupCost, ...]:
    """What some annotations cost each group that has `answers` (group, duration_s) or a rate."""
    groups = sorted({*answers["group"].astype(str), *rates})
    return tuple(_group(name, annotations, answers, rates.get(name)) for name in groups)


def _disputed(pilot: pd.DataFrame, least: int) -> Estimate:
    """The share of the items with enough annotations that nobody but another annotation could settle."""
    judged = pilot[(pilot["n_annotations"] >= least) & ~pilot["status"].isin(["gold", "unlabelled"])]
    # An adjudicated item was disputed before.
    return wilson(int(judged["status"].isin(["disputed", "adjudicated"]).sum()), len(judged))


def _annotations(left: pd.DataFrame, disputed: Estimate, least: int, most: int) -> Estimate:
    """Annotations still needed: linear in the share that will be disputed, so its interval is theirs."""
    n = left["n_annotations"].to_numpy(np.int64)
    now = (left["status"] == "disputed").to_numpy(np.bool_)
    certain = float(np.maximum(least - n[~now], 0).sum() + np.maximum(most - n[now], 0).sum())
    if disputed.value is None:
        return Estimate(None, None, None, len(left))
    per_share = float((most - np.clip(n[~now], least, most)).sum())
    assert disputed.ci_low is not None
    assert disputed.ci_high is not None
    value, low, high = (certain + share * per_share for share in (disputed.value, disputed.ci_low, disputed.ci_high))
    return Estimate(value, low, high, len(left))


def _group(name: str, annotations: Estimate, answers: pd.DataFrame, rate: Rate | None) -> GroupCost:
    unknown = Estimate(None, None, None, 0)
    seconds = answers.loc[answers["group"] == name, "duration_s"].to_numpy(np.float64)
    each = _scaled(mean(seconds), 1 / _HOUR)
    price = unknown
    if rate is not None and rate.per_annotation is not None:
        price = Estimate(rate.per_annotation, rate.per_annotation, rate.per_annotation, annotations.n)
    elif rate is not None and rate.per_hour is not None:
        price = _scaled(each, rate.per_hour)
    return GroupCost(name, _times(annotations, each), price, _times(annotations, price))


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    """A positive figure in another unit; an interval that reaches below nothing ends there."""
    low, high = (None if end is None else max(end, 0.0) * factor for end in (estimate.ci_low, estimate.ci_high))
    return Estimate(None if estimate.value is None else estimate.value * factor, low, high, estimate.n)


def _times(first: Estimate, second: Estimate) -> Estimate:
    """The product of two independent figures of at least 0, with an interval from theirs on the scale of logarithms.

    Source: Zou & Donner 2008 (MOVER), as `estimates.difference` is for differences.
    """
    if first.value is None or second.value is None:
        return Estimate(None, None, None, first.n)
    value = first.value * second.value
    down, up = 0.0, 0.0
    for one in (first, second):
        assert one.value is not None
        if one.ci_low is None or one.ci_high is None:
            return Estimate(value, None, None, first.n)
        down = math.hypot(down, _log_ratio(one.ci_low, one.value))
        up = math.hypot(up, _log_ratio(one.value, one.ci_high))
    return Estimate(value, value * math.exp(-down), value * math.exp(up), first.n)


def _log_ratio(small: float, large: float) -> float:
    if large <= 0:
        return 0.0
    return math.inf if small <= 0 else math.log(large / small)
