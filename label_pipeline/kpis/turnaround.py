"""Turnaround: how long an item waits for a label that is good enough, and for each of those who make it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from label_pipeline.estimates import quantile
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night, ends_of, in_utc

WINDOW_DAYS = 28


def figures(night: Night) -> list[Figure]:
    """turnaround, review_turnaround and adjudication_turnaround, each as p50 and p90."""
    waits = {
        "turnaround": settled_hours(night),
        "review_turnaround": review_hours(night),
        "adjudication_turnaround": adjudication_hours(night),
    }
    return [
        Figure.of(f"{name}_{percentile}", quantile(hours.to_numpy(np.float64), share))
        for name, hours in waits.items()
        for percentile, share in (("p50", 0.5), ("p90", 0.9))
    ]


def review_hours(night: Night) -> pd.Series[Any]:
    """The hours from an item's answer to the next annotator's, by item_id, one a reviewing answer of the window.

    A reviewer is whoever answers an item that somebody else had answered; adjudicators have their own figure.
    """
    answers = _timed(night)
    answers, same = _in_turn(answers[answers["role"] != "adjudicator"])
    reviews = same & (answers["annotator_id"].shift() != answers["annotator_id"])
    return _hours(night, answers, answers["annotated_at"].shift(), reviews)


def adjudication_hours(night: Night) -> pd.Series[Any]:
    """The hours from an item's last annotation to the adjudicator's answer after it, by item_id, in the window."""
    answers = _timed(night)
    decided = answers.loc[answers["role"] == "adjudicator", "item_id"]
    answers, _ = _in_turn(answers[answers["item_id"].isin(decided)])
    decides = answers["role"] == "adjudicator"
    before = answers["annotated_at"].where(~decides).groupby(answers["item_id"]).ffill()
    return _hours(night, answers, before, decides & before.notna())


def _in_turn(answers: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """The answers item by item, as they were given, at one time by annotator; which of them are not an item's first."""
    item, who = pd.factorize(answers["item_id"])[0], pd.factorize(answers["annotator_id"], sort=True)[0]
    times = in_utc(answers["annotated_at"]).dt.tz_localize(None).to_numpy().astype(np.int64)
    order = np.lexsort((who, times, item))
    answers, item = answers.iloc[order], item[order]
    later = np.append(np.zeros(min(len(item), 1), dtype=np.bool_), item[1:] == item[:-1])
    return answers, pd.Series(later, index=answers.index)


def _timed(night: Night) -> pd.DataFrame:
    """The submitted answers whose time is known."""
    events = night.people_events
    timed = (events["status"] == "submitted") & events["annotated_at"].notna()
    return events.loc[timed, ["item_id", "annotator_id", "role", "annotated_at", "landed_day"]]


def _hours(night: Night, answers: pd.DataFrame, before: pd.Series[Any], wanted: pd.Series[Any]) -> pd.Series[Any]:
    """The hours `before` the answers that are `wanted` and were given in the window, by item_id."""
    wanted = wanted & night.within(answers["annotated_at"], answers["landed_day"], WINDOW_DAYS)
    waited = in_utc(answers["annotated_at"]) - in_utc(before)
    hours: pd.Series[Any] = waited[wanted].dt.total_seconds() / 3600.0
    return hours.set_axis(answers.loc[wanted, "item_id"])


def settled_hours(night: Night) -> pd.Series[Any]:
    """The hours from arrival to settlement, by item_id, of the items first settled in the last `WINDOW_DAYS` days.

    An item is settled by its last answer that had landed on its first settled day, at the time that answer was
    given; where no time is known, at the end of that day. It arrives at arrived_at; where that is unknown both
    ends are ends of days, landing to settling, so that two clocks are never mixed: with no arrival known and
    everything settled on the day it landed, nothing is known of the wait, and no row is given. Gold seeds were
    settled before they came and are left out, as are items answered before they arrived (the clocks disagree).
    """
    settled = night.settled_by_labelling
    settled = settled.assign(settled_day=pd.to_datetime(settled["settled_day"]))
    since = pd.Timestamp(night.day - timedelta(days=WINDOW_DAYS - 1))
    settled = settled[(settled["settled_day"] >= since) & (settled["settled_day"] <= pd.Timestamp(night.day))]
    settled = settled.merge(night.items[["item_id", "arrived_at", "landed_day"]], on="item_id")
    settled = settled.set_index("item_id")

    day_ends = ends_of(settled["settled_day"], night.timezone)
    arrived = in_utc(settled["arrived_at"])
    done = _last_answer(night, settled["settled_day"]).fillna(day_ends).where(arrived.notna(), day_ends)
    arrived = arrived.fillna(ends_of(settled["landed_day"], night.timezone))
    hours = (done - arrived).dt.total_seconds() / 3600.0
    hours = hours[hours >= 0]
    tells = settled.loc[hours.index, "arrived_at"].notna() | (hours > 0)
    return hours if tells.any() else hours.iloc[:0]


def _last_answer(night: Night, settled_day: pd.Series[Any]) -> pd.Series[Any]:
    """When the last submitted answer of each item was given that had landed by its settled day; missing if unknown."""
    answers = night.events.loc[
        (night.events["status"] == "submitted") & night.events["item_id"].isin(settled_day.index),
        ["item_id", "annotated_at", "landed_day"],
    ]
    in_time = pd.to_datetime(answers["landed_day"]) <= answers["item_id"].map(settled_day)
    times = in_utc(answers.loc[in_time, "annotated_at"])
    return times.groupby(answers.loc[in_time, "item_id"]).max().reindex(settled_day.index)
