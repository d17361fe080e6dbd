"""Krippendorff's alpha from label counts per item.

Here belong the coefficient, its levels of measurement and its class-against-the-rest form. Agreement
coefficients for fixed or paired annotators stand in `kappa`, tables over slices and groups in `summary`.

With n_pc labels of class c on an item of pattern p, n_p labels in all, and w_p such items:
observed disagreement  D_o = Σ_p w_p Σ_ck n_pc n_pk δ²_ck / (n_p − 1),
expected disagreement  D_e = Σ_ck n_c n_k δ²_ck / (N − 1), with n_c = Σ_p w_p n_pc and N = Σ_c n_c,
alpha = 1 − D_o / D_e. Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability.
Ordinal distances are interval distances between the classes' mid-ranks, so no level needs a matrix of
coincidences. Alpha is undefined without an item that has two labels, and where all such labels are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np

from label_pipeline.agreement.bootstrap import REPLICATES, replicate
from label_pipeline.agreement.patterns import AnyArray, FloatArray, IntArray, Patterns
from label_pipeline.agreement.sets import masi_distances
from label_pipeline.errors import UserError, nearest
from label_pipeline.estimates import Estimate, bootstrap
from label_pipeline.votes import Votes

Level = Literal["nominal", "ordinal", "interval", "ratio", "masi"]
RATIO_VALUES = 4096
"""The most distinct values or sets for which expected disagreement is summed over pairs, at the levels that need it."""
_REPLICATE_CELLS = 1 << 26


def alpha(
    source: Votes | Patterns,
    level: Level = "nominal",
    *,
    values: Sequence[float] | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Estimate:
    """Krippendorff's alpha with a percentile bootstrap interval over items; n counts pairable items.

    `values` (n_classes,) are the numbers the classes stand for at the interval and ratio levels; left out, the
    class names are read as numbers. The ordinal level takes the declared order of the classes; the masi level takes
    classes that are sets, and distances as they are instead of their squares (Passonneau 2006). At most 1; 0 is
    agreement by chance; negative is less than that. Raises UserError for an unknown level or no such numbers.
    """
    patterns = source if isinstance(source, Patterns) else Patterns.of(source)
    measure = AlphaOf(patterns, level, values)
    drawn = replicate(patterns.items, len(patterns.classes), measure, replicates=replicates, seed=seed)
    return bootstrap(float(measure(patterns.items[None, :].astype(np.float64))[0]), drawn, patterns.n)


def alpha_by_class(
    source: Votes | Patterns,
    classes: Sequence[int] | IntArray | None = None,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> list[Estimate]:
    """Nominal alpha of each class against the rest, in class order (or for the class codes given).

    Low values name the classes the guidelines do not separate. Undefined for a class that no pairable item
    has, or that every label is. Raises UserError for more classes than the replicates leave room for.
    """
    patterns = source if isinstance(source, Patterns) else Patterns.of(source)
    chosen = np.arange(len(patterns.classes)) if classes is None else np.asarray(classes, dtype=np.int64)
    if len(chosen) * replicates > _REPLICATE_CELLS:
        raise UserError(
            f"{replicates:,} bootstrap replicates for each of {len(chosen):,} classes",
            do="Choose the classes to measure, or ask for fewer replicates.",
        )
    size = patterns.per_entry(patterns.size)
    within = 2.0 * patterns.count * (size - patterns.count) / (size - 1.0)
    one_class = patterns.matrix()[:, chosen].T.tocsr()
    disagreement = patterns.matrix(within)[:, chosen].T.tocsr()
    label_count = patterns.size.astype(np.float64)

    def measure(weights: FloatArray) -> FloatArray:
        each, rest = _times(weights, one_class), weights @ label_count
        expected = 2.0 * each * (rest[:, None] - each) / (rest[:, None] - 1.0)
        return _coefficient(_times(weights, disagreement), expected)

    value = measure(patterns.items[None, :].astype(np.float64))[0]
    drawn = replicate(patterns.items, len(patterns.classes), measure, replicates=replicates, seed=seed)
    return [bootstrap(float(value[k]), drawn[:, k], patterns.n) for k in range(len(chosen))]


class AlphaOf:
    """Alpha as a function of how many items show each pattern; arguments and errors as of `alpha`."""

    def __init__(self, patterns: Patterns, level: Level, values: Sequence[float] | None = None) -> None:
        if level not in get_args(Level):
            raise UserError(f"there is no level of measurement '{level}'", do=nearest(level, get_args(Level)))
        self.level = level
        self.size = patterns.size.astype(np.float64)
        self.by_class = patterns.matrix().T.tocsr()
        if level == "ordinal":
            self.by_pattern = patterns.matrix()
            self.spread = patterns.matrix(patterns.count * patterns.per_entry(self._weight())).T.tocsr()
        elif level == "nominal":
            self.within = (self.size**2 - patterns.sums(patterns.count.astype(np.float64) ** 2)) / (self.size - 1)
        elif level == "masi":
            self.distance = _few(masi_distances, patterns.classes, level)
            self.within = self._pairs(patterns)
        else:
            self.values = _numbers(patterns, level, values)
            if level == "ratio":
                self.distance = _few(_ratios, self.values, level)
            self.within = self._pairs(patterns) if level == "ratio" else self._variance(patterns)

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Alpha (r,) for weights (r, n_patterns); NaN where undefined."""
        margin = _times(weights, self.by_class)
        total = weights @ self.size
        if self.level == "nominal":
            expected = (margin * (total[:, None] - margin)).sum(axis=1) / (total - 1)
            return _coefficient(weights @ self.within, expected)
        if self.level in ("ratio", "masi"):
            expected = ((margin @ self.distance) * margin).sum(axis=1) / (total - 1)
            return _coefficient(weights @ self.within, expected)
        if self.level == "interval":
            return _coefficient(weights @ self.within, _spread(margin, self.values[None, :], total))
        rank = (np.cumsum(margin, axis=1) - margin / 2) / np.maximum(total, 1)[:, None] - 0.5
        # Σ_ck n_pc n_pk (x_c − x_k)² = 2 (n_p Σ_c n_pc x_c² − (Σ_c n_pc x_c)²), with mid-ranks that differ a replicate.
        squares: AnyArray = (_times(weights, self.spread) * rank**2).sum(axis=1)
        sums = (self.by_pattern @ np.ascontiguousarray(rank.T)).T
        observed = 2 * (squares - ((weights * (self._weight() / self.size)) * sums**2).sum(axis=1))
        return _coefficient(observed, _spread(margin, rank, total))

    def _weight(self) -> AnyArray:
        return np.asarray(self.size / (self.size - 1))

    def _variance(self, patterns: Patterns) -> AnyArray:
        value = self.values[patterns.label]
        first, second = patterns.sums(patterns.count * value), patterns.sums(patterns.count * value**2)
        return np.asarray(2 * (self.size * second - first**2) / (self.size - 1))

    def _pairs(self, patterns: Patterns) -> AnyArray:
        counts = patterns.matrix()
        spread = np.zeros(len(self.size))
        block = max(1, (1 << 22) // max(1, len(self.distance)))
        for start in range(0, len(self.size), block):
            rows = counts[start : start + block].toarray()
            spread[start : start + block] = ((rows @ self.distance) * rows).sum(axis=1)
        return np.asarray(spread / (self.size - 1))


def _few(distances: Callable[[Any], FloatArray], values: Sequence[Any] | FloatArray, level: Level) -> FloatArray:
    """The matrix of distances; as wide as there are distinct values, so that there must not be too many."""
    if len(values) > RATIO_VALUES:
        raise UserError(
            f"{len(values):,} distinct values at the {level} level",
            rule=f"at most {RATIO_VALUES:,}",
            do="Round the values, or use the interval level." if level == "ratio" else "Use the nominal level.",
        )
    return distances(values)


def _ratios(values: FloatArray) -> FloatArray:
    total = values[:, None] + values[None, :]
    gap = values[:, None] - values[None, :]
    return np.asarray(np.divide(gap, total, out=np.zeros_like(gap), where=total != 0) ** 2, dtype=np.float64)


def _times(weights: FloatArray, by_class: Any) -> AnyArray:
    """weights (r, P) × counts (P, K), the counts given sparse and transposed."""
    return np.asarray(by_class @ np.ascontiguousarray(weights.T)).T


def _spread(margin: FloatArray, value: FloatArray, total: FloatArray) -> AnyArray:
    """Expected disagreement Σ_ck n_c n_k (x_c − x_k)² / (N − 1), per replicate."""
    mean = (margin * value).sum(axis=1) / np.maximum(total, 1)
    return np.asarray(2 * total * (margin * (value - mean[:, None]) ** 2).sum(axis=1) / (total - 1))


def _coefficient(observed: FloatArray, expected: FloatArray) -> FloatArray:
    # An expectation this small against its own terms is the rounding of one single value.
    defined = expected > 1e-12
    ratio: FloatArray = np.divide(observed, expected, out=np.full_like(expected, np.nan), where=defined)
    return np.asarray(1 - ratio)


def _numbers(patterns: Patterns, level: Level, values: Sequence[float] | None) -> FloatArray:
    """The numbers of the classes; at the interval level centred and scaled, which only changes the rounding."""
    try:
        numbers = np.asarray(patterns.classes if values is None else values, dtype=np.float64)
    except ValueError as error:
        raise UserError(
            f"the {level} level needs numbers and a class is none ({error})",
            do="Give values=, one number a class, or use the ordinal level.",
        ) from error
    if numbers.shape != (len(patterns.classes),):
        raise UserError(f"{len(numbers)} values for {len(patterns.classes)} classes", do="Give one a class.")
    if not np.isfinite(numbers).all():
        raise UserError(f"the {level} level needs finite numbers", do="Give values=, one number a class.")
    if level == "ratio":
        if (numbers < 0).any():
            raise UserError("a negative value at the ratio level", do="Use the interval level.")
        return numbers
    used = numbers[np.unique(patterns.label)]
    return (numbers - used.mean()) / (np.ptp(used) or 1.0) if len(used) else numbers
