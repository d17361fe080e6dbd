"""Calibration error by hand, and what a blend learns from gold."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.consensus.calibration import (
    MOST_OFFSETS,
    cross_fitted,
    expected_calibration_error,
    fit_blend,
    log_loss,
    outcomes,
)
from label_pipeline.errors import UserError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def overconfident(n: int, sharpness: float, leaning: float, seed: int = 0) -> tuple[Floats, Codes]:
    """Posteriors (n, 3) that are `sharpness` times too sure in logs and favour class 0 by `leaning`; the truth."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, 3))
    honest = softmax(logits)
    truth = np.array([rng.choice(3, p=row) for row in honest])
    return softmax(sharpness * (logits + np.array([leaning, 0, 0]))), truth


def softmax(logits: Floats) -> Floats:
    scores = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=-1, keepdims=True))


def test_calibration_error_by_hand() -> None:
    """Confidence 1 fell out of the last bin, and the best labels were not counted."""
    confidence = np.array([0.95, 0.91, 1.0, 0.55, 0.52])
    right = np.array([1.0, 0.0, 1.0, 1.0, 0.5])
    # Last bin: |2 - 2.86| = 0.86; bin of 0.5: |1.5 - 1.07| = 0.43; together 1.29 of 5 items.
    assert expected_calibration_error(confidence, right) == pytest.approx(1.29 / 5)
    assert expected_calibration_error(np.array([0.8, 0.8, 0.8, 0.8, 0.8]), np.array([1, 1, 1, 1, 0])) == pytest.approx(
        0
    )
    assert expected_calibration_error(np.array([]), np.array([])) == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1), st.integers(1, 20))
def test_calibration_error_is_a_share_and_at_least_the_overall_gap(pairs: list[tuple[float, bool]], bins: int) -> None:
    """Gaps of opposite sign in one bin may cancel; those of different bins must not."""
    confidence, right = np.array([p[0] for p in pairs]), np.array([float(p[1]) for p in pairs])
    error = expected_calibration_error(confidence, right, bins=bins)
    assert abs(right.mean() - confidence.mean()) - 1e-9 <= error <= 1


def test_calibration_error_refuses_nonsense() -> None:
    """NaN confidence made the error NaN, and the report an empty cell."""
    with pytest.raises(UserError, match="finite"):
        expected_calibration_error(np.array([np.nan]), np.array([1.0]))
    with pytest.raises(UserError, match="one outcome"):
        expected_calibration_error(np.array([0.5, 0.5]), np.array([1.0]))
    with pytest.raises(UserError, match="at least one bin"):
        expected_calibration_error(np.array([0.5]), np.array([1.0]), bins=0)


def test_ties_count_by_their_expectation() -> None:
    """How a library broke ties moved the accuracy of one set by four points."""
    probabilities = np.array([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2], [0.1, 0.8, 0.1]])
    confidence, right = outcomes(probabilities, np.array([1, 2, 1]))
    np.testing.assert_allclose(confidence, [0.4, 0.4, 0.8])
    np.testing.assert_allclose(right, [0.5, 0, 1])
    assert log_loss(probabilities, np.array([1, 2, 1])) == pytest.approx(-np.log([0.4, 0.2, 0.8]).mean())


def test_a_blend_undoes_overconfidence_and_a_leaning() -> None:
    """A consensus sure of itself at 0.99 and right at 0.8 was accepted without another look."""
    posterior, truth = overconfident(2_000, sharpness=2.0, leaning=0.7)
    blend = fit_blend(posterior[None, :400], truth[:400])
    assert blend.mean_weights[0] == pytest.approx(1 / 2, abs=0.1)
    rest, known = posterior[400:], truth[400:]
    before = expected_calibration_error(*outcomes(rest, known))
    after_blend = blend.apply(rest[None])
    after = expected_calibration_error(*outcomes(after_blend, known))
    assert after < before / 2
    assert outcomes(after_blend, known)[1].mean() > outcomes(rest, known)[1].mean()
    np.testing.assert_allclose(after_blend.sum(axis=1), 1)


def test_a_blend_listens_to_the_better_source() -> None:
    """Gold showed that another method was right, and nothing followed from it."""
    good, truth = overconfident(1_000, sharpness=1.0, leaning=0.0)
    noise = softmax(np.random.default_rng(1).normal(0, 1, (1_000, 3)))
    blend = fit_blend(np.stack([noise, good])[:, :200], truth[:200])
    assert blend.mean_weights[1] > 0.7 > 0.3 > abs(blend.mean_weights[0])
    blended = blend.apply(np.stack([noise, good])[:, 200:])
    gain = outcomes(blended, truth[200:])[1].mean() - outcomes(noise[200:], truth[200:])[1].mean()
    assert gain > 0.15


def test_little_gold_changes_little() -> None:
    """Three gold items that happened to be of one class made every item that class."""
    posterior, _ = overconfident(500, sharpness=1.0, leaning=0.0)
    blended = fit_blend(posterior[None, :3], np.array([0, 0, 0])).apply(posterior[None])
    assert np.abs(blended - posterior).mean() < 0.1
    nothing = fit_blend(posterior[None, :0], np.empty(0, dtype=np.int64)).apply(posterior[None])
    np.testing.assert_allclose(nothing, posterior, atol=2e-3)  # the least a source may say


def test_held_out_figures_are_worse_than_those_fitted() -> None:
    """A calibration error measured on the gold it was fitted to is no measurement."""
    posterior, _ = overconfident(60, sharpness=1.0, leaning=0.0)
    truth = np.random.default_rng(2).integers(0, 3, 60)
    fitted = fit_blend(posterior[None], truth).apply(posterior[None])
    assert log_loss(cross_fitted(posterior[None], truth), truth) > log_loss(fitted, truth)
    np.testing.assert_array_equal(cross_fitted(posterior[None, :3], truth[:3]), posterior[:3])


def test_classes_beyond_what_gold_can_tell_apart_have_no_offset() -> None:
    """A free-text label set of ten thousand classes made a matrix of ten thousand squared."""
    n_classes = MOST_OFFSETS + 1
    posterior = np.random.default_rng(0).dirichlet(np.ones(n_classes), 50)
    truth = posterior.argmax(axis=1)
    blend = fit_blend(posterior[None], truth)
    assert not blend.offsets.any()
    assert blend.mean_weights[0] > 1
    assert np.isfinite(blend.apply(posterior[None])).all()
