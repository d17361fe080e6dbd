"""What a night may spend, by count, hours and money, in all and by route; and which rows of the queue it buys.

Here belong limits, prices and the choice under them. What a row is worth stands in `value`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from label_pipeline.errors import UserError
from label_pipeline.relabel.route import ROUTES

_SLACK = 1e-9
"""Limits are kept to this relative error: ten answers of 0.1 are one."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be spent at most; None is no limit. All that are given hold at once."""

    annotations: int | None = None
    hours: float | None = None
    money: float | None = None

    def __post_init__(self) -> None:
        for name in ("annotations", "hours", "money"):
            most = getattr(self, name)
            if most is not None and not 0 <= most < math.inf:
                raise UserError(f"{name} is {most}", where="queue budget", rule="0 or more, and finite")

    def allows(self, answers: float, hours: float, money: float) -> bool:
        """Whether so much may be spent. An unknown price is NaN, and nothing of it may be bought under its limit."""
        spent = ((self.annotations, answers), (self.hours, hours), (self.money, money))
        return all(most is None or amount <= most + _SLACK * max(most, 1.0) for most, amount in spent)


@dataclass(frozen=True, slots=True)
class Price:
    """What one answer of a route takes: hours and money; NaN where nothing is known of it."""

    hours: float = math.nan
    money: float = math.nan


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a night, of all routes together and of each by itself."""

    night: Limit
    routes: Mapping[str, Limit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.routes) - set(ROUTES))
        if unknown:
            raise UserError(f"no route '{unknown[0]}'", where="queue budget", rule=f"one of {', '.join(ROUTES)}")

    @classmethod
    def of(cls, annotations: int) -> Self:
        """So many answers a night, whoever gives them."""
        return cls(Limit(annotations))

    @property
    def counts_alone(self) -> bool:
        """Whether one count of answers, whoever gives them, is the only limit."""
        return not self.routes and self.night.hours is None and self.night.money is None

    @property
    def most(self) -> int | None:
        """The most answers of any night, where a count limits them."""
        return self.night.annotations

    def allows(self, counts: Mapping[str, int], prices: Mapping[str, Price]) -> bool:
        """Whether so many answers by route are within all limits."""
        bills = {route: _bill(n, prices.get(route, Price())) for route, n in counts.items() if n}
        own = all(self.routes[route].allows(*bill) for route, bill in bills.items() if route in self.routes)
        return own and self.night.allows(*(sum(amount) for amount in zip((0, 0.0, 0.0), *bills.values(), strict=True)))


def within(
    values: npt.NDArray[np.float64], routes: Sequence[str], budget: Budget, prices: Mapping[str, Price]
) -> npt.NDArray[np.bool_]:
    """Which rows of the queue the night buys: (n,). `values` (n,) fall by rank; each row is one answer of its route.

    Rows are taken by value for the price: in money where the night's money is limited, else in hours where those are,
    else for each answer the same. A row that no longer fits is passed over, and later ones of another route may
    still fit; nothing that fits is left out.
    """
    price = np.array([_unit(prices.get(route, Price()), budget.night) for route in routes], dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(price > 0, values / price, np.inf)
    bought = np.zeros(len(values), dtype=np.bool_)
    counts: dict[str, int] = dict.fromkeys(ROUTES, 0)
    closed: set[str] = set()
    for row in np.lexsort((-values, -ratio)).tolist():
        route = routes[row]
        if route in closed:
            continue
        if budget.allows({**counts, route: counts[route] + 1}, prices):
            counts[route] += 1
            bought[row] = True
        else:
            closed.add(route)  # spending only grows: what does not fit now never will
            if len(closed) == len(ROUTES):
                break
    return bought


def room(
    budget: Budget, prices: Mapping[str, Price], spent: Mapping[str, int], most: int, route: str = "annotator"
) -> int:
    """How many answers of a route, `most` at most, fit beside those that are `spent` by other routes."""
    low, high = 0, max(most, 0)
    others = {name: n for name, n in spent.items() if name != route}
    while low < high:
        middle = (low + high + 1) // 2
        fits = budget.allows({**others, route: middle}, prices)
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _bill(answers: int, price: Price) -> tuple[float, float, float]:
    return float(answers), answers * price.hours, answers * price.money


def _unit(price: Price, night: Limit) -> float:
    """What an answer costs in the coin that the night is short of."""
    if night.money is not None:
        return price.money
    return price.hours if night.hours is not None else 1.0
