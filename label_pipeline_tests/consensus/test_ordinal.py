"""Ratings: bias and spread are found, near misses count less, and the order is used and nothing else."""

import numpy as np
import pandas as pd
import pytest

from label_pipeline.consensus.dawid_skene import DawidSkene
from label_pipeline.consensus.ordinal import Ordinal, median_class, scale_of
from label_pipeline.errors import UserError
from label_pipeline.votes import Votes
from label_pipeline_tests.consensus.tables import votes_of


def rated(seed=0, n_items=400, bias=(0.0, 0.0, 1.0, -1.0, 0.0), spread=(0.4, 0.5, 0.5, 0.5, 1.2)):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, n_items)
    rows = [
        (i, j, int(np.clip(np.round(truth[i] + bias[j] + spread[j] * rng.normal()), 0, 4)))
        for i in range(n_items)
        for j in range(5)
        if rng.random() < 0.7
    ]
    return votes_of(rows, n_items, 5, 5), truth


def test_bias_and_spread_are_found():
    """Guards against a lenient rater pulling every consensus up."""
    votes, truth = rated()
    fit = Ordinal().fit(votes)
    assert fit.bias_[2] > 0.4 > abs(fit.bias_[0])
    assert fit.bias_[3] < -0.4
    assert fit.spread_[4] > fit.spread_[0]
    known = votes.per_item > 0
    assert np.abs(fit.labels_ - truth)[known].mean() < 0.15
    assert np.abs(fit.expected_ - truth)[known].mean() < 0.25
    assert np.allclose(fit.confusion_.sum(axis=2), 1)


def test_order_helps_where_labels_are_few():
    """Guards against an ordinal method that knows no more than Dawid–Skene does."""
    gain = []
    for seed in range(5):
        votes, truth = rated(seed, n_items=25)
        known = votes.per_item > 0
        miss = [np.abs(m.fit(votes).labels_ - truth)[known].mean() for m in (DawidSkene(), Ordinal())]
        gain.append(miss[0] - miss[1])
    assert np.mean(gain) > 0


def test_median_and_mode():
    """Guards against reporting the likeliest class where the middle one was asked for."""
    p = np.array([[0.4, 0.0, 0.25, 0.35], [0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    assert median_class(p).tolist() == [2, 0, 3]
    votes, _ = rated(n_items=60)
    fit = Ordinal(decide="mode").fit(votes)
    clear = np.diff(np.sort(fit.probabilities_, axis=1)[:, -2:], axis=1)[:, 0] > 1e-6
    labelled = clear & (votes.per_item > 0)
    assert (fit.labels_ == fit.probabilities_.argmax(axis=1))[labelled].all()


def test_scale():
    """Guards against stars read as 0..4, and against a scale that does not rise."""
    assert scale_of(("1", "2", "5"), None).tolist() == [1, 2, 5]
    assert scale_of(("1", "5", "2"), None).tolist() == [0, 1, 2]
    assert scale_of(("low", "high"), None).tolist() == [0, 1]
    assert scale_of(("low", "high"), (0.5, 7)).tolist() == [0.5, 7]
    for values in ((1, 1), (2, 1), (1,), (1, float("nan"))):
        with pytest.raises(UserError, match="2 increasing numbers"):
            scale_of(("low", "high"), values)


def test_values_set_the_unit():
    """Guards against a result that depends on the unit of the scale."""
    votes, _ = rated(n_items=80)
    one, ten = Ordinal().fit(votes), Ordinal(values=(10, 20, 30, 40, 50)).fit(votes)
    assert np.allclose(one.probabilities_, ten.probabilities_)
    assert np.allclose(ten.expected_, 10 + 10 * one.expected_)
    assert np.allclose(ten.bias_, 10 * one.bias_)
    assert np.allclose(ten.deviation_, 10 * one.deviation_, atol=1e-6)


def test_reversed_scale():
    """Guards against a model that prefers one end of the scale (ties of the median aside)."""
    votes, _ = rated(n_items=60)
    turned = Votes.of_codes(votes.item, votes.annotator, 4 - votes.label, items=60, annotators=5, classes=5)
    one, other = Ordinal().fit(votes), Ordinal().fit(turned)
    assert np.allclose(one.probabilities_, other.probabilities_[:, ::-1], atol=1e-9)
    assert np.allclose(one.bias_, -other.bias_, atol=1e-9)


def test_gold_and_edges():
    """Guards against gold replaced by a median, and against crashes on next to nothing."""
    votes, _ = rated(n_items=10)
    gold = np.where(np.arange(10) == 3, 4, -1)
    fit = Ordinal().fit(votes, gold=gold)
    assert fit.labels_[3] == 4
    assert fit.expected_[3] == 4.0
    for rows, sizes in (([], (2, 0, 3)), ([(0, 0, 0)], (1, 1, 1)), ([(0, 0, 2)], (2, 1, 3)), ([], (0, 0, 0))):
        fit = Ordinal().fit(votes_of(rows, *sizes))
        assert np.isfinite(fit.probabilities_).all()
        assert np.isfinite(fit.expected_).all()
    assert Ordinal().fit(votes_of([(0, 0, 2)], 2, 1, 3)).labels_.tolist() == [2, -1]


def test_parameters_are_checked():
    """Guards against options that would be ignored."""
    votes = votes_of([(0, 0, 0)], 1, 1, 2)
    for options, message in (
        ({"decide": "mean"}, "decide is 'mean'"),
        ({"prior": "none"}, "no maximum likelihood"),
        ({"slip": 0.0}, "slip is 0.0"),
    ):
        with pytest.raises(UserError, match=message):
            Ordinal(**options).fit(votes)


def test_real_ratings(datasets):
    """Guards against losing to the unordered model on ordered labels (adult content, four levels)."""
    votes = Votes.build(pd.read_csv(datasets / "adult" / "annotations.csv", dtype=str))
    truth = pd.read_csv(datasets / "adult" / "truth.csv", dtype=str).set_index("item_id").iloc[:, 0]
    at = np.flatnonzero(np.isin(votes.items, truth.index))
    code = np.array([votes.classes.index(label) for label in truth[votes.items[at]]])
    miss = [np.abs(m.fit(votes).labels_[at] - code).mean() for m in (Ordinal(), DawidSkene())]
    assert miss[0] < miss[1]
