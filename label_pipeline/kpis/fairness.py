"""Fairness: how groups of annotators and slices of items fare beside the rest, corrected for looking at many.

A gap says that there is a difference, not whose fault it is: groups label different items, and slices differ in
how hard they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.estimates import Estimate, adjusted, clustered_share, difference
from label_pipeline.kpis.catalogue import fitting
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import BoolArray, Night, members
from label_pipeline.settle import SETTLED

MEASURES = ("accuracy", "agreement", "noise", "acceptance")
LEAST_OBSERVED = 30
"""Observations that a group or slice, and the rest, need each; with fewer the gap is withheld."""
LEAST_CLUSTERS = 5
"""Annotators that a group and the rest need each, or items that a slice does: fewer are nearly a person's figure."""
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True)
class Cell:
    """What one measure saw: values in [0, 1], codes of whose they are, and which of them are the member's, all (n,)."""

    measure: str
    dimension: str
    member: str
    values: npt.NDArray[np.float64]
    cluster: npt.NDArray[np.int64]
    ours: BoolArray


@dataclass(frozen=True)
class Gap:
    """A member beside the rest, with the p-value that there is no gap, adjusted over all of the night; NaN withheld."""

    measure: str
    dimension: str
    member: str
    estimate: Estimate
    p_value: float


def figures(night: Night) -> list[Figure]:
    """The four gaps with their adjusted p-values, by group and slice; gaps_beyond_chance."""
    fit = fitting(night.kind, night.tolerance)  # what no gap is shown of is not compared, nor corrected for
    votes = _votes(night)
    # One after the other: all cells of millions of annotations at once would be gigabytes.
    cells = (cell for cell in chain(_of_groups(night, votes), _of_slices(night, votes)) if f"{cell.measure}_gap" in fit)
    gaps = [_gap(cell) for cell in cells if cell.ours.any() and not cell.ours.all()]
    p_values = adjusted(np.array([gap.p_value for gap in gaps], dtype=np.float64))
    gaps = [replace(gap, p_value=float(p)) for gap, p in zip(gaps, p_values, strict=True)]
    shown = [gap for gap in gaps if not math.isnan(gap.p_value)]
    held = sum(gap.p_value <= FALSE_DISCOVERIES for gap in shown)
    found = [Figure.counted("gaps_beyond_chance", held if shown else None, len(shown))]
    for measure in MEASURES:
        of_it = [gap for gap in shown if gap.measure == measure]
        found += _widest(measure, of_it)
        for gap in (gap for gap in gaps if gap.measure == measure):
            at = (gap.dimension, gap.member)
            estimate, p_value = gap.estimate, None if math.isnan(gap.p_value) else gap.p_value
            found += [
                replace(Figure.of(f"{measure}_gap", estimate, *at), withheld=p_value is None),
                replace(Figure.counted(f"{measure}_gap_p", p_value, estimate.n, *at), withheld=p_value is None),
            ]
    return found


def _widest(measure: str, gaps: list[Gap]) -> list[Figure]:
    """The overall figures of a measure: its gap of greatest size, without sign, and the least p-value."""
    if not gaps:
        nothing = Estimate(None, None, None, 0)
        return [Figure.of(f"{measure}_gap", nothing), Figure.counted(f"{measure}_gap_p", None, 0)]
    widest = max(gaps, key=lambda gap: abs(gap.estimate.value or 0.0)).estimate
    assert widest.value is not None
    if widest.value < 0:
        low, high = (None if end is None else -end for end in (widest.ci_high, widest.ci_low))
        widest = Estimate(-widest.value, low, high, widest.n)
    least = min(gap.p_value for gap in gaps)
    return [Figure.of(f"{measure}_gap", widest), Figure.counted(f"{measure}_gap_p", least, widest.n)]


def _gap(cell: Cell) -> Gap:
    """The member's share less that of the rest; nothing but the number where one of them is too small."""
    sides, clusters = [], []
    for rows in (cell.ours, ~cell.ours):
        sizes = np.bincount(cell.cluster[rows])
        sides.append(clustered_share(np.bincount(cell.cluster[rows], weights=cell.values[rows]), sizes))
        clusters.append(int((sizes > 0).sum()))
    if min(side.n for side in sides) < LEAST_OBSERVED or min(clusters) < LEAST_CLUSTERS:
        return Gap(cell.measure, cell.dimension, cell.member, Estimate(None, None, None, sides[0].n), math.nan)
    gap = difference(*sides)
    return Gap(cell.measure, cell.dimension, cell.member, gap, _p_value(gap, min(clusters) - 1))


def _p_value(gap: Estimate, freedom: int) -> float:
    """The two-sided p-value at which the interval, stretched, would reach zero; by Student's t."""
    from scipy.special import stdtr, stdtrit

    assert gap.value is not None
    end = gap.ci_low if gap.value > 0 else gap.ci_high
    if end is None:
        return math.nan
    spread = abs(gap.value - end) / float(stdtrit(freedom, 0.975))
    return float(2.0 * stdtr(freedom, -abs(gap.value) / spread)) if spread > 0 else 1.0


def _of_groups(night: Night, votes: pd.DataFrame) -> Iterator[Cell]:
    """Annotators' groups, beside one another: what their answers were worth, and whether they were taken."""
    checks = night.gold[(night.gold["role"] == "check") & (night.gold["origin"] == "seed")]
    events = night.people_events
    wanted = events["status"].isin(["submitted", "rejected"]) & (events["role"] != "adjudicator")
    decided = events.loc[wanted, ["annotator_id", "group", "status"]]
    truth = votes["item_id"].map(checks.set_index("item_id")["label"])
    issue = votes["item_id"].map(night.issues.set_index("item_id")["is_issue"])
    frames = {
        "accuracy": (votes, _right(night, votes["label"], truth)),
        "agreement": (votes, votes["agreeing"]),
        "noise": (votes, issue),
        "acceptance": (decided, decided["status"] == "submitted"),
    }
    for measure, (rows, value) in frames.items():
        known = value.notna().to_numpy()
        group, people = rows.loc[known, "group"], pd.factorize(rows.loc[known, "annotator_id"])[0]
        shares = value[known].to_numpy(dtype=np.float64)
        for member in members(group):
            yield Cell(measure, "group", str(member), shares, people, (group == member).to_numpy())


def _right(night: Night, given: pd.Series[Any], truth: pd.Series[Any]) -> pd.Series[Any]:
    """Which labels are right, by the rows of `given`; missing where no truth is known, or none can be right."""
    right = pd.Series(night.meaning.right(given, truth), index=given.index)
    return right.where(truth.notna() & night.meaning.judges)


def _votes(night: Night) -> pd.DataFrame:
    """The annotations, with `agreeing`: the share of the others on the item that say the same, missing where alone.

    Those of adjudicators are left out.
    """
    votes = night.independent
    item, label = pd.factorize(votes["item_id"])[0], pd.factorize(votes["label"])[0]
    pair = pd.factorize(item * (label.max(initial=0) + 1) + label)[0]
    others, same = (np.bincount(code)[code] - 1.0 if len(code) else np.zeros(0) for code in (item, pair))
    share = np.divide(same, others, out=np.full(len(votes), np.nan), where=others > 0)
    return votes[["item_id", "annotator_id", "label", "group"]].assign(agreeing=share)


def _of_slices(night: Night, votes: pd.DataFrame) -> Iterator[Cell]:
    """Slices of items: whether their labels are right, agreed on, doubted and settled."""
    truth = night.gold.loc[night.gold["role"] == "evaluation"].set_index("item_id")["label"]
    voted = night.consensus.set_index("item_id")["voted_label"].dropna()
    judged = voted.index.intersection(truth.index)
    labelled = night.labelled.set_index("item_id")["status"]
    values = {
        "accuracy": _right(night, voted[judged], truth[judged]).dropna(),
        "agreement": votes.groupby("item_id", sort=False)["agreeing"].mean().dropna(),
        "noise": night.issues.set_index("item_id")["is_issue"],
        "acceptance": labelled.isin(SETTLED),
    }
    for measure, value in values.items():
        for member, ours in night.by_slice(value.index):
            yield Cell(measure, "slice", member, value.to_numpy(dtype=np.float64), np.arange(len(value)), ours)
