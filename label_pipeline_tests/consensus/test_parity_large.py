"""CROWDLAB and ActiveLab beside cleanlab at the largest size its dense matrix is still practical for."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from benchmarks.synthetic import Synthetic, synthetic
from label_pipeline.consensus.activelab import ActiveLab
from label_pipeline.consensus.crowdlab import CROWDLAB
from label_pipeline_tests.consensus.cleanlab_reference import Case, crowdlab
from label_pipeline_tests.consensus.test_activelab import counted_right, reference_scores

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made() -> tuple[Synthetic, Case]:
    made = synthetic(n_items=100_000, n_annotators=100, n_classes=10, seed=7)
    wide = np.full((made.votes.n_items, made.votes.n_annotators), np.nan)
    wide[made.votes.item, made.votes.annotator] = made.votes.label
    return made, Case(wide, made.probabilities())


def test_crowdlab(made: tuple[Synthetic, Case]) -> None:
    """Guards parity where sums are long: identical labels, quality within 1e-9."""
    sample, case = made
    reference = crowdlab(case)
    assert reference is not None
    for compat in (True, False):
        fit = CROWDLAB(compat=compat).fit(sample.votes, probabilities=case.probabilities)
        np.testing.assert_array_equal(fit.labels_, reference.labels)
        np.testing.assert_allclose(fit.confidence_, reference.quality, rtol=0, atol=1e-9)
        np.testing.assert_allclose(fit.annotator_weight_, reference.annotator_weight, rtol=0, atol=1e-9)
        theirs = reference.annotators["annotator_quality"].to_numpy()
        np.testing.assert_allclose(fit.annotator_quality_, theirs, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(fit.worst_class_, reference.annotators["worst_class"])


def test_activelab(made: tuple[Synthetic, Case]) -> None:
    """Guards parity of the score with the reference whose labels are counted right."""
    sample, case = made
    with mock.patch("cleanlab.internal.multiannotator_utils.value_counts", counted_right):
        expected, _ = reference_scores(case)
    fit = ActiveLab().fit(sample.votes, probabilities=case.probabilities)
    np.testing.assert_allclose(fit.scores_, expected, rtol=0, atol=1e-9)
