"""Whether the interval of model lift covers what it says: `python -m benchmarks.lift [--repeats N]`.

Here belong worlds with numbers to learn from, and the share of them in which the interval holds the truth. Each
repeat is a world of its own: items of three classes, annotators who are right or wrong, and who are misled together
about a part of the items; its consensus, and a draw of evaluation gold. The truth is what the same models, trained on
the same labels, differ by on the `POPULATION` that gold is drawn from. Nothing measured here decides anything in the
package.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from datetime import date

import numpy as np
import pandas as pd

from label_pipeline.kpis.lift import MAJORITY, TRAINED_ON, judged, paired
from label_pipeline.kpis.night import Night

CLASSES = ("a", "b", "c")
TRAINED, POPULATION = 200, 4_000
PER_ITEM, FEATURES = 3, 4
SHARED = 0.25  # share of the items that annotators are misled about, and there
MISLED = 0.6  # the share of them who are
NOMINAL = (0.93, 0.97)
GOLD_SIZES = (50, 150, 400)


def world(seed: int) -> Night:
    """A night whose evaluation gold is the population, and whose other items have annotations and labels."""
    random = np.random.default_rng(seed)
    n = TRAINED + POPULATION
    truth = random.integers(0, len(CLASSES), n)
    inputs = random.normal(size=(n, FEATURES))
    inputs[np.arange(n), truth] += 1.5
    said = _annotations(random, truth[:TRAINED], inputs[:TRAINED])
    ids, names = np.array([f"{seed}-{k}" for k in range(n)]), np.array(CLASSES)
    votes = pd.DataFrame(
        {
            "item_id": ids[: len(said)].repeat(PER_ITEM),
            "annotator_id": np.tile([f"p{k}" for k in range(PER_ITEM)], TRAINED),
            "label": names[said].ravel(),
            "role": "annotator",
        }
    )
    labels, confidence = _consensus(said, truth[:TRAINED], random)
    consensus = pd.DataFrame({"item_id": ids[:TRAINED], "label": names[labels], "confidence": confidence})
    issues = pd.DataFrame({"item_id": ids[:TRAINED], "is_issue": confidence < 0.5})
    gold = pd.DataFrame({"item_id": ids[TRAINED:], "label": names[truth[TRAINED:]], "role": "evaluation"})
    nothing = pd.DataFrame({"item_id": []})
    return Night(
        day=date(2026, 10, 1), timezone="UTC", classes=CLASSES, kind="single_choice", slices=(), annotations=votes,
        events=nothing, items=pd.DataFrame({"item_id": ids}), consensus=consensus, first_settled=nothing, gold=gold,
        issues=issues, queue=nothing, targets={}, seed=seed, inputs=inputs,
    )  # fmt: skip


def _annotations(random: np.random.Generator, truth: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """What `PER_ITEM` people say of each item (n, PER_ITEM): on one side of a feature they are misled together."""
    right = random.random((len(truth), PER_ITEM)) < random.uniform(0.6, 0.9)
    wrong = (truth[:, None] + random.integers(1, len(CLASSES), right.shape)) % len(CLASSES)
    said = np.where(right, truth[:, None], wrong)
    hard = (inputs[:, -1] > np.quantile(inputs[:, -1], 1 - SHARED)) & (truth == 0)
    return np.where(hard[:, None] & (random.random(right.shape) < MISLED), 1, said)


def _consensus(said: np.ndarray, truth: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels that mend a third of the majority's errors, and how sure they are of them."""
    counts = (said[:, :, None] == np.arange(len(CLASSES))).sum(axis=1)
    labels = (counts + random.random(counts.shape) / 2).argmax(axis=1)
    labels = np.where(random.random(len(truth)) < 1 / 3, truth, labels)
    return labels, (counts[np.arange(len(truth)), labels] + 0.5) / (PER_ITEM + 0.5)


def simulated(repeats: int, first: int = 0) -> pd.DataFrame:
    """One row a repeat, size of gold and set of labels: what the lift is, and its interval from a draw of gold.

    The repeats are those from number `first` on, so that they can be measured in parts.
    """
    rows = []
    for seed in range(first, first + repeats):
        night = world(seed)
        right = judged(night)
        assert right is not None
        random = np.random.default_rng([seed, 1])
        for gold in GOLD_SIZES:
            drawn = random.integers(0, POPULATION, gold)
            for name in TRAINED_ON:
                if name == MAJORITY:
                    continue
                truth = float(right[name].mean() - right[MAJORITY].mean())
                found = dataclasses.asdict(paired(right[name][drawn], right[MAJORITY][drawn], seed=seed))
                rows.append({"gold": gold, "trained_on": name, "truth": truth, **found})
    return pd.DataFrame(rows)


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """By size of gold and set of labels: repeats, coverage, mean width, mean lift."""
    inside = (rows["ci_low"] <= rows["truth"]) & (rows["truth"] <= rows["ci_high"])
    measured = rows.assign(covered=inside, width=rows["ci_high"] - rows["ci_low"])
    return measured.groupby(["gold", "trained_on"], as_index=False).agg(
        repeats=("covered", "size"), covered=("covered", "mean"), width=("width", "mean"), lift=("truth", "mean")
    )


def main() -> int:
    """Print the coverage; exit code 1 where it is outside `NOMINAL`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=1_000)
    found = coverage(simulated(arguments.parse_args().repeats))
    print(found.round(4).to_string(index=False))
    return int(not found["covered"].between(*NOMINAL).all())


if __name__ == "__main__":
    sys.exit(main())
