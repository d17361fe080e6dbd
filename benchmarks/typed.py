"""How right and how honest the consensus on numbers and on label sets is: `python -m benchmarks.typed`.

Real sets with numbers of many annotators, or with label sets and their truth, are not among the datasets. So numbers
are measured on crowds drawn by a seed, in settings that a project meets, and on the five steps of `web_search` read as
numbers; sets on drawn crowds alone. Beside each stands what one would do without a model: mean and median; a majority
for each class, and the most frequent set. Nothing is tuned on what is printed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.consensus.multilabel import MultiLabel
from label_pipeline.consensus.number import NumberConsensus
from label_pipeline.label_sets import LabelSets
from label_pipeline.votes import Votes

FloatArray = npt.NDArray[np.float64]
SEEDS = 10
CROWDS = {
    "careful, 4 answers": {},
    "3% slip a digit": {"slips": 0.03},
    "1 of 12 always says 99": {"guessing": 1, "slips": 0.03},
    "2 of 12 always say 99": {"guessing": 2, "slips": 0.03},
    "the same, 20 gold": {"guessing": 2, "slips": 0.03, "gold": 20},
    "2 answers, 3% slip": {"answers": 2, "slips": 0.03},
}


def numbers(
    seed: int, *, answers: int = 4, slips: float = 0.0, guessing: int = 0, gold: int = 0
) -> tuple[Votes, FloatArray, FloatArray, FloatArray]:
    """Votes, their values, the truth and the gold of 200 items and 12 people with biases and spreads of their own."""
    rng = np.random.default_rng(seed)
    truth, bias, spread = rng.normal(50, 12, 200), rng.normal(0, 1, 12), np.exp(rng.normal(0, 0.5, 12))
    rows = []
    for i, value in enumerate(truth):
        for j in rng.choice(12, answers, replace=False):
            said = value + bias[j] + spread[j] * rng.normal()
            said = said * 10 if rng.random() < slips else said
            rows.append((f"i{i:04d}", f"a{j:02d}", 99.0 if j < guessing else said))
    frame = pd.DataFrame(rows, columns=["item_id", "annotator_id", "value"])
    votes = Votes.build(frame.assign(label=frame["value"].map(repr)))
    known = np.full(200, np.nan)
    known[:gold] = truth[:gold]
    return votes, np.array([float(text) for text in votes.classes])[votes.label], truth, known


def judged(votes: Votes, values: FloatArray, truth: FloatArray, gold: FloatArray, tolerance: float) -> dict[str, float]:
    """Mean distance from the truth of mean, median and consensus, and how honest that is; items with gold left out."""
    fitted = NumberConsensus().fit(votes, values, gold=gold)
    rest = np.isnan(gold) & np.isfinite(truth)
    grouped = pd.Series(values).groupby(votes.item)
    mean, median = (each.reindex(range(votes.n_items)).to_numpy() for each in (grouped.mean(), grouped.median()))
    low, high = fitted.bounds()
    off = np.abs(fitted.values_ - truth)[rest]
    return {
        "mean": float(np.abs(mean - truth)[rest].mean()),
        "median": float(np.abs(median - truth)[rest].mean()),
        "consensus": float(off.mean()),
        "95% interval holds": float(((low <= truth) & (truth <= high))[rest].mean()),
        f"within {tolerance:g}": float((off <= tolerance).mean()),
        "said": float(fitted.within(tolerance)[rest].mean()),
    }


def web_search(folder: Path) -> dict[str, float]:
    """The five steps of relevance as the numbers 0 to 4."""
    frame = pd.read_csv(folder / "annotations.csv", dtype=str)
    votes = Votes.build(frame.assign(label=frame["label"].str[1:]))
    values = np.array([float(text) for text in votes.classes])[votes.label]
    truth = pd.read_csv(folder / "truth.csv", dtype=str).set_index("item_id")["label"].str[1:].astype(float)
    return judged(votes, values, truth.reindex(votes.items).to_numpy(), np.full(votes.n_items, np.nan), 0.5)


def sets(seed: int, *, classes: int, answers: int) -> dict[str, float]:
    """Share of whole sets that are right on 400 items and 12 people, who overlook 5 to 35% and imagine 0.5 to 6%."""
    rng = np.random.default_rng(seed)
    truth = rng.random((400, classes)) < rng.uniform(0.1, 0.5, classes)
    miss, imagine = rng.uniform(0.05, 0.35, 12), rng.uniform(0.005, 0.06, 12)
    rows = []
    for i, row in enumerate(truth):
        for j in rng.choice(12, answers, replace=False):
            chance = np.where(row, 1 - miss[j], imagine[j])
            rows.append((f"i{i:04d}", f"a{j:02d}", [f"c{k}" for k in np.flatnonzero(rng.random(classes) < chance)]))
    frame = pd.DataFrame(rows, columns=["item_id", "annotator_id", "label"])
    fitted = MultiLabel().fit(LabelSets.build(frame, classes=[f"c{k}" for k in range(classes)]))
    held = np.stack([[f"c{k}" in chosen for k in range(classes)] for chosen in frame["label"]])
    share = pd.DataFrame(held).groupby(frame["item_id"]).mean().to_numpy()
    texts = frame["label"].map("|".join)
    frequent = texts.groupby(frame["item_id"]).agg(lambda each: each.value_counts().index[0])
    true_texts = np.array(["|".join(f"c{k}" for k in np.flatnonzero(row)) for row in truth])
    sure = np.maximum(fitted.probabilities_, 1 - fitted.probabilities_).prod(axis=1)
    return {
        "most frequent set": float((frequent.to_numpy() == true_texts).mean()),
        "majority a class": float(((share > 0.5) == truth).all(axis=1).mean()),
        "consensus": float((fitted.labels_ == truth).all(axis=1).mean()),
        "said": float(sure.mean()),
    }


def measured() -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables, with their titles; every figure is a mean over seeds."""
    rows = {
        name: pd.DataFrame([judged(*numbers(seed, **crowd), 2.0) for seed in range(SEEDS)]).mean()  # type: ignore[arg-type]
        for name, crowd in CROWDS.items()
    }
    yield "Numbers: mean distance from the truth", pd.DataFrame(rows).T
    folder = Path(os.environ.get("LABEL_PIPELINE_DATASETS", "")) / "web_search"
    if folder.is_dir():
        yield "web_search, steps 0 to 4 as numbers", pd.DataFrame({"web_search": web_search(folder)}).T
    shapes = [(5, 3), (5, 5), (20, 3), (20, 5)]
    rows = {
        f"{k} classes, {n} answers": pd.DataFrame([sets(s, classes=k, answers=n) for s in range(SEEDS)]).mean()
        for k, n in shapes
    }
    yield "Sets: share of whole sets that are right", pd.DataFrame(rows).T


if __name__ == "__main__":
    for title, table in measured():
        print(f"\n{title}\n{table.round(3).to_string()}")
