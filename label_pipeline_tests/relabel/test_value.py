from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.relabel.value import (
    AHEAD,
    MOST_TRUST,
    combine,
    even_law,
    model_trust,
    telling,
    worth,
    worth_of_truth,
)


def spelled_out(belief: np.ndarray, law: np.ndarray, answers: int, cost: np.ndarray) -> float:
    """What an item is expected to be worth after so many answers: every run of answers, by Bayes' rule."""
    total = 0.0
    for run in product(range(len(belief)), repeat=answers):
        joint = belief.copy()
        for answer in run:
            joint = joint * law[:, answer]
        total += float((cost * joint).max())
    return total


@pytest.mark.parametrize(
    ("belief", "accuracy", "gain"),
    [
        # One answer makes it 0.8.
        ([0.5, 0.5], 0.8, 0.3),
        # 'a' (0.62): 0.56 against 0.06; 'b' (0.38): 0.14 against 0.24. 0.56 + 0.24 − 0.7.
        ([0.7, 0.3], 0.8, 0.1),
        # One answer cannot turn 0.9, three can: three 'a' 0.4608, two 0.3456, one 0.0864 (against 0.0384), and no 'a'
        # 0.0512 (against 0.0072). Together 0.944, by three answers; two give 0.928, by two, and four less than three.
        ([0.9, 0.1], 0.8, 0.044 / 3),
        ([1 / 3, 1 / 3, 1 / 3], 0.6, 0.6 - 1 / 3),
        ([1.0, 0.0], 0.8, 0.0),
        ([0.5, 0.5], 0.5, 0.0),
        ([1.0], 0.9, 0.0),
    ],
)  # fmt: skip
def test_worth_by_hand(belief: list[float], accuracy: float, gain: float) -> None:
    """Guards against a queue ordered by a number nobody can recompute."""
    found = worth(np.array([belief]), even_law(len(belief), accuracy)[None])
    assert found[0] == pytest.approx(gain, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(n_classes=st.integers(2, 4), seed=st.integers(0, 2**32), missing=st.integers(0, 3))
def test_worth_is_what_bayes_rule_spells_out(n_classes: int, seed: int, missing: int) -> None:
    """Guards against a slip in the loop: exact for two classes and for one answer, a bound from below beyond."""
    random = np.random.default_rng(seed)
    belief, cost = random.dirichlet(np.full(n_classes, 0.6)), random.uniform(0.2, 3.0, n_classes)
    law = random.dirichlet(np.ones(n_classes), size=n_classes)
    found = float(worth(belief[None], law[None], cost=cost, missing=np.array([missing]))[0])
    now = 0.0 if missing else float((cost * belief).max())
    first = max(missing, 1)
    exact = [(spelled_out(belief, law, m, cost) - now) / m for m in range(first, AHEAD + 1)]
    assert found <= max(exact) + 1e-9
    if n_classes == 2:
        assert found == pytest.approx(max(0.0, *exact), abs=1e-9)
    if first == 1:
        assert found >= exact[0] - 1e-9


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_nobody_is_worth_more_than_the_truth(seed: int) -> None:
    """Guards against annotators who are preferred to an adjudicator's certainty."""
    random = np.random.default_rng(seed)
    belief, law = random.dirichlet(np.ones(4), size=5), random.dirichlet(np.ones(4), size=4)
    gain = worth(belief, law[None])
    assert (gain >= -1e-12).all()
    assert (gain <= worth_of_truth(belief) + 1e-9).all()
    assert worth(belief, np.eye(4)[None]) == pytest.approx(worth_of_truth(belief))
    assert (telling(belief, law[None])[:, 0] <= telling(belief, np.eye(4)[None])[:, 0] + 1e-9).all()


def test_answers_that_people_confuse_are_worth_little() -> None:
    """Guards against paying for labels between two classes that the people asked cannot tell apart."""
    blind = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.05, 0.05, 0.9]])
    between = np.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]])
    gain = worth(between, blind[None])
    assert gain[0] == 0.0
    assert gain[1] == pytest.approx(0.45)  # 0.25 + 0.25 of 'a' and 'b', and 0.45 of 'c', less the 0.5 there was
    # Of two people, the one who sees the difference is the one to ask.
    assert telling(between[:1], np.stack([blind, even_law(3, 0.8)])).argmax() == 1


def test_an_item_that_lacks_annotations_is_worth_a_label_shared_among_them() -> None:
    """Guards against new items that stay behind disputes for ever, and against ones that always come first."""
    belief = np.array([[0.6, 0.4], [0.9, 0.1], [0.9, 0.1]])
    law = even_law(2, 0.8)[None]
    gain = worth(belief, law, missing=np.array([2, 1, 0]))
    assert gain[0] == pytest.approx(spelled_out(belief[0], law[0], 2, np.ones(2)) / 2)
    assert gain[1] == pytest.approx(0.9)
    assert gain[2] == pytest.approx(0.044 / 3)
    assert worth(np.ones((2, 1)), np.ones((1, 1, 1)), missing=np.array([2, 0])).tolist() == [0.5, 0.0]
    assert worth_of_truth(belief, missing=np.array([2, 0, 0])) == pytest.approx([1.0, 0.1, 0.1])


def test_a_costly_class_is_looked_at_though_it_is_unlikely() -> None:
    """Guards against a rare and expensive mistake that hides behind a likely class."""
    belief = np.array([[0.9, 0.1, 0.0], [0.9, 0.0, 0.1]])
    gain = worth(belief, even_law(3, 0.8)[None], cost=np.array([1.0, 5.0, 1.0]))
    assert gain[0] > 5 * gain[1]


def test_a_model_is_believed_as_far_as_it_was_right() -> None:
    """Guards against a weak model that overrules people."""
    random = np.random.default_rng(1)
    truth = np.eye(4)[random.integers(0, 4, 4_000)]
    guess = np.eye(4)[random.integers(0, 4, 4_000)]
    assert model_trust(truth, guess) < 0.03
    assert model_trust(truth, truth) == MOST_TRUST
    right = random.random(4_000) < 0.7
    # Sure of itself, right in 7 of 10 and in a quarter of the guesses among the rest: t + (1 − t)/4 = 0.775.
    assert model_trust(truth, np.where(right[:, None], truth, guess)) == pytest.approx(0.7, abs=0.03)
    assert model_trust(truth, np.full((4_000, 4), np.nan)) == 0.0


def test_the_model_is_one_more_witness() -> None:
    """Guards against a belief that is no probability, and against silence taken for an opinion."""
    posterior = np.array([[0.75, 0.25], [0.75, 0.25]])
    model = np.array([[0.0, 1.0], [np.nan, np.nan]])
    belief = combine(posterior, model, 0.8)
    # 0.75 · 0.1 against 0.25 · 0.9.
    assert belief[0] == pytest.approx([0.25, 0.75])
    assert belief[1].tolist() == [0.75, 0.25]
