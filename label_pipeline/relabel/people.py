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
CELLS = 1 << 25
"""The most cells of confusion matrices that are held at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The annotators who may be asked: `ids` (n,), how many answers each gave, `laws` (n, K, K): answers by truth."""

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
        laws = np.empty((len(rows), n_classes, n_classes))
        for k, flat in enumerate(rows["confusion"]):
            laws[k] = np.asarray(flat, dtype=np.float64).reshape(n_classes, n_classes)
        return cls(tuple(rows["annotator_id"]), rows["n"].to_numpy(np.float64), laws)

    def typical(self, accuracy: float, n_classes: int) -> FloatArray:
        """The law (K, K) of an answer by just anybody: the mean over answers, or `even_law` where nobody is known."""
        if not self.ids:
            return even_law(n_classes, accuracy)
        return np.asarray(np.tensordot(self.answers / self.answers.sum(), self.laws, axes=1))


def ask(telling: FloatArray, panel: Panel, labelled: Sequence[Collection[str]], load: float) -> IntArray:
    """Whom to ask of each item: (n, `ASKED`), rows of the panel, best first, -1 where nobody is left.

    `telling` (n, n_people) is how far each one's answer would settle the item. Items are served in their order. Never
    asked is who is among those who `labelled` the item. Nobody is the first choice for more than `load` times the mean
    number of items a person, as long as somebody else is left; the others named are substitutes.
    """
    code = {name: k for k, name in enumerate(panel.ids)}
    barred = [[code[name] for name in names if name in code] for names in labelled]
    start = np.concatenate([[0], np.cumsum([len(each) for each in barred])]).astype(np.int64)
    flat = np.array([k for each in barred for k in each], dtype=np.int64)
    room = np.full(len(panel.ids), int(np.ceil(load * len(telling) / max(len(panel.ids), 1))), dtype=np.int64)
    found: IntArray = loops.assign(np.ascontiguousarray(telling), start, flat, room, ASKED)
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


_PRIOR_RIGHT, _PRIOR_N = 4.0, 5.0
