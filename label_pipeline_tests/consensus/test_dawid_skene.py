"""Dawid–Skene against crowd-kit, by hand, and where data is scarce or strange."""

import numpy as np
import pandas as pd
import pytest

from label_pipeline.consensus import dawid_skene
from label_pipeline.consensus.dawid_skene import DawidSkene, OneCoin, Pairs
from label_pipeline.errors import UserError
from label_pipeline.votes import Votes
from label_pipeline_tests.consensus.tables import votes_of


def simulated(seed: int, n_items=60, n_annotators=8, n_classes=3, per_item=3) -> tuple[Votes, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_items)
    item = np.repeat(np.arange(n_items), per_item)
    annotator = np.concatenate([rng.permutation(n_annotators)[:per_item] for _ in range(n_items)])
    skill = rng.uniform(0.4, 0.95, n_annotators)
    right = rng.random(len(item)) < skill[annotator]
    label = np.where(right, truth[item], rng.integers(0, n_classes, len(item)))
    sizes = {"items": n_items, "annotators": n_annotators, "classes": n_classes}
    return Votes.of_codes(item, annotator, label, **sizes), truth


def crowd_kit(votes: Votes, model, gold=None) -> np.ndarray:
    """crowd-kit's probabilities in our order; its stopping rule is switched off."""
    frame = pd.DataFrame({"task": votes.item, "worker": votes.annotator, "label": votes.label})
    known = None if gold is None else pd.Series(gold, index=range(votes.n_items))[gold >= 0]
    fitted = model.fit(frame) if gold is None else model.fit(frame, known)
    return fitted.probas_.sort_index().reindex(columns=range(votes.n_classes), fill_value=0.0).to_numpy()


@pytest.mark.parametrize("iterations", [1, 2, 7, 25])
def test_equals_crowd_kit(iterations):
    """Guards against another model than Dawid and Skene's: within 1e-6 of crowd-kit at equal iterations."""
    from crowdkit.aggregation import DawidSkene as Theirs

    for seed in range(3):
        votes, truth = simulated(seed)
        gold = np.where(np.arange(votes.n_items) % 9 == 0, truth, -1)
        for known in (None, gold):
            ours = DawidSkene("none", max_iter=iterations, tol=0.0).fit(votes, gold=known)
            theirs = crowd_kit(votes, Theirs(n_iter=iterations, tol=-np.inf), known)
            assert np.abs(ours.probabilities_ - theirs).max() < 1e-6
            assert ours.diagnostics_["iterations"] == iterations


def test_one_coin_equals_crowd_kit():
    """Guards against the sparse one-coin pass leaving out classes that nobody gave."""
    from crowdkit.aggregation.classification.dawid_skene import OneCoinDawidSkene as Theirs

    votes, _ = simulated(5, n_classes=5)
    for iterations in (1, 12):
        ours = OneCoin("none", max_iter=iterations, tol=0.0).fit(votes)
        assert np.abs(ours.probabilities_ - crowd_kit(votes, Theirs(n_iter=iterations, tol=-np.inf))).max() < 1e-6


def test_equals_crowd_kit_on_real_data(datasets):
    """Guards against drifting from crowd-kit where annotators are many and labels few."""
    from crowdkit.aggregation import DawidSkene as Theirs

    for name in ("rte", "weather_cf", "bluebirds"):
        votes = Votes.build(pd.read_csv(datasets / name / "annotations.csv", dtype=str))
        ours = DawidSkene("none", max_iter=10, tol=0.0).fit(votes).probabilities_
        assert np.abs(ours - crowd_kit(votes, Theirs(n_iter=10, tol=-np.inf))).max() < 1e-6


def test_one_step_by_hand():
    """Guards against a wrong prior, shrinkage or orientation of the confusion matrix."""
    # Annotator 0 says 0, 1 on items 0, 1; annotator 1 says 0, 0.
    votes = votes_of([(0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 0)], 2, 2, 2)
    fit = DawidSkene(strength=2.0, max_iter=1).fit(votes)
    counts = np.array([[[1, 0.5], [0, 0.5]], [[1.5, 0.0], [0.5, 0.0]]])  # annotator, true class, label
    counts[0] = [[1, 0.5], [0, 0.5]]
    together = counts.sum(axis=0)
    accuracy = (np.trace(together) + 1) / (together.sum() + 2)
    coin = np.array([[accuracy, 1 - accuracy], [1 - accuracy, accuracy]])
    pooled = (together + 2 * coin) / (together.sum(axis=1, keepdims=True) + 2)
    error = (counts + 2 * pooled) / (counts.sum(axis=2, keepdims=True) + 2)
    pi = np.array([1.5 + 0.5, 0.5 + 0.5]) / 3
    joint = np.array([pi * error[0][:, 0] * error[1][:, 0], pi * error[0][:, 1] * error[1][:, 0]])
    assert np.allclose(fit.probabilities_, joint / joint.sum(axis=1, keepdims=True), atol=1e-10)


def test_gold_teaches():
    """Guards against gold that settles its items and says nothing about who errs."""
    # Two annotators contradict each other everywhere; gold on some items shows who is right.
    rows = [(i, j, (i + j) % 2) for i in range(20) for j in range(2)]
    votes = votes_of(rows, 20, 2, 2)
    gold = np.where(np.arange(20) < 8, np.arange(20) % 2, -1)
    for method in (DawidSkene(), DawidSkene("none"), OneCoin(), OneCoin("none")):
        fit = method.fit(votes, gold=gold)
        assert fit.labels_.tolist() == [i % 2 for i in range(20)]
        assert fit.annotator_quality_[0] > 0.8 > 0.2 > fit.annotator_quality_[1]
    assert (DawidSkene().fit(votes).probabilities_ == 0.5).all()


def test_a_liar_is_read_backwards():
    """Guards against treating a systematic confusion as noise: their labels carry as much as an honest one's."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    rows = [(i, j, int(t if j < 3 else 1 - t)) for i, t in enumerate(truth) for j in range(4)]
    fit = DawidSkene().fit(votes_of(rows, 300, 4, 2))
    assert fit.labels_.tolist() == truth.tolist()
    assert fit.confusion_[3].diagonal().max() < 0.1
    assert fit.annotator_quality_[3] < 0.1
    assert fit.annotator_weight_[3] > 0.5


def test_a_spammer_weighs_nothing():
    """Guards against an annotator whose labels do not depend on the item counting as information."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 400)
    rows = [(i, j, int(t)) for i, t in enumerate(truth) for j in range(3)]
    rows += [(i, 3, 0) for i in range(200)] + [(i, 4, int(rng.integers(3))) for i in range(400)]
    fit = DawidSkene().fit(votes_of(rows, 400, 5, 3))
    assert fit.annotator_weight_[3] < 0.01
    assert fit.annotator_weight_[4] < 0.05
    assert fit.annotator_weight_[0] > 0.9


def test_few_labels_make_a_typical_annotator():
    """Guards against judging someone by a single label."""
    votes, _ = simulated(2, n_items=200)
    item = np.append(votes.item, 0)
    one = Votes.of_codes(
        item, np.append(votes.annotator, 8), np.append(votes.label, 2), items=200, annotators=9, classes=3
    )
    fit = DawidSkene().fit(one)
    typical = fit.annotator_quality_[:8].mean()
    assert abs(fit.annotator_quality_[8] - typical) < 0.25
    assert not np.isin(fit.confusion_[8], (0.0, 1.0)).any()


def test_idle_annotators_and_items():
    """Guards against NaN for an annotator or an item without annotations."""
    votes = votes_of([(0, 0, 0), (0, 2, 1), (2, 2, 1)], 3, 4, 3)
    for method in (DawidSkene(), DawidSkene("none"), OneCoin(), OneCoin("none")):
        fit = method.fit(votes)
        assert fit.labels_[1] == -1
        assert np.allclose(fit.probabilities_[1], fit.class_prior_)
        assert np.isfinite(fit.annotator_quality_).all()
        assert np.isfinite(fit.annotator_weight_).all()
        if fit.confusion_ is not None:
            assert np.allclose(fit.confusion_.sum(axis=2), 1)
            assert np.allclose(fit.confusion_[1], fit.confusion_[3])


def test_posterior_of_other_votes():
    """Guards against new annotations judged by other parameters than those fitted."""
    votes, _ = simulated(3)
    for method in (DawidSkene(tol=0.0, max_iter=300), OneCoin(tol=0.0, max_iter=300)):
        fit = method.fit(votes)
        assert np.allclose(fit.posterior(votes), fit.probabilities_, atol=1e-6)
        with pytest.raises(UserError, match="these annotators and classes"):
            fit.posterior(votes_of([(0, 0, 0)], 1, 1, 1))


def test_a_million_classes():
    """Guards against a confusion matrix of 10^12 cells: the one-coin model stands in, and says so."""
    n_classes = 1_000_000
    votes = votes_of([(0, 0, 5), (0, 1, 5), (0, 2, 77), (1, 0, 9), (1, 2, 10)], 3, 3, n_classes)
    fit = DawidSkene().fit(votes)
    assert fit.diagnostics_["one_coin"] == 1.0
    assert fit.confusion_ is None
    assert fit.labels_.tolist()[0] == 5
    assert fit.labels_.tolist()[2] == -1
    assert np.allclose(fit.probabilities_.sum(axis=1), 1)


def test_many_annotators_one_item():
    """Guards against a product of hundreds of small probabilities that falls to zero."""
    rows = [(0, j, int(j % 3 == 0)) for j in range(900)] + [(1, j, int(j % 5 == 0)) for j in range(900)]
    votes = votes_of(rows, 2, 900, 2)
    for method in (DawidSkene(), DawidSkene("none"), OneCoin(), OneCoin("none")):
        fit = method.fit(votes)
        assert np.allclose(fit.probabilities_.sum(axis=1), 1)
        assert np.isfinite(fit.diagnostics_["log_likelihood"])


def test_pairs_by_both_ways(monkeypatch):
    """Guards against the table and the sort giving annotations different rows."""
    votes, _ = simulated(4)
    table = Pairs.of(votes)
    wide = Votes(votes.items, np.arange(2_000_000), votes.classes, votes.offsets, votes.annotator, votes.label)
    sort = Pairs.of(wide)
    assert (table.annotator == sort.annotator).all()
    assert (table.label == sort.label).all()
    assert (table.row == sort.row).all()
    assert (table.label[table.row] == votes.label).all()
    assert (table.annotator[table.row] == votes.annotator).all()


def test_dense_confusions_are_bounded(monkeypatch):
    """Guards against memory that grows with annotators × classes² where few pairs occur."""
    votes, _ = simulated(6)
    full = DawidSkene().fit(votes)
    monkeypatch.setattr(dawid_skene, "CONFUSION_CELLS", 8 * 3 * 3 - 1)
    coin = DawidSkene().fit(votes)
    assert coin.confusion_ is None
    assert coin.diagnostics_["one_coin"] == 1.0
    assert np.allclose(coin.probabilities_, OneCoin().fit(votes).probabilities_)
    assert full.diagnostics_["one_coin"] == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": "pooles"}, "Did you mean 'pooled'"),
        ({"strength": 0.0}, "strength is 0.0"),
        ({"max_iter": 0}, "max_iter is 0"),
        ({"tol": -1.0}, "tol is -1.0"),
        ({"strength": float("nan")}, "strength is nan"),
    ],
)
def test_parameters_are_checked(options, message):
    """Guards against a fit under parameters that mean nothing."""
    for method in (DawidSkene, OneCoin):
        with pytest.raises(UserError, match=message):
            method(**options).fit(votes_of([(0, 0, 0)], 1, 1, 1))


def test_real_accuracy(datasets):
    """Guards against a default that falls behind on real people's labels (majority expects 0.897)."""
    folder = datasets / "rte"
    votes = Votes.build(pd.read_csv(folder / "annotations.csv", dtype=str))
    truth = pd.read_csv(folder / "truth.csv", dtype=str).set_index("item_id").iloc[:, 0]
    got = np.array(votes.classes)[DawidSkene().fit(votes).labels_]
    assert (got == truth[votes.items].to_numpy()).mean() >= 0.92
