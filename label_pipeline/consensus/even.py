"""The two error models under even class frequencies: no class is likelier than another before anybody votes.

Here belong the variants of `dawid_skene` that do not estimate how frequent the true classes are. Estimated
frequencies help where they are right; where a rare class is hard to see, or annotators share a leaning, the
estimate feeds on itself and swallows the rare class. Which of the two holds is for evidence to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from label_pipeline.consensus.base import check_gold, settle
from label_pipeline.consensus.dawid_skene import DawidSkene, OneCoin, Pairs, check_parameters, coin_hits
from label_pipeline.votes import FloatArray, IntArray, Votes


@dataclass
class EvenDawidSkene(DawidSkene):
    """`DawidSkene` with π_c = 1 / K throughout; all else, the one-coin model for very many cells included, as there."""

    def maximise(self, pairs: Pairs, counts: FloatArray, mass: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The M step, but for the class frequencies: those are equal. See `DawidSkene`."""
        table, pi = super().maximise(pairs, counts, mass)
        return table, np.full_like(pi, 1.0 / max(len(pi), 1))


@dataclass
class EvenOneCoin(OneCoin):
    """`OneCoin` with π_c = 1 / K throughout: a vote weighted by log(s_j (K − 1) / (1 − s_j)), iterated.

    Stops after `max_iter` steps, or when the mean posterior of the labels given moves by less than `tol`.
    `diagnostics_` has no log-likelihood.

    Source: Li & Yu 2014, "Error rate bounds and iterative weighted majority voting for crowdsourcing",
    https://arxiv.org/abs/1411.4086, with the posterior of a label in place of zero or one.
    """

    def fit(self, votes: Votes, *, probabilities: FloatArray | None = None, gold: IntArray | None = None) -> Self:
        """Fit to `votes`; a model's `probabilities` are not used. See `base.Estimator`."""
        check_parameters(self.prior, self.strength, self.max_iter, self.tol)
        known = check_gold(gold, votes)
        start = OneCoin(self.prior, self.strength, 1).fit(votes, gold=known)
        self.class_prior_ = np.full(votes.n_classes, 1.0 / max(votes.n_classes, 1))
        self.annotator_quality_ = start.annotator_quality_
        steps, before = 0, np.inf
        while steps < self.max_iter:
            steps += 1
            self.probabilities_ = self.posterior(votes)
            self.labels_ = settle(self.probabilities_, votes, known)
            own = self.probabilities_[votes.item, votes.label]
            self.annotator_quality_ = self.skills(coin_hits(votes, own), votes.per_annotator, votes.n_classes)
            mean = float(own.mean()) if votes.n else 0.0
            if abs(mean - before) < self.tol:
                break
            before = mean
        self.annotator_weight_ = log_odds(self.annotator_quality_, votes.n_classes)
        self.confusion_ = None
        self.diagnostics_ = {"iterations": float(steps)}
        return self


def log_odds(quality: FloatArray, n_classes: int) -> FloatArray:
    """log(s (K − 1) / (1 − s)) of each quality s, (n,): how much likelier a class is for being given; finite."""
    s = np.clip(quality, 1e-10, 1.0 - 1e-10)
    odds: FloatArray = np.log(s) - np.log1p(-s) + np.log(max(n_classes - 1, 1))
    return odds
