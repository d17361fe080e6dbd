"""Accuracy: labels and annotations against gold, and what the labels' own confidence says without gold."""

from __future__ import annotations

import math

import numpy as np

from label_pipeline.estimates import Estimate, normal, wilson
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night, members


def figures(night: Night) -> list[Figure]:
    """label_accuracy, estimated_label_accuracy, annotation_accuracy, precision, recall, class_share."""
    return [*_on_evaluation_gold(night), *_on_checks(night), *_of_all_labels(night)]


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
    """The mean confidence c of the labels; if each is right with its c, that many are, give or take √Σ c(1 − c)."""
    confidence = night.labelled["confidence"].dropna().to_numpy(np.float64)
    n = len(confidence)
    if n == 0:
        return Estimate(None, None, None, 0)
    spread = math.sqrt(float((confidence * (1.0 - confidence)).sum()))
    estimate = normal(float(confidence.mean()), spread / n, n)
    assert estimate.ci_low is not None
    assert estimate.ci_high is not None
    return Estimate(estimate.value, max(estimate.ci_low, 0.0), min(estimate.ci_high, 1.0), n)
