"""Who may be asked, how they are likely to answer, and who is best at the classes in doubt.

Here belong the panel of annotators and whom to ask of each item. How annotators' confusions are measured is
`annotators`'; what an answer is worth stands in `value`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.relabel import value_loops as loops
from label_pipeline.relabel.value import FloatArray, IntArray, even_law

ASKED = 3
"""How many people are named for an item: the one to ask, and two who may stand in."""
MOST_PEOPLE = 500
"""The most annotators who are weighed against each other; those who gave most answers."""
CAUTION = 8.0
"""Answers a class that a person's own confusions need to count as much as what the person's accuracy alone says."""
FEW = 8.0
"""Answers that a person's own agreement needs to count as much as that of all."""
CELLS = 1 << 25
"""The most cells of confusion matrices that are held at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The annotators who may be asked: `ids` (n,), how many answers each gave, `laws` (n, K, K): answers by truth.

    Whoever is chosen for being best was lucky too. So a person's law is drawn towards what is known of many: the law of
    all, its diagonal moved by one step in log odds until it has the person's accuracy. That in turn is the accuracy of
    all and how far the person agrees more or less than all do with the consensus of the *others*, drawn in by `FEW`: on
    items with two answers a consensus is half one's own. Confusions of one's own count as far as answers bear them out
    (`CAUTION`).
    """

    ids: tuple[str, ...]
    answers: FloatArray
    laws: FloatArray

    @classmethod
    def of(cls, annotators: pd.DataFrame, n_classes: int, barred: Collection[str] = ()) -> Panel:
        """Whoever of a frame of annotator_quality is an annotator with a confusion matrix, and no spammer.

        `barred` are those whose votes do not count. A frame without the column role holds annotators alone.
        """
        keep = annotators["confusion"].notna() & (annotators["n"] > 0) & ~annotators["annotator_id"].isin(list(barred))
        keep &= ~annotators["flags"].map(lambda flags: flags is not None and "spammer" in set(flags)).astype(bool)
        if "role" in annotators:
            keep &= annotators["role"] == "annotator"
        rows = annotators[keep]
        most = min(MOST_PEOPLE, CELLS // max(n_classes, 1) ** 2)
        rows = rows.sort_values(["n", "annotator_id"], ascending=[False, True]).head(most).sort_values("annotator_id")
        own = np.empty((len(rows), n_classes, n_classes))
        for k, flat in enumerate(rows["confusion"]):
            own[k] = np.asarray(flat, dtype=np.float64).reshape(n_classes, n_classes)
        answers = rows["n"].to_numpy(np.float64)
        agreement = rows["agreement_with_consensus"].to_numpy(np.float64)
        return cls(tuple(rows["annotator_id"]), answers, cautious(own, answers, agreement))

    def typical(self, accuracy: float, n_classes: int) -> FloatArray:
        """The law (K, K) of an answer by just anybody: the mean over answers, or `even_law` where nobody is known."""
        if not self.ids:
            return even_law(n_classes, accuracy)
        return np.asarray(np.tensordot(self.answers / self.answers.sum(), self.laws, axes=1))


def cautious(own: FloatArray, answers: FloatArray, agreement: FloatArray) -> FloatArray:
    """Confusion matrices (n, K, K) of people with so many `answers` (n,), drawn towards what is known of many.

    `agreement` (n,) is with the consensus of the others; NaN where nobody else labelled what the person did.
    """
    n, n_classes = own.shape[:2]
    if n == 0 or n_classes < 2:
        return own
    pooled = np.tensordot(answers / answers.sum(), own, axes=1)
    compared = np.isfinite(agreement)
    usual_agreement = np.average(agreement[compared], weights=answers[compared]) if compared.any() else 0.0
    beyond = np.where(compared, agreement - usual_agreement, 0.0) * answers / (answers + FEW)
    right = np.clip(np.diagonal(pooled).mean() + beyond, _LEAST_RIGHT, 1 - _EDGE)
    hit = np.clip(np.diagonal(pooled), _EDGE, 1 - _EDGE)
    odds, low, high = np.log(hit / (1 - hit)), np.full(n, -20.0), np.full(n, 20.0)
    for _ in range(40):  # halves the step's interval: to 1e-10
        step = (low + high) / 2
        short = (1 / (1 + np.exp(-(odds + step[:, None])))).mean(axis=1) < right
        low, high = np.where(short, step, low), np.where(short, high, step)
    hits = 1 / (1 + np.exp(-(odds + low[:, None])))
    usual = pooled * ((1 - hits) / (1 - hit))[:, :, None]
    usual[:, np.arange(n_classes), np.arange(n_classes)] = hits
    usual /= usual.sum(axis=2, keepdims=True)
    weight = (answers / n_classes / (answers / n_classes + CAUTION))[:, None, None]
    return np.asarray(weight * own + (1 - weight) * usual)


def ask(telling: FloatArray, panel: Panel, labelled: Sequence[Collection[str]], load: float, night: int) -> IntArray:
    """Whom to ask of each item: (n, `ASKED`), rows of the panel, best first, -1 where nobody is left.

    `telling` (n, n_people) is how far each one's answer would settle the item. Items are served in their order. Never
    asked is who is among those who `labelled` the item. Of every `night` items, as many as a night buys, nobody is the
    first choice for more than `load` times the mean number a person, as long as somebody else is left; the others named
    are substitutes.
    """
    code = {name: k for k, name in enumerate(panel.ids)}
    barred = [[code[name] for name in names if name in code] for names in labelled]
    start = np.concatenate([[0], np.cumsum([len(each) for each in barred])]).astype(np.int64)
    flat = np.array([k for each in barred for k in each], dtype=np.int64)
    night = max(min(night, len(telling)), 1)
    most = int(np.ceil(load * night / max(len(panel.ids), 1)))
    found: IntArray = loops.assign(np.ascontiguousarray(telling), start, flat, most, night, ASKED)
    return found


def typical_accuracy(consensus: pd.DataFrame) -> float:
    """The chance that an annotation of this project is right, in (0, 1), from agreement with the consensus.

    The share of annotations on items with two or more that gave the consensus label, with four of five added as
    what is believed before anybody was compared. A little high, since an annotation helps make the consensus.
    """
    several = consensus["n_annotations"] >= 2
    n = consensus.loc[several, "n_annotations"].to_numpy(np.float64)
    agreeing = float((n * consensus.loc[several, "agreement"].to_numpy(np.float64)).sum())
    return (agreeing + _PRIOR_RIGHT) / (float(n.sum()) + _PRIOR_N)


def names_of(chosen: npt.NDArray[Any], panel: Panel) -> list[list[str]]:
    """The people of each row of `ask`, by name."""
    return [[panel.ids[k] for k in row if k >= 0] for row in chosen.tolist()]


_EDGE, _LEAST_RIGHT = 1e-6, 0.02
_PRIOR_RIGHT, _PRIOR_N = 4.0, 5.0
