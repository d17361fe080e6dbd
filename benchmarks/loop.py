"""What the relabel queue buys: `python -m benchmarks.loop simulated|replay [--seeds N] [--sets ...] [--kept FILE]`.

Here belong simulated crowds over real items, real annotations that are hidden and bought back, the orders that
compete, and what is told of them. Every order sees the same items, answers and budgets, and its labels are made by the
night's own kernels: model, consensus, people, queue. Nothing measured here decides anything in the package.

A world is `ITEMS` items of a set, `PEOPLE` people, and every answer that each of them would give, drawn once: an order
buys answers, it does not change them. Items start with `START` answers; each night buys as many as a third of the
items. Whoever is asked has not labelled the item. Four orders ask the next person in a list that was drawn for the
item; the queue with people asks whom it names, nobody for more than twice the mean.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.accuracy import read
from label_pipeline.annotators.table import annotator_report
from label_pipeline.consensus import FittedConsensus, fit_consensus
from label_pipeline.consensus.activelab import ActiveLab
from label_pipeline.consensus.dawid_skene import DawidSkene
from label_pipeline.contracts.tables import CONSENSUS_LABELS, GOLD_SET, LABEL_ISSUES
from label_pipeline.noise.out_of_fold import from_features, from_text, text_features
from label_pipeline.relabel.budget import Budget
from label_pipeline.relabel.people import Panel
from label_pipeline.relabel.queue import Asking, relabel_queue
from label_pipeline.relabel.route import QueuePolicy
from label_pipeline.settle import Policy, consensus_table
from label_pipeline.votes import Votes

ITEMS, PEOPLE, START, NIGHTS, SHARE = 600, 24, 2, 5, 3
SETTINGS = ("good", "spammers", "confused", "weak model", "no model")
QUEUE, FREE, RANDOM, LOWEST, ACTIVE = ("queue", "queue, anyone", "random", "lowest agreement", "ActiveLab")
ORDERS = (QUEUE, FREE, RANDOM, LOWEST, ACTIVE)
REPLAYED = ("rte", "weather_amt", "weather_cf", "bluebirds", "tweet_sentiment", "sentiment_sp", "emergent_stance")
DAY = date(2026, 10, 5)
POLICY = QueuePolicy(START, 10_000, 10_000, keep=1)
CONFUSED = {10: {4: 9, 9: 4, 3: 8, 8: 3}, 3: {1: 2, 2: 1}}
Answers = np.ndarray
"""Class codes (n_items, n_people), -1 where a person has no answer to the item."""


@dataclass(frozen=True)
class World:
    """Items with their truth (-1 where unknown), what people would answer, in which order they come, and a model."""

    truth: np.ndarray
    n_classes: int
    answers: Answers
    order: np.ndarray
    learns: Callable[[Votes], np.ndarray | None]
    seed: int

    def votes(self, bought: np.ndarray) -> Votes:
        """The answers that were bought, a mask (n_items, n_people)."""
        item, person = np.nonzero(bought)
        sizes = {"items": len(self.truth), "annotators": self.answers.shape[1], "classes": self.n_classes}
        return Votes.of_codes(item, person, self.answers[item, person], **sizes)

    def start(self) -> np.ndarray:
        """The mask after `START` answers an item."""
        bought = np.zeros(self.answers.shape, dtype=bool)
        np.put_along_axis(bought, self.order[:, :START], True, 1)
        return bought & (self.answers >= 0)


# --- simulated people over real items


@cache
def real_items(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers (n, m), truth (n,), and what a model that was taught the truth says of items it has not seen (n, K)."""
    if name == "digits":
        from sklearn.datasets import load_digits

        numbers, truth = load_digits(return_X_y=True)
        return numbers, truth.astype(int), from_features(numbers, truth.astype(int), 10).probabilities
    items = pd.read_csv(folder / "emergent_stance" / "items.csv", dtype=str)
    items = items.merge(pd.read_csv(folder / "emergent_stance" / "truth.csv", dtype=str), on="item_id")
    texts, truth = items["text"].to_list(), np.unique(items["label"], return_inverse=True)[1]
    return text_features(texts), truth, from_text(texts, truth, 3).probabilities


def simulated(name: str, setting: str, seed: int, folder: Path) -> World:
    """A crowd over items of a set.

    Skill is drawn evenly from 0.6 to 0.9. A slip is likelier where the model taught the truth is unsure (0.3 to 2
    times as likely, at most 0.5), and half of slips go to the class that this model takes for the likeliest wrong one.
    Of "spammers" a third of the people answer at random or always the same. In "confused" half of the people take two
    pairs of classes (one, where there are three) for each other in 45%. The model of a night is fitted to the consensus
    of the night, as the built-in one is; the "weak" one sees a tenth of the numbers.
    """
    numbers, truth, taught = real_items(name, folder)
    random = np.random.default_rng([seed, 11])
    rows = np.sort(random.permutation(len(truth))[:ITEMS])
    numbers, truth, taught = numbers[rows], truth[rows], taught[rows].copy()
    n, n_classes = taught.shape
    hard = 1 - taught[np.arange(n), truth]
    hard = np.clip(hard / hard.mean(), 0.3, 2)
    taught[np.arange(n), truth] = -1
    resembles = taught.argmax(axis=1)
    slip = np.clip((1 - random.uniform(0.6, 0.9, PEOPLE)) * hard[:, None], 0, 0.5)
    far = (truth[:, None] + random.integers(1, n_classes, (n, PEOPLE))) % n_classes
    wrong = np.where(random.random((n, PEOPLE)) < 0.5, resembles[:, None], far)
    answers = np.where(random.random((n, PEOPLE)) < slip, wrong, truth[:, None])
    if setting == "confused":
        other = np.array([CONFUSED[n_classes].get(k, k) for k in range(n_classes)])
        swaps = (random.random((n, PEOPLE)) < 0.45) & (np.arange(PEOPLE) < PEOPLE // 2)
        answers = np.where(swaps, other[answers], answers)
    if setting == "spammers":
        blind = np.where(np.arange(PEOPLE) % 2, random.integers(0, n_classes, PEOPLE), -1)
        blind = np.where(blind < 0, random.integers(0, n_classes, (n, PEOPLE)), blind)
        answers = np.where(np.arange(PEOPLE) < PEOPLE // 3, blind, answers)
    seen = numbers
    if setting == "weak model":
        seen = numbers[:, random.permutation(numbers.shape[1])[: numbers.shape[1] // 10]]

    def learns(votes: Votes) -> np.ndarray | None:
        if setting == "no model":
            return None
        first = DawidSkene().fit(votes)
        weights = first.probabilities_.max(axis=1)
        return from_features(seen, first.labels_, n_classes, weights=weights).probabilities

    return World(truth, n_classes, answers, np.argsort(random.random((n, PEOPLE)), axis=1), learns, seed)


# --- real annotations, hidden and bought back


def replayed(name: str, seed: int, folder: Path) -> World:
    """A real set: its answers, in an order drawn for each item, and the model that came with it, if one did."""
    case = read(folder / name)
    votes = case.votes
    answers = np.full((votes.n_items, votes.n_annotators), -1, dtype=np.int64)
    answers[votes.item, votes.annotator] = votes.label
    drawn = np.random.default_rng([seed, 12]).random(answers.shape) + (answers < 0)
    return World(case.truth, votes.n_classes, answers, np.argsort(drawn, axis=1), lambda _: case.model, seed)


# --- nights


@dataclass(frozen=True)
class Night:
    """What is known after a night: votes, the model, the consensus."""

    votes: Votes
    model: np.ndarray | None
    fitted: FittedConsensus

    @classmethod
    def of(cls, world: World, bought: np.ndarray) -> Night:
        """The night's labels, by the project's kernels."""
        votes = world.votes(bought)
        model = world.learns(votes)
        return cls(votes, model, fit_consensus(votes, probabilities=model, seed=0))


def bought_tonight(world: World, order: str, night: Night, bought: np.ndarray, budget: int, draw: int) -> np.ndarray:
    """The mask of answers with those of one more night; items that nobody can answer are passed over."""
    left = (~bought & (world.answers >= 0)).any(axis=1)
    if order in (QUEUE, FREE):
        frame = queue_of(night, left, budget)
        chosen, asked = frame["item_id"].to_numpy(np.int64), frame["ask_annotators"].to_list()
    else:
        random = np.random.default_rng([world.seed, draw])
        score = np.round(_score(order, night, random), 9)
        ranked = np.lexsort((random.random(len(score)), score))
        chosen = ranked[left[ranked]][:budget]
        asked = [[] for _ in chosen]
    after = bought.copy()
    for item, people in zip(chosen, asked, strict=True):
        free = [p for p in people if world.answers[item, p] >= 0] if order == QUEUE else []
        line = [p for p in world.order[item] if world.answers[item, p] >= 0 and not bought[item, p]]
        after[item, (free or line)[0]] = True
    return after


def _score(order: str, night: Night, random: np.random.Generator) -> np.ndarray:
    """Lowest first."""
    votes = night.votes
    if order == RANDOM:
        return random.random(votes.n_items)
    if order == LOWEST:
        return night.fitted.agreement_
    equal = np.full((votes.n_items, votes.n_classes), 1.0 / votes.n_classes)
    return ActiveLab().fit(votes, probabilities=equal if night.model is None else night.model).scores_


def queue_of(night: Night, left: np.ndarray, budget: int) -> pd.DataFrame:
    """The relabel queue within the budget, as the night makes it; nothing is accepted automatically."""
    votes, fitted = night.votes, night.fitted
    consensus = consensus_table(
        votes,
        labels=fitted.labels_,
        probabilities=fitted.probabilities_,
        voted=fitted.labels_,
        method=fitted.method_,
        gold=GOLD_SET.empty().to_pandas(),
        policy=Policy(2.0, START),
        previous=CONSENSUS_LABELS.empty().to_pandas(),
        day=DAY,
    )
    report = annotator_report(votes, fitted.probabilities_)
    assert report.confusion is not None
    people = report.table.assign(confusion=[matrix.ravel() for matrix in report.confusion])
    queue = relabel_queue(
        consensus,
        LABEL_ISSUES.empty().to_pandas(),
        night.model,
        pd.DataFrame({"item_id": votes.items[votes.item], "annotator_id": votes.annotators[votes.annotator]}),
        POLICY,
        Asking(Budget.of(budget), panel=Panel.of(people, votes.n_classes), out=votes.items[~left].tolist()),
        classes=votes.classes,
    )
    return queue[queue["within_budget"]]


def kept_courses(key: str, world: Callable[[], World], kept: Path | None) -> dict[str, np.ndarray]:
    """The courses of a world, looked up by its key in a file of JSON lines, or made and added to it."""
    found: dict[str, np.ndarray] = {}
    for line in map(json.loads, kept.read_text().splitlines() if kept and kept.exists() else []):
        if line["key"] == key:
            found |= {order: np.array(course) for order, course in line["courses"].items()}
    missing = tuple(order for order in ORDERS if order not in found)
    if missing:
        made = courses(world(), missing)
        found |= made
        if kept:
            with kept.open("a") as file:
                file.write(json.dumps({"key": key, "courses": {k: v.tolist() for k, v in made.items()}}) + "\n")
    return {order: found[order] for order in ORDERS}


def courses(world: World, orders: tuple[str, ...]) -> dict[str, np.ndarray]:
    """By order, the accuracy of the consensus at the start and after each of `NIGHTS` nights: (NIGHTS + 1,)."""
    known = world.truth >= 0
    budget = len(world.truth) // SHARE
    first = Night.of(world, world.start())
    found = {}
    for order in orders:
        bought, night, right = world.start(), first, []
        for draw in range(NIGHTS + 1):
            right.append(float((night.fitted.labels_[known] == world.truth[known]).mean()))
            if draw < NIGHTS:
                bought = bought_tonight(world, order, night, bought, budget, draw)
                night = Night.of(world, bought)
        found[order] = np.array(right)
    return found


# --- what is told


def interval(values: np.ndarray, shown: str) -> str:
    """Mean and 95% t interval over seeds."""
    from scipy import stats

    mean = float(values.mean())
    if len(values) < 2:
        return shown.format(mean)
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return f"{shown.format(mean)} ({shown.format(mean - half)} to {shown.format(mean + half)})"


def reached(course: np.ndarray, target: float) -> float:
    """Nights, in parts, until a course first has the target; NIGHTS where it never does."""
    there = np.flatnonzero(course >= target - 1e-12)
    if not len(there):
        return float(NIGHTS)
    k = int(there[0])
    return 0.0 if k == 0 else k - 1 + (target - course[k - 1]) / (course[k] - course[k - 1])


def told(name: str, by_seed: list[dict[str, np.ndarray]]) -> None:
    """Print the mean courses of one world."""
    print(f"\n### {name}\n\n| order | " + " | ".join(f"night {k}" for k in range(NIGHTS + 1)) + " |")
    print("|---" * (NIGHTS + 2) + "|")
    for order in by_seed[0]:
        course = np.mean([each[order] for each in by_seed], axis=0)
        print(f"| {order} | " + " | ".join(f"{accuracy:.3f}" for accuracy in course) + " |")
    sys.stdout.flush()


def summary(worlds: dict[str, list[dict[str, np.ndarray]]]) -> None:
    """Print, by world, the share of random's labels that the others need, and what the queue is better by.

    Shares: bought labels until the accuracy that random has after all nights, seed by seed, as a share of random's.
    Gains: mean accuracy over the nights, queue minus the other, in points. Both with 95% t intervals over seeds.
    """
    shares, gains = (QUEUE, FREE, LOWEST, ACTIVE), (RANDOM, LOWEST, ACTIVE)
    print("\n| world | seeds | " + " | ".join(f"labels: {o}" for o in shares) + " | ", end="")
    print(" | ".join(f"queue − {o}" for o in gains) + " |")
    print("|---" * (len(shares) + len(gains) + 2) + "|")
    for name, by_seed in worlds.items():
        cells = [name, str(len(by_seed))]
        for order in shares:
            needed = [reached(each[order], float(each[RANDOM][-1])) / NIGHTS for each in by_seed]
            cells.append(interval(100 * np.array(needed), "{:.0f}%"))
        for order in gains:
            gap = [100 * float((each[QUEUE][1:] - each[order][1:]).mean()) for each in by_seed]
            cells.append(interval(np.array(gap), "{:+.1f}"))
        print("| " + " | ".join(cells) + " |")


def main() -> int:
    """Print a table a set and setting."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("kind", choices=["simulated", "replay"])
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--sets", nargs="*")
    arguments.add_argument("--settings", nargs="*", default=SETTINGS)
    arguments.add_argument("--datasets", type=Path, default=Path(os.environ.get("LABEL_PIPELINE_DATASETS", ".")))
    arguments.add_argument("--kept", type=Path, help="file of courses made before, which are not made again")
    asked = arguments.parse_args()
    worlds: dict[str, Callable[[int], World]] = {}
    if asked.kind == "replay":
        for name in asked.sets or REPLAYED:
            worlds[name] = partial(replayed, name, folder=asked.datasets)
    else:
        for name in asked.sets or ("digits", "text"):
            for setting in asked.settings:
                worlds[f"{name}, {setting}"] = partial(simulated, name, setting, folder=asked.datasets)
    measured = {}
    for name, world in worlds.items():
        made = [kept_courses(f"{name}, {seed}", partial(world, seed), asked.kept) for seed in range(asked.seeds)]
        told(name, made)
        measured[name] = made
    summary(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
