"""What is known of each item's value once biases and spreads are: a mixture with one part for each place it may be.

Answers with long tails can leave several values possible: of 10 and 40, either may be the slip. One Gaussian around the
likelier one would be as sure of it as if nobody had said the other. Biases and spreads are fitted in `number`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from label_pipeline.votes import BoolArray, FloatArray, Votes

STARTS = 8
"""Answers of an item from which its possible values are sought; of more, as many spread over their ranks."""
STEPS = 50
SLIPS = 0.02
SLIP_WIDTH = 8.0
"""Standard deviations of values over which a slip may lie anywhere."""
SAME = 0.05
"""Standard errors within which two possible values are one."""


@dataclass(frozen=True)
class Parts:
    """Gaussian parts of each item's value, by item, then value: all (n_parts,), `weight` summing to one an item.

    A part of variance 0 is a point. Items without a part are those of which nothing is known.
    """

    item: Any
    mean: FloatArray
    variance: FloatArray
    weight: FloatArray
    n_items: int

    def below(self, bound: FloatArray) -> FloatArray:
        """The chance that each value is at most its bound (n_items,); NaN where nothing is known."""
        from scipy.special import ndtr

        with np.errstate(divide="ignore", invalid="ignore"):
            standard = (bound[self.item] - self.mean) / np.sqrt(self.variance)
        chance = np.where(self.variance > 0.0, ndtr(standard), bound[self.item] >= self.mean)
        return self._sums(self.weight * chance)

    def quantile(self, share: float) -> FloatArray:
        """What each value is at most with the chance `share`, (n_items,); NaN where nothing is known."""
        reach = 8.0 * np.sqrt(self.variance)
        low, high = np.full(self.n_items, np.inf), np.full(self.n_items, -np.inf)
        np.minimum.at(low, self.item, self.mean - reach)
        np.maximum.at(high, self.item, self.mean + reach)
        known = np.isfinite(low)
        low, high = np.where(known, low, 0.0), np.where(known, high, 0.0)
        for _ in range(60):  # halvings, to the last digits of a double
            middle = (low + high) / 2.0
            enough = self.below(middle) >= share
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.where(known, high, np.nan)

    def heaviest(self) -> FloatArray:
        """The mean of each item's likeliest part, (n_items,); NaN without one."""
        order = np.lexsort((self.mean, -self.weight, self.item))
        first = order[np.flatnonzero(np.diff(self.item[order], prepend=-1))]
        values = np.full(self.n_items, np.nan)
        values[self.item[first]] = self.mean[first]
        return values

    def variance_about(self, values: FloatArray) -> FloatArray:
        """The expected squared distance of each value from `values`, (n_items,); NaN where nothing is known."""
        return self._sums(self.weight * (self.variance + (self.mean - values[self.item]) ** 2))

    def mixed(self, other: Parts, weight: float) -> Parts:
        """`weight` of these parts and the rest of `other`'s; an item that only one of them knows is as it knows it."""
        ours, theirs = self.known, other.known
        shares = (np.where(theirs, weight, 1.0)[self.item], np.where(ours, 1.0 - weight, 1.0)[other.item])
        item, mean = np.concatenate([self.item, other.item]), np.concatenate([self.mean, other.mean])
        both = np.concatenate([self.weight * shares[0], other.weight * shares[1]])
        order = np.lexsort((mean, item))
        variance = np.concatenate([self.variance, other.variance])
        return Parts(item[order], mean[order], variance[order], both[order], self.n_items)

    def told(self, truth: FloatArray) -> Parts:
        """The same, an item whose truth (n_items,) is a number being certain."""
        points = np.flatnonzero(np.isfinite(truth))
        stays = ~np.isfinite(truth)[self.item]
        item = np.concatenate([self.item[stays], points])
        mean = np.concatenate([self.mean[stays], truth[points]])
        order = np.lexsort((mean, item))
        variance = np.concatenate([self.variance[stays], np.zeros(len(points))])
        weight = np.concatenate([self.weight[stays], np.ones(len(points))])
        return Parts(item[order], mean[order], variance[order], weight[order], self.n_items)

    def scaled(self, unit: float, centre: float) -> Parts:
        """The same in other units: each value `unit` times as large, and `centre` added."""
        return Parts(self.item, centre + unit * self.mean, unit**2 * self.variance, self.weight, self.n_items)

    @property
    def known(self) -> BoolArray:
        """Which items have a part, (n_items,)."""
        return np.bincount(self.item, minlength=self.n_items) > 0

    def _sums(self, each: FloatArray) -> FloatArray:
        return np.where(self.known, np.bincount(self.item, weights=each, minlength=self.n_items), np.nan)


def nothing(n_items: int) -> Parts:
    """Nothing is known of any item."""
    return Parts(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0), n_items)


def possible_values(
    votes: Votes, values: FloatArray, spread: FloatArray, *, tail: float, prior: tuple[float, float]
) -> Parts:
    """The parts of each annotated item's value.

    `values` (n,) are answers less their annotators' biases, `spread` (n_annotators,) the scales of errors that are
    Student's t with `tail` degrees of freedom; `prior` is mean and variance of values over items. From each answer the
    nearest mode of the posterior is sought by reweighting; each different one is a part, weighed by Laplace's method.
    One answer in `1 / SLIPS` is taken for a slip that may be anything: whoever measures finely mistypes no less often.
    """
    from scipy.special import gamma

    start, pair_start, pair = _pairs(votes, values)
    scale2 = (spread**2)[votes.annotator[pair]]
    at, given = values[start].copy(), values[pair]
    m, tau2 = prior

    usual = (1.0 - SLIPS) * gamma((tail + 1.0) / 2.0) / gamma(tail / 2.0) / np.sqrt(tail * np.pi * scale2)
    slip = SLIPS / (SLIP_WIDTH * np.sqrt(tau2))

    def weights() -> tuple[FloatArray, FloatArray]:
        """What each answer weighs at the values reached, and how likely it is there."""
        square = (given - at[pair_start]) ** 2 / scale2
        likely = usual * (1.0 + square / tail) ** (-0.5 * (tail + 1.0))
        return (tail + 1.0) / (tail + square) / scale2 * likely / (likely + slip), likely + slip

    def total(each: FloatArray) -> FloatArray:
        return np.bincount(pair_start, weights=each, minlength=len(start)).astype(np.float64)

    for _ in range(STEPS):
        w, _ = weights()
        at = (total(w * given) + m / tau2) / (total(w) + 1.0 / tau2)
    w, likely = weights()
    # A long tail tells less of where its middle is than its mean weight suggests: Fisher's information of t.
    variance = (tail + 3.0) / (tail + 1.0) / total(w)
    height = total(np.log(likely)) + 0.5 * np.log(variance) - 0.5 * (at - m) ** 2 / tau2
    # The value lies where its answers are: the prior helps to tell which of them, and draws it nowhere.
    return _merged(votes, votes.item[start], total(w * given) / total(w), variance, height)


def _pairs(votes: Votes, values: FloatArray) -> tuple[Any, Any, Any]:
    """The answers to start from (n_starts,), and each of them with every answer of its item: (n_pairs,) twice."""
    order = np.lexsort((values, votes.item))
    rank = np.arange(votes.n) - votes.offsets[votes.item[order]]
    n = votes.per_item[votes.item[order]]
    kept = (n <= STARTS) | (np.floor(rank * STARTS / n) != np.floor((rank - 1) * STARTS / n))
    start = order[kept]
    many = votes.per_item[votes.item[start]]
    pair_start = np.repeat(np.arange(len(start)), many)
    within = np.arange(len(pair_start)) - np.repeat(np.cumsum(many) - many, many)
    return start, pair_start, votes.offsets[votes.item[start]][pair_start] + within


def _merged(votes: Votes, item: Any, mean: FloatArray, variance: FloatArray, height: FloatArray) -> Parts:
    """Each different mode once, the weights of an item's summing to one."""
    order = np.lexsort((mean, item))
    item, mean, variance, height = item[order], mean[order], variance[order], height[order]
    apart = np.diff(mean, prepend=-np.inf) > SAME * np.sqrt(variance)
    first = np.flatnonzero(apart | (np.diff(item, prepend=-1) != 0))
    item, mean, variance, height = item[first], mean[first], variance[first], height[first]
    top = np.full(votes.n_items, -np.inf)
    np.maximum.at(top, item, height)
    weight = np.exp(height - top[item])
    weight /= np.bincount(item, weights=weight, minlength=votes.n_items)[item]
    return Parts(item, mean, variance, weight, votes.n_items)
