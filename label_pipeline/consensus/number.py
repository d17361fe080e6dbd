"""Consensus on numbers: what is the true value, and how far may it be off?

Here belongs the model of people who measure: each with a bias and a spread of their own, and now and then a slip. How
near is near enough to be right is the caller's to say; classes stand in `dawid_skene`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from label_pipeline.consensus.base import check_number
from label_pipeline.consensus.number_modes import nothing, possible_values
from label_pipeline.errors import UserError
from label_pipeline.votes import BoolArray, FloatArray, Votes

FEWEST = 3
"""Gold items from which a bias is told."""
_NORMAL = 0.6744897501960817  # median of |z|


@dataclass
class NumberConsensus:
    """A true value an item, a bias and a spread an annotator, and errors with long tails.

    Annotator j's answer on item i is y = μ_i + b_j + e, where e is Student's t with `tail` degrees of freedom and scale
    σ_j: the Gaussian annotators of Raykar et al. 2010 (Learning From Crowds, JMLR 11, section 5) with the tails that
    typing mistakes have, so that `100` for `10` loses its weight instead of drawing the mean. μ_i ~ N(m, τ²) helps to
    tell which of two answers is the slip, and b_j is t as well, of scale β, with m, τ, β fitted; σ_j² is pulled to the
    median of all by `strength` pseudo-answers. So neither one slip, nor one annotator who is far off, moves the
    others. Fitted by variational EM (the tails as a scale mixture: Lange, Little & Taylor 1989). The value of an item
    is then the weighted mean of its answers less their biases, not drawn to m: where everybody says 2 it is 2. Where
    answers leave several values possible it is the likeliest, and no surer than that. Only differences between biases
    can be seen in answers: where most annotators agree, or gold says (`FEWEST` items and more), there is no bias.

    Fitted: `values_` (n_items,), NaN where nothing is known; `parts_`, where each may lie (`number_modes`); `variance_`
    (n_items,) of their error, 0 for gold, NaN for items without an answer, and everywhere where no two answers of an
    item could be compared; `bias_`, `bias_error_`, `spread_` (σ_j), all (n_annotators,), the latter two NaN where
    nothing was compared; `prior_spread_`, τ; `weight_` (n,), what each answer weighed beside a usual one;
    `diagnostics_`.
    """

    tail: float = 4.0
    strength: float = 4.0
    max_iter: int = 200
    tol: float = 1e-4

    def fit(self, votes: Votes, values: FloatArray, *, gold: FloatArray | None = None) -> Self:
        """Fit to `values` (n,), the finite numbers behind the annotations of `votes`.

        `gold` (n_items,) is the truth where it is known and NaN elsewhere. Raises UserError for arrays of another
        shape, values that are no finite numbers, and parameters without meaning.
        """
        check_number("tail", self.tail, least=0.0, above=True)
        check_number("strength", self.strength, least=0.0)
        check_number("max_iter", self.max_iter, least=1)
        check_number("tol", self.tol, least=0.0)
        given, truth = _checked(votes, values, gold)
        known = np.isfinite(truth)
        annotated = votes.per_item > 0
        self.values_ = np.where(known, truth, _medians(votes, given))
        self.parts_ = nothing(votes.n_items).told(truth)
        self.variance_ = np.where(known, 0.0, np.nan)
        self.bias_, self.bias_error_ = np.zeros(votes.n_annotators), np.full(votes.n_annotators, np.nan)
        self.spread_ = np.full(votes.n_annotators, np.nan)
        self.prior_spread_ = float("nan")
        self.weight_ = np.ones(votes.n)
        self.diagnostics_ = {"iterations": 0.0}
        # Of a few gold items one may simply be hard, or wrong: they bind, but say nothing of people.
        told = truth if int((known & annotated).sum()) >= FEWEST else np.full(votes.n_items, np.nan)
        compared = (votes.per_item >= 2) | (np.isfinite(told) & annotated)
        if compared[votes.item].any():
            self._expectation_maximisation(votes, given, told, compared)
            self.parts_ = self.parts_.told(truth)
            self.values_ = self.parts_.heaviest()
            self.variance_ = self.parts_.variance_about(self.values_)
        return self

    def _expectation_maximisation(
        self, votes: Votes, given: FloatArray, truth: FloatArray, compared: BoolArray
    ) -> None:
        # In units in which answers are of the order of one, so that one tolerance fits all projects.
        centre, unit = float(np.median(given)), _unit(given)
        y, gold = (given - centre) / unit, (truth - centre) / unit
        item, who = votes.item, votes.annotator
        known, annotated = np.isfinite(gold), votes.per_item > 0
        floor = (_resolution(given) / unit) ** 2 / 12.0  # answers are written to so many digits, and no nearer
        bias = _biases_on_gold(votes, y - gold[item])
        mu = np.where(known, gold, _medians(votes, y - bias[who]))
        pairs = compared[item]
        residual = (y - bias[who] - mu[item])[pairs]
        share = np.mean(np.where(known, 1.0, 1.0 - 1.0 / np.maximum(votes.per_item, 1))[item][pairs])
        pool = max(float(np.median(np.abs(residual)) / _NORMAL) ** 2 / max(float(share), 0.1), floor, 1e-12)
        sigma2, prior_bias = np.full(votes.n_annotators, pool), max(pool / 4.0, float(np.median(bias**2)))
        centre_mu, tau2 = _location(mu[annotated | known])
        variance = np.where(known, 0.0, pool / np.maximum(votes.per_item, 1))
        weight, before, steps = np.ones(votes.n), mu.copy(), 0
        bias_precision = np.full(votes.n_annotators, 1.0 / prior_bias)
        bias_weight = np.ones(votes.n_annotators)
        while steps < self.max_iter:
            steps += 1
            off = y - bias[who] - mu[item]
            square = off**2 + variance[item] + 1.0 / bias_precision[who]
            weight = (self.tail + 1.0) / (self.tail + square / sigma2[who])
            precision = weight / sigma2[who]
            total = 1.0 / tau2 + _sums(item, precision, votes.n_items)
            drawn = centre_mu / tau2 + _sums(item, precision * (y - bias[who]), votes.n_items)
            mu = np.where(known, gold, drawn / total)
            variance = np.where(known, 0.0, 1.0 / total)
            off = y - mu[item]
            # An item with a single answer says nothing of who gave it: its value follows the answer.
            told = precision * pairs
            bias_precision = _sums(who, told, votes.n_annotators) + bias_weight / prior_bias
            bias = _sums(who, told * off, votes.n_annotators) / bias_precision
            second = bias**2 + 1.0 / bias_precision
            bias_weight = (self.tail + 1.0) / (self.tail + second / prior_bias)
            prior_bias = max(float((bias_weight * second).mean()), floor, 1e-12)
            square = (off - bias[who]) ** 2 + variance[item] + 1.0 / bias_precision[who]
            told = weight * pairs
            n_told = _sums(who, pairs.astype(np.float64), votes.n_annotators)
            squares = _sums(who, told * square, votes.n_annotators)
            sigma2 = np.maximum((self.strength * pool + squares) / (self.strength + n_told), max(floor, 1e-12))
            # The median, as an annotator who guesses would else make everybody look as if he did.
            pool = float(np.median(sigma2[n_told > 0]))
            here = annotated | known
            centre_mu = float(mu[here].mean())
            tau2 = max(float(((mu[here] - centre_mu) ** 2 + variance[here]).mean()), 1e-9)
            if float(np.abs(mu - before)[here].max()) < self.tol:
                break
            before = mu.copy()
        scale = np.sqrt(sigma2 + 1.0 / bias_precision)
        found = possible_values(votes, y - bias[who], scale, tail=self.tail, prior=(centre_mu, tau2))
        self.parts_ = found.scaled(unit, centre).told(truth)
        self.bias_, self.bias_error_ = unit * bias, unit / np.sqrt(bias_precision)
        self.spread_ = unit * np.sqrt(sigma2)
        self.prior_spread_ = unit * float(np.sqrt(tau2))
        self.weight_ = weight * self.tail / (self.tail + 1.0)
        self.diagnostics_ = {"iterations": float(steps)}

    def within(self, tolerance: float) -> FloatArray:
        """The chance that each value is off by at most `tolerance`, (n_items,); NaN where nothing tells."""
        return self.parts_.below(self.values_ + tolerance) - self.parts_.below(self.values_ - tolerance)

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """The ends of each value's 95% interval, (n_items,) each; NaN where nothing tells."""
        low, high = self.parts_.quantile(0.025), self.parts_.quantile(0.975)
        return np.fmin(low, self.values_), np.fmax(high, self.values_)

    def answers_within(self, tolerance: float) -> FloatArray:
        """The chance that an answer of each annotator is off by at most `tolerance`, (n_annotators,)."""
        from scipy.special import stdtr

        high = stdtr(self.tail, (tolerance - self.bias_) / self.spread_)
        low = stdtr(self.tail, (-tolerance - self.bias_) / self.spread_)
        return np.asarray(high - low, dtype=np.float64)

    def off_by(self, share: float, weights: FloatArray) -> float:
        """What the share (0 to 1) of answers stays within; annotators answer as often as `weights` (n_annotators,) say.

        NaN where no answers could be compared.
        """
        total = float(weights.sum())
        if not total or not np.isfinite(self.spread_[weights > 0]).all():
            return float("nan")
        low, high = 0.0, float((np.abs(self.bias_) + self.spread_)[weights > 0].max())
        while float(self.answers_within(high) @ weights) < share * total:
            high *= 2.0
        for _ in range(60):  # halvings, to the last digits of a double
            middle = (low + high) / 2.0
            enough = float(self.answers_within(middle) @ weights) >= share * total
            low, high = (low, middle) if enough else (middle, high)
        return high

    def others(self, votes: Votes, values: FloatArray, gold: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What everybody but its annotator makes of each answer's item: value and variance, (n,) each.

        Gold where there is any; NaN for a lone answer. An answer never speaks for itself.
        """
        who, item = votes.annotator, votes.item
        truth = gold[item]
        if not np.isfinite(self.prior_spread_):
            nothing = np.full(votes.n, np.nan)
            return np.where(np.isfinite(truth), truth, nothing), np.where(np.isfinite(truth), 0.0, nothing)
        scale2 = self.spread_[who] ** 2
        precision = self.weight_ * (self.tail + 1.0) / self.tail / scale2
        total = _sums(item, precision, votes.n_items)[item] - precision
        drawn = _sums(item, precision * (values - self.bias_[who]), votes.n_items)[item]
        drawn = drawn - precision * (values - self.bias_[who])
        alone = votes.per_item[item] < 2
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, variance = drawn / total, 1.0 / total
        mean, variance = np.where(alone, np.nan, mean), np.where(alone, np.nan, variance)
        is_gold = np.isfinite(truth)
        return np.where(is_gold, truth, mean), np.where(is_gold, 0.0, variance)


def _checked(votes: Votes, values: Any, gold: Any) -> tuple[FloatArray, FloatArray]:
    given = np.asarray(values, dtype=np.float64)
    truth = np.full(votes.n_items, np.nan) if gold is None else np.asarray(gold, dtype=np.float64)
    if given.shape != (votes.n,) or not np.isfinite(given).all():
        raise UserError(f"values have shape {given.shape}", rule=f"a finite number for each of {votes.n} annotations")
    if truth.shape != (votes.n_items,) or np.isinf(truth).any():
        raise UserError(f"gold values have shape {truth.shape}", rule=f"a number or NaN in shape {(votes.n_items,)}")
    return given, truth


def _medians(votes: Votes, values: FloatArray) -> FloatArray:
    """The median answer of each item, (n_items,); NaN without one."""
    order = np.lexsort((values, votes.item))
    ranked, start, n = values[order], votes.offsets[:-1], votes.per_item
    last = max(votes.n - 1, 0)
    low, high = (np.minimum(start + np.maximum(at, 0), last) for at in ((n - 1) // 2, n // 2))
    middle = (ranked[low] + ranked[high]) / 2.0 if votes.n else np.zeros(votes.n_items)
    return np.where(n > 0, middle, np.nan)


def _biases_on_gold(votes: Votes, off: FloatArray) -> FloatArray:
    """Where the search for biases begins, (n_annotators,): the median of `off`, the distance from gold, NaN without.

    A bias that all share would else look like slips on gold, and be followed elsewhere. Who has too little gold of
    their own begins where everybody does; of fewer than `FEWEST` gold items one may simply be hard.
    """
    known = np.isfinite(off)
    enough = len(np.unique(votes.item[known])) >= FEWEST
    shift = float(np.median(off[known])) if enough else 0.0
    biases = np.full(votes.n_annotators, shift)
    who, order = votes.annotator[known], np.argsort(votes.annotator[known], kind="stable")
    starts = np.searchsorted(who[order], np.arange(votes.n_annotators + 1))
    for j in np.flatnonzero(np.diff(starts) >= FEWEST):
        biases[j] = np.median(off[known][order][starts[j] : starts[j + 1]])
    return biases


def _unit(values: FloatArray) -> float:
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low) or float(np.std(values)) or max(abs(float(values[0])), 1.0)


def _resolution(values: FloatArray) -> float:
    """The step in which answers are written, a power of ten of at most 1: 0.01 when none has more than two decimals."""
    different = np.unique(values)
    for decimals in range(13):
        scaled = different * 10.0**decimals
        if (np.abs(scaled - np.round(scaled)) <= 1e-9 * np.maximum(np.abs(scaled), 1.0)).all():
            return float(10.0**-decimals)
    return 0.0


def _location(values: FloatArray) -> tuple[float, float]:
    return float(values.mean()), max(float(values.var()), 1e-9)


def _sums(code: Any, weights: FloatArray, size: int) -> FloatArray:
    return np.asarray(np.bincount(code, weights=weights, minlength=size), dtype=np.float64)
