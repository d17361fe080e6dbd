"""Whether confidence means what it says, and how gold makes it so.

Here belong the calibration error and the log-linear blend of posteriors that is fitted on gold items. Where the
posteriors come from, and which gold items they have not seen, stands in `jury`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from label_pipeline.compiled import compiled
from label_pipeline.consensus.base import TIE
from label_pipeline.errors import UserError
from label_pipeline.votes import AnyArray, FloatArray, IntArray

BINS = 10

LEAST = 1e-3
"""Posteriors below this count as this in a blend: no source is trusted to rule a class out."""

MOST_OFFSETS = 100
"""Beyond this many classes a blend has no offset for each class: gold cannot tell them apart."""

STRENGTHS = (1.0, 10.0, 100.0)
"""How strongly a blend may be held to its start; evidence weighs them."""

NEGLIGIBLE = 1e-9
"""A fit with a smaller share is left out of a blend."""


def expected_calibration_error(confidence: FloatArray, right: FloatArray, *, bins: int = BINS) -> float:
    """The mean gap between confidence and accuracy, in [0, 1].

    Σ_b n_b / n · |mean of `right` in b − mean of `confidence` in b| over `bins` bins of equal width on [0, 1];
    1 falls into the last. `confidence` (n,) is that of the label chosen, `right` (n,) whether it was right, in
    [0, 1]. 0 where there are no items. Raises UserError for shapes or values that make no sense.

    Source: Naeini, Cooper & Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    """
    confidence, right = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if confidence.ndim != 1 or confidence.shape != right.shape or bins < 1:
        raise UserError(
            f"confidence has shape {confidence.shape}, right has {right.shape}, {bins} bins",
            rule="one confidence and one outcome for each item, at least one bin",
        )
    if len(confidence) == 0:
        return 0.0
    if not (np.isfinite(confidence).all() and np.isfinite(right).all()):
        raise UserError("confidence or outcome is missing", rule="finite numbers")
    where = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    gaps = np.bincount(where, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def outcomes(probabilities: FloatArray, truth: IntArray) -> tuple[FloatArray, FloatArray]:
    """Confidence and expected correctness of the top label, two arrays (n,).

    Of t classes tied at the top, the truth among them counts 1 / t: what a fair draw would get. `truth` (n,) are
    class codes for the rows of `probabilities` (n, n_classes).
    """
    if len(truth) == 0:
        return np.empty(0), np.empty(0)
    highest = probabilities.max(axis=1)
    top = probabilities >= highest[:, None] - TIE
    right = top[np.arange(len(truth)), truth] / top.sum(axis=1)
    return highest, np.asarray(right, dtype=np.float64)


def log_loss(probabilities: FloatArray, truth: IntArray) -> float:
    """Mean −log of the truth's probability, in nats, with probabilities held at `LEAST` or above."""
    if len(truth) == 0:
        return 0.0
    return float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], LEAST)).mean())


@dataclass(frozen=True)
class Blend:
    """A log-linear blend of posteriors, averaged over the strengths with which it was held to its start.

    p_k ∝ exp(Σ_m w_m log p_mk + b_k) for each of the fits; `weights` (n_fits, n_sources) are the w and `offsets`
    (n_fits, n_classes) the b. `shares` (n_fits,), which sum to one, are what each fit counts for. With one
    source w is an inverse temperature.
    """

    weights: FloatArray
    offsets: FloatArray
    shares: FloatArray

    @property
    def mean_weights(self) -> FloatArray:
        """The w averaged over fits, (n_sources,)."""
        return np.asarray(self.shares @ self.weights)

    def apply(self, sources: FloatArray) -> FloatArray:
        """Blend posteriors (n_sources, n_items, n_classes) into one, (n_items, n_classes); rows sum to one."""
        told = self.shares > NEGLIGIBLE
        shares = self.shares[told] / self.shares[told].sum()
        return cast(FloatArray, _blended(sources, self.weights[told], self.offsets[told], shares, LEAST))


def fit_blend(sources: FloatArray, truth: IntArray) -> Blend:
    """The blend of `sources` (n_sources, n_items, n_classes) for items of known `truth` (n_items,).

    The blend starts as the first source alone: w = (1, 0, 0, ...), b = 0. Departures from it have normal priors,
    of one strength for all w and of one for all b. For each pair of `STRENGTHS` the parameters are those of the
    highest posterior; the pairs are then weighed by their marginal likelihood in Laplace's approximation. So a
    handful of gold items changes little, a hundred correct a common leaning, and no strength has to be chosen.

    Source: MacKay 1992, "The evidence framework applied to classification networks", Neural Computation 4; for
    weighing posteriors in logs, Genest & Zidek 1986, "Combining probability distributions", Statistical Science 1.
    """
    n_sources, _, n_classes = sources.shape
    logs = np.log(np.maximum(sources, LEAST)).transpose(1, 0, 2)
    n_offsets = n_classes if n_classes <= MOST_OFFSETS else 0
    constants = np.broadcast_to(np.eye(n_classes)[:n_offsets], (len(truth), n_offsets, n_classes))
    design = np.concatenate([logs, constants], axis=1)
    start = np.zeros(n_sources + n_offsets)
    start[0] = 1.0
    fits, evidence = [], []
    for on_weights in STRENGTHS:
        for on_offsets in STRENGTHS:
            strength = np.repeat([on_weights, on_offsets], [n_sources, n_offsets])
            parameters, log_evidence = _most_probable(design, truth, start, strength)
            fits.append(parameters)
            evidence.append(log_evidence)
    shares = np.exp(np.array(evidence) - max(evidence))
    parameters = np.stack(fits)
    offsets = np.zeros((len(fits), n_classes))
    offsets[:, :n_offsets] = parameters[:, n_sources:]
    return Blend(parameters[:, :n_sources], offsets, shares / shares.sum())


def cross_fitted(sources: FloatArray, truth: IntArray, *, folds: int = 5) -> FloatArray:
    """What a blend says of items it was not fitted on, (n_items, n_classes): each fold by a fit to the others.

    Folds are dealt by position. With fewer items than folds there is nothing to hold out and the first source
    stands.
    """
    if len(truth) < folds:
        return np.array(sources[0])
    held_out = np.empty(sources.shape[1:])
    for rows in _dealt(len(truth), folds):
        held_out[rows] = fit_blend(sources[:, ~rows], truth[~rows]).apply(sources[:, rows])
    return held_out


def _dealt(n: int, folds: int) -> Iterator[np.ndarray]:
    fold = np.arange(n) % folds
    return (fold == f for f in range(folds))


def _most_probable(
    design: FloatArray, truth: IntArray, start: FloatArray, strength: FloatArray
) -> tuple[FloatArray, float]:
    """Newton's method to the posterior mode, and the log marginal likelihood by Laplace's approximation.

    `design` is (n_items, n_parameters, n_classes): logit_k = Σ_p parameter_p · design_pk.
    """
    rows = np.arange(len(truth))
    chosen = design[rows, :, truth]

    def height(parameters: FloatArray) -> tuple[FloatArray, float]:
        p = _softmax(np.einsum("p,npk->nk", parameters, design))
        penalty = 0.5 * float(strength @ (parameters - start) ** 2)
        return p, float(np.log(np.maximum(p[rows, truth], 1e-300)).sum()) - penalty

    parameters = start.copy()
    p, value = height(parameters)
    for _ in range(50):
        weighted = design * p[:, None, :]
        mean = weighted.sum(axis=2)
        gradient = (chosen - mean).sum(axis=0) - strength * (parameters - start)
        curvature = np.tensordot(weighted, design, axes=([0, 2], [0, 2])) - mean.T @ mean + np.diag(strength)
        step, gain = np.linalg.solve(curvature, gradient), 0.0
        # The objective is concave, so halving a step that overshoots always ends in a gain or at the top.
        for _ in range(30):
            p_new, value_new = height(parameters + step)
            gain = value_new - value
            if gain >= 0:
                parameters, p, value = parameters + step, p_new, value_new
                break
            step = step / 2
        if gain < 1e-9:
            break
    log_evidence = value + 0.5 * float(np.log(strength).sum()) - 0.5 * float(np.linalg.slogdet(curvature)[1])
    return parameters, log_evidence


def _softmax(logits: FloatArray) -> FloatArray:
    scores = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=-1, keepdims=True))


@compiled
def _blended(sources: AnyArray, weights: AnyArray, offsets: AnyArray, shares: AnyArray, least: float) -> AnyArray:
    n_sources, n_items, n_classes = sources.shape
    blended = np.zeros((n_items, n_classes))
    logs, scores = np.empty((n_sources, n_classes)), np.empty(n_classes)
    for i in range(n_items):
        for m in range(n_sources):
            for k in range(n_classes):
                logs[m, k] = np.log(max(sources[m, i, k], least))
        for f in range(len(shares)):
            highest = -np.inf
            for k in range(n_classes):
                scores[k] = offsets[f, k]
                for m in range(n_sources):
                    scores[k] += weights[f, m] * logs[m, k]
                highest = max(highest, scores[k])
            total = 0.0
            for k in range(n_classes):
                scores[k] = np.exp(scores[k] - highest)
                total += scores[k]
            for k in range(n_classes):
                blended[i, k] += shares[f] * scores[k] / total
    return blended
