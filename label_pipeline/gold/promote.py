"""Promotion: items settled beyond doubt that become check gold.

Here belongs which items are beyond doubt. A promoted item is always a check item and never measures the consensus that
chose it: items are promoted because the consensus was sure of them, so it would look better on them than it is. Nor
does it teach the consensus (`settle.known_truth`) or score those who made it (`checks.check_answers`). A promotion is
an act in the audit log, which gold of later days reads: it stays what it was when the consensus thinks otherwise later.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class Beyond:
    """What is beyond doubt: `independent` people who agree, `confidence`, the model's agreement, `wait_days` accepted.

    At most `at_most` items are promoted a night.
    """

    independent: int = 3
    confidence: float = 0.99
    model_agrees: bool = True
    wait_days: int = 7
    at_most: int = 5


def promotions(
    consensus: pd.DataFrame,
    issues: pd.DataFrame,
    model: pd.Series[str] | None,
    annotations: pd.DataFrame,
    gold: pd.DataFrame,
    day: date,
    policy: Beyond,
    *,
    barred: Collection[str] = (),
    trusted: Collection[str] | None = None,
) -> pd.DataFrame:
    """The items promoted on `day`: item_id, label, evidence.

    `consensus`, `issues` and `gold` are consensus_labels, label_issues and gold_set of the day, `model` the class the
    model gives each item (a series by item id, None without a model), `annotations` the votes with item_id,
    annotator_id, label, role. `barred` are items that are never promoted, and `trusted` the annotators whose votes
    count in full (None: all).

    An item qualifies that has been accepted for `wait_days` without a break and is so at `confidence`, as no label
    issue, whose label at least `independent` people gave and nobody disputes; with `model_agrees` the model chooses it
    as well. Never one that is or was gold, or is a near duplicate of such an item or of one promoted tonight.
    The classes with the fewest check items go first, one item each in turn, and within a class the items by id.
    """
    settled_by = pd.Timestamp(day - timedelta(days=policy.wait_days))
    rows = consensus[(consensus["status"] == "accepted") & (consensus["confidence"] >= policy.confidence)]
    rows = rows[pd.to_datetime(rows["settled_on"]) <= settled_by][["item_id", "label", "confidence"]]
    known = {*gold["item_id"], *barred}
    sets = issues.dropna(subset=["duplicate_set"]).set_index("item_id")["duplicate_set"]
    taken = set(sets[sets.index.isin(known)])
    doubtful = set(issues.loc[issues["is_issue"].astype(bool), "item_id"])
    rows = rows[~rows["item_id"].isin(known | doubtful)]
    if policy.model_agrees:
        rows = rows.iloc[:0] if model is None else rows[rows["item_id"].map(model).eq(rows["label"])]
    said = annotations.merge(rows[["item_id", "label"]].rename(columns={"label": "settled"}), on="item_id")
    agrees = said["label"] == said["settled"]
    counts = said["role"].eq("annotator") & (True if trusted is None else said["annotator_id"].isin(set(trusted)))
    disputed = set(said.loc[~agrees, "item_id"])
    people = said[agrees & counts].groupby("item_id")["annotator_id"].nunique()
    rows = rows.assign(people=rows["item_id"].map(people).fillna(0).astype("int64"), set=rows["item_id"].map(sets))
    rows = rows[(rows["people"] >= policy.independent) & ~rows["item_id"].isin(disputed) & ~rows["set"].isin(taken)]
    rows = rows.sort_values("item_id")
    rows = rows[rows["set"].isna() | ~rows.duplicated("set")]
    checks = gold[(gold["role"] == "check") & gold["valid_to"].isna()]["label"].value_counts()
    turn = rows["label"].map(checks).fillna(0) + rows.groupby("label").cumcount()
    rows = rows.assign(turn=turn).sort_values(["turn", "label", "item_id"], kind="stable").head(policy.at_most)
    evidence = [
        f"{n} people agree, confidence {np.floor(sure * 1e4) / 1e4:.4f}"  # never rounded up to certainty
        + (", so does the model" if policy.model_agrees else "")
        for n, sure in zip(rows["people"], rows["confidence"].to_numpy(np.float64), strict=True)
    ]
    return rows.assign(evidence=evidence)[["item_id", "label", "evidence"]].reset_index(drop=True)
