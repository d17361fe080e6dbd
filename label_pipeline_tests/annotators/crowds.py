"""A simulated crowd with one planted annotator of each kind."""

from dataclasses import dataclass

import numpy as np

from label_pipeline.votes import Votes

PLANTED = ("random", "constant", "fast", "repeating", "drifting", "confusing")


@dataclass(frozen=True)
class Crowd:
    """Votes, their times, durations and truth; annotators 0.. are `PLANTED`, the rest honest."""

    votes: Votes
    truth: np.ndarray
    times: np.ndarray
    durations: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Plain vote shares as the consensus' class probabilities."""
        counts = self.votes.counts()
        return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def crowd(seed: int, annotators: int = 30, each: int = 300, classes: int = 4) -> Crowd:
    """Three labels an item; honest annotators are right on 65 to 95 %."""
    random = np.random.default_rng(seed)
    items = annotators * each // 3
    truth = random.integers(0, classes, items)
    item = np.repeat(np.arange(items), 3)
    who = np.concatenate([random.choice(annotators, 3, replace=False) for _ in range(items)])
    time = random.random(len(item))
    guess = random.integers(0, classes, len(item))
    care = random.uniform(0.65, 0.95, annotators)[who]
    care = np.where(who == PLANTED.index("drifting"), np.where(time < 0.5, 0.95, 0.4), care)
    label = np.where(random.random(len(item)) < care, truth[item], guess)
    label = np.where(who == PLANTED.index("random"), guess, label)
    label = np.where(who == PLANTED.index("constant"), 0, label)
    label = np.where((who == PLANTED.index("repeating")) & (abs(time - 0.4) < 0.1), classes - 1, label)
    label = np.where((who == PLANTED.index("confusing")) & (truth[item] == 1) & (guess > 0), 2, label)
    seconds = random.lognormal(3, 0.8, len(item))
    seconds = np.where((who == PLANTED.index("fast")) & (random.random(len(item)) < 0.6), 0.5, seconds)
    votes = Votes.of_codes(item, who, label, items=items, annotators=annotators, classes=classes)
    order = np.lexsort((who, item))
    return Crowd(votes, truth, time[order], seconds[order])
