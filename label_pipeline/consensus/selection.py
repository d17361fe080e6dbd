"""One fitted consensus from votes: by the method asked for, or by the one that the evidence speaks for.

Here belong the entry on arrays, the evidence in words and figures, and what is told of annotators whatever the
method. The jury stands in `jury`, the blend fitted on gold in `calibration`, frames in `api`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np

from label_pipeline.compiled import compiled
from label_pipeline.consensus.base import Estimator, check_gold, check_probabilities, settle
from label_pipeline.consensus.calibration import (
    BINS,
    cross_fitted,
    expected_calibration_error,
    fit_blend,
    log_loss,
    outcomes,
)
from label_pipeline.consensus.dawid_skene import CONFUSION_CELLS, pooled_accuracy
from label_pipeline.consensus.even import log_odds
from label_pipeline.consensus.jury import Verdict, deliberate
from label_pipeline.consensus.methods import candidates, make
from label_pipeline.consensus.ordinal import median_class, scale_of
from label_pipeline.errors import UserError
from label_pipeline.estimates import wilson
from label_pipeline.votes import AnyArray, FloatArray, IntArray, Votes

ENOUGH_GOLD = 20
"""With fewer gold items than this, `auto` goes by held-out annotators alone."""

MOST_GOLD = 5_000
"""A blend is fitted on at most this many gold items, spread evenly over all."""

SHRINK = 2.0
"""Pseudo-annotations by which an annotator's figures are drawn towards those of all annotators."""


@dataclass(frozen=True)
class FittedConsensus:
    """The consensus of `votes`.

    `labels_` int32 (n_items,): class codes, -1 where nothing is known. `probabilities_` (n_items, n_classes):
    rows sum to one. `confidence_` (n_items,): the probability of the item's label, 0 where it has none.
    `agreement_` (n_items,): the share of the item's annotations that give its label, 0 without annotations.
    `n_annotations_` int64 (n_items,). `annotator_quality_` (n_annotators,) in [0, 1]: the chance that an
    annotation is right. `annotator_weight_` (n_annotators,): what a vote counts for, in the unit of the method;
    under "auto" the log of how much likelier it makes a class. `method_` names what decided, `why_` says it in
    words, `evidence_` has one record a method compared, `diagnostics_` further figures.
    """

    votes: Votes
    labels_: IntArray
    probabilities_: FloatArray
    annotator_quality_: FloatArray
    annotator_weight_: FloatArray
    method_: str
    why_: str
    evidence_: list[dict[str, Any]] = field(default_factory=list)
    diagnostics_: dict[str, float] = field(default_factory=dict)
    own_confusion_: FloatArray | None = None

    @property
    def n_annotations_(self) -> IntArray:
        """Annotations on each item, (n_items,)."""
        return self.votes.per_item

    @cached_property
    def confidence_(self) -> FloatArray:
        """The probability of each item's label, (n_items,); 0 where there is no label."""
        labelled = self.labels_ >= 0
        chosen = np.where(labelled, self.labels_, 0)
        if self.votes.n_classes == 0:
            return np.zeros(self.votes.n_items)
        return np.where(labelled, self.probabilities_[np.arange(len(chosen)), chosen], 0.0)

    @cached_property
    def agreement_(self) -> FloatArray:
        """The share of each item's annotations that give its label, (n_items,)."""
        return cast(FloatArray, _agreement(self.votes.offsets, self.votes.label, self.labels_))

    @cached_property
    def confusion_(self) -> FloatArray | None:
        """Each annotator's confusion matrix (n_annotators, n_classes, n_classes), rows the true class.

        The method's own, else counted from the probabilities and shrunk by `SHRINK` towards that of all
        annotators. Rows sum to one. None where it would have more than `CONFUSION_CELLS` cells.
        """
        return self.own_confusion_ if self.own_confusion_ is not None else confusion(self.votes, self.probabilities_)


def fit_consensus(
    votes: Votes,
    *,
    method: str = "auto",
    probabilities: FloatArray | None = None,
    gold: IntArray | None = None,
    ordered: bool = False,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
) -> FittedConsensus:
    """The consensus of `votes` by one of `methods.METHODS`, or by "auto".

    `probabilities` (n_items, n_classes) are a model's, `gold` (n_items,) holds class codes or -1, both in the
    order of `votes.items`. Gold items have their gold label and teach every method. `ordered` says that classes
    stand in rising order: labels are then posterior medians. `parameters` go to the method named; "auto" takes
    none. The same input and `seed` give the same answer.

    "auto" lets left-out annotators judge all methods (see `jury.deliberate`) and averages the winners' posteriors
    over the draws. From `ENOUGH_GOLD` gold items on, a log-linear blend of that average with every method's
    posteriors is fitted on gold items that those posteriors had not seen (see `calibration.fit_blend`): gold
    then corrects class frequencies, over-confidence and the choice of method, as far as it has evidence to.
    Without gold no temperature is fitted: held-out annotations cannot tell a confident consensus from one that
    its annotators merely share.

    Raises UserError for unknown names and for arrays of another shape or without meaning.
    """
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise UserError(f"seed is {seed!r}", where="consensus", rule="a whole number, not negative")
    known = check_gold(gold, votes)
    if method != "auto":
        return _by_name(votes, method, probabilities, known, parameters or {})
    if parameters:
        raise UserError("auto takes no parameters", where="consensus", do="Name a method, or leave them out.")
    if probabilities is not None:
        probabilities = check_probabilities(probabilities, votes)
    if votes.n_classes < 2 or np.count_nonzero(votes.per_annotator) < 2:
        return _undisputed(votes, known)
    return _by_evidence(votes, probabilities, known, ordered, int(seed))


def _by_name(
    votes: Votes, method: str, probabilities: FloatArray | None, known: IntArray, parameters: Mapping[str, Any]
) -> FittedConsensus:
    estimator = make(method, parameters).fit(votes, probabilities=probabilities, gold=known)
    diagnostics = dict(estimator.diagnostics_)
    gold = np.flatnonzero((known >= 0) & (votes.per_item > 0))
    if len(gold):
        blind = make(method, parameters).fit(votes, probabilities=probabilities)
        diagnostics |= _on_gold(blind.probabilities_[gold], known[gold])
    return FittedConsensus(
        votes,
        estimator.labels_,
        estimator.probabilities_,
        estimator.annotator_quality_,
        estimator.annotator_weight_,
        method,
        f"{method}, as asked for.",
        [],
        diagnostics,
        estimator.confusion_,
    )


def _undisputed(votes: Votes, known: IntArray) -> FittedConsensus:
    """Where there is nobody to judge, or nothing to decide, each annotator is taken at their word."""
    estimator: Estimator = make("majority", {}).fit(votes, gold=known)
    why = "a single class" if votes.n_classes < 2 else "fewer than two annotators"
    why = f"majority: with {why} there is no evidence to compare methods on; confidence is that of the votes."
    return described(votes, estimator.probabilities_, estimator.labels_, "majority", why, [], {})


def _by_evidence(
    votes: Votes, probabilities: FloatArray | None, known: IntArray, ordered: bool, seed: int
) -> FittedConsensus:
    scale = scale_of(votes.classes, None) if ordered else None
    jury = candidates(with_model=probabilities is not None, ordered=ordered)
    verdict = deliberate(votes, jury, probabilities=probabilities, gold=known, scale=scale, seed=seed)
    evidence = _evidence(verdict)
    posterior, why, diagnostics = verdict.probabilities, _in_words(verdict), {"draws": float(len(verdict.winner))}
    gold = np.flatnonzero((known >= 0) & (votes.per_item > 0))
    if len(gold) >= ENOUGH_GOLD:
        sources = posterior[None]
        if verdict.by_method is not None:
            sources = np.concatenate([sources, verdict.by_method])
        gold = gold[:: -(-len(gold) // MOST_GOLD)]
        unseen, truth = sources[:, gold], known[gold]
        blend = fit_blend(unseen, truth)
        diagnostics |= _on_gold(cross_fitted(unseen, truth), truth)
        diagnostics["blend_start"] = float(blend.mean_weights[0])
        for record, weight, own in zip(evidence, blend.mean_weights[1:], unseen[1:], strict=False):
            record |= {"blend_weight": float(weight)} | _on_gold(own, truth)
        posterior = blend.apply(sources)
        why += _gold_in_words(diagnostics, len(gold))
    elif len(gold):
        why += f" {len(gold)} gold items are too few to judge by (from {ENOUGH_GOLD} on)."
    labels = settle(posterior, votes, known)
    if ordered:
        free = (labels >= 0) & (known < 0)
        labels[free] = median_class(posterior[free])
    wins = {name: share for name, share in zip(verdict.methods, verdict.wins, strict=True) if share > 0}
    method = "+".join(sorted(wins, key=lambda name: -wins[name])) or "majority"
    return described(votes, posterior, labels, method, why, evidence, diagnostics)


def described(
    votes: Votes,
    probabilities: FloatArray,
    labels: IntArray,
    method: str,
    why: str,
    evidence: list[dict[str, Any]],
    diagnostics: dict[str, float],
) -> FittedConsensus:
    """A consensus whose annotators' figures are read off its `probabilities` (n_items, n_classes)."""
    right = np.bincount(votes.annotator, weights=probabilities[votes.item, votes.label], minlength=votes.n_annotators)
    pooled = pooled_accuracy(float(right.sum()), float(votes.n), votes.n_classes)
    quality = np.clip((right + SHRINK * pooled) / (votes.per_annotator + SHRINK), 0.0, 1.0)
    weight = log_odds(quality, votes.n_classes)
    return FittedConsensus(votes, labels, probabilities, quality, weight, method, why, evidence, diagnostics)


def confusion(votes: Votes, probabilities: FloatArray) -> FloatArray | None:
    """Confusion matrices (n_annotators, n_classes, n_classes) given each item's class probabilities.

    Row c of annotator j is proportional to the expected number of each label j gave where c was true, plus
    `SHRINK` times the row of all annotators, which has one pseudo-annotation on the right class. None where that
    is more than `CONFUSION_CELLS` cells.
    """
    n_classes = votes.n_classes
    if votes.n_annotators * n_classes**2 > CONFUSION_CELLS:
        return None
    pair = votes.annotator.astype(np.int64) * n_classes + votes.label
    counts = np.empty((votes.n_annotators, n_classes, n_classes))
    for c in range(n_classes):
        weights = probabilities[votes.item, c]
        tally = np.bincount(pair, weights=weights, minlength=votes.n_annotators * n_classes)
        counts[:, c] = tally.reshape(votes.n_annotators, n_classes)
    pooled = counts.sum(axis=0) + np.eye(n_classes)
    pooled /= pooled.sum(axis=1, keepdims=True)
    counts += SHRINK * pooled
    counts /= counts.sum(axis=2, keepdims=True)
    return counts


def _evidence(verdict: Verdict) -> list[dict[str, Any]]:
    """One record a method: the share of draws it won, its mean agreement with the left out, and its spread."""
    mean = verdict.scores.mean(axis=0) if len(verdict.scores) else np.zeros(len(verdict.methods))
    spread = verdict.scores.std(axis=0) if len(verdict.scores) else np.zeros(len(verdict.methods))
    return [
        {"method": name, "wins": float(wins), "agreement": float(m), "agreement_sd": float(s)}
        for name, wins, m, s in zip(verdict.methods, verdict.wins, mean, spread, strict=True)
    ]


def _on_gold(probabilities: FloatArray, truth: IntArray) -> dict[str, float]:
    confidence, right = outcomes(probabilities, truth)
    return {
        "gold_n": float(len(truth)),
        "gold_accuracy": float(right.mean()),
        "gold_log_loss": log_loss(probabilities, truth),
        "gold_calibration_error": expected_calibration_error(confidence, right, bins=BINS),
    }


def _in_words(verdict: Verdict) -> str:
    if not verdict.scores.any():
        return (
            "Nothing tells the methods apart: annotators share no items, or gave labels of one class only. Nothing is "
            "known of their accuracy either, and confidence takes them at their word."
        )
    order = np.argsort(-verdict.wins, kind="stable")
    mean = verdict.scores.mean(axis=0)
    won = [
        f"{verdict.methods[m]} won {verdict.wins[m]:.0%} of draws (agreement {mean[m]:.3f})"
        for m in order
        if verdict.wins[m] > 0
    ]
    lost = [f"{verdict.methods[m]} {mean[m]:.3f}" for m in order if verdict.wins[m] == 0]
    return (
        f"In {len(verdict.winner)} draws of annotators, judged by agreement beyond chance with those left out: "
        + ", ".join(won)
        + ("; never won: " + ", ".join(lost) if lost else "")
        + ". The winners' posteriors are averaged."
    )


def _gold_in_words(figures: Mapping[str, float], n: int) -> str:
    right = wilson(figures["gold_accuracy"] * n, n)
    return (
        f" A blend is fitted on {n} gold items, each judged by a part of its annotations: no more than other items "
        f"have, and not those of the third left out. So judged it is right on {figures['gold_accuracy']:.1%} "
        f"({right.ci_low:.1%} to {right.ci_high:.1%}) of gold it was not fitted on, with a calibration error of "
        f"{figures['gold_calibration_error']:.3f}; all annotations tell more."
    )


@compiled
def _agreement(offsets: AnyArray, label: AnyArray, labels: AnyArray) -> AnyArray:
    agreement = np.zeros(len(labels))
    for i in range(len(labels)):
        same = 0
        for a in range(offsets[i], offsets[i + 1]):
            same += label[a] == labels[i]
        agreement[i] = same / max(offsets[i + 1] - offsets[i], 1)
    return agreement
