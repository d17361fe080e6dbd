"""A night's consensus on numbers: values with intervals, who measures well, and what is believed of each item.

Here belongs what `consensus.number` needs to speak of numbers as stored texts, and the figures of its annotators. When
an item is settled stands in `settle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.annotators.behaviour import drift, pace, runs, sequence
from label_pipeline.annotators.standing import LESS_WEIGHT
from label_pipeline.annotators.table import Limits, discoveries
from label_pipeline.consensus.less import less_words, mean_of_numbers
from label_pipeline.consensus.number import NumberConsensus
from label_pipeline.estimates import wilson_bounds
from label_pipeline.label_meaning import number_text, numbers
from label_pipeline.project_labels import Range
from label_pipeline.settle import Concluded, answers_of, known_checks
from label_pipeline.votes import Votes

FloatArray = npt.NDArray[np.float64]
STEPS = (-3.0, -1.0, 1.0, 3.0)
"""Where, in tolerances from the label, one belief about the true value ends and the next begins."""


@dataclass(frozen=True)
class SettledNumbers:
    """Numbers as of a day.

    `people` and `models` are answers (item_id, annotator_id, label, annotated_at), one an item and annotator: both are
    heard, but only people's are counted. `items` are all item ids, sorted; `gold` is the gold set in force. `declared`
    is the project's tolerance and `range` the numbers that are answers, where it states them. `lesser` are the answers
    of people that weigh less (item_id, annotator_id).
    """

    items: npt.NDArray[Any]
    people: pd.DataFrame
    models: pd.DataFrame
    gold: pd.DataFrame
    declared: float | None = None
    range: Range | None = None
    lesser: pd.DataFrame | None = None

    @cached_property
    def heard(self) -> Votes:
        """The answers of people and models."""
        return self._votes(pd.concat([frame for frame in (self.people, self.models) if len(frame)] or [self.people]))

    @cached_property
    def votes(self) -> Votes:
        """The answers of people, each different number as it was written a class."""
        return self._votes(self.people)

    @cached_property
    def fitted(self) -> NumberConsensus:
        """The model of who is how far off, told of check gold."""
        fitted = self._fit(self.heard)
        if self.lesser is None or self.lesser.empty:
            return fitted
        given = pd.DataFrame(
            {
                "item_id": self.heard.items[self.heard.item],
                "annotator_id": self.heard.annotators[self.heard.annotator],
            }
        )
        without = self._fit(self.heard.keep(~answers_of(given, self.lesser)))
        return mean_of_numbers(fitted, without, LESS_WEIGHT)

    def _fit(self, votes: Votes) -> NumberConsensus:
        return NumberConsensus().fit(votes, values_of(votes), gold=self.checks)

    @cached_property
    def tolerance(self) -> float:
        """How far off a number may be and still be right: as declared, else what two thirds of answers keep."""
        return self.declared if self.declared is not None else self.usual_error

    @cached_property
    def usual_error(self) -> float:
        """What two thirds of people's answers stay within; NaN where no two answers could be compared."""
        n = pd.Series(self.votes.per_annotator, index=self.votes.annotators).reindex(self.heard.annotators).fillna(0)
        return self.fitted.off_by(2.0 / 3.0, n.to_numpy(np.float64))

    @cached_property
    def checks(self) -> FloatArray:
        """The values of check gold, (n_items,); NaN elsewhere."""
        return numbers(known_checks(self.gold).reindex(self.items))

    def concluded(self) -> Concluded:
        """Values, and the chance that they are right within the tolerance."""
        told, answered = np.isfinite(self.checks), self.votes.per_item > 0
        settled = answered | told
        label = self._texts(np.where(settled, self._rounded(self.fitted.values_), np.nan))
        alone = pd.Series(values_of(self.votes)).groupby(self.votes.item).median()
        voted = np.where(told, alone.reindex(range(len(self.items))), self._rounded(self.fitted.values_))
        sure = self.fitted.within(self.tolerance)
        return Concluded(
            items=self.items,
            n_annotations=self.votes.per_item,
            label=label,
            voted=self._texts(np.where(answered, voted, np.nan)),
            confidence=np.where(settled, sure, np.nan),
            voted_confidence=np.where(answered & ~told, sure, np.nan),
            agreement=self._agreement,
            probabilities=None,
            certain=lambda text: None,
        )

    def words(self) -> str:
        """How it was done, for people."""
        off = self.usual_error
        if not np.isfinite(off):
            return "No two people answered one item: a number is a single answer, and nothing says how sure it is."
        right = f"A label is right within {self.tolerance:.4g}, " + (
            "as the project says" if self.declared is not None else "as far as two thirds of all answers are off"
        )
        less = "" if self.lesser is None or self.lesser.empty else " " + less_words(len(self.lesser), LESS_WEIGHT)
        return (
            "Each annotator has a bias and a spread, and now and then a slip: the surer ones weigh more. "
            f"Two thirds of all answers are off by at most {off:.4g}. {right}; confidence is the chance of that.{less}"
        )

    def said(self, label: str) -> str:
        """A label as people read it, with how far off an answer may be and still agree."""
        return f"{label} ± {self.tolerance:.4g}" if np.isfinite(self.tolerance) else label

    def intervals(self, consensus: pd.DataFrame) -> pd.DataFrame:
        """The table consensus_numbers of the items with a label: gold is certain."""
        low, high = self.fitted.bounds()
        value = numbers(consensus["label"])
        certain = consensus["status"].isin(["gold", "adjudicated"]).to_numpy()
        frame = pd.DataFrame(
            {
                "item_id": consensus["item_id"],
                "value": value,
                "ci_low": np.where(certain, value, self._clipped(low)),
                "ci_high": np.where(certain, value, self._clipped(high)),
                "weight": np.where(certain, 1.0, self._reliability()),
            }
        )
        return frame[consensus["label"].notna().to_numpy()]

    def beliefs(self, consensus: pd.DataFrame) -> FloatArray:
        """How likely the true value lies near the label, a step off, or farther: (n_items, 5), by `STEPS`.

        An item of which nothing is known may be anything.
        """
        ends = [self.fitted.values_ + step * self.tolerance for step in STEPS]
        inner = [self.fitted.parts_.below(end) for end in ends]
        below = np.stack([np.zeros(len(self.items)), *inner, np.ones(len(self.items))], axis=1)
        chance = np.diff(below, axis=1)
        known = np.isfinite(chance).all(axis=1) & consensus["label"].notna().to_numpy()
        return np.where(known[:, None], chance, 1.0 / (len(STEPS) + 1))

    def annotators(self, durations: FloatArray, times: npt.NDArray[Any]) -> pd.DataFrame:
        """The figures of annotator_quality of the people, without group and role.

        An answer is right when it is within the tolerance of gold or, without gold, of what all others say.
        `spammer_score` is the share of the variance of a person's answers that lies in the items. `durations` and
        `times` are in the order of `votes`, as `annotators.align` gives them.
        """
        votes, fit, limits = self.votes, self.fitted, Limits()
        who = pd.Index(self.heard.annotators).get_indexer(pd.Index(votes.annotators))
        values, gold = values_of(votes), self.checks
        right = self._right(votes, values, gold)
        n, known = votes.per_annotator, np.isfinite(right)
        with np.errstate(invalid="ignore"):
            quality = fit.answers_within(self.tolerance)[who]
            score = 1.0 / (1.0 + (fit.spread_[who] / fit.prior_spread_) ** 2)
        quality = np.where(np.isfinite(quality), quality, _mean(votes, right, known))
        quality = np.where(np.isfinite(quality), quality, 0.5)
        low, high = wilson_bounds(quality * n, n)
        truth = gold[votes.item]
        on_gold = np.isfinite(truth)
        hits = _sums(votes, on_gold & (np.abs(values - truth) <= self.tolerance * (1 + 1e-9)))
        gold_n = _sums(votes, on_gold)
        gold_low, gold_high = wilson_bounds(hits, gold_n)
        order = sequence(votes, times)
        table = pd.DataFrame(
            {
                "annotator_id": votes.annotators,
                "n": n,
                "quality": quality,
                "quality_low": low,
                "quality_high": high,
                "agreement_with_consensus": _mean(votes, right, known),
                "gold_n": gold_n.astype(np.int64),
                "gold_accuracy": np.divide(hits, gold_n, out=np.full(len(n), np.nan), where=gold_n > 0),
                "gold_low": gold_low,
                "gold_high": gold_high,
                "worst_class": None,
                "spammer_score": np.where(n >= limits.minimum, score, np.nan),
            }
        )
        table = pd.concat(
            [
                table,
                pace(votes, durations, limits.too_fast_seconds, limits.minimum),
                runs(votes, right, order),
                drift(votes, right, order, minimum=limits.minimum),
            ],
            axis=1,
        )
        return table.assign(flags=pd.Series(self._flags(table, who, limits), dtype=object))

    def _flags(self, table: pd.DataFrame, who: npt.NDArray[Any], limits: Limits) -> list[list[str]]:
        fit, enough = self.fitted, (table["n"] >= limits.minimum).to_numpy()
        timed = table["timed_n"].to_numpy()
        fast, _ = wilson_bounds((table["too_fast_share"] * timed).to_numpy(), timed)
        with np.errstate(invalid="ignore"):
            off = np.abs(fit.bias_[who]) - 1.96 * fit.bias_error_[who]
            # What items and people would share if all were like the pool.
            usual = 1.0 / (1.0 + (np.median(fit.spread_) / fit.prior_spread_) ** 2)
        raised = {
            "spammer": enough & (table["spammer_score"].to_numpy() < limits.spammer * usual),
            "too_fast": (timed >= limits.minimum) & (fast > limits.too_fast),
            "drifting": discoveries(table["drift_p_value"].to_numpy(np.float64), limits.false_discoveries)
            & (table["drift"].abs() >= limits.drift).to_numpy(),
            "too_high": enough & (off > self.tolerance) & (fit.bias_[who] > 0),
            "too_low": enough & (off > self.tolerance) & (fit.bias_[who] < 0),
        }
        return [[flag for flag, on in raised.items() if on[row]] for row in range(len(table))]

    def _right(self, votes: Votes, values: FloatArray, gold: FloatArray) -> FloatArray:
        """The chance that each answer is right by gold, or by the others alone, (n,); NaN with neither."""
        from scipy.special import ndtr

        heard = self.heard
        mean, variance = self.fitted.others(heard, values_of(heard), gold)
        at = pd.MultiIndex.from_arrays([heard.items[heard.item], heard.annotators[heard.annotator]]).get_indexer(
            pd.MultiIndex.from_arrays([votes.items[votes.item], votes.annotators[votes.annotator]])
        )
        off, spread = values - mean[at], np.sqrt(variance[at])
        near = np.abs(off) <= self.tolerance * (1 + 1e-9)
        with np.errstate(divide="ignore", invalid="ignore"):
            chance = ndtr((off + self.tolerance) / spread) - ndtr((off - self.tolerance) / spread)
        return np.asarray(np.where(spread == 0.0, near, chance), dtype=np.float64)

    def _reliability(self) -> FloatArray:
        """The share of the variance of values that is no error, (n_items,): what a value is worth to a learner."""
        tau2 = self.fitted.prior_spread_**2
        share = tau2 / (tau2 + self.fitted.variance_)
        return np.where(np.isfinite(share), share, 1.0)

    def _agreement(self, labels: pd.Series[Any]) -> FloatArray:
        if not np.isfinite(self.tolerance):
            return np.ones(len(labels))  # lone answers: each is its item's label
        votes = self.votes
        near = np.abs(values_of(votes) - numbers(labels)[votes.item]) <= self.tolerance * (1 + 1e-9)
        return np.asarray(
            np.bincount(votes.item, weights=near, minlength=votes.n_items) / np.maximum(votes.per_item, 1)
        )

    def _votes(self, answers: pd.DataFrame) -> Votes:
        return Votes.build(answers, items=self.items)

    def _clipped(self, values: FloatArray) -> FloatArray:
        ends = (self.range.at_least, self.range.at_most) if self.range else (None, None)
        return np.asarray(np.clip(values, *ends)) if any(end is not None for end in ends) else values

    def _rounded(self, values: FloatArray) -> FloatArray:
        """Values to a hundredth of their standard error: further digits say nothing, and cannot be read."""
        error = np.sqrt(self.fitted.variance_)
        told = np.isfinite(values) & np.isfinite(error) & (error > 0.0)
        step = 10.0 ** np.floor(np.log10(np.where(told, error, 1.0)) - 1.0)
        return np.where(told, np.round(values / step) * step, values)

    def _texts(self, values: FloatArray) -> npt.NDArray[Any]:
        clipped = self._clipped(values)
        texts = [number_text(value) if np.isfinite(value) else None for value in clipped.tolist()]
        return np.array(texts, dtype=object).reshape(len(self.items))


def values_of(votes: Votes) -> FloatArray:
    """The numbers behind votes whose classes are numbers as written, (n,)."""
    return np.asarray([float(text) for text in votes.classes], dtype=np.float64)[votes.label]


def _sums(votes: Votes, each: npt.NDArray[Any]) -> FloatArray:
    return np.asarray(np.bincount(votes.annotator, weights=each, minlength=votes.n_annotators), dtype=np.float64)


def _mean(votes: Votes, each: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
    total, n = _sums(votes, np.where(known, each, 0.0)), _sums(votes, known)
    return np.asarray(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0), dtype=np.float64)
