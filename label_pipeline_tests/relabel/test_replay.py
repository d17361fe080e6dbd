"""Real annotations replayed: labels are hidden, and the queue buys them back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from label_pipeline.consensus.wawa import Wawa
from label_pipeline.contracts.tables import LABEL_ISSUES
from label_pipeline.relabel.queue import relabel_queue
from label_pipeline.relabel.route import QueuePolicy
from label_pipeline.votes import Votes

ROUNDS = 6


def accuracy_after(folder: Path, order: str, seed: int) -> float:
    """Accuracy on the truth when each item had two labels and one more an item was bought in `ROUNDS` rounds."""
    random = np.random.default_rng(seed)
    rows = pd.read_csv(folder / "annotations.csv", dtype=str).drop_duplicates(["item_id", "annotator_id"])
    rows = rows.iloc[random.permutation(len(rows))]
    rows["position"] = rows.groupby("item_id").cumcount()
    truth = pd.read_csv(folder / "truth.csv", dtype=str).set_index("item_id").iloc[:, 0]
    classes = sorted(rows["label"].unique())
    available = rows.groupby("item_id").size()
    bought = available.clip(upper=2)
    for _ in range(ROUNDS):
        seen = rows[rows["position"] < rows["item_id"].map(bought)]
        votes = Votes.build(seen, classes=classes)
        left = (bought < available).reindex(votes.items).to_numpy()
        budget = len(votes.items) // ROUNDS
        if order == "random":
            chosen = random.choice(votes.items[left], budget, replace=False)
        else:
            fit = Wawa().fit(votes)
            p, n = fit.probabilities_, votes.per_item
            consensus = pd.DataFrame(
                {
                    "item_id": votes.items,
                    "label": np.array(classes, dtype=object)[fit.labels_],
                    "probabilities": list(p),
                    "confidence": p.max(axis=1),
                    "agreement": votes.counts()[np.arange(len(n)), fit.labels_] / n,
                    "n_annotations": n,
                    "status": np.where(left, "open", "gold"),
                }
            )
            policy = QueuePolicy(budget, 1, 1000, 1000)
            issues = LABEL_ISSUES.empty().to_pandas()
            queue = relabel_queue(consensus, issues, None, seen, policy, classes=classes)
            chosen = queue.loc[queue["within_budget"], "item_id"]
        bought[chosen] += 1
    votes = Votes.build(rows[rows["position"] < rows["item_id"].map(bought)], classes=classes)
    label = pd.Series(np.array(classes, dtype=object)[Wawa().fit(votes).labels_], index=votes.items)
    return float((label.reindex(truth.index) == truth).mean())


@pytest.mark.parametrize("name", ["rte", "weather_amt"])
def test_the_queue_buys_more_accuracy_than_chance(datasets: Path, name: str) -> None:
    """Guards against a budget spent on items that another label does not help."""
    ours, chance = (
        np.mean([accuracy_after(datasets / name, order, seed) for seed in (1, 2)]) for order in ("value", "random")
    )
    assert ours > chance + 0.015
