from typing import Any

import numpy as np
import pandas as pd
import pytest

from label_pipeline.errors import UserError
from label_pipeline.relabel.route import ConfusedPair, QueuePolicy, confused_pairs, is_asked, is_for_adjudicator


def annotators(*rows: tuple[int, float, list[str], Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["n", "quality", "flags", "confusion"])


def matrix(swap: float) -> list[float]:
    """Three classes, the last two taken for each other."""
    return [1, 0, 0, 0, 1 - swap, swap, 0, swap, 1 - swap]


def test_a_pair_is_confused_everywhere_when_the_good_ones_confuse_it() -> None:
    """Guards against blaming people for a guideline, and a guideline for one person."""
    good = [(100, 0.9, [], matrix(0.2)), (100, 0.9, [], matrix(0.3)), (100, 0.95, [], matrix(0.1))]
    clear = [(100, 0.9, [], matrix(0.0))] * 3
    assert confused_pairs(annotators(*good), ("a", "b", "c")) == [ConfusedPair("b", "c", pytest.approx(0.2), 3)]
    assert confused_pairs(annotators(*good[:1], *clear), ("a", "b", "c")) == []


def test_spammers_beginners_and_the_worse_half_are_no_witnesses() -> None:
    """Guards against changing a guideline because of people who never read it."""
    clear = [(100, 0.95, [], matrix(0.0))] * 3
    others = [
        (100, 0.99, ["spammer"], matrix(0.5)), (29, 0.99, [], matrix(0.5)), (100, 0.99, [], None),
        (100, 0.2, [], matrix(0.5)), (100, 0.2, [], matrix(0.5)),
    ]  # fmt: skip
    assert confused_pairs(annotators(*clear, *others), ("a", "b", "c")) == []
    assert confused_pairs(annotators(), ("a", "b", "c")) == []


def test_who_is_asked_by_hand() -> None:
    """Guards against relabelling what is settled, and against asking the fifth person what four disputed."""
    policy = QueuePolicy(2, 5, 4)
    status = pd.Series(["unlabelled", "open", "disputed", "disputed", "accepted", "accepted", "adjudicated", "gold"])
    n = np.array([0, 5, 3, 4, 3, 3, 3, 3])
    issue = np.array([False, False, False, False, False, True, True, True])
    assert is_asked(status, issue).tolist() == [True, True, True, True, False, True, False, False]
    assert is_for_adjudicator(status, n, policy)[:4].tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    "policy", [(0, 5, 4), (3, 2, 4), (2, 5, 0), (2, 5, 4, 0), (2, 5, 4, 1, -1), (2, 5, 4, 1, 0, 0.5)]
)
def test_an_impossible_policy_is_one_clear_error(policy: tuple[Any, ...]) -> None:
    """Guards against an empty queue without a reason."""
    with pytest.raises(UserError, match="queue policy"):
        QueuePolicy(*policy)
