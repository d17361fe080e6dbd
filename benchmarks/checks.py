"""What gold that everybody answered teaches of items that few answered: `python -m benchmarks.checks [--worlds N]`.

Here belong worlds in which gold checks are shown to all annotators and other items to one, two or three, and how far
the confidence of `auto` is from how often it is right. Both sides are printed: gold as it is, and gold with no more
annotations than other items have, which is what the package does. Nothing measured here decides anything in the
package.
"""

from __future__ import annotations

import argparse
import sys
from unittest import mock

import numpy as np
import pandas as pd

from label_pipeline.consensus import fit_consensus, jury
from label_pipeline.votes import Votes

PEOPLE, ITEMS, CHECKS, MOST = 12, 300, 60, 3
CLASSES = (3, 6)
GAP = 0.1
"""The most that stated and true accuracy may differ by, on average, for items of any number of annotations."""


def world(seed: int, n_classes: int) -> tuple[Votes, np.ndarray, np.ndarray]:
    """Votes, truth and gold (n_items,): the last `CHECKS` items are gold, and were answered by everybody."""
    random = np.random.default_rng([seed, n_classes])
    accuracy = random.uniform(0.55, 0.95, PEOPLE)
    truth = random.integers(0, n_classes, ITEMS + CHECKS)
    rows = []
    for item, true in enumerate(truth):
        few = random.choice(PEOPLE, random.integers(1, MOST + 1), replace=False)
        for person in range(PEOPLE) if item >= ITEMS else few:
            right = random.random() < accuracy[person]
            said = true if right else (true + random.integers(1, n_classes)) % n_classes
            rows.append((f"i{item:04d}", f"p{person:02d}", f"c{said}"))
    votes = pd.DataFrame(rows, columns=["item_id", "annotator_id", "label"])
    gold = np.where(np.arange(len(truth)) >= ITEMS, truth, -1).astype(np.int32)
    return Votes.build(votes, classes=[f"c{k}" for k in range(n_classes)]), truth, gold


def measured(worlds: int) -> pd.DataFrame:
    """One row a side, number of classes and number of annotations: how often right, and what was stated."""
    rows = []
    for n_classes in CLASSES:
        for seed in range(worlds):
            votes, truth, gold = world(seed, n_classes)
            for side, surplus in (("gold as it is", _none), ("gold like others", jury.surplus)):
                with mock.patch.object(jury, "surplus", surplus):
                    found = fit_consensus(votes, gold=gold)
                for n in range(1, MOST + 1):
                    these = (votes.per_item == n) & (gold < 0)
                    right = float((found.labels_[these] == truth[these]).mean())
                    rows.append((n_classes, n, side, right, float(found.confidence_[these].mean())))
    frame = pd.DataFrame(rows, columns=["classes", "annotations", "side", "right", "stated"])
    return frame.groupby(["classes", "annotations", "side"], as_index=False).mean()


def _none(votes: Votes, gold: np.ndarray, seed: int) -> np.ndarray:
    return np.zeros(votes.n, dtype=np.bool_)


def main() -> int:
    """Print the table; exit code 1 where the package's side is off by more than `GAP`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--worlds", type=int, default=20)
    found = measured(arguments.parse_args().worlds)
    found["gap"] = found["stated"] - found["right"]
    print(found.round(3).to_string(index=False))
    ours = found[found["side"] == "gold like others"]
    return int((ours["gap"].abs() > GAP).any())


if __name__ == "__main__":
    sys.exit(main())
