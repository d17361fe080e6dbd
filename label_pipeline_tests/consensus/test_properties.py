"""What must hold for every method and every table, ties and all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.consensus.dawid_skene import DawidSkene, OneCoin
from label_pipeline.consensus.majority import Majority
from label_pipeline.consensus.ordinal import Ordinal
from label_pipeline.consensus.wawa import Wawa, weighted_shares
from label_pipeline.votes import Votes
from label_pipeline_tests.consensus.tables import renamed, tables, votes_of

METHODS = {
    "majority": Majority(),
    "wawa": Wawa(),
    "one_coin": OneCoin(),
    "one_coin_ml": OneCoin("none"),
    "dawid_skene": DawidSkene(),
    "dawid_skene_ml": DawidSkene("none"),
    "ordinal": Ordinal(),
}
EXAMPLES = settings(max_examples=60, deadline=None)
every_method = pytest.mark.parametrize("name", METHODS)
seeds = st.integers(0, 2**32 - 1)


@every_method
@EXAMPLES
@given(tables())
def test_results_are_sound(name, table):
    """Guards against NaN, probabilities that do not sum to one, and labels for unlabelled items."""
    votes = votes_of(*table)
    fit = METHODS[name].fit(votes)
    assert fit.probabilities_.shape == (votes.n_items, votes.n_classes)
    assert (fit.probabilities_ >= 0).all()
    assert np.allclose(fit.probabilities_.sum(axis=1), 1, atol=1e-9)
    assert ((fit.labels_ < 0) == (votes.per_item == 0)).all()
    assert fit.labels_.dtype == np.int32
    assert ((fit.annotator_quality_ >= 0) & (fit.annotator_quality_ <= 1)).all()
    assert np.isfinite(fit.annotator_weight_).all()
    if fit.confusion_ is not None:
        assert (fit.confusion_ >= 0).all()
        assert np.allclose(fit.confusion_.sum(axis=2), 1, atol=1e-9)


@every_method
@EXAMPLES
@given(tables(), seeds)
def test_items_and_annotators_are_only_names(name, table, seed):
    """Guards against results that depend on how items or annotators are called or ordered."""
    rows, *sizes = table
    fit = METHODS[name].fit(votes_of(rows, *sizes))
    labels, probabilities = fit.labels_, fit.probabilities_
    quality = fit.annotator_quality_
    by_item, new = renamed(rows, tuple(sizes), seed, 0)
    other = METHODS[name].fit(by_item)
    assert np.allclose(other.probabilities_[new], probabilities, atol=1e-9)
    assert (other.labels_[new] == labels).all()
    by_annotator, new = renamed(rows, tuple(sizes), seed, 1)
    other = METHODS[name].fit(by_annotator)
    assert np.allclose(other.probabilities_, probabilities, atol=1e-9)
    assert np.allclose(other.annotator_quality_[new], quality, atol=1e-9)
    assert (other.labels_ == labels).all()


@pytest.mark.parametrize("name", [name for name in METHODS if name != "ordinal"])
@EXAMPLES
@given(tables(), seeds)
def test_classes_are_only_names(name, table, seed):
    """Guards against a preference for some class beyond the stated rule for exact ties."""
    rows, *sizes = table
    fit = METHODS[name].fit(votes_of(rows, *sizes))
    labels, probabilities = fit.labels_, fit.probabilities_
    by_class, new = renamed(rows, tuple(sizes), seed, 2)
    other = METHODS[name].fit(by_class)
    assert np.allclose(other.probabilities_[:, new], probabilities, atol=1e-9)
    ranked = np.sort(np.pad(probabilities, ((0, 0), (1, 0))), axis=1)
    clear = (ranked[:, -1] - ranked[:, -2] > 1e-6) & (labels >= 0)
    assert (other.labels_[clear] == new[labels[clear]]).all()


@every_method
@EXAMPLES
@given(tables(), seeds)
def test_duplicates_and_row_order_are_nothing(name, table, seed):
    """Guards against a batch delivered twice, or files in another order, changing a label."""
    import pandas as pd

    rows, *_ = table
    frame = pd.DataFrame(rows, columns=["item_id", "annotator_id", "label"])
    again = pd.concat([frame, frame.sample(frac=0.5, random_state=seed)]).sample(frac=1, random_state=seed)
    one = METHODS[name].fit(Votes.build(frame))
    labels, probabilities = one.labels_, one.probabilities_
    other = METHODS[name].fit(Votes.build(again))
    assert (other.probabilities_ == probabilities).all()
    assert (other.labels_ == labels).all()


@EXAMPLES
@given(tables(items=4, annotators=4, classes=4), seeds)
def test_an_agreeing_vote_never_lowers_confidence(table, seed):
    """Guards against punishing agreement: with parameters held fixed, another vote for the label adds to it."""
    rows, n_items, n_annotators, n_classes = table
    rng = np.random.default_rng(seed)
    votes = votes_of(rows, n_items, n_annotators + 1, n_classes)
    chance = 1.0 / n_classes
    coin, full = OneCoin(max_iter=1).fit(votes), DawidSkene(max_iter=1).fit(votes)
    coin.annotator_quality_ = rng.uniform(0.05, 0.95, n_annotators + 1)
    coin.annotator_quality_[-1] = rng.uniform(chance, 1.0)
    full.confusion_ = rng.dirichlet(np.ones(n_classes), (n_annotators + 1, n_classes))
    # Better than chance: each label is likelier where it is true than where any other class is.
    diagonal = np.eye(n_classes, dtype=bool)
    full.confusion_[-1] = np.where(diagonal, 0.5 + 0.5 * chance, 0.5 * chance)
    weight = rng.uniform(0.0, 1.0, n_annotators + 1)
    for posterior in (coin.posterior, full.posterior, lambda votes: weighted_shares(votes, weight)):
        before = posterior(votes)
        for i in np.flatnonzero(votes.per_item > 0):
            label = int(before[i].argmax())
            more = votes_of([*rows, (int(i), n_annotators, label)], n_items, n_annotators + 1, n_classes)
            assert posterior(more)[i, label] >= before[i, label] - 1e-12
