"""A share watched over time: intervals that hold at every look at once, and the day from which it is another.

Here belongs the statistics, for one series of counts at a time. What is counted and what follows stands in `standing`.

Both are bets against a null hypothesis. Against "the share has been at least m" one bets on shares c·m, for c on a grid
over (0, 1): a bet's capital is multiplied by c with each success and by (1 − c m) / (1 − m) with each failure, so its
expected value never grows while the null holds, and it ever reaches 1/α with probability α at most (Ville 1939). That
is true of the mean of the bets and of any weighted sum of bets begun on different days, whenever one looks and whatever
the share did before. Sources: Robbins 1970 (Statistical methods related to the law of the iterated logarithm); Howard,
Ramdas, McAuliffe & Sekhon 2021 (Time-uniform, nonparametric, nonasymptotic confidence sequences); Waudby-Smith & Ramdas
2024 (Estimating means of bounded random variables by betting); bets begun at every time: Shiryaev 1963, Shin, Ramdas &
Rinaldo 2023 (E-detectors).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from label_pipeline.compiled import compiled

FloatArray = npt.NDArray[np.float64]
IntSeries = Sequence[int] | npt.NDArray[Any]
ERROR = 0.05
"""The chance at which a share that never crossed the limit is ever said to have crossed it, from one change on."""
_GRID = 64
_C = (np.arange(_GRID) + 0.5) / _GRID
_LOG_C = np.log(_C)
_STEPS = 50


@dataclass(frozen=True, slots=True)
class Stretch:
    """Looks `first` to `last` (both included) on which the share is on one side of the limit.

    `below` says which. It showed at look `shown`, by the looks from `first` to `shown`; the first stretch shows at its
    first look. `weight` is what the bets begun at `first` weigh.
    """

    first: int
    last: int
    below: bool
    shown: int
    weight: float


def upper_bound(
    right: npt.NDArray[Any], n: npt.NDArray[Any], *, weight: float | FloatArray = 0.5, error: float = ERROR
) -> FloatArray:
    """The largest shares (k,) that `right` of `n` (k,) leave possible, at every look at once; 1 without a failure.

    With weight 0.5 the bound fails at some look with probability error / 2 at most; with that of a `Stretch`, all
    bounds of all starts together with `error` at most. `weight` is one for all or one each (k,).
    """
    right, wrong = np.asarray(right, dtype=np.float64), np.asarray(n - right, dtype=np.float64)
    target = -np.log(error * weight)
    low, high = np.zeros(len(right)), np.ones(len(right))
    for _ in range(_STEPS):  # the capital grows with the hypothesis, so halving finds where it reaches the target
        middle = (low + high) / 2
        reached = _capital(right, wrong, middle) >= target
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(wrong > 0, high, 1.0)


def bounds(
    right: npt.NDArray[Any], n: npt.NDArray[Any], *, weight: float | FloatArray = 0.5, error: float = ERROR
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bound; at the default weight together a confidence sequence at level 1 − error."""
    upper = upper_bound(right, n, weight=weight, error=error)
    return 1.0 - upper_bound(n - right, n, weight=weight, error=error), upper


def stretches(right: IntSeries, n: IntSeries, limit: float, *, error: float = ERROR) -> list[Stretch]:
    """Where a share crosses `limit` (0 to 1, both excluded): `right` of `n` a look, in order; at least one stretch.

    It starts on the good side. It is found below at the first look at which the bets against "at least `limit`" that
    were begun at the stretch's first look (half the capital) or at a later look t (1 / 2t(t − 1) of it) are worth
    1 / `error`; the stretch below begins where the most valuable bet was begun. From the next look on the same is asked
    the other way round, and so on. While the share stays on one side, it is ever found on the other with probability
    `error` at most, however often one looks.
    """
    right, n = np.asarray(right, dtype=np.int64), np.asarray(n, dtype=np.int64)
    found, first, below, shown, weight = [], 0, False, 0, 0.5
    for turn_shown, begun, turn_weight in _turns(right, n - right, limit, -np.log(error)):
        if begun > first:
            found.append(Stretch(first, int(begun) - 1, below, shown, weight))
        first, below, shown, weight = int(begun), not below, int(turn_shown), float(turn_weight)
    found.append(Stretch(first, max(len(n) - 1, 0), below, shown, weight))
    return found


@compiled
def _turns(right: Any, wrong: Any, limit: float, target: float) -> Any:
    """Each crossing (look at which it showed, look at which the most valuable bet was begun, that bet's weight)."""
    found, size = np.empty((len(right), 3)), 0
    total, best = np.full(_GRID, -np.inf), np.full(_GRID, -np.inf)  # logs of all bets and of the most valuable one
    begun, weighs = np.zeros(_GRID, dtype=np.int64), np.zeros(_GRID)
    m, turned, looks = limit, False, 0
    for look in range(len(right)):
        looks += 1
        weight = 0.5 if looks == 1 else 0.5 / (looks * (looks - 1))
        won, lost = (wrong[look], right[look]) if turned else (right[look], wrong[look])
        top = -np.inf
        for g in range(_GRID):
            c = (g + 0.5) / _GRID
            gain = won * np.log(c) + lost * (np.log1p(-c * m) - np.log1p(-m))
            if best[g] < np.log(weight):
                best[g], begun[g], weighs[g] = np.log(weight), look, weight
            best[g] += gain
            total[g] = np.logaddexp(total[g], np.log(weight)) + gain
            top = max(top, total[g])
        if top + np.log(np.exp(total - top).mean()) >= target:
            winner = best.argmax()
            found[size, 0], found[size, 1], found[size, 2] = look, begun[winner], weighs[winner]
            size += 1
            m, turned, looks = 1.0 - m, not turned, 0
            total[:], best[:] = -np.inf, -np.inf
    return found[:size]


def _capital(right: FloatArray, wrong: FloatArray, m: FloatArray) -> FloatArray:
    """The log of the mean of the bets against "at least m", (k,)."""
    with np.errstate(divide="ignore"):
        lost = np.log1p(-_C * m[:, None]) - np.log1p(-m)[:, None]
    logs = right[:, None] * _LOG_C + np.where(wrong[:, None] > 0, wrong[:, None] * lost, 0.0)
    top = logs.max(axis=1)
    return np.asarray(top + np.log(np.exp(logs - top[:, None]).mean(axis=1)))
