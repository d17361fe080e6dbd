"""ActiveLab: cleanlab as oracle, with its counting fault emulated and undone, and the order it is meant to give."""

from __future__ import annotations

import functools
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.consensus.activelab import COARSE, ActiveLab
from label_pipeline.errors import UserError
from label_pipeline.votes import Votes
from label_pipeline_tests.consensus.cleanlab_reference import (
    Case,
    decided_by_rounding,
    quiet,
    random_case,
    watched_posteriors,
)

CASES = 350


def reference_scores(case: Case) -> tuple[Any, bool]:
    """cleanlab's scores (n_items,) of labelled and unlabelled items, and whether rounding decided any label.

    None for the scores where it refuses the input.
    """
    from cleanlab.multiannotator import get_active_learning_scores

    alone = np.isnan(case.wide).all(axis=1)
    if alone.all():
        return None, False
    try:
        with quiet(), watched_posteriors() as posteriors:
            labelled, unlabelled = get_active_learning_scores(
                case.wide[~alone],
                case.probabilities[~alone].copy(),
                case.probabilities[alone] if alone.any() else None,
            )
    except ValueError:
        return None, False
    scores = np.empty(len(alone))
    scores[~alone], scores[alone] = labelled, unlabelled
    return scores, bool(posteriors) and bool(decided_by_rounding(posteriors[0]).any())


def counted_right(labels: Any, *, num_classes: int) -> Any:
    """What cleanlab means to count: labels of each class, whatever their type."""
    return np.bincount(labels.astype(int), minlength=num_classes)


@functools.cache
def corrected(seed: int) -> tuple[Case, Any, bool]:
    """A random case and what cleanlab makes of it once it counts right."""
    case = random_case(seed, least_annotators=1)
    with mock.patch("cleanlab.internal.multiannotator_utils.value_counts", counted_right):
        return case, *reference_scores(case)


def faulty_temperature(case: Case) -> float:
    """The temperature cleanlab 2.6.5 to 2.9.0 arrives at: the counts of an item stand in its first slots."""
    wide = case.wide[~np.isnan(case.wide).all(axis=1)]
    model = case.probabilities[~np.isnan(case.wide).all(axis=1)]
    shares = np.zeros(model.shape)
    for i, row in enumerate(wide):
        counts = np.unique(row[~np.isnan(row)], return_counts=True)[1]
        shares[i, : len(counts)] = counts / counts.sum()

    def best(temperatures: Any) -> int:
        with np.errstate(divide="ignore"):
            powers = [np.exp(np.log(model) / t) for t in temperatures]
        scaled = [np.clip(power / power.sum(axis=1, keepdims=True), 1e-30, None) for power in powers]
        return int(np.argmin([-(shares * np.log(s)).sum(axis=1).mean() for s in scaled]))

    at = best(COARSE)
    below = np.linspace(COARSE[at - 1], COARSE[at], 4, endpoint=False) if at else np.empty(0)
    above = np.linspace(COARSE[at], COARSE[at + 1], 5) if at < len(COARSE) - 1 else np.empty(0)
    fine = np.concatenate([below, above])
    return float(fine[best(fine)])


@pytest.mark.parametrize("compat", [False, True])
def test_parity_with_the_corrected_reference(compat: bool) -> None:
    """Guards the score and the temperature search: with labels counted right both agree.

    As for CROWDLAB, inputs on which rounding decides a label there are for `compat` alone.
    """
    compared = 0
    for seed in range(CASES):
        case, expected, rounding = corrected(seed)
        if expected is None or (rounding and not compat):
            continue
        compared += 1
        fit = ActiveLab(compat=compat).fit(case.votes(seed), probabilities=case.probabilities)
        np.testing.assert_allclose(fit.scores_, expected, rtol=0, atol=1e-9, err_msg=f"seed {seed}")
    assert compared >= 300


def test_parity_with_the_reference_as_it_is() -> None:
    """Guards the claim that one fault explains the difference: given its temperature, scores agree again."""
    compared = misled = 0
    for seed in range(CASES):
        case = random_case(seed, least_annotators=1)
        expected, _ = reference_scores(case)
        votes = case.votes(seed)
        if expected is None or votes.per_item.max() < 2:
            continue
        compared += 1
        wrong = faulty_temperature(case)
        fit = ActiveLab(temperature=wrong, compat=True).fit(votes, probabilities=case.probabilities)
        np.testing.assert_allclose(fit.scores_, expected, rtol=0, atol=1e-9, err_msg=f"seed {seed}")
        right = ActiveLab().fit(votes, probabilities=case.probabilities)
        misled += right.temperature_ != wrong
    assert compared >= 300
    assert misled > compared / 3


def test_by_hand() -> None:
    """Guards the score's formula, for labelled and unlabelled items."""
    item, annotator = np.repeat(np.arange(4), 2), np.tile([0, 1], 4)
    votes = Votes.of_codes(item, annotator, np.array([0, 0, 1, 1, 0, 1, 1, 1]), items=5, annotators=2, classes=2)
    model = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7], [0.45, 0.55]])
    fit = ActiveLab(temperature=1.0).fit(votes, probabilities=model)
    # The table of CROWDLAB's test: both annotators weigh 1/2, the model the root of 2, L = 7/8.
    root = np.sqrt(2)
    best = np.array([0.9 * root + 7 / 8, 0.8 * root + 7 / 8, 0.6 * root + 1 / 2, 0.7 * root + 7 / 8]) / (root + 1)
    expected = (best * (1 + root) + 1 / 4) / (1 + root + 1 / 2)
    np.testing.assert_allclose(fit.scores_[:4], expected, atol=1e-12)
    assert fit.scores_[4] == pytest.approx((0.55 * root + 1 / 4) / (root + 1 / 2))
    assert fit.scores_.argmin() == 4


def test_another_label_is_worth_most_where_labels_are_few_and_disagree() -> None:
    """Guards the queue: split votes before agreement, unlabelled before labelled, many labels last."""
    rows = [(0, j, 0) for j in range(6)] + [(1, 0, 1), (1, 1, 1), (2, 0, 0), (2, 1, 1)]
    rows += [(i, j, i % 2) for i in range(4, 24) for j in (0, 1, 2)]
    item, annotator, label = np.array(rows).T
    votes = Votes.of_codes(item, annotator, label, items=24, annotators=6, classes=2)
    model = np.full((24, 2), 0.5)
    model[4:, 0], model[4:, 1] = np.arange(4, 24) % 2 == 0, np.arange(4, 24) % 2 == 1
    many, agreed, split, unlabelled = ActiveLab(temperature=1.0).fit(votes, probabilities=model).scores_[:4]
    assert unlabelled < agreed < many
    assert split < agreed


def test_a_sure_but_wrong_model_is_tempered() -> None:
    """Guards the temperature: a model surer than people agree with it is flattened, a shy one sharpened."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 400)
    guess = np.where(rng.random(400) < 0.6, truth, rng.integers(0, 3, 400))
    label = np.repeat(truth, 3)
    votes = Votes.of_codes(
        np.repeat(np.arange(400), 3), np.tile(np.arange(3), 400), label, items=400, annotators=3, classes=3
    )
    sure = np.full((400, 3), 0.001)
    sure[np.arange(400), guess] = 0.998
    shy = np.full((400, 3), 0.32)
    shy[np.arange(400), truth] = 0.36
    assert ActiveLab().fit(votes, probabilities=sure).temperature_ > 2
    assert ActiveLab().fit(votes, probabilities=shy).temperature_ < 0.5
    assert ActiveLab().fit(votes, probabilities=np.full((400, 3), 1 / 3)).temperature_ == 1


def test_settled_items_never_come_back() -> None:
    """Guards the budget: an item with a gold label scores 1, above all others."""
    case = random_case(11)
    gold = np.full(len(case.wide), -1)
    gold[:5] = 0
    fit = ActiveLab().fit(case.votes(), probabilities=case.probabilities, gold=gold)
    np.testing.assert_array_equal(fit.scores_[:5], 1)
    assert (fit.scores_[5:] < 1).all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_any_input_gives_scores(seed: int) -> None:
    """Guards against NaN, whatever is missing: labels, overlap, annotators, classes."""
    case = random_case(seed, least_annotators=1)
    rng = np.random.default_rng(seed)
    votes = case.votes()
    votes = votes.keep(rng.random(votes.n) < rng.choice([0.0, 0.3, 1.0]))
    n_items, n_classes = case.probabilities.shape
    gold = np.where(rng.random(n_items) < 0.2, rng.integers(0, n_classes, n_items), -1)
    for truth in (None, gold):
        fit = ActiveLab().fit(votes, probabilities=case.probabilities, gold=truth)
        assert ((fit.scores_ >= 0) & (fit.scores_ <= 1 + 1e-12)).all()
        assert np.isfinite(fit.probabilities_).all()
        assert np.isfinite(fit.annotator_quality_).all()
        assert 0.1 <= fit.temperature_ <= 8


def test_one_class() -> None:
    """Guards against log K = 0: with a single class nothing is open and the temperature stays 1."""
    votes = Votes.of_codes(*np.array([[0, 0, 1], [0, 1, 0], [0, 0, 0]]), items=3, annotators=2, classes=1)
    fit = ActiveLab().fit(votes, probabilities=np.ones((3, 1)))
    np.testing.assert_allclose(fit.scores_, 1)
    assert fit.temperature_ == 1


@pytest.mark.parametrize(
    ("temperature", "model", "message"),
    [
        (None, None, "needs a model"),
        (0.0, np.full((2, 2), 0.5), "temperature"),
        (float("nan"), np.full((2, 2), 0.5), "temperature"),
        (None, np.full((2, 2), 0.7), "sum to one"),
    ],
)
def test_bad_input_gives_one_clear_error(temperature: float | None, model: Any, message: str) -> None:
    """Guards against scores from parameters or models that mean nothing."""
    votes = Votes.of_codes(*np.array([[0, 0, 1], [0, 1, 0], [0, 1, 0]]), items=2, annotators=2, classes=2)
    with pytest.raises(UserError, match=message):
        ActiveLab(temperature=temperature).fit(votes, probabilities=model)
