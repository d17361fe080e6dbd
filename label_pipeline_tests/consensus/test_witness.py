"""Models that answer like annotators: evidence, as far as people bear them out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from label_pipeline.consensus.witness import MOST, witness_probabilities
from label_pipeline.votes import Votes

CLASSES = ["cat", "dog"]
ITEMS = [f"i{k:02d}" for k in range(20)]


def votes(*rows: tuple[str, str, str]) -> Votes:
    frame = pd.DataFrame(rows, columns=["item_id", "annotator_id", "label"])
    return Votes.build(frame, classes=CLASSES, items=ITEMS)


def test_a_model_nobody_could_compare_says_nothing() -> None:
    """Loss: a new model's answers alone settle items."""
    answered, table = witness_probabilities(votes(("i00", "a", "cat")), votes(("i01", "m", "dog")))
    assert answered.tolist() == [item == "i01" for item in ITEMS]
    assert table[1].tolist() == [0.5, 0.5]


def test_by_hand() -> None:
    """Loss: a model is trusted by its own confidence, and not by what people say beside it."""
    people = votes(*[(item, who, "cat") for item in ITEMS[:16] for who in "ab"])
    model = votes(*[(item, "m", "cat" if k < 12 else "dog") for k, item in enumerate(ITEMS)])
    _, table = witness_probabilities(people, model)
    # Of 16 items that both saw it agrees on 12; four comparisons at chance level are added.
    right = (12 + 4 * 0.5) / (16 + 4)
    assert table[0].tolist() == pytest.approx([right, 1 - right])
    assert table[19].tolist() == pytest.approx([1 - right, right])


def test_bounds() -> None:
    """Loss: a model that always agrees is believed without end; one that never does is believed the other way round."""
    people = votes(*[(item, "a", "cat") for item in ITEMS])
    always = witness_probabilities(people, votes(*[(item, "m", "cat") for item in ITEMS]))[1]
    never = witness_probabilities(people, votes(*[(item, "m", "dog") for item in ITEMS]))[1]
    assert always[0, 0] <= MOST
    assert np.allclose(never, 0.5)
