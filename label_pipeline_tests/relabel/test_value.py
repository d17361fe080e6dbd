import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.relabel.value import MOST_TRUST, combine, coverage_need, expected_gain, model_trust


@pytest.mark.parametrize(
    ("belief", "accuracy", "gain"),
    [
        # Either label gives (0.8, 0.2): 0.68 settled, 0.5 before.
        ([0.5, 0.5], 0.8, 0.18),
        # Label 1 (chance 0.68): (0.64, 0.04) / 0.68; label 2 (chance 0.32): (0.5, 0.5).
        ([0.8, 0.2], 0.8, (0.64**2 + 0.04**2) / 0.68 + 0.32 * 0.5 - 0.68),
        ([1 / 3, 1 / 3, 1 / 3], 0.6, 0.6**2 + 2 * 0.2**2 - 1 / 3),
        ([0.7, 0.2, 0.1], 1.0, 1 - 0.49 - 0.04 - 0.01),
        ([1.0, 0.0], 0.8, 0.0),
        ([0.5, 0.5], 0.5, 0.0),
        ([1.0], 0.9, 0.0),
    ],
)  # fmt: skip
def test_gain_by_hand(belief: list[float], accuracy: float, gain: float) -> None:
    """Guards against a queue ordered by a number nobody can recompute."""
    assert expected_gain(np.array([belief]), accuracy)[0] == pytest.approx(gain, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 6), st.floats(0, 1), st.integers(0, 2**32))
def test_gain_equals_bayes_rule_spelled_out(n_classes: int, accuracy: float, seed: int) -> None:
    """Guards against a slip in the closed form."""
    belief = np.random.default_rng(seed).dirichlet(np.ones(n_classes), size=3)
    right = max(accuracy, 1 / n_classes)
    answer = np.full((n_classes, n_classes), (1 - right) / (n_classes - 1))
    np.fill_diagonal(answer, right)
    for row, gain in zip(belief, expected_gain(belief, accuracy), strict=True):
        joint = row[:, None] * answer
        chance = joint.sum(axis=0)
        after = sum(q * ((joint[:, k] / q) ** 2).sum() for k, q in enumerate(chance) if q > 0)
        assert gain == pytest.approx(after - (row**2).sum(), abs=1e-12)
        assert -1e-12 <= gain <= 1 - 1 / n_classes


def test_coverage_counts_labels_still_missing() -> None:
    """Guards against unlabelled items that stay behind disputes for ever."""
    belief = np.array([[0.6, 0.4], [0.9, 0.1], [0.9, 0.1]])
    assert coverage_need(belief, np.array([0, 1, 2]), 2).tolist() == [0.3, 0.9, 0.0]


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
