"""Whether 95% intervals of KPIs cover what they say: `python -m benchmarks.intervals [simulated] [real]`.

Here belong worlds whose truth is known, made up or real, and the share of them in which an interval holds it. The
intervals are those of the package; nothing measured here decides anything in it.

`simulated`: `--repeats` seeded worlds, each with its own annotators, items and draw of gold. Label accuracy and recall
are held against the whole world, alpha against the 100,000 items its items are drawn from. `real`: ten sets of real
annotations; gold is drawn from what is known and intervals are held against all of it, and the accuracy that is stated
without gold against the truth that the consensus never sees.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.accuracy import SETS, Codes, floor, read
from benchmarks.synthetic import synthetic
from label_pipeline.agreement.alpha import alpha
from label_pipeline.consensus import FittedConsensus, fit_consensus
from label_pipeline.consensus.jury import only
from label_pipeline.kpis.accuracy import figures
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night
from label_pipeline.votes import Votes

GOLD = 150
ITEMS = 2_000
ALPHA_ITEMS = 300
REAL_GOLD = 100
DRAWS = 20
NOMINAL = (0.93, 0.97)
BOTH = ("label_accuracy", "label_accuracy_all_items")
STATED = "estimated_label_accuracy"


def night(fitted: FittedConsensus, votes: Votes, truth: Codes, gold: npt.NDArray[np.int64]) -> Night:
    """The night of a project whose evaluation gold are the items `gold`; what accuracy does not read is empty."""
    names = np.array([*votes.classes, None], dtype=object)
    label, nothing = names[fitted.labels_], pd.DataFrame({"item_id": []})
    consensus = pd.DataFrame(
        {
            "item_id": votes.items,
            "label": label,
            "voted_label": label,
            "voted_confidence": fitted.confidence_,
            "confidence": fitted.confidence_,
            "status": "accepted",
        }
    )
    annotations = pd.DataFrame(
        {
            "item_id": votes.items[votes.item],
            "annotator_id": votes.annotators[votes.annotator],
            "label": names[votes.label],
            "group": "crowd",
            "role": "annotator",
        }
    )
    settled = pd.DataFrame(
        {"item_id": votes.items[gold], "label": names[truth[gold]], "origin": "seed", "role": "evaluation"}
    )
    return Night(
        day=date(2026, 10, 1), timezone="UTC", classes=tuple(votes.classes), kind="single_choice", slices=(),
        annotations=annotations, events=nothing, items=nothing, consensus=consensus, first_settled=nothing,
        gold=settled, issues=nothing, queue=nothing, targets={}, seed=0,
    )  # fmt: skip


def simulated(repeats: int) -> pd.DataFrame:
    """One row a repeat and figure: kpi, truth, value, low, high."""
    population = synthetic(100_000, 30, 4, per_item=3.0, seed=0).votes
    agreed = alpha(population, replicates=0).value
    rows = [row for seed in range(repeats) for row in _world(seed)]
    for seed in range(repeats):
        drawn = np.zeros(population.n_items, dtype=bool)
        drawn[np.random.default_rng([seed, 3]).choice(population.n_items, ALPHA_ITEMS, replace=False)] = True
        found = alpha(only(population, drawn), seed=seed)
        rows.append(("alpha", agreed, found.value, found.ci_low, found.ci_high))
    return pd.DataFrame(rows, columns=["kpi", "truth", "value", "low", "high"])


def _world(seed: int) -> Iterator[tuple[object, ...]]:
    """The accuracy figures of one made-up project beside what is true of all its items."""
    world = synthetic(ITEMS, 30, 3, per_item=3.0, seed=seed + 1)
    votes, truth = world.votes, world.truth
    fitted = fit_consensus(votes, method="dawid_skene")
    right = fitted.labels_ == truth
    gold = np.random.default_rng([seed, 2]).choice(votes.n_items, GOLD, replace=False)
    for figure in figures(night(fitted, votes, truth, gold)):
        if figure.kpi in (*BOTH, STATED):
            yield figure.kpi, right.mean(), figure.value, figure.ci_low, figure.ci_high
        elif figure.kpi == "recall" and figure.value is not None:
            share = right[truth == votes.classes.index(figure.member)].mean()
            yield "recall", share, figure.value, figure.ci_low, figure.ci_high


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """By KPI: the share of intervals that hold the truth, their mean width, and how many there were."""
    held = (rows["low"] <= rows["truth"]) & (rows["truth"] <= rows["high"])
    by_kpi = rows.assign(covered=held, width=rows["high"] - rows["low"]).groupby("kpi", sort=False)
    return by_kpi.agg(covered=("covered", "mean"), width=("width", "mean"), n=("covered", "size"))


def real(datasets: Path) -> pd.DataFrame:
    """One row a set: intervals with gold (means over draws), and what is stated without gold beside the truth."""
    rows = {}
    for name in SETS:
        case = read(datasets / name)
        fitted = fit_consensus(case.votes)
        known = np.flatnonzero((case.truth >= 0) & (case.votes.per_item > 0))
        true = float((fitted.labels_[known] == case.truth[known]).mean())
        whole = _overall(night(fitted, case.votes, case.truth, known[:0]))[STATED]
        rows[name] = {
            "truth": true,
            "stated": whole.value,
            "low": whole.ci_low,
            "high": whole.ci_high,
            "width": whole.ci_high - whole.ci_low,
            "off": abs(whole.value - true),
            "covers": whole.ci_low <= true <= whole.ci_high,
        } | _with_gold(fitted, case.votes, case.truth, known, true)
    return pd.DataFrame(rows).T.infer_objects()


def _with_gold(
    fitted: FittedConsensus, votes: Votes, truth: Codes, known: npt.NDArray[np.int64], true: float
) -> dict[str, float]:
    """Mean width and coverage of both kinds of label accuracy, over draws of gold from the items that have a truth."""
    found: dict[str, list[float]] = {}
    for draw in range(DRAWS):
        gold = np.random.default_rng(draw).choice(known, min(REAL_GOLD, len(known) // 2), replace=False)
        whole = night(fitted, votes, truth, gold)
        # Items of unknown truth are another population in some sets; intervals are held against the known one.
        judged = whole.consensus[whole.consensus["item_id"].isin(votes.items[known])]
        shown = _overall(Night(**{**vars(whole), "consensus": judged}))
        for kpi, short in zip(BOTH, ("wilson", "powered"), strict=True):
            low, high = shown[kpi].ci_low or 0.0, shown[kpi].ci_high or 0.0
            found.setdefault(f"{short} width", []).append(high - low)
            found.setdefault(f"{short} covers", []).append(float(low <= true <= high))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _overall(night: Night) -> dict[str, Figure]:
    return {figure.kpi: figure for figure in figures(night) if figure.dimension == "all"}


def main() -> int:
    """Measure, print, and return 1 where a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).resolve().parents[2] / "shared" / "datasets"
    parser.add_argument("sections", nargs="*", choices=["simulated", "real"], default=["simulated", "real"])
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--datasets", type=Path, default=Path(os.environ.get("LABEL_PIPELINE_DATASETS", here)))
    options = parser.parse_args()
    missed = []
    if "simulated" in options.sections:
        table = coverage(simulated(options.repeats))
        print(f"Coverage of 95% intervals, {options.repeats} repeats\n" + table.round(4).to_string())
        for kpi in (*BOTH, "recall", "alpha"):
            missed += [
                floor(f"{kpi}, coverage", table.loc[kpi, "covered"], NOMINAL[0]),
                floor(f"{kpi}, coverage", table.loc[kpi, "covered"], NOMINAL[1], most=True),
            ]
    if "real" in options.sections:
        table = real(options.datasets)
        print("\nReal sets\n" + table.round(3).to_string())
        missed += [
            floor("sets with a narrower prediction-powered interval",
                  (table["powered width"] < table["wilson width"]).sum(), 8),
            floor("stated without gold, mean distance from the truth", table["off"].mean(), 0.06, most=True),
            floor("stated without gold, sets whose interval covers the truth", table["covers"].sum(), 7),
        ]  # fmt: skip
    return int(any(missed))


if __name__ == "__main__":
    sys.exit(main())
