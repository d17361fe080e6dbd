"""Seeded annotations of any size, the same for every benchmark.

Here belongs how made-up annotators label made-up items; what is measured on them stands in the benchmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.votes import Votes

CHUNK = 1_000_000


@dataclass(frozen=True)
class Synthetic:
    """Votes of simulated annotators and the truth they were shown: `truth` is int32 (n_items,)."""

    votes: Votes
    truth: npt.NDArray[np.int32]
    seed: int

    def probabilities(self, accuracy: float = 0.8) -> npt.NDArray[np.float64]:
        """A model's class probabilities (n_items, n_classes), right for about `accuracy` of the items."""
        rng = np.random.default_rng([self.seed, 1])
        n_classes = self.votes.n_classes
        scores = rng.gamma(0.5, size=(self.votes.n_items, n_classes)) + 1e-3
        right = rng.random(self.votes.n_items) < accuracy
        favoured = np.where(right, self.truth, rng.integers(0, n_classes, self.votes.n_items))
        scores[np.arange(self.votes.n_items), favoured] += 3.0
        scores /= scores.sum(axis=1, keepdims=True)
        return scores

    def frame(self) -> pd.DataFrame:
        """The annotations as people hand them in: text ids in no order; item_id, annotator_id, label."""
        votes = self.votes
        order = np.random.default_rng([self.seed, 2]).permutation(votes.n)
        named = [
            np.array([f"{kind}-{i:07d}" for i in range(size)], dtype=object)
            for kind, size in (("item", votes.n_items), ("annotator", votes.n_annotators))
        ]
        return pd.DataFrame(
            {
                "item_id": named[0][votes.item[order]],
                "annotator_id": named[1][votes.annotator[order]],
                "label": np.array(votes.classes, dtype=object)[votes.label[order]],
            }
        )


def synthetic(
    n_items: int = 100_000,
    n_annotators: int = 100,
    n_classes: int = 10,
    *,
    per_item: float = 2.9,
    seed: int = 0,
) -> Synthetic:
    """Annotations of `n_items` items, about `per_item` each and at least one, by `n_annotators` annotators.

    Classes are unevenly frequent. Annotators' loads are log-normal (a few give most labels), their accuracies
    range from 0.5 to 0.95, and two of three errors go to the neighbouring class. About 2.84 annotations an
    item are left of 2.9 with 100 annotators, as nobody labels an item twice. Made in chunks of items: memory
    stays near what the votes themselves take.
    """
    rng = np.random.default_rng([seed, 0])
    load = np.cumsum(rng.lognormal(0.0, 1.0, n_annotators))
    load /= load[-1]
    frequency = np.cumsum(1.0 / (np.arange(n_classes) + 2.0))
    frequency /= frequency[-1]
    accuracy = rng.uniform(0.5, 0.95, n_annotators)
    truth = _draw(rng, frequency, n_items)
    parts = [
        _chunk(rng, load, accuracy, truth[start : start + CHUNK], n_classes, per_item, start)
        for start in range(0, n_items, CHUNK)
    ]
    item, annotator, label = (np.concatenate(column) for column in zip(*parts, strict=True))
    classes = [f"class-{k:03d}" for k in range(n_classes)]
    votes = Votes.of_codes(item, annotator, label, items=n_items, annotators=n_annotators, classes=classes)
    return Synthetic(votes, truth, seed)


def _chunk(
    rng: np.random.Generator,
    load: npt.NDArray[np.float64],
    accuracy: npt.NDArray[np.float64],
    truth: npt.NDArray[np.int32],
    n_classes: int,
    per_item: float,
    start: int,
) -> tuple[npt.NDArray[np.int32], ...]:
    many = 1 + rng.poisson(per_item - 1.0, len(truth))
    item = np.repeat(np.arange(len(truth), dtype=np.int64), many)
    key = np.unique(item * len(load) + _draw(rng, load, len(item)))
    item, annotator = key // len(load), (key % len(load)).astype(np.int32)
    right = truth[item]
    neighbour = rng.random(len(key)) < 2 / 3
    shift = np.where(neighbour, 1, rng.integers(1, max(n_classes, 2), len(key))).astype(np.int32)
    label = np.where(rng.random(len(key)) < accuracy[annotator], right, (right + shift) % n_classes)
    return (item + start).astype(np.int32), annotator, label.astype(np.int32)


def _draw(rng: np.random.Generator, cumulative: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.int32]:
    drawn = np.searchsorted(cumulative, rng.random(n), side="right")
    return np.minimum(drawn, len(cumulative) - 1).astype(np.int32)
