"""Wawa by hand."""

import numpy as np

from label_pipeline.consensus.wawa import Wawa, weighted_shares
from label_pipeline_tests.consensus.tables import votes_of


def test_by_hand():
    """Guards against weights that are not the agreement with the majority."""
    # Item 0: 0 0 1; item 1: 0 1 1; item 2: only annotators 0 and 2, who disagree.
    rows = [(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 0), (1, 1, 1), (1, 2, 1), (2, 0, 0), (2, 2, 1)]
    fit = Wawa().fit(votes_of(rows, 3, 3, 2))
    # On item 2 both tied labels count one half.
    weight = np.array([1 + 0 + 0.5, 2, 0 + 1 + 0.5]) / [3, 2, 3]
    assert np.allclose(fit.annotator_weight_, weight)
    assert np.allclose(fit.annotator_quality_, weight)
    total = weight.sum()
    assert np.allclose(
        fit.probabilities_,
        [[1.5 / total, 0.5 / total], [0.5 / total, 1.5 / total], [0.5, 0.5]],
    )
    assert fit.labels_.tolist() == [0, 1, 0]


def test_gold_teaches_the_weights():
    """Guards against gold that settles its item but not what its annotators are worth."""
    rows = [(0, 0, 0), (0, 1, 1), (1, 0, 0), (1, 1, 1)]
    fit = Wawa().fit(votes_of(rows, 2, 2, 2), gold=np.array([1, -1]))
    assert fit.annotator_weight_.tolist() == [0.25, 0.75]
    assert fit.labels_.tolist() == [1, 1]


def test_nobody_weighs_anything():
    """Guards against 0/0 where no annotator ever agrees with the truth."""
    votes = votes_of([(0, 0, 0), (1, 0, 1)], 2, 1, 2)
    fit = Wawa().fit(votes, gold=np.array([1, -1]))
    assert np.isfinite(fit.probabilities_).all()
    assert weighted_shares(votes, np.zeros(1)).tolist() == [[1, 0], [0, 1]]


def test_equals_crowd_kit_where_nothing_is_tied(datasets):
    """Guards against another reading of Wawa: the same shares as crowd-kit's formula on real data."""
    import pandas as pd

    from label_pipeline.votes import Votes

    votes = Votes.build(pd.read_csv(datasets / "bluebirds" / "annotations.csv", dtype=str))
    counts = votes.counts()
    assert (np.sort(counts, axis=1)[:, -1] > np.sort(counts, axis=1)[:, -2]).all()
    agrees = votes.label == counts.argmax(axis=1)[votes.item]
    skill = np.bincount(votes.annotator, agrees) / votes.per_annotator
    shares = np.zeros(counts.shape)
    np.add.at(shares, (votes.item, votes.label), skill[votes.annotator])
    shares /= shares.sum(axis=1, keepdims=True)
    assert np.allclose(Wawa().fit(votes).probabilities_, shares, atol=1e-12)
