"""From posteriors to settled labels: gold and adjudication bind, the rest is open, disputed or accepted.

How posteriors come about is `consensus`'s; which truths are in force is `gold`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.votes import Votes

SETTLED = ("accepted", "adjudicated", "gold")


@dataclass(frozen=True, slots=True)
class Policy:
    """When an item is settled: at least `min_annotations` and `accept_at` confidence (0 to 1)."""

    accept_at: float
    min_annotations: int


def known_truth(votes: Votes, gold: pd.DataFrame) -> npt.NDArray[np.int32]:
    """Truth the consensus may know: class codes of check gold in force, -1 elsewhere, shape (n_items,).

    Evaluation gold is left out, so that accuracy is measured on labels that never saw it.
    """
    codes = {name: k for k, name in enumerate(votes.classes)}
    checks = gold[gold["role"] == "check"]
    truth = dict(zip(checks["item_id"], checks["label"], strict=True))
    return np.array([codes.get(truth.get(item, ""), -1) for item in votes.items], dtype=np.int32)


def consensus_table(
    votes: Votes,
    *,
    labels: npt.NDArray[Any],
    probabilities: npt.NDArray[np.float64],
    voted: npt.NDArray[Any],
    method: str,
    gold: pd.DataFrame,
    policy: Policy,
    previous: pd.DataFrame,
    day: date,
) -> pd.DataFrame:
    """The table consensus_labels, one row for each of `votes.items`.

    `labels` and `voted` are class codes (n_items,), -1 for none; `probabilities` is (n_items, n_classes). Gold in
    force replaces the label; `voted_label` stays what annotations alone say. `previous` is the table of the day
    before: a settled item keeps the day since when it is.
    """
    names = np.array([*votes.classes, None], dtype=object)  # code -1 is the last entry: no label
    frame = pd.DataFrame({"item_id": votes.items, "label": names[labels], "voted_label": names[voted]})
    per_item = np.diff(votes.offsets)
    known = labels >= 0
    certain = gold.set_index("item_id")[["label", "origin"]].reindex(frame["item_id"])
    is_gold = certain["label"].notna().to_numpy()
    frame.loc[is_gold, "label"] = certain["label"].to_numpy()[is_gold]
    posterior = probabilities.copy()
    unaided = (voted >= 0) & (known_truth(votes, gold) < 0)
    frame["voted_confidence"] = np.where(unaided, posterior[np.arange(len(frame)), voted], np.nan)
    codes = {name: k for k, name in enumerate(votes.classes)}
    final = np.array([codes.get(label, -1) for label in frame["label"]], dtype=np.int64)
    posterior[is_gold] = 0.0
    posterior[is_gold, final[is_gold]] = 1.0
    labelled = final >= 0
    rows = np.arange(len(frame))
    lists = [row if has else None for row, has in zip(posterior, labelled, strict=True)]
    frame["probabilities"] = pd.Series(lists, index=frame.index, dtype=object)
    frame["confidence"] = np.where(labelled, posterior[rows, final], np.nan)
    counts = votes.counts()
    with np.errstate(invalid="ignore"):
        frame["agreement"] = np.where(labelled & (per_item > 0), counts[rows, final] / per_item, np.nan)
    frame["n_annotations"] = per_item
    frame["method"] = np.where(is_gold, "gold", np.where(known, method, "none"))
    enough = per_item >= policy.min_annotations
    sure = frame["confidence"].to_numpy() >= policy.accept_at
    status = np.select(
        [certain["origin"].to_numpy() == "adjudication", is_gold, ~labelled, ~enough, sure],
        ["adjudicated", "gold", "unlabelled", "open", "accepted"],
        default="disputed",
    )
    frame["status"] = status
    before = previous.set_index("item_id")["settled_on"].reindex(frame["item_id"]).to_numpy()
    settled = np.isin(status, SETTLED)
    since = [(was if isinstance(was, date) else day) if now else None for was, now in zip(before, settled, strict=True)]
    frame["settled_on"] = pd.Series(since, index=frame.index, dtype=object)
    return frame
