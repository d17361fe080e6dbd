"""The report's labels where they are sets or numbers: classes overlooked and imagined, and how far answers are off.

Facts for the templates; no markup. Labels that are one class are `labels`'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from label_pipeline.label_meaning import SetMeaning, numbers
from label_pipeline.report import words
from label_pipeline.report.labels import CLASSES_SHOWN, ITEMS_A_PAIR, Labels, add_class_kpis, figures_by_label

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClassErrors:
    """One class: annotations on items that have it and how many overlook it, the same where it is imagined."""

    name: str
    present: str
    overlooked: float | None
    absent: str
    imagined: float | None


def class_errors(labels: Labels) -> list[ClassErrors]:
    """What annotations say of each class beside the consensus set of their item, most overlooked first."""
    held, said = _members(labels)
    known = ~np.isnan(held[:, 0])
    rows = []
    for code, name in enumerate(labels.data.classes):
        there, given = held[known, code] == 1.0, said[known, code] == 1.0
        rows.append(
            ClassErrors(
                name,
                words.count(int(there.sum())),
                float((~given)[there].mean()) if there.any() else None,
                words.count(int((~there).sum())),
                float(given[~there].mean()) if (~there).any() else None,
            )
        )
    rows.sort(key=lambda row: -max(row.overlooked or 0.0, row.imagined or 0.0))
    return rows[:CLASSES_SHOWN]


def by_class_of_sets(labels: Labels) -> list[dict[str, Any]]:
    """One row a class as `labels.by_class` has it, of the items whose set holds the class."""
    data = labels.data
    held, said = _members(labels)
    figures, n_labelled = figures_by_label(data)
    rows: list[dict[str, Any]] = []
    for code, name in enumerate(data.classes):
        with_it = figures[data.meaning.holds(figures["label"], name)]
        there = held[:, code] == 1.0
        n = int(with_it["n"].sum())
        rows.append(
            {
                "name": name,
                "items": n,
                "share": n / max(n_labelled, 1),
                "agreement": float(said[there, code].mean()) if there.any() else None,
                "confidence": float(np.average(with_it["confidence"], weights=with_it["n"])) if n else None,
                "disputed": float(np.average(with_it["disputed"], weights=with_it["n"])) if n else None,
                "doubted": None,
                "kpis": [],
            }
        )
    add_class_kpis(data, rows)
    rows.sort(key=lambda row: (row["agreement"] is None, row["agreement"] or 0.0))
    return rows[:CLASSES_SHOWN]


def _members(labels: Labels) -> tuple[FloatArray, FloatArray]:
    """Which classes the consensus of each annotation's item holds, NaN without one, and which the annotation says."""
    meaning, votes = labels.data.meaning, labels.votes
    assert isinstance(meaning, SetMeaning)
    return meaning.members(labels.label)[votes.item], meaning.members(votes.classes)[votes.label]


@dataclass(frozen=True)
class Distances:
    """How far answers are from their item's label, as text, and the items whose answers lie farthest apart."""

    n: str
    half: str
    nine_of_ten: str
    most: str
    items: list[str]


def distances(labels: Labels) -> Distances | None:
    """Distances of numbers; None where no annotation has a label beside it."""
    import pandas as pd

    votes = labels.votes
    given = numbers(pd.Series(votes.classes, dtype=object))[votes.label]
    off = np.abs(given - numbers(pd.Series(labels.label, dtype=object))[votes.item])
    known = off[np.isfinite(off)]
    if not len(known):
        return None
    each = pd.Series(given).groupby(votes.item).agg(["min", "max"])
    apart = (each["max"] - each["min"]).sort_values(ascending=False, kind="stable")
    items = [labels.ids[int(row)].as_py() for row in apart[apart > 0].index[:ITEMS_A_PAIR]]
    half, nine = np.quantile(known, [0.5, 0.9])
    return Distances(words.count(len(known)), f"{half:.4g}", f"{nine:.4g}", f"{known.max():.4g}", items)
