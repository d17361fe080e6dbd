"""What a night's KPIs are computed from, and the cuts through it that several families share.

Here belong the frames of one project as of one day, local days, slices and which members of a dimension are shown.
Where the frames come from is the orchestration's; what is computed from them stands in the family files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.kpis.definition import Target
from label_pipeline.label_meaning import Meaning, meaning_of

BoolArray = npt.NDArray[np.bool_]
MOST_MEMBERS = 50
"""The most slices, groups or guideline versions a column is split into; the largest are shown."""
MOST_CLASSES = 200
"""The most classes that figures are given for; the most used are shown."""


class Rate(Protocol):
    """What a group's work costs: each submitted answer, or each hour."""

    @property
    def per_annotation(self) -> float | None:
        """The price of a submitted answer."""

    @property
    def per_hour(self) -> float | None:
        """The price of an hour."""


@dataclass(frozen=True)
class Night:
    """One project as of the end of `day`, a day of `timezone`.

    - `annotations`: the votes that count: item_id, annotator_id, label, annotated_at (UTC or missing), duration_s,
      source, group, role, is_gold_check, guideline_version.
    - `events`: every answer as it stands, with the same columns and status (submitted, skipped, rejected, deleted)
      and landed_day. What is only compared may be categories.
    - `items`: item_id (unique), arrived_at (UTC or missing), landed_day, and a column for each of `slices`.
    - `consensus`, `issues`, `queue`: consensus_labels, label_issues, relabel_queue of the day.
    - `first_settled`: item_id and settled_day, the first day the item was accepted, adjudicated or gold.
    - `gold`: the rows of gold_set in force.

    `classes` is the declared order, which `kind` says is a ranking or not. `targets` holds the project's targets by
    KPI, `seed` makes resampling repeatable. `rates` are the project's costs by group; none where it states none.
    `inputs` is what the built-in model reads of each of `items`: texts, or numbers (n_items, n_features); None where
    the project names neither. `outcomes` are the relabel_outcomes of the last 7 days. `tolerance` is how far a number
    may be off and still be right, where the project says. Where `ids` has the texts of a column, its values are their
    places there.
    """

    day: date
    timezone: str
    classes: tuple[str, ...]
    kind: Literal["single_choice", "ordinal", "multi_label", "number"]
    annotations: pd.DataFrame
    events: pd.DataFrame
    items: pd.DataFrame
    slices: tuple[str, ...]
    consensus: pd.DataFrame
    first_settled: pd.DataFrame
    gold: pd.DataFrame
    issues: pd.DataFrame
    queue: pd.DataFrame
    targets: Mapping[str, Target]
    seed: int
    rates: Mapping[str, Rate] = field(default_factory=dict)
    inputs: Sequence[str | None] | npt.NDArray[Any] | None = None
    tolerance: float | None = None
    outcomes: pd.DataFrame = field(default_factory=pd.DataFrame)
    ids: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    @cached_property
    def meaning(self) -> Meaning:
        """Which labels mean the same, and what classes they hold."""
        return meaning_of(self.kind, self.classes, self.tolerance)

    @cached_property
    def people_events(self) -> pd.DataFrame:
        """`events` without those of models, whose work is no person's."""
        return _but(self.events, "model")

    @cached_property
    def independent(self) -> pd.DataFrame:
        """`annotations` without those of adjudicators, who see what the others disputed."""
        return _but(self.annotations, "adjudicator")

    @cached_property
    def labelled(self) -> pd.DataFrame:
        """The consensus of the items that have a label."""
        return self.consensus[self.consensus["label"].notna()]

    @cached_property
    def settled_by_labelling(self) -> pd.DataFrame:
        """`first_settled` without gold seeds, which were settled before they came."""
        seeds = self.gold.loc[self.gold["origin"] == "seed", "item_id"]
        return self.first_settled[~self.first_settled["item_id"].isin(seeds)]

    @cached_property
    def shown_classes(self) -> tuple[str, ...]:
        """The classes that figures are given for, in their declared order."""
        if len(self.classes) <= MOST_CLASSES:
            return self.classes
        used = set(self.labelled["label"].value_counts().index[:MOST_CLASSES])
        return tuple(name for name in self.classes if name in used)

    @cached_property
    def _slices(self) -> pd.DataFrame:
        return self.items.set_index("item_id")[list(self.slices)]

    def by_slice(self, item_ids: Any) -> Iterator[tuple[str, BoolArray]]:
        """Every slice as (`column=value`, which of `item_ids` belong to it); items without a value belong to none."""
        values = self._slices
        if len(values) != len(item_ids) or not np.array_equal(values.index, item_ids):
            values = values.reindex(item_ids)
        for name, column in values.items():
            for member in members(column):
                yield f"{name}={member}", np.asarray(column == member)

    def within(self, times: pd.Series[Any], landed: pd.Series[Any], days: int) -> BoolArray:
        """Which of the moments fall on the last `days` local days; one without a time falls on its landing day."""
        first = self.day - timedelta(days=days - 1)
        times = in_utc(times)
        timed = (times >= midnight(first, self.timezone)) & (
            times < midnight(self.day + timedelta(days=1), self.timezone)
        )
        landed = pd.to_datetime(landed)
        untimed = times.isna() & (landed >= pd.Timestamp(first)) & (landed <= pd.Timestamp(self.day))
        return np.asarray(timed | untimed)


def _but(rows: pd.DataFrame, role: str) -> pd.DataFrame:
    """The rows of all other roles: the very same ones where there is none of this, since millions are not copied."""
    others = rows["role"] != role
    return rows if others.all() else rows[others]


def members(column: pd.Series[Any]) -> list[Any]:
    """The values of a column, the most frequent `MOST_MEMBERS` of them, in sorted order; missing ones are none."""
    found = column.value_counts()
    counted = found[found > 0].reset_index(name="n")  # a category may be nobody's
    counted.columns = pd.Index(["member", "n"])
    counted = counted.assign(text=counted["member"].astype(str))
    kept = counted.sort_values(["n", "text"], ascending=[False, True]).head(MOST_MEMBERS)
    return list(kept.sort_values("text")["member"])


def in_utc(times: pd.Series[Any]) -> pd.Series[Any]:
    """Times in UTC; what is in it already is not looked through once more."""
    return times if isinstance(times.dtype, pd.DatetimeTZDtype) else pd.to_datetime(times, utc=True)


def midnight(day: date, timezone: str) -> pd.Timestamp:
    """The instant at which a local day begins."""
    return pd.Timestamp(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))).tz_convert("UTC")


def ends_of(days: pd.Series[Any], timezone: str) -> pd.Series[Any]:
    """The instants at which local days end, in UTC."""
    ends = {day: midnight(pd.Timestamp(day).date() + timedelta(days=1), timezone) for day in days.unique()}
    return pd.to_datetime(days.map(ends), utc=True)
