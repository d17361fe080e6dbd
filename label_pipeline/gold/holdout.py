"""Which items may never be learnt from or shown as checks: evaluation gold, and what is all but the same.

Here belongs the one answer to it, for training sets, exports and batches alike.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

EVALUATION, DRAWN, TWIN = "evaluation gold", "drawn for evaluation", "near duplicate of evaluation gold"


def held_out(gold: pd.DataFrame, *, drawn: Iterable[str] = (), twins: pd.DataFrame | None = None) -> pd.Series[str]:
    """The items that evaluate, each with why (`EVALUATION`, `DRAWN` or `TWIN`): a series by item id, sorted.

    `gold` is a frame of gold_set: an item that ever was evaluation gold stays one of them, since earlier versions were
    measured on it. `drawn` are items that wait for the decision that makes them evaluation gold. `twins` has item_id
    and duplicate_set (as label_issues has them): whoever shares a set with one of the others belongs to them.
    """
    why = dict.fromkeys(drawn, DRAWN) | dict.fromkeys(gold.loc[gold["role"] == "evaluation", "item_id"], EVALUATION)
    if twins is not None:
        sets = twins.dropna(subset=["duplicate_set"])
        sets = sets[sets["duplicate_set"] >= 0]
        theirs = set(sets.loc[sets["item_id"].isin(why), "duplicate_set"])
        why = dict.fromkeys(sets.loc[sets["duplicate_set"].isin(theirs), "item_id"], TWIN) | why
    items = sorted(why)
    return pd.Series(
        [why[item] for item in items], pd.Index(items, dtype=object, name="item_id"), dtype=object, name="why"
    )
