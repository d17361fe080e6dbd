"""Annotator statistics on shards: `annotators.table.annotator_report` in two passes, without what needs time.

Pace, repetition and drift follow each annotator through their work, which lies in all shards: their columns are empty
and their flags are not raised here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from label_pipeline.annotators.evidence import Tally, evidence_of, informed_labels, tally
from label_pipeline.annotators.table import AnnotatorReport, Answers, Limits, count_answers, report_without_times
from label_pipeline.shards.base import Shard, Shards
from label_pipeline.shards.fits import ShardFit
from label_pipeline.votes import FloatArray, IntArray


class Opinion(NamedTuple):
    """Sums of a fit's probabilities: of all items (n_classes,), of each annotator's own labels (n_annotators,).

    `n` (n_annotators,) are the annotations, `items` the items; `labels` as in `evidence.informed_labels`.
    """

    probabilities: FloatArray
    items: int
    own: FloatArray
    n: IntArray
    labels: IntArray


class Ask(NamedTuple):
    """What the second pass is told: the fit, the mean probabilities, qualities, and `evidence.informed_labels`."""

    fit: ShardFit
    prior: FloatArray
    quality: FloatArray
    labels: IntArray


def annotator_report(shards: Shards, fit: ShardFit, *, limits: Limits | None = None) -> AnnotatorReport:
    """How each annotator works, by the probabilities of `fit` and the gold labels of the shards.

    Quality is the mean probability of the annotator's own labels.
    """
    opinion = shards.map_reduce(_opinion, fit)
    n = opinion.n
    pooled = float(opinion.own.sum() / n.sum()) if n.sum() else 0.5
    quality = np.divide(opinion.own, n, out=np.full(len(n), pooled), where=n > 0)
    prior = opinion.probabilities / opinion.items if opinion.items else np.ones(shards.n_classes)
    counts, answers = shards.map_reduce(_evidence, Ask(fit, prior, quality, opinion.labels))
    evidence = evidence_of(opinion.labels, np.empty(0), counts)
    return report_without_times(shards.annotators, shards.classes, quality, answers, evidence, limits)


def _opinion(shard: Shard, fit: ShardFit) -> Opinion:
    votes, probabilities = shard.votes, fit.conclude(shard).probabilities
    own = np.bincount(votes.annotator, weights=probabilities[votes.item, votes.label], minlength=votes.n_annotators)
    labels = informed_labels(votes, shard.gold)
    sums = probabilities.sum(axis=0), votes.n_items, np.asarray(own, dtype=np.float64)
    return Opinion(*sums, votes.per_annotator, labels)


def _evidence(shard: Shard, ask: Ask) -> tuple[Tally, Answers]:
    probabilities = ask.fit.conclude(shard).probabilities
    right, counts = tally(shard.votes, probabilities, ask.prior, ask.quality, shard.gold, ask.labels)
    return counts, count_answers(shard.votes, shard.gold, right)
