"""Dawid–Skene on shards: the E step and the sums of the M step a shard at a time, a pass an iteration.

Here belong both models of `consensus.dawid_skene`, and the even variant of the first. Nothing is kept of an item
between passes: its posterior follows from its annotations and the parameters of the pass.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from label_pipeline.consensus import dawid_skene_loops as loops
from label_pipeline.consensus.base import settle, vote_shares
from label_pipeline.consensus.dawid_skene import (
    FLOOR,
    DawidSkene,
    ErrorModel,
    OneCoin,
    Pairs,
    check_parameters,
    class_frequencies,
    coin_hits,
    coin_logs,
    coin_rows,
    coin_step,
)
from label_pipeline.errors import UserError
from label_pipeline.shards.base import Shard, Shards
from label_pipeline.shards.fits import Concluded, Totals, totals
from label_pipeline.votes import FloatArray, IntArray, require_dense


class Parameters(NamedTuple):
    """What a pass of `DawidSkene` needs: the pairs that occur, P(label | class) of each, class frequencies."""

    pairs: Pairs
    table: FloatArray
    pi: FloatArray


class CoinParameters(NamedTuple):
    """What a pass of `OneCoin` needs: class frequencies (n_classes,) and accuracies (n_annotators,)."""

    pi: FloatArray
    skill: FloatArray


class Expected(NamedTuple):
    """The sums of an M step: annotations (n_pairs, n_classes) and items (n_classes,) of each class; log-likelihood."""

    counts: FloatArray
    mass: FloatArray
    likelihood: float


class CoinExpected(NamedTuple):
    """The sums of an M step of `OneCoin`.

    `hits` (n_annotators,) are expected right annotations, `mass` (n_classes,) posteriors of given classes, `beyond`
    (n_classes,) what is left for a class where it was not given, before its frequency.
    """

    hits: FloatArray
    mass: FloatArray
    beyond: FloatArray
    likelihood: float


@dataclass(eq=False)
class DawidSkeneFit:
    """A `fits.ShardFit`; `class_prior_` (n_classes,) beside, as in `consensus.dawid_skene.ErrorModel`.

    `last` are the parameters of the last E step, `frequency` (n_classes,) the annotations of each class.
    """

    annotator_quality_: FloatArray
    annotator_weight_: FloatArray
    confusion_: FloatArray | None
    diagnostics_: dict[str, float]
    class_prior_: FloatArray
    last: Parameters | CoinParameters
    frequency: IntArray

    def conclude(self, shard: Shard) -> Concluded:
        """See `fits.ShardFit`."""
        votes = shard.votes
        if isinstance(self.last, Parameters):
            posterior = np.empty((votes.n_items, votes.n_classes))
            _expect(shard, self.last, posterior)
            posterior[votes.per_item == 0] = self.class_prior_
        else:
            own, outside, *_ = coin_step(votes, shard.gold, *self.last)
            posterior = coin_rows(votes, self.last.pi, own, outside)
        return Concluded(settle(posterior, votes, shard.gold, self.frequency), posterior)


def fit_dawid_skene(shards: Shards, model: DawidSkene | None = None) -> DawidSkeneFit:
    """`model` (`DawidSkene` or `EvenDawidSkene` with its parameters) fitted to all shards.

    Its rule for confusions that would not fit holds here too. Raises UserError as the model does.
    """
    model = copy(model) if model else DawidSkene()
    check_parameters(model.prior, model.strength, model.max_iter, model.tol)
    total = totals(shards)
    pairs = Pairs.numbered(total.census.given.key, np.empty(0, dtype=np.int32), shards.n_annotators, shards.n_classes)
    if pairs.too_many(shards.n_classes):
        fit = _fit_one_coin(shards, OneCoin(model.prior, model.strength, model.max_iter, model.tol), total)
        fit.diagnostics_["one_coin"] = 1.0
        return fit
    counts, mass, _ = shards.map_reduce(_start, (pairs, total.per_class))
    before, steps = -np.inf, 0
    table, pi = model.maximise(pairs, counts, mass)
    while steps < model.max_iter:
        steps += 1
        last = Parameters(pairs, table, pi)
        counts, mass, likelihood = shards.map_reduce(_step, last)
        table, pi = model.maximise(pairs, counts, mass)
        if abs(likelihood - before) < model.tol * total.n:
            break
        before = likelihood
    prior = pi / max(pi.sum(), FLOOR)
    model.describe(pairs, counts, table, prior)
    found = {"iterations": float(steps), "log_likelihood": float(likelihood), "one_coin": 0.0}
    return _described(model, found, prior, last, total)


def fit_one_coin(shards: Shards, model: OneCoin | None = None) -> DawidSkeneFit:
    """`model` (`OneCoin` with its parameters) fitted to all shards.

    Raises UserError as the model does, and for `EvenOneCoin`, whose steps are others.
    """
    model = copy(model) if model else OneCoin()
    if type(model) is not OneCoin:
        raise UserError("one_coin_even does not run on shards", do="Use one_coin, or dawid_skene_even.")
    check_parameters(model.prior, model.strength, model.max_iter, model.tol)
    return _fit_one_coin(shards, model, totals(shards))


def _fit_one_coin(shards: Shards, model: OneCoin, total: Totals) -> DawidSkeneFit:
    n_classes = shards.n_classes
    hits, mass = shards.map_reduce(_coin_start, None)
    before, steps = -np.inf, 0
    pi, skill = class_frequencies(mass, model.prior), model.skills(hits, total.per_annotator, n_classes)
    while steps < model.max_iter:
        steps += 1
        last = CoinParameters(pi / max(pi.sum(), FLOOR), skill)
        hits, mass, beyond, likelihood = shards.map_reduce(_coin_step, last)
        pi = class_frequencies(mass + last.pi * beyond, model.prior)
        skill = model.skills(hits, total.per_annotator, n_classes)
        if abs(likelihood - before) < model.tol * total.n:
            break
        before = likelihood
    model.annotator_quality_, model.annotator_weight_ = skill, coin_logs(skill, n_classes)[1]
    model.confusion_ = None
    found = {"iterations": float(steps), "log_likelihood": float(likelihood)}
    return _described(model, found, pi / max(pi.sum(), FLOOR), last, total)


def _described(
    model: ErrorModel,
    diagnostics: dict[str, float],
    prior: FloatArray,
    last: Parameters | CoinParameters,
    total: Totals,
) -> DawidSkeneFit:
    return DawidSkeneFit(
        model.annotator_quality_,
        model.annotator_weight_,
        model.confusion_,
        diagnostics,
        prior,
        last,
        total.per_class,
    )


def _start(shard: Shard, start: tuple[Pairs, IntArray]) -> Expected:
    pairs, frequency = start
    votes = shard.votes
    posterior = vote_shares(votes, frequency)
    settle(posterior, votes, shard.gold, frequency)
    counts, mass = np.zeros((pairs.n, votes.n_classes)), np.zeros(votes.n_classes)
    loops.sum_counts(votes.offsets, pairs.rows(votes), posterior, counts, mass, loops.SPLIT)
    return Expected(counts, mass, 0.0)


def _step(shard: Shard, parameters: Parameters) -> Expected:
    return _expect(shard, parameters, np.empty((shard.votes.n_items, shard.votes.n_classes)))


def _expect(shard: Shard, parameters: Parameters, posterior: FloatArray) -> Expected:
    """One E step; writes the `posterior` of the items that have annotations."""
    votes, (pairs, table, pi) = shard.votes, parameters
    require_dense(votes.n_items, votes.n_classes)
    counts, mass = np.zeros_like(table), np.zeros(votes.n_classes)
    likelihood = loops.em_pass(
        votes.offsets, pairs.rows(votes), shard.gold, pi, table, posterior, counts, mass, loops.SPLIT, loops.SHORT
    )
    return Expected(counts, mass, likelihood)


def _coin_start(shard: Shard, _: None) -> tuple[FloatArray, FloatArray]:
    own, mass = np.empty(shard.votes.n), np.zeros(shard.votes.n_classes)
    loops.coin_start(shard.votes.offsets, shard.votes.label, shard.gold, own, mass)
    return coin_hits(shard.votes, own), mass


def _coin_step(shard: Shard, parameters: CoinParameters) -> CoinExpected:
    own, outside, mass, unseen, likelihood = coin_step(shard.votes, shard.gold, *parameters)
    return CoinExpected(coin_hits(shard.votes, own), mass, outside[shard.votes.per_item > 0].sum() - unseen, likelihood)
