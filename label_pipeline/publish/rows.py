"""What every row of a training set keeps, as pandera rules: the ranges and values its columns promise to a reader.

What a label and its probabilities must be, and that an item is there once, is counted in `profile`; which rows may
enter stands in `candidate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.rules import ITEM_STATUSES, Rule, failures

if TYPE_CHECKING:
    import pyarrow as pa

SHARES = ("confidence", "sample_weight", "agreement", "label_quality")
"""Columns between 0 and 1; empty where nothing is known, but for the weight."""

FILLED = ("item_id", "sample_weight", "n_annotations", "is_issue", "status", "split")


def row_rules(splits: Iterable[str]) -> list[Rule]:
    """The rules of a project with these splits."""
    names = list(splits)

    def filled(name: str) -> Rule:
        return Rule(f"{name}_filled", name, f"{name} is empty", lambda nw: ~nw.col(name).is_null())

    def share(name: str) -> Rule:
        def within(nw: Any) -> Any:
            # A number that is none is neither at least 0 nor at most 1.
            return nw.col(name).is_null() | ((nw.col(name) >= 0) & (nw.col(name) <= 1))

        return Rule(f"{name}_range", name, f"{name} is not from 0 to 1", within)

    def known(name: str, values: list[str]) -> Rule:
        words = f"{name} is not one of {', '.join(values)}"
        return Rule(f"{name}_known", name, words, lambda nw: nw.col(name).is_null() | nw.col(name).is_in(values))

    return [
        *map(filled, FILLED),
        *map(share, SHARES),
        known("split", names),
        known("status", list(ITEM_STATUSES)),
        Rule(
            "annotations_counted", "n_annotations", "n_annotations is negative", lambda nw: nw.col("n_annotations") >= 0
        ),
    ]


def broken_rows(table: pa.Table, splits: Iterable[str]) -> tuple[int, dict[str, int]]:
    """How many rows of a candidate break a rule, and how many break each of those that are broken, by its words."""
    import numpy as np

    found = failures(table, row_rules(splits))
    broken = np.zeros(len(table), dtype=np.bool_)
    counts = {}
    for failure in found:
        rows = np.asarray(failure.rows)
        broken |= rows
        counts[failure.rule.words] = int(rows.sum())
    return int(broken.sum()), counts
