"""How right and how honest the consensus is on real annotations with known truth: `python -m benchmarks.accuracy`.

Here belongs what is measured and which floors it has to reach. Nothing measured here decides anything in the
package, and no method sees the name of a set.

Accuracy counts an item whose top classes are tied as one over their number if the truth is among them. The
calibration error has ten bins of equal width. "auto + gold" is given gold for 100 items drawn by a seed (half of
the gold, where there is less than twice that) and is judged on the others, as is the majority beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.consensus import FittedConsensus, expected_calibration_error, fit_consensus
from label_pipeline.consensus.calibration import outcomes
from label_pipeline.votes import Votes

SETS = (
    "adult", "bluebirds", "emergent_stance", "rte", "sentiment_sp",
    "tweet_sentiment", "weather_amt", "weather_cf", "web_search", "zencrowd_all",
)  # fmt: skip
GOLD = 100

Codes = npt.NDArray[np.int32]
Fit = Callable[[], FittedConsensus]


@dataclass(frozen=True)
class Case:
    """One set: its votes, the truth as codes (n_items,) with -1 where unknown, and a model where one is shipped."""

    name: str
    votes: Votes
    truth: Codes
    model: npt.NDArray[np.float64] | None

    def score(self, fitted: FittedConsensus, shown: Codes | None = None) -> tuple[float, float]:
        """Accuracy and calibration error on the items whose truth is known and was not `shown`."""
        judged = (self.truth >= 0) & (self.votes.per_item > 0) & (True if shown is None else shown < 0)
        confidence, right = outcomes(fitted.probabilities_[judged], self.truth[judged])
        return float(right.mean()), expected_calibration_error(confidence, right)

    def gold(self, seed: int) -> Codes:
        """The truth of `GOLD` items drawn by a seed, -1 elsewhere; of half of the known ones where there are few."""
        known = np.flatnonzero((self.truth >= 0) & (self.votes.per_item > 0))
        drawn = np.random.default_rng(seed).choice(known, min(GOLD, len(known) // 2), replace=False)
        gold = np.full(self.votes.n_items, -1, dtype=np.int32)
        gold[drawn] = self.truth[drawn]
        return gold


def read(folder: Path) -> Case:
    """The set in `folder`; classes are those of the annotations and of the truth."""
    text = {"item_id": str, "annotator_id": str, "label": str}
    annotations = pd.read_csv(folder / "annotations.csv", dtype=text)
    known = pd.read_csv(folder / "truth.csv", dtype=text)
    classes = sorted(set(annotations["label"]) | set(known["label"]))
    votes = Votes.build(annotations, classes=classes)
    label = known.set_index("item_id")["label"].reindex(votes.items)
    truth = pd.Categorical(label, categories=classes).codes.astype(np.int32)
    model = None
    if (folder / "pred_probs_items.csv").exists():
        rows = pd.read_csv(folder / "pred_probs_items.csv", dtype=str).iloc[:, 0]
        columns = json.loads((folder / "pred_probs_classes.json").read_text())
        values = np.load(next(folder.glob("pred_probs_*.npy")))
        frame = pd.DataFrame(values, index=rows, columns=columns).reindex(index=votes.items, columns=classes)
        # An item the model has not seen gets what it says on average; a class it does not know, nothing.
        model = frame.fillna(frame.mean()).fillna(0.0).to_numpy()
        model /= model.sum(axis=1, keepdims=True)
    return Case(folder.name, votes, truth, model)


def methods(case: Case) -> dict[str, Fit]:
    """What is compared, by the heading it gets."""

    def named(method: str, model: bool = False, **parameters: object) -> Fit:
        return lambda: fit_consensus(
            case.votes, method=method, probabilities=case.model if model else None, parameters=parameters
        )

    fits = {
        "majority": named("majority"),
        "wawa": named("wawa"),
        "one_coin": named("one_coin"),
        "ds_ml": named("dawid_skene", prior="none"),
        "ds_map": named("dawid_skene"),
        "auto": named("auto"),
    }
    if case.model is not None:
        fits |= {"crowdlab": named("crowdlab", model=True), "auto+model": named("auto", model=True)}
    return fits


def without_gold(cases: list[Case]) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Accuracy and calibration error, one row a set and one column a method, and what `auto` chose."""
    accuracy, error, chosen = {}, {}, {}
    for case in cases:
        accuracy[case.name], error[case.name] = {}, {}
        for heading, fit in methods(case).items():
            started = time.perf_counter()
            fitted = fit()
            accuracy[case.name][heading], error[case.name][heading] = case.score(fitted)
            if heading == "auto":
                chosen[case.name] = f"{time.perf_counter() - started:5.1f} s  {fitted.why_}"
    return pd.DataFrame(accuracy).T, pd.DataFrame(error).T, chosen


def thinned(cases: list[Case], per_item: int, seed: int = 0) -> pd.DataFrame:
    """The same with at most `per_item` annotations an item, drawn by a seed: as a thrifty project has them."""
    rows = {}
    for case in cases:
        votes = case.votes
        drawn = np.lexsort([np.random.default_rng(seed).random(votes.n), votes.item])
        place = np.empty(votes.n, dtype=np.int64)
        place[drawn] = np.arange(votes.n) - votes.offsets[votes.item]
        thin = Case(case.name, votes.keep(place < per_item), case.truth, None)
        rows[case.name] = {}
        for heading in ("majority", "ds_map", "auto"):
            accuracy, error = thin.score(methods(thin)[heading]())
            rows[case.name] |= {heading: accuracy, f"{heading} error": error}
    return pd.DataFrame(rows).T


def by_jury(cases: list[Case], seeds: int) -> pd.DataFrame:
    """Mean accuracy and calibration error of `auto` without gold, one row a seed of the jury."""
    scores = [[case.score(fit_consensus(case.votes, seed=seed)) for case in cases] for seed in range(seeds)]
    return pd.DataFrame(np.mean(scores, axis=1), columns=["auto", "error"]).rename_axis("seed")


def with_gold(cases: list[Case], seeds: int) -> pd.DataFrame:
    """One row a set and seed of the gold: accuracy of majority and of auto + gold on the rest, calibration error."""
    rows = []
    for seed in range(seeds):
        for case in cases:
            gold = case.gold(seed)
            majority, _ = case.score(fit_consensus(case.votes, method="majority"), gold)
            accuracy, error = case.score(fit_consensus(case.votes, gold=gold), gold)
            rows.append({"seed": seed, "set": case.name, "majority": majority, "auto+gold": accuracy, "error": error})
    return pd.DataFrame(rows)


def main() -> int:
    """Measure, print, and return 1 where a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).resolve().parents[2] / "shared" / "datasets"
    parser.add_argument("--datasets", type=Path, default=Path(os.environ.get("LABEL_PIPELINE_DATASETS", here)))
    parser.add_argument("--seeds", type=int, default=5, help="how many draws; the floors hold for the first")
    options = parser.parse_args()
    cases = [read(options.datasets / name) for name in SETS]
    accuracy, error, chosen = without_gold(cases)
    gold = with_gold(cases, options.seeds)

    print("Accuracy without gold\n" + table(accuracy))
    print("\nCalibration error without gold\n" + table(error))
    print("\nWhat auto chose")
    for name, why in chosen.items():
        print(f"  {name:16s}{why}")
    by_set = gold.groupby("set", sort=False)
    wide = by_set[["majority", "auto+gold", "error"]].mean()
    wide["least gain"] = by_set.apply(lambda g: (g["auto+gold"] - g["majority"]).min(), include_groups=False)
    print("\nBy seed of the jury, without gold\n" + by_jury(cases, options.seeds).round(4).to_string())
    print("\nThree annotations an item, without gold\n" + table(thinned(cases, 3)))
    print(f"\nWith gold for {GOLD} items, judged on the rest: mean over {options.seeds} draws of gold\n" + table(wide))
    by_seed = gold.groupby("seed")[["majority", "auto+gold", "error"]].mean()
    print("\nBy draw of gold\n" + by_seed.round(4).to_string() + "\n")

    first = gold[gold["seed"] == 0]
    shipped = accuracy["crowdlab"].notna()
    missed = [
        floor("auto, mean accuracy without gold", accuracy["auto"].mean(), 0.852),
        floor("auto less majority, worst set", (accuracy["auto"] - accuracy["majority"]).min(), -0.02),
        floor("auto given a model less majority, worst set",
              (accuracy["auto+model"] - accuracy["majority"])[shipped].min(), -0.02),
        floor("auto, mean calibration error without gold", error["auto"].mean(), 0.07, most=True),
        floor("auto + gold, mean accuracy", first["auto+gold"].mean(), 0.858),
        floor("auto + gold less majority, worst set", (first["auto+gold"] - first["majority"]).min(), -0.01),
        floor("auto + gold, mean calibration error", first["error"].mean(), 0.05, most=True),
        floor("dawid_skene on emergent_stance", accuracy.loc["emergent_stance", "ds_map"], 0.70),
        floor("dawid_skene on rte", accuracy.loc["rte", "ds_map"], 0.92),
    ]  # fmt: skip
    return int(any(missed))


def table(figures: pd.DataFrame) -> str:
    """The figures with a row of means; a method that needs what a set lacks has a mean over fewer sets."""
    return pd.concat([figures, figures.mean().to_frame("mean").T]).round(3).to_string(na_rep="")


def floor(what: str, value: float, bound: float, *, most: bool = False) -> bool:
    """Print a figure beside its bound; whether it misses it."""
    missed = bool(value > bound if most else value < bound)
    print(f"{'MISSED' if missed else 'ok':8s}{what}: {value:.4f} ({'at most' if most else 'at least'} {bound})")
    return missed


if __name__ == "__main__":
    sys.exit(main())
