"""Consensus on ratings: classes with an order, where near misses are likelier than far ones.

Here belongs what the order adds to Dawid–Skene. Labels without an order stand in `dawid_skene`; agreement on
ratings (ordinal and interval alpha) stands in `label_pipeline.agreement`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from label_pipeline.consensus import dawid_skene_loops as loops
from label_pipeline.consensus.base import TIE, check_gold, check_number
from label_pipeline.consensus.dawid_skene import DawidSkene, Law, Pairs
from label_pipeline.errors import UserError, nearest
from label_pipeline.votes import FloatArray, IntArray, Votes


@dataclass
class Ordinal(DawidSkene):
    """Dawid–Skene whose annotators are shrunk to a bias and a spread on the rating scale, each their own.

    Class c stands at value v_c. Of annotator j, who rates b_j too high with spread s_j, we expect

        g_j[c, o] = (1 − slip) · exp(−(v_o − v_c − b_j)² / 2 s_j²) / Z_jc + slip / K,

    a rating near the truth, save for one slip in a hundred that may land anywhere; Z_jc makes the row sum to
    one. In the M step b_j and s_j² are the mean and the variance of label minus truth over j's annotations,
    weighed by the posterior of the truth and shrunk by `strength` annotations towards no bias and the spread
    of all annotators. Each row of j's confusion matrix is then shrunk to g_j by `strength` pseudo-counts, in
    place of the matrix of all annotators: a lenient rater with ten ratings is corrected by two numbers, and
    one with ten thousand by what their ratings show. All else is as in `DawidSkene` under prior="pooled".

    `values` are the classes' places on the scale, increasing; None takes the class names where they are
    increasing numbers, and 0, 1, 2, ... otherwise. `decide` says what `labels_` are: the "median" of the
    posterior (least expected distance in steps) or its "mode".

    Beyond `Fitted`: `expected_` (n_items,) the posterior mean rating and `deviation_` (n_items,) its standard
    deviation, `bias_` and `spread_` (n_annotators,), all in the unit of `values`.

    A rater with a bias and a spread is the model of Uebersax & Grove 1993, "A latent trait finite mixture
    model for the analysis of rating agreement", Biometrics 49; here it is discretised and serves as a prior.
    """

    values: Sequence[float] | None = None
    decide: Literal["median", "mode"] = "median"
    slip: float = 0.01

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes` whose classes are declared in rising order. See `base.Estimator`."""
        if self.decide not in ("median", "mode"):
            raise UserError(f"decide is '{self.decide}'", do=nearest(str(self.decide), ("median", "mode")))
        if self.prior != "pooled":
            raise UserError("ordinal consensus has no maximum likelihood", do="Leave prior at 'pooled'.")
        check_number("slip", self.slip, least=0.0, above=True)
        self._scale = scale_of(votes.classes, self.values)
        self.bias_, self.spread_ = np.zeros(votes.n_annotators), np.ones(votes.n_annotators)
        super().fit(votes, gold=gold)
        known = check_gold(gold, votes)
        if self.decide == "median":
            labelled = (votes.per_item > 0) & (known < 0)
            self.labels_[labelled] = median_class(self.probabilities_)[labelled]
        self.expected_ = self.probabilities_ @ self._scale
        variance = self.probabilities_ @ self._scale**2 - self.expected_**2
        self.deviation_ = np.sqrt(np.maximum(variance, 0.0))
        return self

    def _typical(self, pairs: Pairs, counts: FloatArray) -> Law:
        """The bias-and-spread law of each annotator, from the expected counts of the last E step."""
        scale, n_classes = self._scale, counts.shape[1]
        error = scale[pairs.label][:, None] - scale
        n = self._total(pairs, counts)
        self.bias_ = self._total(pairs, counts * error) / (n + self.strength)
        squared = self._total(pairs, counts * (error - self.bias_[pairs.annotator, None]) ** 2)
        # A spread under a quarter of a step would call a neighbouring rating impossible.
        least = (0.25 * np.diff(scale).min()) ** 2 if n_classes > 1 else 1.0
        overall = max(float(squared.sum() / n.sum()), least) if n.sum() else 1.0
        variance = np.maximum((squared + self.strength * overall) / (n + self.strength), least)
        self.spread_ = np.sqrt(variance)
        centre = scale + self.bias_[:, None]
        # Subtracting the nearest class's distance keeps a row from vanishing where the bias leaves the scale.
        nearest_class = np.full_like(centre, np.inf)
        for value in scale:
            np.minimum(nearest_class, (value - centre) ** 2, out=nearest_class)
        half = 0.5 / variance
        total = np.zeros_like(centre)
        for value in scale:
            total += np.exp(-((value - centre) ** 2 - nearest_class) * half[:, None])

        def law(annotator: IntArray, label: IntArray, truth: IntArray) -> FloatArray:
            distance = (scale[label] - centre[annotator, truth]) ** 2 - nearest_class[annotator, truth]
            near = np.exp(-distance * half[annotator]) / total[annotator, truth]
            chance: FloatArray = (1.0 - self.slip) * near + self.slip / max(n_classes, 1)
            return chance

        return law

    @staticmethod
    def _total(pairs: Pairs, values: FloatArray) -> FloatArray:
        sums = np.zeros((pairs.n_annotators, 1))
        loops.add_rows(sums, pairs.annotator, values.sum(axis=1, keepdims=True))
        return sums[:, 0]


def scale_of(classes: Sequence[str], values: Sequence[float] | None) -> FloatArray:
    """The value of each class, (n_classes,). Raises UserError unless they are finite and strictly increase."""
    if values is not None:
        scale = np.asarray(values, dtype=np.float64)
        if scale.shape != (len(classes),) or not np.isfinite(scale).all() or (np.diff(scale) <= 0).any():
            raise UserError(f"values are {list(values)}", rule=f"{len(classes)} increasing numbers, one for each class")
        return scale
    try:
        named = np.array([float(name) for name in classes])
    except ValueError:
        named = np.empty(0)
    if len(named) == len(classes) and np.isfinite(named).all() and (np.diff(named) > 0).all():
        return named
    return np.arange(len(classes), dtype=np.float64)


def median_class(probabilities: FloatArray) -> IntArray:
    """The first class by which half of the probability is reached, int32 (n,), for (n, n_classes)."""
    below = np.cumsum(probabilities, axis=1) < 0.5 - TIE
    return np.asarray(below.sum(axis=1), dtype=np.int32)
