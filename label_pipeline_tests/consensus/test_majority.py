"""Majority vote by hand, its ties, and cleanlab's rules under `compat`."""

import warnings

import numpy as np
import pytest

from label_pipeline.consensus.majority import Majority
from label_pipeline.errors import UserError
from label_pipeline.votes import Votes
from label_pipeline_tests.consensus.tables import votes_of

# item 0: 1 1 0, item 1: a tie of 0 and 2, item 2: nobody, item 3: one vote for 1
ROWS = [(0, 0, 1), (0, 1, 1), (0, 2, 0), (1, 0, 0), (1, 1, 2), (3, 2, 1)]


def test_by_hand():
    """Guards against a wrong count, a tie by chance, and an unlabelled item that gets a label."""
    fit = Majority().fit(votes_of(ROWS, 4, 3, 3))
    assert fit.labels_.tolist() == [1, 2, -1, 1]  # the tie goes to 2: one annotation in all against two of 0
    assert np.allclose(fit.probabilities_, [[1 / 3, 2 / 3, 0], [1 / 2, 0, 1 / 2], [2 / 6, 3 / 6, 1 / 6], [0, 1, 0]])
    # Judged on items 0 and 1 only: a single vote agrees with itself.
    assert fit.annotator_quality_.tolist() == [0.5, 1.0, 0.0]
    assert fit.annotator_weight_.tolist() == [1.0, 1.0, 1.0]
    assert fit.confusion_ is None


def test_gold_decides():
    """Guards against people outvoting the settled truth."""
    gold = np.array([0, -1, 2, -1])
    fit = Majority().fit(votes_of(ROWS, 4, 3, 3), gold=gold)
    assert fit.labels_.tolist() == [0, 2, 2, 1]
    assert fit.probabilities_[0].tolist() == [1, 0, 0]
    assert fit.probabilities_[2].tolist() == [0, 0, 1]
    assert fit.annotator_quality_.tolist() == [0.0, 0.5, 1.0]


def test_a_tie_prefers_a_class_somebody_gave():
    """Guards against a class without any vote winning a tie because it is rare."""
    fit = Majority().fit(votes_of([(0, 0, 2), (0, 1, 3)], 1, 2, 6))
    assert fit.labels_.tolist() == [2]


def test_all_tied_under_compat():
    """Guards against the reference's crash when every item is tied."""
    rows = [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
    assert Majority(compat=True).fit(votes_of(rows, 2, 2, 2)).labels_.tolist() == [0, 0]
    model = np.array([[0.4, 0.6], [0.5, 0.5]])
    assert Majority(compat=True).fit(votes_of(rows, 2, 2, 2), probabilities=model).labels_.tolist() == [1, 0]


@pytest.mark.parametrize("with_model", [False, True])
def test_compat_equals_cleanlab(with_model):
    """Guards against labels that differ from cleanlab's wherever cleanlab does not draw at random."""
    from cleanlab.multiannotator import get_majority_vote_label

    compared = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        items, annotators, classes = rng.integers(3, 25), rng.integers(2, 7), rng.integers(2, 5)
        wide = np.where(rng.random((items, annotators)) < 0.7, rng.integers(0, classes, (items, annotators)), np.nan)
        wide[np.isnan(wide).all(axis=1), 0] = 0
        model = rng.dirichlet(np.ones(classes), items).round(1) + 1e-3 if with_model else None
        item, annotator = np.nonzero(~np.isnan(wide))
        sizes = {"items": int(items), "annotators": int(annotators), "classes": int(classes)}
        votes = Votes.of_codes(item, annotator, wide[item, annotator].astype(int), **sizes)
        if model is not None:
            model /= model.sum(axis=1, keepdims=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                theirs = get_majority_vote_label(wide, model, verbose=False)
        except (UserWarning, ValueError):  # a random draw, or every item tied
            continue
        assert Majority(compat=True).fit(votes, probabilities=model).labels_.tolist() == theirs.tolist(), seed
        compared += 1
    assert compared > 40


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("gold", np.array([0, -1, 3, -1]), "no class code"),
        ("gold", np.array([0, -1]), "of shape"),
        ("gold", np.array([0.0, 1, 1, 1]), "float64"),
        ("probabilities", np.ones((4, 2)) / 2, r"shape \(4, 2\)"),
        ("probabilities", np.full((4, 3), np.nan), "4 rows of probabilities hold missing"),
        ("probabilities", np.full((4, 3), 0.5), "do not sum to one"),
        ("probabilities", np.array([[1.5, -0.5, 0.0]] * 4), "negative"),
    ],
)
def test_bad_arguments(argument, value, message):
    """Guards against gold or a model that belongs to other items or classes."""
    with pytest.raises(UserError, match=message):
        Majority(compat=True).fit(votes_of(ROWS, 4, 3, 3), **{argument: value})
