"""A consensus in which some votes count for less: the mean of what it is with them and without them.

Here belongs only the mean. It works with every method, whatever it makes of a vote; a vote of weight w then counts as if
it were there with probability w, together with all others of less weight.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from label_pipeline.consensus.ordinal import median_class
from label_pipeline.consensus.selection import FittedConsensus


def mean_of(
    together: FittedConsensus, without: FittedConsensus, weight: float, *, ordered: bool = False
) -> FittedConsensus:
    """`together`, its probabilities `weight` (0 to 1) of its own and the rest of those `without` the lesser votes.

    Both are of the same items and classes. An item has a label where it has one with all votes: the likeliest, with
    `ordered` the median.
    """
    mean = weight * together.probabilities_ + (1.0 - weight) * without.probabilities_
    chosen = median_class(mean) if ordered else mean.argmax(axis=1).astype(np.int32)
    labels = np.where(together.labels_ >= 0, chosen, together.labels_)
    lost = together.votes.n - without.votes.n
    why = f"{together.why_} {lost} votes of annotators below the limit of gold checks count for {weight:g}."
    return replace(together, labels_=labels, probabilities_=mean, why_=why)
