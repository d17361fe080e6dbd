"""Whether a pilot is as sure as its plan said: planned half widths of intervals beside those that pilots had.

    python -m benchmarks.pilot [--datasets DIR]

Crowds are simulated: one as the plan assumes it (people equally good, items equally hard), one of unequal people, one
with hard items. Of each a pilot of every size is drawn many times, and its intervals are the pipeline's own. `covers`
is the share of these intervals of alpha that hold the crowd's alpha (95 % is asked). With --datasets, pilots are drawn
from real annotations, the plan knowing their class shares and their agreement.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.agreement.alpha import alpha, alpha_by_class
from label_pipeline.agreement.kappa import raw_agreement
from label_pipeline.agreement.patterns import Patterns
from label_pipeline.estimates import Estimate
from label_pipeline.pilot.plan import Assumptions, plan
from label_pipeline.votes import Votes

PILOTS = 100
SIZES = (100, 200, 500, 1000)
POPULATION = 40_000
PEOPLE = 20
REAL = ("rte", "emergent_stance", "weather_cf", "weather_amt", "sentiment_sp", "bluebirds", "zencrowd_all")
IntArray = npt.NDArray[np.int64]
Crowd = Callable[[np.random.Generator, IntArray, int, int], tuple[IntArray, IntArray]]


def equal(random: np.random.Generator, truth: IntArray, k: int, answers: int) -> tuple[IntArray, IntArray]:
    """People equally good, items equally hard: (people, labels), each (n, answers)."""
    return _people(random, len(truth), answers), _said(random, truth, k, np.full((len(truth), answers), 0.85))


def unequal(random: np.random.Generator, truth: IntArray, k: int, answers: int) -> tuple[IntArray, IntArray]:
    """People from careful to careless."""
    people = _people(random, len(truth), answers)
    return people, _said(random, truth, k, np.linspace(0.6, 0.98, PEOPLE)[people])


def hard_items(random: np.random.Generator, truth: IntArray, k: int, answers: int) -> tuple[IntArray, IntArray]:
    """Items of which a quarter is a matter of taste."""
    right = np.where(random.random(len(truth)) < 0.25, 0.5, 0.95)
    return _people(random, len(truth), answers), _said(random, truth, k, np.repeat(right[:, None], answers, axis=1))


def _people(random: np.random.Generator, n: int, answers: int) -> IntArray:
    return np.argsort(random.random((n, PEOPLE)), axis=1)[:, :answers]


def _said(random: np.random.Generator, truth: IntArray, k: int, right: npt.NDArray[np.float64]) -> IntArray:
    other = (truth[:, None] + random.integers(1, k, right.shape)) % k
    return np.where(random.random(right.shape) < right, truth[:, None], other)


CROWDS: dict[str, Crowd] = {"as assumed": equal, "unequal people": unequal, "hard items": hard_items}
SETTINGS = {"2 classes": (0.7, 0.3), "5 classes, skewed": (0.5, 0.25, 0.15, 0.07, 0.03), "10 classes": (0.1,) * 10}


def votes_of(people: IntArray, label: IntArray, k: int) -> Votes:
    """The votes of some items, (n, answers) each."""
    n, answers = label.shape
    return Votes.of_codes(
        np.repeat(np.arange(n), answers), people.ravel(), label.ravel(), items=n, annotators=PEOPLE, classes=k
    )


def half(estimate: Estimate) -> float:
    """Half the width of an interval; NaN without one."""
    if estimate.ci_low is None or estimate.ci_high is None:
        return np.nan
    return (estimate.ci_high - estimate.ci_low) / 2


def simulated(answers: int) -> Iterator[str]:
    """A row of the table for each setting, crowd and size."""
    for setting, shares in SETTINGS.items():
        for name, crowd in CROWDS.items():
            random, k = np.random.default_rng(0), len(shares)
            truth = random.choice(k, POPULATION, p=shares)
            people, label = crowd(random, truth, k, answers)
            whole = Patterns.of(votes_of(people, label, k))
            known = alpha(whole, replicates=1).value or 0.0
            agreement = raw_agreement(whole).value or 0.0
            assumed = Assumptions(tuple(map(str, range(k))), np.asarray(shares), agreement, answers)
            planned = {size: plan(size, assumed, sizes=()) for size in SIZES}
            for size in SIZES:
                seen = [_pilot(random, people, label, k, size, seed) for seed in range(PILOTS)]
                overall = np.array([half(a) for a, _, _ in seen])
                covers = np.mean([(a.ci_low or -1) <= known <= (a.ci_high or 1) for a, _, _ in seen])
                rarest = np.nanmean([c for _, _, c in seen])
                width = planned[size].at_size
                of_rarest = planned[size].classes[-1].alpha
                yield (
                    f"{setting:18} {name:15} {size:5} {width.alpha:7.3f} {np.nanmean(overall):7.3f} "
                    f"{np.nanmean(overall) / width.alpha:5.2f} {covers:6.0%} {width.agreement:9.3f} "
                    f"{np.nanmean([r for _, r, _ in seen]):7.3f} {of_rarest:9.3f} {rarest:7.3f}"
                )


def _pilot(
    random: np.random.Generator, people: IntArray, label: IntArray, k: int, size: int, seed: int
) -> tuple[Estimate, float, float]:
    """Alpha of one pilot, and half the widths of raw agreement's interval and of the last class's alpha."""
    rows = random.choice(len(label), size, replace=False)
    patterns = Patterns.of(votes_of(people[rows], label[rows], k))
    return (
        alpha(patterns, seed=seed),
        half(raw_agreement(patterns, seed=seed)),
        half(alpha_by_class(patterns, [k - 1], seed=seed)[0]),
    )


def real(folder: Path, answers: int = 2) -> Iterator[str]:
    """The same for pilots of 200 items drawn from real annotations, `answers` of each item kept."""
    for name in REAL:
        path = folder / name / "annotations.csv"
        if not path.is_file():
            continue
        frame = pd.read_csv(path, dtype=str).drop_duplicates(["item_id", "annotator_id"])
        kept = frame.sample(frac=1, random_state=0).groupby("item_id").head(answers)
        kept = kept[kept.groupby("item_id")["label"].transform("size") == answers]
        items, random = np.array(sorted(set(kept["item_id"])), dtype=object), np.random.default_rng(0)
        size = min(200, len(items) // 2)
        if size < 20:
            continue
        kept = kept[["item_id", "annotator_id", "label"]]
        votes = Votes.build(kept)
        shares = votes.per_class / votes.n
        assumed = Assumptions(votes.classes, shares, raw_agreement(votes).value or 0.0, answers)
        planned = plan(size, assumed, sizes=()).at_size.alpha
        pilots = [kept[kept["item_id"].isin(random.choice(items, size, replace=False))] for _ in range(20)]
        seen = float(np.mean([half(alpha(Votes.build(pilot), seed=k)) for k, pilot in enumerate(pilots)]))
        yield f"{name:18} {size:5} items {planned:7.3f} {seen:7.3f} {seen / planned:5.2f}"


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--answers", type=int, default=2, help="answers an item (default: 2)")
    arguments.add_argument("--datasets", type=Path, help="the folder of real annotations")
    asked = arguments.parse_args()
    print(f"{PILOTS} pilots each, {asked.answers} answers an item; half widths of 95 % intervals, planned and seen")
    print(f"{'':18} {'':15} {'':5} {'alpha':>15} {'':5} {'':>6} {'agreement':>17} {'rarest class':>17}")
    print(
        f"{'setting':18} {'crowd':15} {'items':>5} {'planned':>7} {'seen':>7} {'ratio':>5} {'covers':>6}"
        f" {'planned':>9} {'seen':>7} {'planned':>9} {'seen':>7}"
    )
    for line in simulated(asked.answers):
        print(line, flush=True)
    if asked.datasets:
        print("\nreal annotations: alpha planned, seen, ratio")
        for line in real(asked.datasets):
            print(line, flush=True)


if __name__ == "__main__":
    main()
