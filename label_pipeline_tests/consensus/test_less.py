"""Votes that count for less: the mean of a consensus with them and without them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from label_pipeline.consensus import fit_consensus
from label_pipeline.consensus.less import mean_of
from label_pipeline.votes import Votes

ANSWERS = [("i1", "a", "cat"), ("i1", "b", "dog"), ("i2", "b", "dog"), ("i3", "a", "cat"), ("i3", "c", "cat")]


def test_by_hand() -> None:
    """Loss: whoever fails gold checks decides where nobody else is sure, or loses the only answer of an item."""
    frame = pd.DataFrame(ANSWERS, columns=["item_id", "annotator_id", "label"])
    votes = Votes.build(frame, classes=["cat", "dog"])
    full = votes.annotators[votes.annotator] != "b"
    together = fit_consensus(votes, method="majority")
    without = fit_consensus(votes.keep(full), method="majority")
    found = mean_of(together, without, 0.5)
    assert found.probabilities_ == pytest.approx((together.probabilities_ + without.probabilities_) / 2)
    assert found.labels_.tolist() == [0, 1, 0]  # i1: the full vote; i2: the lesser one, which is all there is
    assert found.why_.endswith("2 votes of annotators below the limit of gold checks count for 0.5.")
    assert np.array_equal(mean_of(together, without, 1.0).labels_, together.labels_)
