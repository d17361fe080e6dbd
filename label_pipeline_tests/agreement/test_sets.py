"""Agreement on label sets: the MASI distance, and each class by itself."""

from __future__ import annotations

import numpy as np
import pytest

from label_pipeline.agreement.alpha import alpha, alpha_by_class
from label_pipeline.agreement.patterns import Patterns
from label_pipeline.agreement.sets import by_class, masi_distances
from label_pipeline.votes import Votes


def test_masi_by_hand() -> None:
    """Loss: whoever forgot one class of three would be as far off as one who named three others."""
    found = masi_distances(["", "a", "a|b", "b|c", "c"])
    third, two_thirds = 1.0 / 3.0, 2.0 / 3.0
    expected = {
        (0, 1): 1.0,  # nothing and something share nothing
        (1, 2): 1.0 - 0.5 * two_thirds,  # one holds the other: J = 1/2, M = 2/3
        (2, 3): 1.0 - third * third,  # they overlap: J = 1/3, M = 1/3
        (1, 4): 1.0,
        (3, 4): 1.0 - 0.5 * two_thirds,
    }
    for (row, column), distance in expected.items():
        assert found[row, column] == found[column, row] == pytest.approx(distance)
    assert np.diag(found).tolist() == [0.0] * 5


def votes_frame(*sets: tuple[str, str, str]) -> Patterns:
    import pandas as pd

    return Patterns.of(Votes.build(pd.DataFrame(sets, columns=["item_id", "annotator_id", "label"])))


SETS = (("i1", "x", "a|b"), ("i1", "y", "a"), ("i2", "x", ""), ("i2", "y", ""), ("i3", "x", "b"), ("i3", "y", "b"))


def test_alpha_on_sets_by_hand() -> None:
    """Loss: a coefficient that nobody ever computed on paper."""
    # One of three pairs of an item differs, by d(a|b, a) = 2/3; of all 30 ordered pairs of the six answers, none is of
    # equal sets but 2 for '' and 2 for 'b'.
    d_ab_a, d_ab_b = 2.0 / 3.0, 2.0 / 3.0
    observed = d_ab_a * 2 / 6
    # a|b with a: 1 pair, with b twice, with '' twice; a with b twice, with '' twice; b with '' four times.
    expected = 2 * (d_ab_a + 2 * d_ab_b + 2 + 2 + 2 + 4) / 30
    assert alpha(votes_frame(*SETS), "masi", seed=0).value == pytest.approx(1.0 - observed / expected)


def test_each_class_against_its_absence() -> None:
    """Loss: a class that half of the people overlook hides behind the classes that everybody sees."""
    patterns = by_class(votes_frame(*SETS), ["a", "b", "c"])
    a, b, c = alpha_by_class(patterns, [0, 1, 2], seed=0)
    # Class a: answers 1 1 / 0 0 / 0 0. Class b: 1 0 / 0 0 / 1 1: D_o = 2/6, D_e = 2·3·3/30.
    assert a.value == pytest.approx(1.0)
    assert b.value == pytest.approx(1.0 - (2 / 6) / (18 / 30))
    assert c.value is None  # nobody ever said it
