"""Models that answer like annotators: what their answers say as class probabilities.

A model is a witness but no person: it must not make an item look as if one more person had looked at it. So its answers
join the landed probabilities, and weigh in where those do.
"""

from __future__ import annotations

import numpy as np

from label_pipeline.votes import BoolArray, FloatArray, Votes

PSEUDO_COUNTS = 4.0
"""Comparisons at chance level that every model starts with: one that was hardly compared says hardly anything."""
MOST = 0.99


def witness_probabilities(people: Votes, model: Votes) -> tuple[BoolArray, FloatArray]:
    """Which items one model answered (n_items,), and class probabilities (n_items, n_classes) from its answers.

    `people` and `model` are votes on the same items and classes, the latter of one annotator. The model's class has the
    chance that its answers agree with a person's on the items that both answered, pulled to chance by
    `PSEUDO_COUNTS` and never below it; the other classes share the rest.
    """
    n_classes = people.n_classes
    answered = model.per_item > 0
    code = np.full(people.n_items, -1)
    code[answered] = model.label
    chance = 1.0 / max(n_classes, 1)
    both = answered & (people.per_item > 0)
    same = np.bincount(people.item, weights=people.label == code[people.item], minlength=people.n_items)
    agreeing = float((same[both] / people.per_item[both]).sum())
    right = (agreeing + PSEUDO_COUNTS * chance) / (float(both.sum()) + PSEUDO_COUNTS)
    right = min(max(right, chance), MOST)
    table = np.full((people.n_items, n_classes), (1.0 - right) / max(n_classes - 1, 1))
    table[answered, model.label] = right
    return answered, table
