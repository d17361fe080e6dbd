"""The short version of `benchmarks.intervals`: whether the intervals of KPIs hold the truth as often as they say."""

from pathlib import Path

import pytest

from benchmarks.intervals import BOTH, coverage, real, simulated


def test_intervals_hold_the_truth() -> None:
    """Guards against a 95% interval that is none: gates and targets would let through, or stop, by chance."""
    found = coverage(simulated(80))
    for kpi in (*BOTH, "recall", "alpha"):
        # 95% of 80 give or take two and a half standard errors.
        assert found.loc[kpi, "covered"] >= 0.89, kpi
    assert found.loc["label_accuracy_all_items", "width"] < found.loc["label_accuracy", "width"]
    # Stated without gold it must hold the truth always here, where annotators share no error.
    assert found.loc["estimated_label_accuracy", "covered"] == 1.0


@pytest.mark.slow
def test_on_real_sets(datasets: Path) -> None:
    """Guards against figures without gold that mislead, and gold intervals that confidence does not sharpen."""
    found = real(datasets)
    assert (found["powered width"] < found["wilson width"]).sum() >= 8
    assert found["off"].mean() <= 0.06
    assert found["covers"].sum() >= 7
