"""Draws that give the same value on every machine and every Python. No model of anybody is in here.

Only `Random.random` and seeding by text are promised to stay as they are, so choices and shuffles are made
from those alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from random import Random
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")


def stream(*names: object) -> Random:
    """A random stream of its own for these names, so that a draw added in one place moves none in another."""
    return Random("/".join(map(str, names)))  # noqa: S311 (simulation, nothing secret)


def between(rng: Random, low: float, high: float) -> float:
    """A number drawn evenly from `low` to `high`."""
    return low + (high - low) * rng.random()


def pick(rng: Random, chances: Mapping[T, float]) -> T:
    """One key, drawn in proportion to its value; values need not sum to one."""
    left = rng.random() * sum(chances.values())
    for key, chance in chances.items():
        left -= chance
        if left < 0:
            return key
    return max(chances, key=lambda key: chances[key])  # rounding used up the whole sum


def shuffled(rng: Random, values: Iterable[T]) -> list[T]:
    """The values in an order drawn evenly."""
    return [value for _, _, value in sorted((rng.random(), k, value) for k, value in enumerate(values))]


def seconds(rng: Random, median: float, spread: float) -> float:
    """A log-normal time in seconds, to the hundredth; `spread` is the deviation of its logarithm."""
    normal = NormalDist().inv_cdf(min(max(rng.random(), 1e-9), 1 - 1e-9))
    return round(median * math.exp(spread * normal), 2)
