"""From posteriors to settled labels: gold and adjudication bind, the rest is open, disputed or accepted.

How posteriors come about is `consensus`'s; which truths are in force is `gold`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.matrices import lists_of
from label_pipeline.votes import Votes

SETTLED = ("accepted", "adjudicated", "gold")


@dataclass(frozen=True, slots=True)
class Policy:
    """When an item is settled: at least `min_annotations` and `accept_at` confidence (0 to 1)."""

    accept_at: float
    min_annotations: int


def known_truth(votes: Votes, gold: pd.DataFrame) -> npt.NDArray[np.int32]:
    """Truth the consensus may know, as class codes, -1 elsewhere, shape (n_items,); see `known_checks`."""
    codes = {name: k for k, name in enumerate(votes.classes)}
    checks = known_checks(gold)
    truth = np.full(votes.n_items, -1, dtype=np.int32)
    at = places(votes.items, checks.index)
    truth[at[at >= 0]] = [codes.get(label, -1) for label in checks.to_numpy()[at >= 0]]
    return truth


def places(items: npt.NDArray[Any], wanted: Any) -> npt.NDArray[np.int64]:
    """Where each of `wanted` (n,) is among the sorted `items`, -1 for those that are not: few are sought among many."""
    ids = np.asarray(wanted, dtype=items.dtype)
    at = np.searchsorted(items, ids)
    found = at < len(items)
    found[found] = items[at[found]] == ids[found]
    return np.where(found, at, -1)


def known_checks(gold: pd.DataFrame) -> pd.Series[Any]:
    """Truth the consensus may know: the labels of check gold in force, by item.

    Evaluation gold is left out, so that accuracy is measured on labels that never saw it; promoted gold is, since it
    came from the consensus, which would only learn that it is right.
    """
    checks = gold[(gold["role"] == "check") & (gold["origin"] != "promoted")]
    return checks.set_index("item_id")["label"]


def answers_of(answers: pd.DataFrame, chosen: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows of `answers` are by the item and annotator of a row of `chosen`."""
    key = ["item_id", "annotator_id"]
    return np.asarray(pd.MultiIndex.from_frame(answers[key]).isin(pd.MultiIndex.from_frame(chosen[key])))


@dataclass(frozen=True, slots=True)
class Concluded:
    """What a consensus makes of each item, all (n_items,): whatever the type of labels, as they are written.

    `label` and `voted` are texts, None for none: the consensus, and what annotations alone say. `confidence` and
    `voted_confidence` are the chances that these are right, NaN where nothing tells. `probabilities` are
    (n_items, n_classes), NaN for an item without any, None where labels have none; they bind to no gold yet.
    `agreement` says of a label which share of the annotations gave it, NaN without any; it is asked once gold has
    replaced what it binds.
    """

    items: npt.NDArray[Any]
    n_annotations: npt.NDArray[Any]
    label: npt.NDArray[Any]
    voted: npt.NDArray[Any]
    confidence: npt.NDArray[np.float64]
    voted_confidence: npt.NDArray[np.float64]
    agreement: Callable[[pd.Series[Any]], npt.NDArray[np.float64]]
    probabilities: npt.NDArray[np.float64] | None
    certain: Callable[[str], Any]
    """The probabilities of a label that is settled truth."""


def settle(
    concluded: Concluded, *, method: str, gold: pd.DataFrame, policy: Policy, previous: pd.DataFrame, day: date
) -> pd.DataFrame:
    """The table consensus_labels, one row an item.

    Gold in force replaces the label; `voted_label` stays what annotations alone say. `previous` is the table of the day
    before: a settled item keeps the day since when it is.
    """
    frame = pd.DataFrame(
        {"item_id": concluded.items, "label": concluded.label, "voted_label": concluded.voted}, dtype=object
    )
    known = frame["label"].notna().to_numpy()
    gold = gold[gold["label"].notna()]
    at = places(concluded.items, gold["item_id"])
    origin = np.full(len(frame), None, dtype=object)
    origin[at[at >= 0]] = gold["origin"].to_numpy()[at >= 0]
    is_gold = np.zeros(len(frame), dtype=np.bool_)
    is_gold[at[at >= 0]] = True
    label = np.array(concluded.label, dtype=object)
    label[at[at >= 0]] = gold["label"].to_numpy()[at >= 0]
    frame["label"] = label
    frame["voted_confidence"] = concluded.voted_confidence
    labelled = frame["label"].notna().to_numpy()
    chances = concluded.probabilities
    if chances is not None and is_gold.any():
        chances = chances.copy()
        chances[is_gold] = [concluded.certain(truth) for truth in frame.loc[is_gold, "label"]]
    frame["probabilities"] = lists_of(chances, len(frame))
    confidence = np.where(is_gold, 1.0, concluded.confidence)
    frame["confidence"] = np.where(labelled, confidence, np.nan)
    frame["agreement"] = np.where(labelled & (concluded.n_annotations > 0), concluded.agreement(frame["label"]), np.nan)
    frame["n_annotations"] = concluded.n_annotations
    frame["method"] = np.where(is_gold, "gold", np.where(known, method, "none"))
    enough = (concluded.n_annotations >= policy.min_annotations) & ~np.isnan(frame["confidence"].to_numpy())
    sure = frame["confidence"].to_numpy() >= policy.accept_at
    status = np.select(
        [origin == "adjudication", is_gold, ~labelled, ~enough, sure],
        ["adjudicated", "gold", "unlabelled", "open", "accepted"],
        default="disputed",
    )
    frame["status"] = status
    before = previous.set_index("item_id")["settled_on"].reindex(frame["item_id"]).to_numpy()
    settled = np.isin(status, SETTLED)
    since = [(was if isinstance(was, date) else day) if now else None for was, now in zip(before, settled, strict=True)]
    frame["settled_on"] = pd.Series(since, index=frame.index, dtype=object)
    return frame


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
    """The table consensus_labels of labels that are one class, one row for each of `votes.items`; see `settle`.

    `labels` and `voted` are class codes (n_items,), -1 for none; `probabilities` is (n_items, n_classes).
    """
    names = np.array([*votes.classes, None], dtype=object)  # code -1 is the last entry: no label
    codes = {name: k for k, name in enumerate(votes.classes)}
    one_hot, rows, counts = np.eye(votes.n_classes), np.arange(votes.n_items), votes.counts()
    unaided = (voted >= 0) & (known_truth(votes, gold) < 0)

    def agreement(final: pd.Series[Any]) -> npt.NDArray[np.float64]:
        chosen = np.asarray(pd.Categorical(final, categories=votes.classes).codes, dtype=np.int64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(counts[rows, chosen] / np.diff(votes.offsets), dtype=np.float64)

    concluded = Concluded(
        items=votes.items,
        n_annotations=np.diff(votes.offsets),
        label=names[labels],
        voted=names[voted],
        confidence=np.where(labels >= 0, probabilities[rows, labels], np.nan),
        voted_confidence=np.where(unaided, probabilities[rows, voted], np.nan),
        agreement=agreement,
        probabilities=np.where((labels >= 0)[:, None], probabilities, np.nan),
        certain=lambda label: one_hot[codes[label]],
    )
    return settle(concluded, method=method, gold=gold, policy=policy, previous=previous, day=day)
