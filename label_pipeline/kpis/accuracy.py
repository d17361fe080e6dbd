"""Accuracy: labels and annotations against gold, and what the labels' own confidence says without gold."""

from __future__ import annotations

import numpy as np

from label_pipeline.estimates import Estimate, prediction_powered, wilson
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night, members

_UNKNOWN = Estimate(None, None, None, 0)


def figures(night: Night) -> list[Figure]:
    """label_accuracy, label_accuracy_all_items, estimated_label_accuracy, annotation_accuracy and those of a class."""
    return [*_on_evaluation_gold(night), _on_all_items(night), *_on_checks(night), *_of_all_labels(night)]


def _on_evaluation_gold(night: Night) -> list[Figure]:
    truth = night.gold.loc[night.gold["role"] == "evaluation", ["item_id", "label"]]
    voted = night.consensus[["item_id", "voted_label"]].dropna()
    both = truth.merge(voted, on="item_id")
    right = both["label"] == both["voted_label"]
    found = [Figure.of("label_accuracy", wilson(int(right.sum()), len(both)))]
    for name in night.shown_classes:
        so_voted, is_so = both["voted_label"] == name, both["label"] == name
        hits = int((so_voted & is_so).sum())
        found.append(Figure.of("precision", wilson(hits, int(so_voted.sum())), "class", name))
        found.append(Figure.of("recall", wilson(hits, int(is_so.sum())), "class", name))
    return found


def _on_all_items(night: Night) -> Figure:
    """Gold tells how far confidence is off; confidence tells of the items without gold."""
    voted = night.consensus[["item_id", "voted_label", "voted_confidence"]].dropna()
    truth = night.gold[night.gold["role"] == "evaluation"].set_index("item_id")["label"]
    voted = voted.assign(truth=voted["item_id"].map(truth))
    is_gold = voted["truth"].notna()
    confidence = voted["voted_confidence"].astype(np.float64)
    right = (voted["voted_label"] == voted["truth"])[is_gold].to_numpy(np.float64)
    estimate = prediction_powered(right, confidence[is_gold].to_numpy(), confidence[~is_gold].to_numpy())
    return Figure.of("label_accuracy_all_items", estimate)


def _on_checks(night: Night) -> list[Figure]:
    # Only seeds are fair checks: adjudicated items are those annotators disputed, so they are the hard ones, and
    # an adjudicator's annotation is right by definition.
    is_check = (night.gold["role"] == "check") & (night.gold["origin"] == "seed")
    votes = night.annotations[night.annotations["role"] != "adjudicator"]
    both = votes[["item_id", "label", "group"]].merge(
        night.gold.loc[is_check, ["item_id", "label"]].rename(columns={"label": "truth"}), on="item_id"
    )
    right = both["label"] == both["truth"]
    found = [Figure.of("annotation_accuracy", wilson(int(right.sum()), len(both)))]
    for group in members(both["group"]):
        ours = both["group"] == group
        estimate = wilson(int((right & ours).sum()), int(ours.sum()))
        found.append(Figure.of("annotation_accuracy", estimate, "group", str(group)))
    return found


def _of_all_labels(night: Night) -> list[Figure]:
    labels = night.labelled["label"]
    counts = labels.value_counts()
    found = [Figure.of("estimated_label_accuracy", _by_confidence(night))]
    for name in night.shown_classes:
        found.append(Figure.of("class_share", wilson(int(counts.get(name, 0)), len(labels)), "class", name))
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
