"""CROWDLAB: a table by hand, cleanlab as oracle, and inputs that broke the reference."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.consensus.crowdlab import CROWDLAB
from label_pipeline.errors import UserError
from label_pipeline.votes import Votes
from label_pipeline_tests.consensus.cleanlab_reference import Case, Reference, crowdlab, labelled, random_case

CASES = 330


@functools.cache
def known_answer(seed: int) -> tuple[Case, Reference | None]:
    case = labelled(random_case(seed))
    return case, crowdlab(case)


def codes(rows: list[tuple[int, int, int]], items: int, annotators: int, classes: int) -> Votes:
    item, annotator, label = np.array(rows, dtype=int).reshape(-1, 3).T
    return Votes.of_codes(item, annotator, label, items=items, annotators=annotators, classes=classes)


def assert_sound(fit: CROWDLAB, votes: Votes) -> None:
    """What holds for every input: no NaN anywhere, and every number in its range."""
    assert fit.probabilities_.shape == (votes.n_items, votes.n_classes)
    np.testing.assert_allclose(fit.probabilities_.sum(axis=1), 1, atol=1e-9)
    assert ((fit.probabilities_ >= 0) & (fit.probabilities_ <= 1 + 1e-12)).all()
    assert ((fit.labels_ >= 0) & (fit.labels_ < votes.n_classes)).all()
    for values in (fit.annotator_quality_, fit.label_quality_, fit.confidence_, fit.agreement_):
        assert ((values >= 0) & (values <= 1 + 1e-12)).all()
    assert (fit.annotator_weight_ > 0).all()
    assert np.isfinite(fit.annotator_weight_).all()
    assert fit.model_weight_ > 0
    assert len(fit.label_quality_) == votes.n
    assert len(fit.worst_class_) == len(fit.annotator_quality_) == votes.n_annotators
    assert all(np.isfinite(value) for value in fit.diagnostics_.values())


def test_by_hand() -> None:
    """Guards the formulas themselves: an oracle and its copy can share a fault."""
    votes = codes([(0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 1), (2, 0, 0), (2, 1, 1), (3, 0, 1), (3, 1, 1)], 4, 2, 2)
    model = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    fit = CROWDLAB().fit(votes, probabilities=model)
    # The model settles the tie on item 2: two items of each class, E = 1/2. L = (1 + 1 + 1/2 + 1) / 4 = 7/8.
    # Each annotator agreed in 3 of 4 comparisons: w = 1 - (1/4) / (1/2) = 1/2. The model never erred: W = sqrt 2.
    root = np.sqrt(2)
    best = np.array([0.9 * root + 7 / 8, 0.8 * root + 7 / 8, 0.6 * root + 1 / 2, 0.7 * root + 7 / 8]) / (root + 1)
    np.testing.assert_array_equal(fit.labels_, [0, 1, 0, 1])
    np.testing.assert_allclose(fit.confidence_, best, atol=1e-12)
    np.testing.assert_allclose(fit.annotator_weight_, [1 / 2, 1 / 2], atol=1e-12)
    assert fit.model_weight_ == pytest.approx(root)
    np.testing.assert_allclose(fit.agreement_, [1, 1, 1 / 2, 1])
    part = root / (root + 1)
    theirs = np.array([best[0], best[1], 1 - best[2], best[3]])
    quality = [part * best.mean() + (1 - part), part * theirs.mean() + (1 - part) * 3 / 4]
    np.testing.assert_allclose(fit.annotator_quality_, quality, atol=1e-12)
    np.testing.assert_allclose(fit.label_quality_[4:6], [best[2], 1 - best[2]], atol=1e-12)
    # The first annotator never missed and gave both classes twice: class 1 has the surer items.
    np.testing.assert_array_equal(fit.worst_class_, [1, 1])


def test_parity_with_cleanlab_to_the_bit() -> None:
    """Guards against drift from the published method: labels, quality, weights, annotators, worst class."""
    compared = 0
    for seed in range(CASES):
        case, reference = known_answer(seed)
        if reference is None:
            continue
        compared += 1
        fit = CROWDLAB(compat=True).fit(case.votes(seed), probabilities=case.probabilities)
        assert_matches(fit, reference, case, f"seed {seed}")
    assert compared >= 300


def test_parity_without_compat_but_for_rounding() -> None:
    """Guards the working mode: it leaves cleanlab's labels only where rounding decided a tie there."""
    compared = spared = 0
    for seed in range(CASES):
        case, reference = known_answer(seed)
        if reference is None:
            continue
        fit = CROWDLAB().fit(case.votes(seed), probabilities=case.probabilities)
        if reference.rounding.any():
            # The tied item keeps its vote; the figures of the others follow its label.
            spared += 1
            continue
        compared += 1
        assert_matches(fit, reference, case, f"seed {seed}")
    assert compared >= 300
    assert spared < CASES / 20


def assert_matches(fit: CROWDLAB, reference: Reference, case: Case, what: str) -> None:
    np.testing.assert_array_equal(fit.labels_, reference.labels, err_msg=what)
    tolerance: dict[str, Any] = {"rtol": 0, "atol": 1e-9, "err_msg": what}
    np.testing.assert_allclose(fit.confidence_, reference.quality, **tolerance)
    np.testing.assert_allclose(fit.agreement_, reference.agreement, **tolerance)
    np.testing.assert_allclose(fit.annotator_weight_, reference.annotator_weight, **tolerance)
    np.testing.assert_allclose(fit.model_weight_, reference.model_weight, **tolerance)
    given_by = ~np.isnan(case.wide)
    np.testing.assert_allclose(fit.label_quality_, reference.detailed[given_by], **tolerance)
    theirs = reference.annotators["annotator_quality"].to_numpy()
    known = ~np.isnan(theirs)
    np.testing.assert_allclose(fit.annotator_quality_[known], theirs[known], **tolerance)
    assert np.isfinite(fit.annotator_quality_).all()
    for j, worst in enumerate(reference.annotators["worst_class"]):
        assert worst == fit.worst_class_[j] or equally_bad(case.wide[:, j], fit, worst, fit.worst_class_[j]), what


def equally_bad(given: Any, fit: CROWDLAB, one: int, other: int) -> bool:
    """Whether two classes of an annotator tie up to the rounding of a mean confidence."""
    figures = [
        (np.mean(fit.labels_[given == k] == k), np.sum(given == k), np.mean(fit.confidence_[given == k]))
        for k in (one, other)
    ]
    return bool(np.allclose(figures[0], figures[1], rtol=0, atol=1e-9))


@pytest.mark.parametrize(
    ("name", "floor"), [("rte", 0.92), ("weather_amt", 0.84), ("weather_cf", 0.86), ("emergent_stance", 0.61)]
)
def test_real_annotations(datasets: Path, name: str, floor: float) -> None:
    """Guards parity and accuracy on real people's labels with a real model's out-of-fold probabilities."""
    folder = datasets / name
    classes = json.loads((folder / "pred_probs_classes.json").read_text())
    items = pd.read_csv(folder / "pred_probs_items.csv", dtype=str)["item_id"]
    model = np.load(next(folder.glob("pred_probs_*.npy"))).astype(float)
    model /= model.sum(axis=1, keepdims=True)
    annotations = pd.read_csv(folder / "annotations.csv", dtype=str)
    votes = Votes.build(annotations, classes=classes, items=items)
    order = items.reset_index().set_index("item_id").loc[list(votes.items), "index"].to_numpy()
    case = Case(np.full((votes.n_items, votes.n_annotators), np.nan), model[order])
    case.wide[votes.item, votes.annotator] = votes.label
    fit = CROWDLAB(compat=True).fit(votes, probabilities=case.probabilities)
    reference = crowdlab(case)
    assert reference is not None
    assert_matches(fit, reference, case, name)
    truth = pd.read_csv(folder / "truth.csv", dtype=str).set_index("item_id")["label"]
    known = truth.index.intersection(list(votes.items))
    labels = pd.Series(np.array(classes)[fit.labels_], index=list(votes.items))
    assert (labels[known] == truth[known]).mean() >= floor


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_items_and_annotators_changes_nothing(seed: int) -> None:
    """Guards against answers that depend on how people or items happen to be numbered."""
    case = labelled(random_case(seed))
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(case.wide.shape[0]), rng.permutation(case.wide.shape[1])
    mixed = Case(case.wide[rows][:, columns], case.probabilities[rows])
    one = CROWDLAB().fit(case.votes(), probabilities=case.probabilities)
    two = CROWDLAB().fit(mixed.votes(seed), probabilities=mixed.probabilities)
    np.testing.assert_array_equal(one.labels_[rows], two.labels_)
    np.testing.assert_allclose(one.probabilities_[rows], two.probabilities_, atol=1e-12)
    np.testing.assert_allclose(one.annotator_quality_[columns], two.annotator_quality_, atol=1e-12)
    np.testing.assert_array_equal(one.worst_class_[columns], two.worst_class_)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_any_input_gives_sound_numbers(seed: int) -> None:
    """Guards against NaN: unlabelled items, idle annotators, gold labels with and without annotations."""
    case = random_case(seed, least_annotators=1)
    rng = np.random.default_rng(seed)
    votes = case.votes()
    votes = votes.keep(rng.random(votes.n) < rng.choice([0.0, 0.3, 1.0]))
    n_items, n_classes = case.probabilities.shape
    gold = np.where(rng.random(n_items) < 0.3, rng.integers(0, n_classes, n_items), -1)
    for truth in (None, gold):
        fit = CROWDLAB().fit(votes, probabilities=case.probabilities, gold=truth)
        assert_sound(fit, votes)
        lone = votes.per_item == 0
        if truth is None and lone.any():
            np.testing.assert_allclose(fit.probabilities_[lone], case.probabilities[lone], atol=1e-12)
    known = gold >= 0
    np.testing.assert_array_equal(fit.labels_[known], gold[known])
    np.testing.assert_array_equal(fit.confidence_[known], 1)


EDGES: dict[str, tuple[list[tuple[int, int, int]], int, int, int]] = {
    "one annotator": ([(0, 0, 0), (1, 0, 1), (2, 0, 1)], 3, 1, 2),
    "one item": ([(0, 0, 0), (0, 1, 1), (0, 2, 1)], 1, 3, 2),
    "one annotation": ([(0, 0, 1)], 1, 1, 2),
    "one class": ([(0, 0, 0), (0, 1, 0), (1, 0, 0)], 2, 2, 1),
    "every item tied": ([(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)], 2, 2, 2),
    "no item labelled twice": ([(0, 0, 0), (1, 1, 1), (2, 2, 2)], 3, 3, 3),
    "an annotator with a single label": ([(0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 1), (2, 2, 0)], 3, 3, 2),
    "unused classes": ([(0, 0, 3), (0, 1, 3), (1, 0, 5), (1, 1, 3)], 2, 2, 9),
    "all agree on one class": ([(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)], 2, 2, 3),
    "nobody ever agrees": ([(0, 0, 0), (0, 1, 1), (0, 2, 2), (1, 0, 1), (1, 1, 2), (1, 2, 0)], 2, 3, 3),
    "an idle annotator and an unlabelled item": ([(0, 0, 0), (0, 1, 0)], 2, 3, 2),
    "no annotations": ([], 3, 0, 2),
    "no items": ([], 0, 0, 2),
    "nothing at all": ([], 0, 0, 0),
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("flat", [False, True])
def test_edges(name: str, compat: bool, flat: bool) -> None:
    """Guards the inputs on which the dense reference raises, divides by zero or draws lots."""
    rows, items, annotators, classes = EDGES[name]
    votes = codes(rows, items, annotators, classes)
    model = np.full((items, classes), 1 / max(classes, 1))
    if not flat and items:
        model = np.random.default_rng(1).dirichlet(np.ones(classes), items)
    fit = CROWDLAB(compat=compat).fit(votes, probabilities=model)
    assert_sound(fit, votes)
    again = CROWDLAB(compat=compat).fit(votes, probabilities=model)
    np.testing.assert_array_equal(fit.labels_, again.labels_)


def test_given_labels_stand_when_nobody_can_be_compared() -> None:
    """Guards people's labels against a sure model where no evidence speaks for either."""
    votes = codes([(0, 0, 0), (1, 0, 1), (2, 1, 1)], 3, 2, 2)
    model = np.array([[0.0, 1.0], [0.5, 0.5], [0.99, 0.01]])
    fit = CROWDLAB().fit(votes, probabilities=model)
    np.testing.assert_array_equal(fit.labels_, [0, 1, 1])
    assert (fit.confidence_ >= 0.5).all()
    np.testing.assert_array_equal(fit.annotator_weight_, [1, 1])


def test_gold_labels_inform_on_annotators() -> None:
    """Guards the use of gold: who errs on it loses weight, even on items nobody else labelled."""
    rows = [(i, j, i % 2) for i in range(20) for j in (0, 1)]
    rows += [(20 + i, 2, i % 2) for i in range(10)] + [(30 + i, 3, 1 - i % 2) for i in range(10)]
    votes = codes(rows, 40, 4, 2)
    model = np.full((40, 2), 0.5)
    without = CROWDLAB().fit(votes, probabilities=model)
    assert without.annotator_weight_[2] == without.annotator_weight_[3]
    gold = np.full(40, -1)
    gold[20:] = np.arange(20) % 2
    fit = CROWDLAB().fit(votes, probabilities=model, gold=gold)
    assert fit.annotator_weight_[2] > 0.9
    assert fit.annotator_weight_[3] == pytest.approx(1e-6)
    assert fit.annotator_quality_[3] < 0.1 < 0.9 < fit.annotator_quality_[2]
    np.testing.assert_array_equal(fit.probabilities_[20], [1, 0])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "needs a model"),
        (np.array([[0.5, 0.5]]), "shape"),
        (np.array([[0.5, 0.5], [np.nan, 0.5]]), "missing"),
        (np.array([[0.5, 0.5], [1.2, -0.2]]), "negative"),
        (np.array([[0.5, 0.5], [0.9, 0.9]]), "sum to one"),
        (np.array([[0.5, 0.5], [np.inf, 0.5]]), "missing"),
    ],
)
def test_bad_probabilities_give_one_clear_error(model: Any, message: str) -> None:
    """Guards against scores and logits that would pass as opinions."""
    votes = codes([(0, 0, 0), (0, 1, 0), (1, 0, 1)], 2, 2, 2)
    with pytest.raises(UserError, match=message):
        CROWDLAB().fit(votes, probabilities=model)


def test_probabilities_of_other_types_are_taken() -> None:
    """Guards float32 models, Fortran order and rows that sum to one up to their own rounding."""
    case = labelled(random_case(3))
    votes = case.votes()
    expected = CROWDLAB().fit(votes, probabilities=case.probabilities)
    for given_model in (case.probabilities.astype(np.float32), np.asfortranarray(case.probabilities)):
        fit = CROWDLAB().fit(votes, probabilities=given_model)
        np.testing.assert_array_equal(fit.labels_, expected.labels_)
        np.testing.assert_allclose(fit.confidence_, expected.confidence_, atol=1e-6)


def test_inputs_are_left_alone() -> None:
    """Guards the caller's arrays: the fast path takes them without a copy."""
    case = labelled(random_case(5))
    model, gold = case.probabilities.copy(), np.full(len(case.wide), -1)
    gold[0] = 0
    CROWDLAB().fit(case.votes(), probabilities=model, gold=gold)
    np.testing.assert_array_equal(model, case.probabilities)
