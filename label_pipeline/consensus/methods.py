"""The methods by name: what may be asked for, and which of them sit on the jury.

Here belong the names and what a method may be told; how a method works stands in its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from label_pipeline.consensus.base import Estimator
from label_pipeline.consensus.crowdkit import Glad, Mace
from label_pipeline.consensus.crowdlab import CROWDLAB
from label_pipeline.consensus.dawid_skene import DawidSkene, OneCoin
from label_pipeline.consensus.even import EvenDawidSkene, EvenOneCoin
from label_pipeline.consensus.majority import Majority
from label_pipeline.consensus.ordinal import Ordinal
from label_pipeline.consensus.wawa import Wawa
from label_pipeline.errors import UserError, nearest

METHODS: dict[str, Callable[..., Estimator]] = {
    "majority": Majority,
    "wawa": Wawa,
    "one_coin": OneCoin,
    "one_coin_even": EvenOneCoin,
    "dawid_skene": DawidSkene,
    "dawid_skene_even": EvenDawidSkene,
    "ordinal": Ordinal,
    "crowdlab": CROWDLAB,
    "glad": Glad,
    "mace": Mace,
}
"""`crowdlab` needs a model's probabilities, `glad` and `mace` the extra `crowdkit`."""


def make(method: str, parameters: Mapping[str, Any]) -> Estimator:
    """The estimator of that name with its parameters. Raises UserError for names nobody knows."""
    if method not in METHODS:
        raise UserError(f"no method '{method}'", where="consensus", do=nearest(method, ["auto", *METHODS]))
    maker: Any = METHODS[method]
    known = [field.name for field in fields(maker)]
    for name in parameters:
        if name not in known:
            raise UserError(f"{method} has no parameter '{name}'", where="consensus", do=nearest(name, known))
    estimator: Estimator = maker(**parameters)
    return estimator


def candidates(*, with_model: bool, ordered: bool) -> dict[str, Estimator]:
    """Who sits on the jury; of those that do equally well the first wins.

    Each is a different belief: that annotators differ in one accuracy or class by class, that class frequencies
    can be estimated or had better be taken as even, and that votes should be counted rather than modelled. EM
    stops early: what later steps add is mostly what fits these annotators and no others. CROWDLAB sits where
    there is a model, the ordinal model where classes are `ordered`.
    """
    early: dict[str, Any] = {"tol": 1e-3, "max_iter": 30}
    jury: dict[str, Estimator] = {
        "one_coin_even": EvenOneCoin(**early),
        "one_coin": OneCoin(**early),
        "dawid_skene": DawidSkene(**early),
        "dawid_skene_even": EvenDawidSkene(**early),
        "wawa": Wawa(),
        "majority": Majority(),
    }
    if ordered:
        jury["ordinal"] = Ordinal(**early)
    if with_model:
        jury["crowdlab"] = CROWDLAB()
    return jury
