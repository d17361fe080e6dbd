"""A number with its uncertainty, and the standard intervals every figure uses.

Here belong `Estimate` and intervals that need only counts, values or replicates. How replicates are drawn, and
what the number means, stands beside the figure itself. All intervals are two-sided; 95 % unless told otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from label_pipeline.errors import UserError

FloatArray = npt.NDArray[np.float64]
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, the interval around it, and how many observations it rests on.

    `value` is None where the figure is undefined on this input (not zero, not one: it has no meaning). An end
    of the interval is None where the data cannot bound that side. `n` counts what was observed (items, trials,
    events), and is known even then.
    """

    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int


def wilson(successes: float, n: float, *, confidence: float = CONFIDENCE) -> Estimate:
    """A share, successes / n, with Wilson's score interval; undefined when n = 0.

    `successes` may be an expected number (a sum of probabilities); `n` may be a sum of weights.
    Source: Wilson 1927; recommended for all n by Brown, Cai & DasGupta 2001.
    """
    if n <= 0:
        return Estimate(None, None, None, 0)
    low, high = wilson_bounds(np.asarray([successes]), np.asarray([n]), confidence=confidence)
    return Estimate(float(successes / n), float(low[0]), float(high[0]), round(float(n)))


def wilson_bounds(
    successes: npt.NDArray[Any], n: npt.NDArray[Any], *, confidence: float = CONFIDENCE
) -> tuple[FloatArray, FloatArray]:
    """Wilson's lower and upper limit for arrays of successes and trials of one shape; NaN where n = 0.

    (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), kept within [0, 1] and around p.
    """
    return _score_bounds(successes, n, _z(confidence))


def _score_bounds(successes: npt.NDArray[Any], n: npt.NDArray[Any], z: float) -> tuple[FloatArray, FloatArray]:
    trials = np.where(n > 0, n, np.nan).astype(np.float64)
    share = np.clip(successes / trials, 0.0, 1.0)
    scale = 1.0 + z * z / trials
    centre = (share + z * z / (2.0 * trials)) / scale
    half = z * np.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials)) / scale
    return np.minimum(np.clip(centre - half, 0.0, 1.0), share), np.maximum(np.clip(centre + half, 0.0, 1.0), share)


def rate(events: int, exposure: float, *, confidence: float = CONFIDENCE) -> Estimate:
    """Events per unit of exposure (hours, days) with Garwood's exact Poisson interval; undefined without exposure.

    χ²(α/2; 2k)/2 and χ²(1−α/2; 2k+2)/2, divided by the exposure. No event: from 0 to −ln(α/2) / exposure.
    Source: Garwood 1936.
    """
    if events < 0 or exposure < 0:
        raise UserError(f"{events} events in an exposure of {exposure}", rule="neither is negative")
    if exposure == 0:
        return Estimate(None, None, None, int(events))
    from scipy.special import gammaincinv

    tail = (1.0 - confidence) / 2.0
    low = float(gammaincinv(events, tail)) if events else 0.0
    high = float(gammaincinv(events + 1, 1.0 - tail))
    return Estimate(events / exposure, low / exposure, high / exposure, int(events))


def quantile(values: npt.NDArray[Any], q: float = 0.5, *, confidence: float = CONFIDENCE) -> Estimate:
    """The q-quantile (0.5 the median, 0.9 the 90th percentile) with a distribution-free interval.

    The ends are order statistics: how many of n values lie below the true quantile is Binomial(n, q), so the
    interval from the lower to the upper α/2 point of that count covers with at least the stated confidence.
    Where n is too small for an end to exist (fewer than 6 values for a median at 95 %), that end is None.
    NaN values are left out; undefined when none remain. The value is the linear-interpolation quantile.
    Source: David & Nagaraja 2003, Order Statistics, 7.1.
    """
    if not 0.0 < q < 1.0:
        raise UserError(f"quantile {q}", rule="0 < q < 1")
    known = np.sort(np.asarray(values, dtype=np.float64))
    known = known[: len(known) - int(np.isnan(known).sum())]
    n = len(known)
    if n == 0:
        return Estimate(None, None, None, 0)
    tail = (1.0 - confidence) / 2.0
    # The lowest value is below the quantile unless all n are above it, and so on inwards.
    below = _binomial_point(tail, n, q)
    above = n - 1 - _binomial_point(tail, n, 1.0 - q)
    return Estimate(
        float(np.quantile(known, q)),
        float(known[below]) if below >= 0 else None,
        float(known[above]) if above < n else None,
        n,
    )


def mean(values: npt.NDArray[Any], *, confidence: float = CONFIDENCE) -> Estimate:
    """The arithmetic mean with Student's t interval; NaN left out, undefined without values, no interval for one."""
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    n = len(known)
    if n == 0:
        return Estimate(None, None, None, 0)
    centre = float(known.mean())
    if n == 1:
        return Estimate(centre, None, None, 1)
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, (1.0 + confidence) / 2.0)) * float(known.std(ddof=1)) / math.sqrt(n)
    return Estimate(centre, centre - half, centre + half, n)


def normal(value: float, standard_error: float, n: int, *, confidence: float = CONFIDENCE) -> Estimate:
    """A figure with its large-sample interval, value ± z · standard error; NaN for either: undefined."""
    if math.isnan(value):
        return Estimate(None, None, None, n)
    half = _z(confidence) * standard_error
    return Estimate(value, None, None, n) if math.isnan(half) else Estimate(value, value - half, value + half, n)


def normal_bounds(
    value: FloatArray, standard_error: FloatArray, *, confidence: float = CONFIDENCE
) -> tuple[FloatArray, FloatArray]:
    """The two ends value ± z · standard error for arrays; NaN stays NaN."""
    half = _z(confidence) * standard_error
    return value - half, value + half


def bootstrap(value: float | None, replicates: FloatArray, n: int, *, confidence: float = CONFIDENCE) -> Estimate:
    """A figure with the percentile interval of its bootstrap replicates (R,).

    Replicates where the figure is undefined are NaN and left out; when fewer than half are defined, or the
    figure itself is not, there is no interval. Source: Efron & Tibshirani 1993, chapter 13.
    """
    if value is None or math.isnan(value):
        return Estimate(None, None, None, n)
    known = replicates[~np.isnan(replicates)]
    if len(known) == 0 or 2 * len(known) < len(replicates):
        return Estimate(float(value), None, None, n)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return Estimate(float(value), float(low), float(high), n)


def prediction_powered(
    right: npt.NDArray[Any], predicted: npt.NDArray[Any], rest: npt.NDArray[Any], *, confidence: float = CONFIDENCE
) -> Estimate:
    """A share observed on a sample and sharpened by a prediction that is known for the whole; n is the sample's.

    `right` (n,) in [0, 1] was observed, `predicted` (n,) was predicted for the same, `rest` (N,) for all others. The
    value is mean(right) + λ (mean(rest) − mean(predicted)) with λ = cov / ((1 + n/N) var), which is as right as the
    sample is, however wrong the predictions are, and never much less exact than the sample alone. Its variance is that
    of the sample times 1 − ρ² N/(n + N), so the interval is Wilson's with n divided by that; ρ² is adjusted for the
    one coefficient that was fitted. Without variation, or below three observations, it is Wilson's.
    Source: Angelopoulos, Bates, Fannjiang, Jordan & Zrnic 2023; the λ of Angelopoulos, Duchi & Zrnic 2023 (PPI++).
    """
    n, others = len(right), len(rest)
    if n == 0:
        return Estimate(None, None, None, 0)
    value, gain = float(np.mean(right)), 0.0
    spread, error = float(np.var(predicted)), float(np.var(right))
    if n > 2 and others and spread > 0.0 and error > 0.0:
        covariance = float(np.mean((right - value) * (predicted - np.mean(predicted))))
        weight = covariance / ((1.0 + n / others) * spread)
        value = min(max(value + weight * float(np.mean(rest) - np.mean(predicted)), 0.0), 1.0)
        fit = 1.0 - (1.0 - covariance**2 / (spread * error)) * (n - 1) / (n - 2)
        gain = max(fit, 0.0) * others / (n + others)
    worth = n / max(1.0 - gain, 1.0 / n)
    sharper = wilson(value * worth, worth, confidence=confidence)
    return Estimate(value, sharper.ci_low, sharper.ci_high, n)


def clustered_share(totals: npt.NDArray[Any], sizes: npt.NDArray[Any], *, confidence: float = CONFIDENCE) -> Estimate:
    """The mean of values in [0, 1] that come in clusters, such as one annotator's answers; n counts values.

    `totals` (k,) are the sums of the values of each cluster, `sizes` (k,) their numbers; clusters without any are left
    out. Wilson's interval at the number of values that, independent, would have the variance seen between clusters,
    and at most n; with Student's t for the number of clusters. Where all values are 0, or 1, that number is that of
    clusters, and one cluster alone has no interval. Source: Korn & Graubard 1998.
    """
    totals, sizes = totals[sizes > 0], sizes[sizes > 0]
    n, clusters = int(sizes.sum()), len(sizes)
    if n == 0:
        return Estimate(None, None, None, 0)
    from scipy.special import stdtrit

    value = float(totals.sum()) / n
    if clusters == 1:
        return Estimate(value, None, None, n)
    variance = float(((totals - value * sizes) ** 2).sum()) / n**2 * clusters / (clusters - 1)
    single = value * (1.0 - value)
    worth = float(n)
    if single <= 0.0:
        worth = float(clusters)
    elif variance * n > single:
        worth = single / variance
    t = float(stdtrit(clusters - 1, (1.0 + confidence) / 2.0))
    low, high = _score_bounds(np.asarray([value * worth]), np.asarray([worth]), t)
    return Estimate(value, float(low[0]), float(high[0]), n)


def difference(first: Estimate, second: Estimate) -> Estimate:
    """`first` less `second`, two independent figures, with an interval made of theirs; n is that of `first`.

    Each end adds the squared distances from the values to the ends that face it, so that it stays within what the
    two figures can be. Undefined where one of them is; without an end where one of them has none.
    Source: Newcombe 1998, method 10; Zou & Donner 2008 (MOVER).
    """
    if first.value is None or second.value is None:
        return Estimate(None, None, None, first.n)
    value = first.value - second.value
    down = _distance(first.value, first.ci_low, second.value, second.ci_high)
    up = _distance(first.value, first.ci_high, second.value, second.ci_low)
    return Estimate(value, None if down is None else value - down, None if up is None else value + up, first.n)


def adjusted(p_values: npt.NDArray[Any]) -> FloatArray:
    """P-values (n,) as they are among all of them: those at most q hold, with q the expected share of false ones.

    NaN stays NaN and counts for nothing. Source: Benjamini & Hochberg 1995.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]
    found = np.full(p.shape, np.nan)
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return found


def _distance(value: float, end: float | None, other: float, facing: float | None) -> float | None:
    return None if end is None or facing is None else math.hypot(value - end, other - facing)


def _z(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise UserError(f"confidence {confidence}", rule="0 < confidence < 1", do="Give 0.95 for 95 %.")
    return NormalDist().inv_cdf((1.0 + confidence) / 2.0)


def _binomial_point(tail: float, n: int, q: float) -> int:
    """The largest k with P(Binomial(n, q) ≤ k) ≤ tail; −1 where even k = 0 is too likely."""
    from scipy.special import bdtr, bdtrik

    if bdtr(0, n, q) > tail:
        return -1
    k = math.floor(float(bdtrik(tail, n, q)))
    while bdtr(k, n, q) > tail:
        k -= 1
    while bdtr(k + 1, n, q) <= tail:
        k += 1
    return int(k)
