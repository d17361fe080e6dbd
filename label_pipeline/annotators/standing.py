"""How the votes of each annotator count, by their answers on gold checks over time.

Here belong the stretches of days, their states and words, and which votes fall into one. Which answers score is
`gold.checks`', the statistics `sequential`'s; what a consensus makes of a state is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from label_pipeline.annotators.sequential import Stretch, bounds, stretches
from label_pipeline.contracts.tables import ANNOTATOR_STANDING, GOLD_SCORES
from label_pipeline.votes import BoolArray

COUNTING, LESS, NOT = "counting", "less weight", "not counting"
LESS_WEIGHT = 0.5
"""What a vote of less weight counts for."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The share of gold checks an annotator is to get right, and what becomes of votes below: less weight or none."""

    at_least: float
    otherwise: Literal["weigh", "exclude"] = "weigh"

    @property
    def state(self) -> str:
        """The state of votes below the limit."""
        return LESS if self.otherwise == "weigh" else NOT


def given_on(annotations: pd.DataFrame, timezone: str) -> pd.Series[Any]:
    """The local day on which each answer was given; its landing day where no time is known."""
    times = pd.to_datetime(annotations["annotated_at"], utc=True).dt.tz_convert(timezone).dt.tz_localize(None)
    return times.dt.normalize().fillna(pd.to_datetime(annotations["landed_day"]))


def standing(answers: pd.DataFrame, first_votes: pd.Series[Any], limit: Limit | None) -> pd.DataFrame:
    """The stretches of every annotator, a frame of the table annotator_standing.

    `answers` is from `gold.checks.check_answers`; `first_votes` is the day of each annotator's first vote, by annotator
    id. Days with gold checks are the looks of `sequential.stretches`. A stretch begins on the first day of the bets
    that showed it, so that work which gold checks had found good stays good, and work since the day it turned does not
    count; the first one begins with the first vote. Without a limit everybody counts.
    """
    days = answers.groupby(["annotator_id", "given_on"], sort=True)["right"].agg(["sum", "size"]).reset_index()
    of_person = {str(person): each for person, each in days.groupby("annotator_id", sort=True)}
    rows: list[dict[str, Any]] = []
    for person, first in first_votes.sort_index().items():
        looks = of_person.get(str(person), days.iloc[:0])
        rows += _rows(str(person), pd.Timestamp(first).date(), looks, limit)
    return _bounded(pd.DataFrame(rows, columns=[*ANNOTATOR_STANDING.names, "weight"]))[ANNOTATOR_STANDING.names]


def _bounded(stood: pd.DataFrame) -> pd.DataFrame:
    """The rows with their bounds, where there was anything to look at; searched for all at once."""
    n, right = stood["n"].to_numpy(np.int64), stood["right"].to_numpy(np.int64)
    looked = n > 0
    found = bounds(right[looked], n[looked], weight=stood["weight"].to_numpy(np.float64)[looked])
    for name, values in zip(("low", "high"), found, strict=True):
        stood[name] = np.nan
        stood.loc[looked, name] = values
    return stood


def scores(answers: pd.DataFrame, stood: pd.DataFrame) -> pd.DataFrame:
    """Right answers in the stretch that lasts, all and by true class: a frame of the table gold_scores."""
    lasting = stood[stood["to_day"].isna()][["annotator_id", "from_day"]]
    ours = answers.merge(lasting, on="annotator_id")
    ours = ours[pd.to_datetime(ours["given_on"]) >= pd.to_datetime(ours["from_day"])]
    both = pd.concat([ours.assign(true_label=""), ours], ignore_index=True)
    counted = both.groupby(["annotator_id", "true_label"], sort=True)["right"].agg(["sum", "size"]).reset_index()
    counted = counted.set_axis(["annotator_id", "true_label", "right", "n"], axis=1)
    low, high = bounds(counted["right"].to_numpy(np.int64), counted["n"].to_numpy(np.int64))
    return counted.assign(low=low, high=high)[GOLD_SCORES.names]


def votes_in(state: str, annotations: pd.DataFrame, stood: pd.DataFrame) -> BoolArray:
    """Which of the votes (annotator_id, given_on) fall into a stretch of `state`, bool (n,)."""
    theirs = stood.loc[stood["state"] == state, ["annotator_id", "from_day", "to_day"]]
    found = np.zeros(len(annotations), dtype=np.bool_)
    if len(theirs):
        votes = annotations[["annotator_id", "given_on"]].assign(row=np.arange(len(annotations)))
        both = votes.merge(theirs, on="annotator_id")
        day, ends = pd.to_datetime(both["given_on"]), pd.to_datetime(both["to_day"])
        within = (day >= pd.to_datetime(both["from_day"])) & (ends.isna() | (day < ends))
        found[both.loc[within, "row"].to_numpy()] = True
    return found


def _rows(person: str, first: date, looks: pd.DataFrame, limit: Limit | None) -> list[dict[str, Any]]:
    right, n = looks["sum"].to_numpy(np.int64), looks["size"].to_numpy(np.int64)
    days = [pd.Timestamp(day).date() for day in looks["given_on"]]
    found = stretches(right, n, limit.at_least) if limit else [Stretch(0, max(len(n) - 1, 0), False, 0, 0.5)]
    begins = [min([first, *days[:1]]) if k == 0 else days[each.first] for k, each in enumerate(found)]
    rows = []
    for k, each in enumerate(found):
        inside, showed = slice(each.first, each.last + 1), slice(each.first, each.shown + 1)
        decided = days[each.shown] if each.below or k else begins[0]
        rows.append(
            {
                "annotator_id": person,
                "from_day": begins[k],
                "to_day": begins[k + 1] if k + 1 < len(found) else None,
                "state": limit.state if limit and each.below else COUNTING,
                "decided_on": decided,
                "n": int(n[inside].sum()),
                "right": int(right[inside].sum()),
                "reason": _reason(each, k, int(right[showed].sum()), int(n[showed].sum()), days, limit),
                "weight": each.weight,
            }
        )
    return rows


def _reason(stretch: Stretch, k: int, right: int, n: int, days: list[date], limit: Limit | None) -> str:
    if limit is None:
        return "the project sets no limit"
    share = f"{limit.at_least:g}"
    if not stretch.below and k == 0:
        return f"not shown to be below {share}" if days else "no gold check yet"
    seen = f"{right} of {n} gold checks right from {days[stretch.first]} to {days[stretch.shown]}"
    if stretch.below:
        return f"{seen}: below {share}; counts again once later checks show more"
    return f"{seen}: above {share} again"
