"""The table of label issues: one row an item with a label, one kind of issue at most.

Here belongs how doubts about labels, near duplicates and outliers become one verdict an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from label_pipeline.errors import UserError
from label_pipeline.noise.issues import FilterBy, LabelNoise, Score, label_noise
from label_pipeline.noise.neighbours import Neighbours, neighbours
from label_pipeline.votes import AnyArray, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("label", "near duplicate", "outlier")


@dataclass(frozen=True, slots=True, eq=False)
class NoiseReport:
    """`table` as in `label_issues`, the label noise and the neighbours behind it (None without features)."""

    table: pd.DataFrame
    noise: LabelNoise
    neighbours: Neighbours | None

    @property
    def notes(self) -> list[str]:
        """Why something was not judged, in words; empty when all was."""
        near = [] if self.neighbours is None else [self.neighbours.note]
        return [note for note in (self.noise.note, *near) if note]


def label_issues(
    items: Sequence[Any] | AnyArray,
    labels: IntArray,
    probabilities: FloatArray,
    classes: Sequence[str],
    *,
    features: AnyArray | None = None,
    filter_by: FilterBy = "prune_by_noise_rate",
    score: Score = "self_confidence",
) -> NoiseReport:
    """Which labels (n_items,), class codes or -1, look wrong, and which items stand twice or apart.

    Columns, for items with a label in the order given: item_id; given_label; suggested_label (the model's class
    for a label issue, the label of most of its twins for a near duplicate that they outvote, else None);
    label_quality (NaN without probabilities); is_issue; kind (one of `KINDS`, else None; a doubted label goes
    before a near duplicate, and that before an outlier); duplicate_set (a number shared by near duplicates, -1
    for none); outlier_score (1 without features). A near duplicate is an issue only where its set carries
    different labels. Arguments and errors as in `label_noise` and `neighbours`.
    """
    import pandas as pd

    labels = np.asarray(labels, dtype=np.int64)
    if len(items) != len(labels):
        raise UserError(f"{len(items)} items and {len(labels)} labels", do="Give one label an item, -1 for none.")
    noise = label_noise(labels, probabilities, classes, filter_by=filter_by, score=score)
    near = None if features is None else neighbours(features)
    if near is not None and len(near.duplicate_set) != len(labels):
        raise UserError(f"{len(near.duplicate_set)} rows of features and {len(labels)} items", do="Align them.")
    sets = np.full(len(labels), -1, dtype=np.int64) if near is None else near.duplicate_set
    conflicting, outvoted = _conflicts(sets, labels, len(classes))
    apart = np.zeros(len(labels), dtype=np.bool_) if near is None else near.is_outlier
    names = np.array([*classes, None], dtype=object)
    suggested = np.where(noise.is_issue, noise.suggested, np.where(conflicting, outvoted, -1))
    kind = np.where(noise.is_issue, 0, np.where(conflicting, 1, np.where(apart, 2, 3)))
    table = pd.DataFrame(
        {
            "item_id": np.asarray(items),
            "given_label": names[labels],
            "suggested_label": names[suggested],
            "label_quality": noise.quality,
            "is_issue": noise.is_issue | conflicting | apart,
            "kind": np.array([*KINDS, None], dtype=object)[kind],
            "duplicate_set": sets,
            "outlier_score": np.ones(len(labels)) if near is None else near.outlier_score,
        }
    )
    return NoiseReport(table[labels >= 0].reset_index(drop=True), noise, near)


def _conflicts(sets: IntArray, labels: IntArray, n_classes: int) -> tuple[BoolArray, IntArray]:
    """Items in a set of near duplicates with different labels, and the class that outvotes theirs, else -1."""
    conflicting, outvoted = np.zeros(len(labels), dtype=np.bool_), np.full(len(labels), -1, dtype=np.int64)
    member = np.flatnonzero((sets >= 0) & (labels >= 0))
    if len(member) == 0:
        return conflicting, outvoted
    cell, count = np.unique(sets[member] * n_classes + labels[member], return_counts=True)
    of_set, label = np.divmod(cell, n_classes)
    order = np.lexsort((count, of_set))
    of_set, label, count = of_set[order], label[order], count[order]
    last = np.flatnonzero(np.append(np.diff(of_set) > 0, True))
    several = np.diff(last, prepend=-1) > 1
    ahead = several & (count[last] > count[np.maximum(last - 1, 0)])
    at = np.searchsorted(of_set[last], sets[member])
    conflicting[member] = several[at]
    beaten = ahead[at] & (labels[member] != label[last][at])
    outvoted[member[beaten]] = label[last][at][beaten]
    return conflicting, outvoted
