"""Who is asked: another annotator, an adjudicator, or the owner of the guidelines.

Here belong the policy, which items are asked about at all, and which pairs of classes the guidelines fail to
separate. What an answer is worth stands in `value`, the order in `queue`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.errors import UserError

BoolArray = npt.NDArray[np.bool_]
ROUTES = ANNOTATOR, ADJUDICATOR, GUIDELINE = ("annotator", "adjudicator", "guideline")
ENOUGH_PER_CLASS = 10
"""Annotations a class, on average, before an annotator's confusion matrix counts as evidence of its own."""
CONFUSED = 0.1
"""Share of answers between two classes that are the other one, from which an annotator confuses them."""
GOOD_ANNOTATORS = 3
"""The fewest good annotators who can show that everybody confuses a pair."""


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """When an item is asked about, and of whom.

    An item gets at least `min_annotations` and at most `max_annotations` from annotators; disputed after
    `adjudicate_after` it goes to an adjudicator. `keep` rows of the queue are kept, or as many as the night's budget
    buys where that is more; `guideline_examples` of each confused pair go to the guideline owner. Nobody is named as
    the one to ask for more than `load` times the mean number of items a person.
    """

    min_annotations: int
    max_annotations: int
    adjudicate_after: int
    keep: int = 10_000
    guideline_examples: int = 5
    load: float = 2.0

    def __post_init__(self) -> None:
        least = {"guideline_examples": 0, "max_annotations": self.min_annotations}
        for name in self.__dataclass_fields__:
            if not getattr(self, name) >= least.get(name, 1):
                raise UserError(
                    f"{name} is {getattr(self, name)}", where="queue policy", rule=f"at least {least.get(name, 1)}"
                )


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes that good annotators take for each other: in which share of answers, shown by how many."""

    first: str
    second: str
    share: float
    annotators: int


def confused_pairs(annotators: pd.DataFrame, classes: Sequence[str]) -> list[ConfusedPair]:
    """The pairs of classes that good annotators confuse everywhere, worst first: the guidelines' fault, not theirs.

    `annotators` is a frame of annotator_quality: n, quality, flags, confusion (rows of truth by answer, one after
    another). Good are those of the better half by quality, not flagged as spammers, with `ENOUGH_PER_CLASS`
    annotations a class. A pair is confused by an annotator when the mean of the two confusions reaches
    `CONFUSED`, and everywhere when at least `GOOD_ANNOTATORS`, and two thirds of the good ones, do.
    """
    size = len(classes)
    known = annotators["confusion"].notna() & (annotators["n"] >= ENOUGH_PER_CLASS * size)
    known &= ~annotators["flags"].map(lambda flags: flags is not None and "spammer" in set(flags)).astype(bool)
    able = annotators[known]
    able = able[able["quality"] >= able["quality"].median()]
    if len(able) < GOOD_ANNOTATORS:
        return []
    confusion = np.stack([np.asarray(each, dtype=np.float64) for each in able["confusion"]]).reshape(-1, size, size)
    either_way = (confusion + confusion.transpose(0, 2, 1)) / 2
    showing = (either_way >= CONFUSED).sum(axis=0)
    everywhere = np.triu((showing >= GOOD_ANNOTATORS) & (3 * showing >= 2 * len(able)), k=1)
    share = either_way.mean(axis=0)
    pairs = [
        ConfusedPair(classes[a], classes[b], float(share[a, b]), int(showing[a, b])) for a, b in np.argwhere(everywhere)
    ]
    return sorted(pairs, key=lambda pair: (-round(pair.share, 9), pair.first, pair.second))


def is_asked(status: pd.Series[Any], is_issue: BoolArray) -> BoolArray:
    """Which items another answer may help: the unsettled, and those accepted whose label is found to be an issue.

    What gold or an adjudicator settled is never asked again.
    """
    unsettled = status.isin(["unlabelled", "open", "disputed"]).to_numpy()
    return np.asarray(unsettled | ((status == "accepted").to_numpy() & is_issue))


def is_for_adjudicator(status: pd.Series[Any], n: npt.NDArray[Any], policy: QueuePolicy) -> BoolArray:
    """Which items annotators cannot settle: disputed after `adjudicate_after`, or at `max_annotations`."""
    disputed = (status == "disputed").to_numpy()
    return np.asarray((n >= policy.max_annotations) | (disputed & (n >= policy.adjudicate_after)))
