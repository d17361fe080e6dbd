"""Queues, gold sets and batches for tests, in as few words as the tests need."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import pandas as pd

from label_pipeline.batches.compose import BatchPolicy, compose
from label_pipeline.contracts.tables import BATCHES, RELABEL_QUEUE

DAY = date(2026, 10, 6)
POLICY = BatchPolicy(size=10, new=0.5, relabel=0.3, gold=0.2, gold_exposure=2, prelabel=False, min_annotations=2)


def queue(
    *rows: tuple[str, str], excluded: Mapping[str, list[str]] | None = None, within: int = 10_000
) -> pd.DataFrame:
    """A queue of (item, route) by rank; the model suggests `a` for all of them."""
    return RELABEL_QUEUE.conform(
        {
            "rank": list(range(1, len(rows) + 1)),
            "item_id": [item for item, _ in rows],
            "value": [1.0] * len(rows),
            "gain": [1.0] * len(rows),
            "ask_annotators": [[]] * len(rows),
            "reason": [""] * len(rows),
            "route": [route for _, route in rows],
            "suggested_label": ["a"] * len(rows),
            "within_budget": [k < within for k in range(len(rows))],
            "exclude_annotators": [(excluded or {}).get(item, []) for item, _ in rows],
        }
    ).to_pandas()


def gold(**roles: str) -> pd.DataFrame:
    """Gold in force: item=role."""
    return pd.DataFrame({"item_id": [*roles], "role": [*roles.values()]}, dtype=object)


def asks(*rows: tuple[str, str], excluded: Mapping[str, list[str]] | None = None) -> pd.DataFrame:
    """What adjudicators are asked because of gold: (item, why) by rank."""
    names = [item for item, _ in rows]
    columns = {"rank": range(1, len(rows) + 1), "item_id": names, "why": [why for _, why in rows]}
    return pd.DataFrame(columns | {"exclude_annotators": [(excluded or {}).get(item, []) for item in names]})


def composed(
    asked: pd.DataFrame,
    labelled: Mapping[str, int] | None = None,
    truths: pd.DataFrame | None = None,
    policy: BatchPolicy = POLICY,
    *,
    exposure: Mapping[str, int] | None = None,
    out: Collection[str] = (),
    **more: Any,
) -> pd.DataFrame:
    """Tonight's batches, after a trip through the table's contract."""
    truths = gold() if truths is None else truths
    arguments: dict[str, Any] = {"project": "p", "day": DAY} | more
    made = compose(asked, labelled or {}, truths, exposure or {}, out, policy, **arguments)
    frame: pd.DataFrame = BATCHES.conform(made).to_pandas()
    return frame
