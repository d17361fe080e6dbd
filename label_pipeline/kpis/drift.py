"""Drift: whether classes, and people, are still what they were, with a test and a size.

Labels are compared as what was settled in a window of days, people as how often they give the item's label, each
against themselves. How one annotator moved is `annotators`'.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.estimates import Estimate, adjusted, normal
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night, members

WINDOW_DAYS = 7
LEAST_ITEMS = 20
"""Labels that a window needs before its classes are compared."""
LEAST_EXPECTED = 5.0
"""Classes expected less often than this in the smaller window are compared as one."""
LEAST_ANSWERS = 10
"""Answers that an annotator needs in both windows before their own change is tested."""
FALSE_DISCOVERIES = 0.05

_UNKNOWN = Estimate(None, None, None, 0)
Counts = npt.NDArray[np.float64]


def figures(night: Night) -> list[Figure]:
    """label_drift and label_drift_since_start with their tests, annotator_drift with its test, drifting_annotators."""
    return [*_of_labels(night), *_of_annotators(night)]


def _of_labels(night: Night) -> list[Figure]:
    settled = night.settled_by_labelling.merge(night.labelled[["item_id", "label"]], on="item_id")
    days = pd.to_datetime(settled["settled_day"])
    start = pd.Timestamp(night.day - timedelta(days=WINDOW_DAYS - 1))
    now = (days >= start) & (days <= pd.Timestamp(night.day))
    before = (days >= start - pd.Timedelta(days=WINDOW_DAYS)) & (days < start)
    grown = days.value_counts().sort_index().cumsum()
    first = (days <= grown.index[grown >= LEAST_ITEMS].min()) & ~now
    classes = night.meaning.categories(settled["label"])
    tally = {
        name: _tally(settled.loc[rows, "label"], classes)
        for name, rows in {"now": now, "before": before, "first": first}.items()
    }
    found = []
    for kpi, other in (("label_drift", "before"), ("label_drift_since_start", "first")):
        size, p_value = compared(tally[other], tally["now"])
        found += [Figure.of(kpi, size), Figure.counted(f"{kpi}_p", p_value, size.n)]
    return found


def _tally(labels: pd.Series[Any], classes: list[str]) -> Counts:
    return np.asarray(labels.value_counts().reindex(classes, fill_value=0), dtype=np.float64)


def compared(before: Counts, now: Counts) -> tuple[Estimate, float | None]:
    """How far two counts of classes (n_classes,) lie apart, and the p-value of the G test that they do not.

    The size is the Jensen-Shannon divergence of the two, each weighing by its number, less what chance makes of it,
    in the unit in which two that share no class are 1. G = 2N times the divergence in nats follows a noncentral
    chi-squared distribution, which gives the interval. n is the number in `now`. Undefined where one has fewer than
    `LEAST_ITEMS`, or all classes but one are rare. Source: Lin 1991; the interval
    by inversion, as Smithson 2003 has it for Cramér's V.
    """
    n_before, n_now = float(before.sum()), float(now.sum())
    if min(n_before, n_now) < LEAST_ITEMS:
        return _UNKNOWN, None
    table = _pooled(np.stack([before, now]))
    freedom = table.shape[1] - 1
    if freedom == 0:
        # One class in both is no change; several of which all but one are rare tell nothing.
        same = np.count_nonzero(before + now) == 1
        return (Estimate(0.0, None, None, int(n_now)), 1.0) if same else (_UNKNOWN, None)
    from scipy.special import chdtr, chdtrc, chndtrinc, xlogy

    total = n_before + n_now
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / total
    g = max(2.0 * float(xlogy(table, table / expected).sum()), 0.0)
    share = n_now / total
    unit = 2.0 * total * -(share * math.log(share) + (1.0 - share) * math.log(1.0 - share))
    below = float(chdtr(freedom, g))
    low, high = (float(chndtrinc(g, freedom, tail)) if below > tail else 0.0 for tail in (0.975, 0.025))
    value = max(g - freedom, 0.0) / unit
    estimate = Estimate(value, min(low / unit, value), min(max(high / unit, value), 1.0), int(n_now))
    return estimate, float(chdtrc(freedom, g))


def _pooled(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The columns in which both rows are expected to have enough, and one for all others where it has enough."""
    expected = table.sum(axis=1).min() * table.sum(axis=0) / table.sum()
    order = np.argsort(-expected, kind="stable")
    table, expected = table[:, order], expected[order]
    kept = max(int((expected >= LEAST_EXPECTED).sum()), 1)
    if expected[kept:].sum() < LEAST_EXPECTED:
        # What is rare in all joins the rarest that is not.
        kept -= 1
    parts = [table[:, :kept], table[:, kept:].sum(axis=1, keepdims=True)]
    return np.concatenate(parts, axis=1)


def _of_annotators(night: Night) -> list[Figure]:
    answers = _judged(night)
    found = _change(answers)
    for group in members(answers["group"]):
        found += _change(answers[answers["group"] == group], "group", str(group))
    both = _by_annotator(answers)
    enough = both[(both["n_now"] >= LEAST_ANSWERS) & (both["n_before"] >= LEAST_ANSWERS)]
    held = int((adjusted(_chi_squared_p(_deviation(enough), _variance(enough))) <= FALSE_DISCOVERIES).sum())
    found.append(Figure.counted("drifting_annotators", held if len(enough) else None, len(enough)))
    return found


def _judged(night: Night) -> pd.DataFrame:
    """The answers of both windows on items with a label and two answers or more: annotator_id, group, now, right."""
    events = night.people_events
    wanted = ["item_id", "annotator_id", "group", "label", "annotated_at", "landed_day"]
    answered = events.loc[(events["status"] == "submitted") & (events["role"] != "adjudicator"), wanted]
    item = pd.factorize(answered["item_id"])[0]
    shared = np.bincount(item)[item] > 1 if len(item) else np.zeros(0, dtype=np.bool_)
    answered = answered[shared & night.within(answered["annotated_at"], answered["landed_day"], 2 * WINDOW_DAYS)]
    label = answered["item_id"].map(night.labelled.set_index("item_id")["label"])
    now = night.within(answered["annotated_at"], answered["landed_day"], WINDOW_DAYS)
    judged = answered[["annotator_id", "group"]].assign(now=now, right=night.meaning.right(answered["label"], label))
    return judged[label.notna() & night.meaning.judges]


def _change(answers: pd.DataFrame, dimension: str = "all", member: str = "") -> list[Figure]:
    """The difference of shares within annotators, summed over them, and the test that there is none.

    Mantel and Haenszel's risk difference with Sato's variance, and the Cochran-Mantel-Haenszel test: an annotator who
    worked in one window only weighs nothing, so that a change of people is not taken for a change in people.
    Source: Mantel & Haenszel 1959; Sato 1989.
    """
    t = _by_annotator(answers)
    t = t[(t["n_now"] > 0) & (t["n_before"] > 0)]
    n = int(t["n_now"].sum())
    if n == 0:
        return [
            Figure.of("annotator_drift", _UNKNOWN, dimension, member),
            Figure.counted("annotator_drift_p", None, 0, dimension, member),
        ]
    x1, n1, x0, n0 = (t[name].to_numpy(np.float64) for name in ("right_now", "n_now", "right_before", "n_before"))
    total = n1 + n0
    weight = float((n1 * n0 / total).sum())
    value = float(((x1 * n0 - x0 * n1) / total).sum()) / weight
    p = (n1**2 * x0 - n0**2 * x1 + n1 * n0 * (n0 - n1) / 2.0) / total**2
    q = (x1 * (n0 - x0) + x0 * (n1 - x1)) / (2.0 * total)
    variance = max(value * float(p.sum()) + float(q.sum()), 0.0) / weight**2
    p_value = _chi_squared_p(np.array([_deviation(t).sum()]), np.array([_variance(t).sum()]))
    return [
        Figure.of("annotator_drift", normal(value, math.sqrt(variance), n), dimension, member),
        Figure.counted("annotator_drift_p", float(p_value[0]), n, dimension, member),
    ]


def _by_annotator(answers: pd.DataFrame) -> pd.DataFrame:
    """right_now, n_now, right_before, n_before, one row an annotator."""
    now, right = answers["now"].to_numpy(dtype=np.bool_), answers["right"].to_numpy(dtype=np.bool_)
    parts = {"right_now": right & now, "n_now": now, "right_before": right & ~now, "n_before": ~now}
    return pd.DataFrame(parts, index=answers.index).groupby(answers["annotator_id"]).sum()


def _deviation(t: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Right answers now less those expected of each annotator if nothing changed."""
    return np.asarray(t["right_now"] - _mean_right(t) * t["n_now"], dtype=np.float64)


def _variance(t: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The hypergeometric variance of right answers now."""
    total, mean = t["n_now"] + t["n_before"], _mean_right(t)
    return np.asarray(t["n_now"] * t["n_before"] * mean * (1.0 - mean) / (total - 1.0), dtype=np.float64)


def _mean_right(t: pd.DataFrame) -> pd.Series[Any]:
    mean: pd.Series[Any] = (t["right_now"] + t["right_before"]) / (t["n_now"] + t["n_before"])
    return mean


def _chi_squared_p(deviation: npt.NDArray[np.float64], variance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """P-values of deviation² / variance with one degree of freedom; 1 where nothing varies."""
    from scipy.special import chdtrc

    statistic = np.divide(deviation**2, variance, out=np.zeros_like(deviation), where=variance > 0)
    return np.asarray(chdtrc(1, statistic), dtype=np.float64)
