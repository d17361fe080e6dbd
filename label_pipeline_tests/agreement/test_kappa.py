"""Kappas against statsmodels and scikit-learn, on tables with gaps."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss

from label_pipeline.agreement.kappa import cohen_kappa, fleiss_kappa, pairwise_cohen, raw_agreement
from label_pipeline.errors import UserError
from label_pipeline.estimates import Estimate
from label_pipeline.votes import Votes
from label_pipeline_tests.agreement.tables import dense, random_votes, tables, unhurried

WEIGHTS = ["none", "linear", "quadratic"]


@unhurried
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(2, 6), st.integers(2, 5))
def test_fleiss_is_statsmodels(seed: int, items: int, annotators: int, classes: int) -> None:
    """With as many labels on every item both are Fleiss 1971."""
    votes = random_votes(seed, items, annotators, classes, density=1.0)
    assume(len(np.unique(votes.label)) > 1)
    found = fleiss_kappa(votes, replicates=20)
    assert found.value == pytest.approx(statsmodels_fleiss(votes.counts()), abs=1e-9)
    assert found.n == items


def test_fleiss_with_unequal_items_by_hand() -> None:
    """Three items with 2, 3 and 1 labels: the third is not pairable.

    Equal pairs: 1 and 1/3, mean 2/3. Shares: (1, 0) and (2/3, 1/3), so chance = (5/6)² + (1/6)² = 26/36.
    """
    votes = Votes.of_codes(
        np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 0, 1, 2, 0]), np.array([0, 0, 0, 0, 1, 1]),
        items=3, annotators=3, classes=2,
    )  # fmt: skip
    assert raw_agreement(votes, replicates=0) == Estimate(pytest.approx(2 / 3), None, None, 2)
    assert fleiss_kappa(votes, replicates=0).value == pytest.approx((2 / 3 - 26 / 36) / (10 / 36))


@unhurried
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # statsmodels' own
@given(tables, st.sampled_from(WEIGHTS))
def test_every_pair_is_statsmodels_and_scikit_learn(votes: Votes, weights: str) -> None:
    """Value and interval of each pair from the full table of the two annotators' shared items."""
    table = pairwise_cohen(votes, weights=weights, minimum=1)
    matrix, classes = dense(votes), np.arange(votes.n_classes)
    shared = [(a, b) for a in range(votes.n_annotators) for b in range(a + 1, votes.n_annotators)
              if (~np.isnan(matrix[[a, b]])).all(axis=0).any()]  # fmt: skip
    assert list(zip(table["first"], table["second"], strict=True)) == shared
    for row in table.itertuples():
        both = ~np.isnan(matrix[[row.first, row.second]]).any(axis=0)
        one, other = matrix[row.first, both].astype(int), matrix[row.second, both].astype(int)
        assert row.n == both.sum()
        assert row.agreement == pytest.approx((one == other).mean())
        if len(set(one) | set(other)) == 1:
            assert np.isnan([row.kappa, row.ci_low, row.ci_high]).all()
            continue
        cells = np.zeros((votes.n_classes, votes.n_classes))
        np.add.at(cells, (one, other), 1)
        expected = cohens_kappa(cells, wt=None if weights == "none" else weights)
        assert row.kappa == pytest.approx(expected.kappa, abs=1e-9)
        scikit = cohen_kappa_score(one, other, labels=classes, weights=None if weights == "none" else weights)
        assert row.kappa == pytest.approx(scikit, abs=1e-9)
        deviation = np.sqrt(max(expected.var_kappa, 0))
        assert row.ci_high - row.kappa == pytest.approx(1.959963984540054 * deviation, abs=1e-6)


def test_one_pair_by_id() -> None:
    """The single call reads the same table, whichever of the two is named first."""
    votes = random_votes(3, 60, 4, 3)
    row = pairwise_cohen(votes, minimum=1).query("first == 1 and second == 3").iloc[0]
    assert cohen_kappa(votes, 1, 3) == Estimate(row.kappa, row.ci_low, row.ci_high, row.n)
    assert cohen_kappa(votes, 3, 1) == cohen_kappa(votes, 1, 3)
    with pytest.raises(UserError, match="no annotator '9'"):
        cohen_kappa(votes, 1, 9)
    with pytest.raises(UserError, match="Did you mean 'linear'"):
        cohen_kappa(votes, 1, 3, weights="lineal")  # type: ignore[arg-type]


def test_degenerate_pairs_are_undefined() -> None:
    """No shared item; one class throughout; no annotations at all."""
    apart = Votes.of_codes(np.array([0, 1]), np.array([0, 1]), np.array([0, 1]), items=2, annotators=2, classes=2)
    assert cohen_kappa(apart, 0, 1) == Estimate(None, None, None, 0)
    assert len(pairwise_cohen(apart, minimum=1)) == 0
    same = Votes.of_codes(np.array([0, 0]), np.array([0, 1]), np.array([1, 1]), items=1, annotators=2, classes=2)
    assert cohen_kappa(same, 0, 1) == Estimate(None, None, None, 1)
    nothing = Votes.of_codes(np.empty(0), np.empty(0), np.empty(0), items=0, annotators=0, classes=0)
    assert len(pairwise_cohen(nothing)) == 0
    assert fleiss_kappa(nothing) == raw_agreement(nothing) == Estimate(None, None, None, 0)
    assert fleiss_kappa(same) == Estimate(None, None, None, 1)
    assert raw_agreement(same) == Estimate(1.0, 1.0, 1.0, 1)


def test_pairs_below_the_minimum_are_left_out() -> None:
    """Two shared items say nothing about two people."""
    votes = random_votes(3, 60, 5, 3, density=0.4)
    every = pairwise_cohen(votes, minimum=1)
    enough = pairwise_cohen(votes, minimum=10)
    assert 0 < len(enough) < len(every)
    assert (enough["n"] >= 10).all()
