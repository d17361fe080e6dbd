"""The installed cleanlab as an oracle, and random inputs for it.

cleanlab takes a dense matrix (n_items, n_annotators) with NaN for "not labelled". Where all its tie rules fail it
draws at random; here it takes the lowest class instead, which is our stated rule.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from label_pipeline.votes import Votes


@dataclass(frozen=True)
class Case:
    """Annotations `wide` (n_items, n_annotators) with NaN and `probabilities` (n_items, n_classes)."""

    wide: Any
    probabilities: Any

    def votes(self, seed: int = 0) -> Votes:
        """The same annotations, their rows in random order."""
        item, annotator = np.nonzero(~np.isnan(self.wide))
        order = np.random.default_rng(seed).permutation(len(item))
        item, annotator = item[order], annotator[order]
        n_items, n_annotators = self.wide.shape
        return Votes.of_codes(
            item,
            annotator,
            self.wide[item, annotator],
            items=n_items,
            annotators=n_annotators,
            classes=self.probabilities.shape[1],
        )


def random_case(seed: int, *, least_annotators: int = 2) -> Case:
    """A small input full of ties, single labels and rare classes; unlabelled items stay in.

    Half of the models give multiples of one eighth, so that probabilities tie exactly.
    """
    rng = np.random.default_rng(seed)
    n_items, n_annotators, n_classes = rng.integers([2, least_annotators, 2], [40, 9, 6])
    even = np.full(n_classes, 1 / n_classes)
    coarse = rng.multinomial(8, even, size=n_items) / 8
    probabilities = coarse if rng.random() < 0.5 else rng.dirichlet(np.ones(n_classes), n_items)
    truth = rng.integers(0, n_classes, (n_items, 1))
    guess = rng.integers(0, n_classes, (n_items, n_annotators))
    wide = np.where(rng.random(guess.shape) < 0.5, truth, guess).astype(float)
    wide[rng.random(guess.shape) < rng.choice([0.2, 0.5, 0.7])] = np.nan
    return Case(wide[:, ~np.isnan(wide).all(axis=0)], probabilities)


def labelled(case: Case) -> Case:
    """The case without items that nobody labelled, which the reference's consensus does not take."""
    keep = ~np.isnan(case.wide).all(axis=1)
    wide = case.wide[keep]
    return Case(wide[:, ~np.isnan(wide).all(axis=0)], case.probabilities[keep])


def lowest(tied: Any) -> Any:
    """In place of a draw; like it, refuses what cleanlab passes when every item is tied."""
    if len(tied) == 0:
        raise ValueError("nothing to choose from")
    return tied[0]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No printing, no warnings, and the lowest class where the reference would draw one."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
        mock.patch("numpy.random.choice", lowest),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def watched_posteriors() -> Iterator[list[Any]]:
    """The posteriors cleanlab computes meanwhile: the first decides the labels."""
    from cleanlab import multiannotator

    seen: list[Any] = []
    original = multiannotator._get_post_pred_probs_and_weights

    def spy(**arguments: Any) -> Any:
        result = original(**arguments)
        seen.append(result[0])
        return result

    with mock.patch.object(multiannotator, "_get_post_pred_probs_and_weights", spy):
        yield seen


def decided_by_rounding(posterior: Any) -> Any:
    """Items (n_items,) whose two best classes differ, but by no more than the order of sums can change."""
    ordered = np.sort(posterior, axis=1)
    gap = ordered[:, -1] - ordered[:, -2]
    return (gap > 0) & (gap < 1e-9)


@dataclass(frozen=True)
class Reference:
    """cleanlab's CROWDLAB; annotators in column order.

    `rounding` marks items `decided_by_rounding`: cleanlab's label there depends on the order of its sums.
    """

    labels: Any
    quality: Any
    agreement: Any
    detailed: Any
    annotators: Any
    annotator_weight: Any
    model_weight: float
    rounding: Any


def crowdlab(case: Case) -> Reference | None:
    """What cleanlab makes of the case; None where it refuses it (no overlap, or every item tied)."""
    from cleanlab import multiannotator

    try:
        with quiet(), watched_posteriors() as posteriors:
            found = multiannotator.get_label_quality_multiannotator(case.wide, case.probabilities, return_weights=True)
    except ValueError:
        return None
    items = found["label_quality"]
    return Reference(
        items["consensus_label"].to_numpy(),
        items["consensus_quality_score"].to_numpy(),
        items["annotator_agreement"].to_numpy(),
        found["detailed_label_quality"].to_numpy(),
        found["annotator_stats"].sort_index(),
        found["annotator_weight"],
        float(found["model_weight"]),
        decided_by_rounding(posteriors[0]),
    )
