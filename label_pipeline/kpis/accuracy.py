"""Accuracy: labels and annotations against gold, and what the labels' own confidence says without gold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from label_pipeline.estimates import Estimate, mean, prediction_powered, wilson
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night, members
from label_pipeline.label_meaning import numbers

_UNKNOWN = Estimate(None, None, None, 0)


def figures(night: Night) -> list[Figure]:
    """label_accuracy, label_accuracy_all_items, estimated_label_accuracy, annotation_accuracy and those of a class."""
    return [*_on_evaluation_gold(night), _on_all_items(night), *_on_checks(night), *_of_all_labels(night)]


def _on_evaluation_gold(night: Night) -> list[Figure]:
    truth = night.gold.loc[night.gold["role"] == "evaluation", ["item_id", "label"]]
    voted = night.consensus[["item_id", "voted_label"]].dropna()
    both = truth.merge(voted, on="item_id")
    found = [Figure.of("label_accuracy", _share_right(night, both["voted_label"], both["label"]))]
    off = mean_error(both["voted_label"], both["label"]) if night.kind == "number" else _UNKNOWN
    found.append(Figure.of("mean_absolute_error", off))
    for name in night.shown_classes:
        so_voted, is_so = (night.meaning.holds(both[column], name) for column in ("voted_label", "label"))
        hits = int((so_voted & is_so).sum())
        found.append(Figure.of("precision", wilson(hits, int(so_voted.sum())), "class", name))
        found.append(Figure.of("recall", wilson(hits, int(is_so.sum())), "class", name))
        found.append(Figure.of("f1", _f1(hits, int((so_voted | is_so).sum())), "class", name))
    return found


def _share_right(night: Night, given: pd.Series[Any], truth: pd.Series[Any]) -> Estimate:
    """The share of labels that are right; nothing where they can only be near or far."""
    if not night.meaning.judges:
        return _UNKNOWN
    return wilson(int(night.meaning.right(given, truth).sum()), len(given))


def mean_error(given: pd.Series[Any], truth: pd.Series[Any]) -> Estimate:
    """How far numbers are from the truth on average, 0 and more."""
    estimate = mean(np.abs(numbers(given) - numbers(truth)))
    return estimate if estimate.ci_low is None else replace(estimate, ci_low=max(estimate.ci_low, 0.0))


def _f1(hits: int, either: int) -> Estimate:
    """F1 from the items that are of the class or voted so, and the hits among them.

    F1 = 2J / (1 + J) grows with the share J of hits, so Wilson's interval of J carries over end by end.
    """
    share = wilson(hits, either)
    if share.value is None or share.ci_low is None or share.ci_high is None:
        return share
    value, low, high = (2.0 * j / (1.0 + j) for j in (share.value, share.ci_low, share.ci_high))
    return Estimate(value, low, high, either)


def _on_all_items(night: Night) -> Figure:
    """Gold tells how far confidence is off; confidence tells of the items without gold."""
    if not night.meaning.judges:
        return Figure.of("label_accuracy_all_items", _UNKNOWN)
    voted = night.consensus[["item_id", "voted_label", "voted_confidence"]].dropna()
    truth = night.gold[night.gold["role"] == "evaluation"].set_index("item_id")["label"]
    voted = voted.assign(truth=voted["item_id"].map(truth))
    is_gold = voted["truth"].notna()
    confidence = voted["voted_confidence"].astype(np.float64)
    right = night.meaning.right(voted.loc[is_gold, "voted_label"], voted.loc[is_gold, "truth"]).astype(np.float64)
    estimate = prediction_powered(right, confidence[is_gold].to_numpy(), confidence[~is_gold].to_numpy())
    return Figure.of("label_accuracy_all_items", estimate)


def _on_checks(night: Night) -> list[Figure]:
    # Only seeds are fair checks: adjudicated items are those annotators disputed, so they are the hard ones, and
    # an adjudicator's annotation is right by definition.
    is_check = (night.gold["role"] == "check") & (night.gold["origin"] == "seed")
    both = night.independent[["item_id", "label", "group"]].merge(
        night.gold.loc[is_check, ["item_id", "label"]].rename(columns={"label": "truth"}), on="item_id"
    )
    found = [Figure.of("annotation_accuracy", _share_right(night, both["label"], both["truth"]))]
    for group in members(both["group"]):
        ours = both[both["group"] == group]
        estimate = _share_right(night, ours["label"], ours["truth"])
        found.append(Figure.of("annotation_accuracy", estimate, "group", str(group)))
    return found


def _of_all_labels(night: Night) -> list[Figure]:
    labels = night.labelled["label"]
    estimated = _by_confidence(night) if night.meaning.judges else _UNKNOWN
    found = [Figure.of("estimated_label_accuracy", estimated)]
    for name in night.shown_classes:
        so_labelled = int(night.meaning.holds(labels, name).sum())
        found.append(Figure.of("class_share", wilson(so_labelled, len(labels)), "class", name))
    return found


def _by_confidence(night: Night) -> Estimate:
    """The mean confidence of the labels, as far from the truth as the annotators behind them may err together.

    Labels that rest on the same annotators are wrong together, so there are not as many independent ones as items: at
    worst as many as annotators, those with many annotations counting for more. Wilson's interval therefore has n with
    1/n = 1/items + 1/annotators, the latter (Σ a)² / Σ a² for a annotations each (Kish 1965). Labels settled by gold
    or an adjudicator are right by definition.
    """
    labelled = night.labelled[night.labelled["confidence"].notna()]
    n = len(labelled)
    if n == 0:
        return _UNKNOWN
    voted = labelled.loc[~labelled["status"].isin(["gold", "adjudicated"]), "confidence"].to_numpy(np.float64)
    if len(voted) == 0:
        return Estimate(1.0, 1.0, 1.0, n)
    share, value = len(voted) / n, float(voted.mean())
    each = night.annotations["annotator_id"].value_counts().to_numpy(np.float64)
    if len(each) == 0:
        return Estimate(1.0 - share + share * value, None, None, n)
    worth = 1.0 / (1.0 / len(voted) + float((each**2).sum()) / float(each.sum()) ** 2)
    spread = wilson(value * worth, worth)
    low, middle, high = (1.0 - share + share * (end or 0.0) for end in (spread.ci_low, value, spread.ci_high))
    return Estimate(middle, low, high, n)
