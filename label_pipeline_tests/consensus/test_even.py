"""Error models under even class frequencies: what differs from the estimated ones, and what may not."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.consensus.dawid_skene import DawidSkene, OneCoin
from label_pipeline.consensus.even import EvenDawidSkene, EvenOneCoin, log_odds
from label_pipeline_tests.consensus.tables import Cells, renamed, tables, votes_of


def test_one_step_by_hand() -> None:
    """Weights were those of the step before, and the first vote counted twice."""
    # Three items, all three annotators: ann and bob agree throughout, cid is against them on the last two.
    rows = [(i, j, 0) for i in range(3) for j in range(2)] + [(0, 2, 0), (1, 2, 1), (2, 2, 1)]
    votes = votes_of(rows, 3, 3, 2)
    fitted = EvenOneCoin(strength=2.0, max_iter=1).fit(votes)
    start = OneCoin(strength=2.0, max_iter=1).fit(votes).annotator_quality_
    weight = np.log(start / (1 - start))
    odds = np.exp([weight.sum(), weight[0] + weight[1] - weight[2]])
    np.testing.assert_allclose(fitted.probabilities_[:2, 0], odds / (1 + odds))
    hits = np.array([fitted.probabilities_[:, 0].sum()] * 2 + [fitted.probabilities_[[0, 1, 2], [0, 1, 1]].sum()])
    pooled = (hits.sum() + 1) / (9 + 2)
    np.testing.assert_allclose(fitted.annotator_quality_, (hits + 2 * pooled) / 5)
    np.testing.assert_allclose(fitted.annotator_weight_, log_odds(fitted.annotator_quality_, 2))


def test_a_rare_class_is_not_swallowed() -> None:
    """With a rare class that annotators often miss, the estimated frequency fell until no item had the class."""
    rng = np.random.default_rng(0)
    truth = (rng.random(400) < 0.25).astype(int)
    recall = np.where(truth == 1, 0.45, 0.97)
    rows = [(i, j, int(t if rng.random() < recall[i] else 1 - t)) for i, t in enumerate(truth) for j in range(5)]
    votes = votes_of(rows, 400, 5, 2)
    found = {
        kind.__name__: (kind().fit(votes).labels_[truth == 1] == 1).mean()
        for kind in (OneCoin, EvenOneCoin, DawidSkene, EvenDawidSkene)
    }
    assert found["EvenOneCoin"] > found["OneCoin"]
    assert found["EvenDawidSkene"] >= found["DawidSkene"] - 0.02


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(0, 2**16), st.integers(0, 1))
def test_renaming_items_and_annotators_changes_nothing(
    table: tuple[Cells, int, int, int], seed: int, column: int
) -> None:
    """A new pseudonym moved a label."""
    rows, *sizes = table
    votes = votes_of(rows, *sizes)
    other, new = renamed(rows, (sizes[0], sizes[1], sizes[2]), seed, column)
    for kind in (EvenOneCoin, EvenDawidSkene):
        ours, theirs = kind().fit(votes), kind().fit(other)
        rows_of = new if column == 0 else np.arange(sizes[0])
        np.testing.assert_allclose(theirs.probabilities_[rows_of], ours.probabilities_, atol=1e-7)
        np.testing.assert_allclose(ours.probabilities_.sum(axis=1), 1)
        assert (ours.class_prior_ == 1 / sizes[2]).all()


def test_gold_stays() -> None:
    """An adjudicated item was voted down by the annotators who had erred on it."""
    votes = votes_of([(i, j, 0) for i in range(4) for j in range(3)], 4, 3, 2)
    gold = np.array([1, -1, -1, -1], dtype=np.int32)
    for kind in (EvenOneCoin, EvenDawidSkene):
        fitted = kind().fit(votes, gold=gold)
        assert fitted.labels_[0] == 1
        assert fitted.probabilities_[0].tolist() == [0, 1]
