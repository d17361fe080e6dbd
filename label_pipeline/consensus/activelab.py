"""ActiveLab: which items gain most from one more label.

Here belongs the score and the temperature that keeps a sure model from deciding it alone. The consensus under
it is `crowdlab`; what the relabel queue makes of the score stands with the queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from label_pipeline.consensus import activelab_loops as loops
from label_pipeline.consensus.base import Fitted, check_gold, check_number
from label_pipeline.consensus.crowdlab import CROWDLAB, read_model
from label_pipeline.errors import UserError
from label_pipeline.votes import FloatArray, IntArray, Votes

COARSE = np.array([0.1, 0.2, 0.5, 0.8, 1.0, 2.0, 3.0, 5.0, 8.0])
"""The temperatures tried first; four steps between the best and each neighbour follow."""

STEPS = 4

LEAST = 1e-30
"""No probability counts as less, so that its logarithm stays finite."""


@dataclass
class ActiveLab(Fitted):
    """CROWDLAB on a tempered model, and a score of each item: the lower, the more one more label is worth.

        score_i = (q_i (S_i + W) + w̄ / K) / (S_i + W + w̄)

    with q_i the confidence in the item's label, S_i the weights of its annotators, W the model's weight and w̄ the
    mean annotator weight: the confidence after one more annotator of average weight who guesses. Unlabelled items
    have S_i = 0 and the model's highest probability for q_i, so that both kinds stand in one order. Items with a
    gold label score 1: no further label is of use.

    The model's probabilities are raised to the power 1 / `temperature` first. None chooses the one, of nine and
    then of the steps around the best, with the least cross-entropy between the labels and the tempered model; of
    temperatures equal within 1e-12 the one nearest to 1. Where no item has two labels or a gold label, annotators
    and model cannot be compared: then the temperature is 1 unless given, every weight is 1, and q_i is the model's
    probability of the item's label.

    Beyond `base.Fitted`: `scores_` (n_items,) in [0, 1], `temperature_`, `model_weight_`, and `crowdlab_`, the
    consensus all other results are taken from. `compat` as in `CROWDLAB`.

    Source: Goh & Mueller 2023, "ActiveLab", https://arxiv.org/abs/2301.11856. The search is that of cleanlab 2.9
    with the labels' distribution counted right: there labels of float type are counted in wrong classes.
    """

    temperature: float | None = None
    compat: bool = False

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes` and a model's `probabilities`, without which it raises UserError. See `base.Estimator`."""
        if probabilities is None:
            raise UserError(
                "ActiveLab needs a model's class probabilities",
                do="Pass probabilities, for unlabelled items too.",
            )
        if self.temperature is not None:
            check_number("temperature", self.temperature, least=0.0, above=True)
        model, _ = read_model(probabilities, votes)
        truth = check_gold(gold, votes)
        comparable = bool(((truth >= 0) | (votes.per_item > 1)).any())
        if self.temperature is not None:
            self.temperature_ = float(self.temperature)
        else:
            self.temperature_ = fit_temperature(votes, model, truth) if comparable else 1.0
        tempered = loops.rescale(model, self.temperature_, LEAST)

        crowdlab = CROWDLAB(compat=self.compat).fit(votes, probabilities=tempered, gold=truth)
        self.crowdlab_ = crowdlab
        self.labels_, self.probabilities_ = crowdlab.labels_, crowdlab.probabilities_
        self.annotator_quality_, self.annotator_weight_ = crowdlab.annotator_quality_, crowdlab.annotator_weight_
        self.confusion_ = None
        self.model_weight_ = crowdlab.model_weight_ if comparable else 1.0
        self.diagnostics_ = crowdlab.diagnostics_ | {
            "temperature": self.temperature_,
            "model_weight": self.model_weight_,
        }
        confidence = crowdlab.confidence_
        if not comparable:
            confidence = np.take_along_axis(tempered, self.labels_[:, None], axis=1)[:, 0]
        self.scores_ = self._score(votes, confidence)
        self.scores_[truth >= 0] = 1.0
        return self

    def _score(self, votes: Votes, confidence: FloatArray) -> FloatArray:
        weight = self.annotator_weight_
        crowd = loops.weight_per_item(votes.offsets, votes.annotator, weight)
        known = crowd + self.model_weight_
        guess = float(weight.mean()) if len(weight) else 1.0
        return np.asarray((confidence * known + guess / max(votes.n_classes, 1)) / (known + guess))


def fit_temperature(votes: Votes, model: FloatArray, gold: IntArray) -> float:
    """The temperature under which `model` (n_items, n_classes) predicts the labels given best; 1 for one class."""
    if votes.n_classes < 2:
        return 1.0

    def best(temperatures: FloatArray) -> int:
        entropy = loops.soft_cross_entropy(votes.offsets, votes.label, gold, model, temperatures, LEAST)
        near = np.flatnonzero(entropy <= entropy.min() + 1e-12)
        return int(near[np.argmin(np.abs(np.log(temperatures[near])))])

    middle = best(COARSE)
    parts = []
    if middle > 0:
        parts.append(np.linspace(COARSE[middle - 1], COARSE[middle], STEPS, endpoint=False))
    if middle < len(COARSE) - 1:
        parts.append(np.linspace(COARSE[middle], COARSE[middle + 1], STEPS + 1))
    fine = np.concatenate(parts)
    return float(fine[best(fine)])
