"""The standard intervals against published values, other libraries and their promised coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr
from statsmodels.stats.proportion import proportion_confint

from label_pipeline import estimates
from label_pipeline.errors import UserError
from label_pipeline.estimates import Estimate, adjusted, clustered_share, difference, prediction_powered, wilson


@given(st.integers(1, 10_000), st.floats(0, 1), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_is_statsmodels_wilson(n: int, share: float, confidence: float) -> None:
    """A wrong limit would let a weak label accuracy pass its gate."""
    k = round(share * n)
    found = estimates.wilson(k, n, confidence=confidence)
    low, high = proportion_confint(k, n, alpha=1 - confidence, method="wilson")
    assert found.value == pytest.approx(k / n)
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), abs=1e-12)
    assert found.n == n


def test_wilson_without_trials_is_undefined() -> None:
    """No gold yet is no accuracy: neither zero nor one."""
    assert estimates.wilson(0, 0) == estimates.Estimate(None, None, None, 0)
    low, high = estimates.wilson_bounds(np.array([0, 1]), np.array([0, 1]))
    assert math.isnan(low[0])
    assert math.isnan(high[0])
    assert 0 < low[1] < high[1] == 1


@pytest.mark.parametrize("events", [0, 1, 5, 40, 1000])
def test_garwood_is_the_chi_square_form(events: int) -> None:
    """Throughput of a quiet day needs an exact interval, not a normal one that goes below zero."""
    found = estimates.rate(events, 8.0)
    low = stats.chi2.ppf(0.025, 2 * events) / 2 / 8 if events else 0.0
    assert found.value == events / 8
    assert (found.ci_low, found.ci_high) == pytest.approx((low, stats.chi2.ppf(0.975, 2 * events + 2) / 2 / 8))
    assert estimates.rate(events, 0.0).value is None


@pytest.mark.parametrize(("n", "low", "high"), [(5, None, None), (6, 0, 5), (9, 1, 7), (25, 7, 17), (100, 39, 60)])
def test_median_interval_is_the_tabled_order_statistics(n: int, low: int | None, high: int | None) -> None:
    """Tabled ranks for a 95 % interval of a median (David & Nagaraja 2003), counted from zero."""
    found = estimates.quantile(np.arange(n)[::-1].astype(float))
    assert (found.ci_low, found.ci_high) == (low, high)
    assert found.value == (n - 1) / 2


def test_high_quantile_of_few_values_has_no_upper_end() -> None:
    """A p90 turnaround of ten tasks cannot be bounded from above, and must not pretend to be."""
    found = estimates.quantile(np.append(np.arange(10.0), np.nan), 0.9)
    assert found.n == 10
    assert found.ci_high is None
    assert found.ci_low is not None
    assert estimates.quantile(np.full(3, np.nan)) == estimates.Estimate(None, None, None, 0)


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_quantile_interval_covers(q: float) -> None:
    """The promise of 95 % holds on skewed durations."""
    random = np.random.default_rng(3)
    truth = stats.lognorm(1.0).ppf(q)
    found = [estimates.quantile(random.lognormal(size=60), q) for _ in range(600)]
    covered = [f.ci_low <= truth and (f.ci_high is None or truth <= f.ci_high) for f in found if f.ci_low is not None]
    assert np.mean(covered) > 0.93


def test_mean_is_student() -> None:
    """Against scipy, NaN left out."""
    values = np.array([1.0, 2.0, 4.0, np.nan])
    found = estimates.mean(values)
    low, high = stats.t.interval(0.95, 2, loc=7 / 3, scale=stats.sem(values[:3]))
    assert (found.ci_low, found.value, found.ci_high) == pytest.approx((low, 7 / 3, high))
    assert estimates.mean(values[:1]) == estimates.Estimate(1.0, None, None, 1)


def test_bootstrap_interval_leaves_out_undefined_replicates() -> None:
    """A figure undefined on most resamples has no interval; on a few, it has one."""
    replicates = np.append(np.linspace(0, 1, 101), np.full(50, np.nan))
    assert estimates.bootstrap(0.5, replicates, 7) == estimates.Estimate(0.5, pytest.approx(0.025), 0.975, 7)
    assert estimates.bootstrap(0.5, np.full(10, np.nan), 7) == estimates.Estimate(0.5, None, None, 7)
    assert estimates.bootstrap(math.nan, replicates, 7) == estimates.Estimate(None, None, None, 7)


def test_nonsense_is_refused() -> None:
    """A typo in a confidence level must not become a silent interval."""
    with pytest.raises(UserError, match="confidence"):
        estimates.wilson(1, 2, confidence=95)
    with pytest.raises(UserError, match="quantile"):
        estimates.quantile(np.arange(3.0), 90)
    with pytest.raises(UserError, match="events"):
        estimates.rate(-1, 2.0)


def test_predictions_sharpen_a_sample_by_hand() -> None:
    """Loss: an interval that promises more than gold and predictions together can tell, or a value that is biased."""
    right = np.array([1, 1, 1, 1, 1, 0, 0, 0, 1, 1], dtype=np.float64)
    predicted = np.array([0.9] * 5 + [0.4] * 3 + [0.4] * 2)
    rest = np.array([0.9] * 20 + [0.4] * 10)
    # Means 0.7 and 0.65; cov = 0.5 · 0.9 + (0.2 · 0.4) − 0.7 · 0.65 = 0.075; var = 0.0625; λ = 0.075 / (4/3 · 0.0625).
    found = prediction_powered(right, predicted, rest)
    assert found.value == pytest.approx(0.7 + 0.9 * (22 / 30 - 0.65))
    # ρ² = 0.075² / (0.0625 · 0.21) = 3/7, adjusted 1 − (4/7)(9/8) = 5/14; times N/(n + N) = 3/4.
    worth = 10 / (1 - 5 / 14 * 3 / 4)
    expected = wilson(found.value * worth, worth)
    assert (found.ci_low, found.ci_high, found.n) == (expected.ci_low, expected.ci_high, 10)


@pytest.mark.parametrize(
    ("right", "predicted", "rest"),
    [([1, 1, 1, 1], [0.9, 0.8, 0.7, 0.9], [0.5]), ([1, 0, 1, 1], [0.8] * 4, [0.1]), ([1, 0, 1, 1], [1, 0, 1, 1], [])],
)
def test_predictions_that_tell_nothing_leave_the_sample(
    right: list[float], predicted: list[float], rest: list[float]
) -> None:
    """Loss: a sample without a mistake, or predictions that never differ, would give certainty or a division by 0."""
    arrays = (np.array(values, dtype=np.float64) for values in (right, predicted, rest))
    assert prediction_powered(*arrays) == wilson(sum(right), len(right))


def test_clusters_count_for_less_by_hand() -> None:
    """Loss: a hundred answers of four people would be as sure as a hundred people's."""
    totals, sizes = np.array([2, 1, 0, 2, 0]), np.array([2, 2, 0, 2, 2])
    # Sums less 2 · 5/8 each: 3/4, −1/4, 3/4, −5/4; squares 0.5625 + 0.0625 + 0.5625 + 1.5625 = 2.75.
    variance = 2.75 / 64 * 4 / 3
    worth = 0.625 * 0.375 / variance
    found = clustered_share(totals, sizes)
    three = 2 * float(ndtr(3.182446305284263)) - 1  # Student's t with three degrees of freedom
    expected = wilson(0.625 * worth, worth, confidence=three)
    assert (found.value, found.n) == (0.625, 8)
    assert (found.ci_low, found.ci_high) == (pytest.approx(expected.ci_low), pytest.approx(expected.ci_high))
    # All alike, they count as people: with Student's t of one degree of freedom, 12.7 instead of 1.96.
    alike = clustered_share(np.array([3, 3]), np.array([3, 3]))
    assert alike.ci_low == pytest.approx(2 / (2 + 12.706204736174698**2))
    assert clustered_share(np.array([2]), np.array([2])) == Estimate(1.0, None, None, 2)
    assert clustered_share(np.array([]), np.array([])) == Estimate(None, None, None, 0)


def test_differences_as_published() -> None:
    """Loss: a gap between groups whose interval is not the one the field uses. Newcombe 1998, table II (a) and (c)."""
    found = difference(wilson(56, 70), wilson(48, 80))
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    found = difference(wilson(9, 10), wilson(3, 10))
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx((0.6, 0.1705, 0.8090), abs=1e-4)
    assert difference(wilson(1, 2), Estimate(None, None, None, 0)) == Estimate(None, None, None, 2)
    assert difference(Estimate(0.5, None, 0.6, 9), Estimate(0.2, 0.1, 0.3, 9)).ci_low is None


def test_many_p_values_by_hand() -> None:
    """Loss: of a hundred comparisons five hold by chance, and somebody is blamed for them."""
    found = adjusted(np.array([0.01, np.nan, 0.04, 0.03, 0.9]))
    # Sorted 0.01, 0.03, 0.04, 0.9 of four: times 4, 2, 4/3, 1 = 0.04, 0.06, 0.0533, 0.9; each at most the next.
    assert found.tolist() == pytest.approx([0.04, np.nan, 0.16 / 3, 0.16 / 3, 0.9], nan_ok=True)
    assert adjusted(np.array([])).tolist() == []
