"""Which items a pilot labels: an order of all items of which every beginning is a fair sample.

Here belong strata, chance and keeping near duplicates apart. Which items may be drawn at all, and what becomes of
the drawn ones, stands elsewhere. A pilot is the beginning of the order, so that a larger one contains every smaller
one. Shares are kept, not evened out: the figures of a pilot then speak for all items without weights. Source:
stratified systematic sampling with a random start in each stratum, Cochran 1977, Sampling Techniques, 8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from label_pipeline.batches.compose import chances
from label_pipeline.errors import UserError
from label_pipeline.votes import BoolArray, FloatArray, IntArray

SMALLEST, LARGEST = 100, 1000
"""Items of a pilot: fewer tell nothing of any class, more is no pilot."""
CANDIDATES = 4 * LARGEST
"""Items at the head of the order among which near duplicates are looked for: what a pilot could reach."""


def check_size(size: int) -> None:
    """Raises UserError for a size that is no pilot's."""
    if not SMALLEST <= size <= LARGEST:
        raise UserError(f"a pilot of {size} items", rule=f"--size {SMALLEST} to {LARGEST}", do="200 is usual.")


def drawing_order(pool: pd.DataFrame, by: Sequence[str], *, seed: str) -> IntArray:
    """The rows of `pool` in the order in which they are drawn, (n,).

    `pool` has item_id (unique), labelled (whether anybody labelled it) and the text columns `by`, outermost first.
    Items nobody labelled come first. Within either part, of the first m items each value of the first column has
    its share of m to within a few items, so has each value of the second within it, and so on; every item is
    equally likely to be among them. The order depends on ids and `seed`, never on the order of the rows.
    """
    chance = chances(pool["item_id"], seed)
    labelled = pool["labelled"].to_numpy(np.bool_)
    parts = [_spread(pool, np.flatnonzero(labelled == part), by, chance, seed) for part in (False, True)]
    return np.concatenate(parts)


def _spread(pool: pd.DataFrame, rows: IntArray, by: Sequence[str], chance: FloatArray, seed: str) -> IntArray:
    """`rows` in the order in which strata take turns: from the innermost, each level is merged into the one around."""
    order = rows[np.argsort(chance[rows], kind="stable")]
    for depth in range(len(by), 0, -1):
        codes, strata = pd.factorize(_joined(pool.iloc[order], by[:depth]))
        start = chances(strata, f"{seed}\x1f{depth}")
        place = pd.Series(codes).groupby(codes).cumcount().to_numpy()
        turn = (place + start[codes]) / np.bincount(codes)[codes]
        order = order[np.lexsort((chance[order], turn))]
    return order


def _joined(rows: pd.DataFrame, columns: Sequence[str]) -> pd.Series[str]:
    """The values of several columns as one text a row."""
    first, *others = (rows[name].astype(object) for name in columns)
    for other in others:
        first = first + "\x1f" + other
    return first


def apart(duplicate_set: IntArray, hidden: BoolArray) -> BoolArray:
    """Which of the candidates (n,), in their order, stay when near duplicates are kept apart.

    `duplicate_set` numbers sets of near duplicates, -1 for none; `hidden` are those that must not be drawn, such as
    evaluation gold, nor anything near them. Of every other set the first stays.
    """
    single = duplicate_set < 0
    first = ~pd.Series(duplicate_set).duplicated().to_numpy()
    near_hidden = np.isin(duplicate_set, np.unique(duplicate_set[hidden & ~single]))
    return np.asarray(~hidden & (single | (first & ~near_hidden)), dtype=np.bool_)
