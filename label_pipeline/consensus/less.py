"""A consensus in which some votes count for less: the mean of what it is with them and without them.

Here belongs only the mean. It works with every method, whatever it makes of a vote; a vote of weight w then counts as
if it were there with probability w, together with all others of less weight.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np

from label_pipeline.consensus.base import TIE
from label_pipeline.consensus.multilabel import MultiLabel
from label_pipeline.consensus.number import NumberConsensus
from label_pipeline.consensus.ordinal import median_class
from label_pipeline.consensus.selection import FittedConsensus
from label_pipeline.votes import FloatArray


def mean_of(
    together: FittedConsensus, without: FittedConsensus, weight: float, *, ordered: bool = False
) -> FittedConsensus:
    """`together`, its probabilities `weight` (0 to 1) of its own and the rest of those `without` the lesser votes.

    Both are of the same items and classes. An item has a label where it has one with all votes: the likeliest, with
    `ordered` the median.
    """
    mean = _mean(together.probabilities_, without.probabilities_, weight)
    chosen = median_class(mean) if ordered else mean.argmax(axis=1).astype(np.int32)
    if not ordered:  # what all votes say wins a tie with what is likely without them
        own = np.take_along_axis(mean, np.maximum(together.labels_, 0)[:, None].astype(np.int64), axis=1)[:, 0]
        chosen = np.where(own >= mean.max(axis=1) - TIE, together.labels_, chosen)
    labels = np.where(together.labels_ >= 0, chosen, together.labels_)
    why = f"{together.why_} {less_words(together.votes.n - without.votes.n, weight)}"
    return replace(together, labels_=labels, probabilities_=mean, why_=why)


def mean_of_sets(together: MultiLabel, without: MultiLabel, weight: float) -> MultiLabel:
    """`together`, the chance of each class to be there `weight` of its own and the rest of `without`."""
    mean = copy(together)
    mean.probabilities_ = _mean(together.probabilities_, without.probabilities_, weight)
    mean.labels_ = mean.probabilities_ > 0.5
    return mean


def mean_of_numbers(together: NumberConsensus, without: NumberConsensus, weight: float) -> NumberConsensus:
    """`together`, what is known of each value the mixture of both; an item with lesser votes only is left as it is.

    A value is the mean of both where they are one within their error, else the likelier one.
    """
    mean = copy(together)
    mean.parts_ = together.parts_.mixed(without.parts_, weight)
    middle = _mean(together.values_, without.values_, weight)
    with np.errstate(invalid="ignore"):
        apart = np.abs(together.values_ - without.values_) > np.sqrt(together.variance_ + without.variance_)
    likelier = np.where(mean.parts_.known, mean.parts_.heaviest(), together.values_)
    mean.values_ = np.where(apart | ~np.isfinite(middle), likelier, middle)
    mean.variance_ = mean.parts_.variance_about(mean.values_)
    return mean


def less_words(lost: int, weight: float) -> str:
    """That there are lesser votes, for people."""
    return f"{lost} votes of annotators below the limit of gold checks count for {weight:g}."


def _mean(one: FloatArray, other: FloatArray, weight: float) -> FloatArray:
    return np.asarray(weight * one + (1.0 - weight) * other, dtype=np.float64)
