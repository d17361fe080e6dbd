"""One row an annotator: the figures, their intervals, and the flags that follow from them.

Here belong the judgements and their thresholds; the evidence stands in `evidence` and `behaviour`. No flag is
raised on fewer than `Limits.minimum` observations, and a flag is a reason to look, never a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from label_pipeline.annotators.behaviour import drift, pace, runs, sequence
from label_pipeline.annotators.evidence import Evidence, weigh
from label_pipeline.errors import UserError
from label_pipeline.estimates import normal_bounds, wilson_bounds
from label_pipeline.votes import AnyArray, FloatArray, IntArray, Votes

FLAGS = ("spammer", "too_fast", "repeating", "drifting", "confuses")
TIMED = (
    *("median_duration_s", "too_fast_share"),
    *("longest_run", "expected_run", "run_p_value", "run_agreement"),
    *("drift", "drift_p_value"),
)
"""The columns that need durations or the order of an annotator's work."""
_RUN = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """When a figure becomes a flag.

    `minimum`: observations before any judgement. `shrinkage`: pseudo-counts that pull each row of a confusion
    matrix to the pooled row. `spammer`: the share of the pool's informativeness that a spammer surely stays
    below. `too_fast_seconds` (None: a quarter of the typical median), and `too_fast`, the share of such
    annotations surely exceeded. `drift`: the smallest change in the share of right answers that counts.
    `confuses`: the share of one class surely given as one other, which must also be twice the pool's.
    `false_discoveries`: the expected share of wrong flags among drifting, and among repeating, annotators.
    """

    minimum: int = 20
    shrinkage: float = 2.0
    spammer: float = 0.25
    too_fast_seconds: float | None = None
    too_fast: float = 0.3
    drift: float = 0.1
    confuses: float = 0.2
    false_discoveries: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatorReport:
    """`table` has one row an annotator (see `annotator_report`); `confusion` (n_annotators, n_classes, n_classes).

    Rows of a confusion matrix are true classes and sum to one. It is None for so many annotators and classes
    that it would not fit; the columns that need it are then empty.
    """

    table: pd.DataFrame
    confusion: FloatArray | None


def annotator_report(
    votes: Votes,
    probabilities: FloatArray,
    *,
    quality: FloatArray | None = None,
    gold: IntArray | None = None,
    durations: FloatArray | None = None,
    times: AnyArray | None = None,
    limits: Limits | None = None,
) -> AnnotatorReport:
    """How each annotator works, from the votes and the consensus' class probabilities (n_items, n_classes).

    `quality` (n_annotators,) is the estimator's chance that an annotation is right; left out, the mean
    probability of the annotator's own labels. `gold` (n_items,) holds class codes, -1 where unknown.
    `durations` (n,) are seconds and `times` (n,) datetime64 or numbers, in the order of the votes, missing where
    unknown (see `align`). Raises UserError for arrays of another shape.

    Columns: annotator_id; n; quality, quality_low, quality_high (Wilson at n); compared (annotations with gold
    or another annotator), agreement_with_consensus with _low and _high (mean probability of being right given
    gold or the others alone); gold_n, gold_accuracy with _low and _high (Wilson); worst_class and
    worst_class_recall; confused_class, confused_with, confused_share; spammer_score (0 rows alike, 1 perfect);
    timed_n, median_duration_s, too_fast_share; longest_run, expected_run, run_p_value, run_agreement; drift,
    drift_p_value; flags (a list of some of `FLAGS`). NaN or None: not enough to tell.
    """
    limits = limits or Limits()
    gold = np.asarray(np.full(votes.n_items, -1) if gold is None else gold, dtype=np.int64)
    durations = np.asarray(np.full(votes.n, np.nan) if durations is None else durations, dtype=np.float64)
    times = np.full(votes.n, np.nan) if times is None else np.asarray(times)
    _require("probabilities", probabilities, (votes.n_items, votes.n_classes))
    _require("gold", gold, (votes.n_items,))
    _require("durations", durations, (votes.n,))
    _require("times", times, (votes.n,))
    own = probabilities[votes.item, votes.label]
    if quality is None:
        quality = np.nan_to_num(_mean_of(votes, own), nan=float(own.mean()) if votes.n else 0.5)
    _require("quality", quality, (votes.n_annotators,))
    evidence = weigh(votes, probabilities, quality, gold)
    order = sequence(votes, times)
    table = pd.concat(
        [
            _accuracy(votes.annotators, quality, count_answers(votes, gold, evidence.right)),
            _classes(votes.classes, votes.n_annotators, evidence, limits),
            pace(votes, durations, limits.too_fast_seconds, limits.minimum),
            runs(votes, evidence.right, order),
            drift(votes, evidence.right, order, minimum=limits.minimum),
        ],
        axis=1,
    )
    return _judged(table, evidence, limits)


def report_without_times(
    annotators: AnyArray,
    classes: tuple[str, ...],
    quality: FloatArray,
    answers: Answers,
    evidence: Evidence,
    limits: Limits | None = None,
) -> AnnotatorReport:
    """The report from sums over annotations alone (`Answers`, `Evidence` but for `right`), as if no time were known."""
    limits = limits or Limits()
    n = len(annotators)
    table = pd.concat(
        [
            _accuracy(annotators, quality, answers),
            _classes(classes, n, evidence, limits),
            pd.DataFrame({"timed_n": np.zeros(n, dtype=np.int64)}),
            pd.DataFrame(np.nan, index=range(n), columns=list(TIMED)),
        ],
        axis=1,
    )
    return _judged(table, evidence, limits)


def _judged(table: pd.DataFrame, evidence: Evidence, limits: Limits) -> AnnotatorReport:
    spammers = _spammers(table, evidence, limits)
    table["flags"] = _flags(table, spammers, limits)
    fits = len(evidence.consensus) == len(table)
    return AnnotatorReport(table, shrunk(evidence.consensus, limits.shrinkage) if fits else None)


def shrunk(counts: FloatArray, shrinkage: float) -> FloatArray:
    """Confusion matrices (n_annotators, K, K) from expected counts, each row pulled to the pool's row.

    (N_kl + s P_kl) / (N_k + s) with the pool's row P_k; the pool itself is pulled by one pseudo-count a row to
    its own overall accuracy, the errors spread evenly, so that a class nobody met has a row as well.
    """
    total = counts.sum(axis=0)
    n_classes = len(total)
    right = float((np.trace(total) + 1) / (total.sum() + n_classes)) if n_classes > 1 else 1.0
    prior = np.full((n_classes, n_classes), (1 - right) / max(n_classes - 1, 1))
    np.fill_diagonal(prior, right)
    pool = (total + prior) / (total.sum(axis=1, keepdims=True) + 1)
    matrices: FloatArray = (counts + shrinkage * pool) / (counts.sum(axis=2, keepdims=True) + shrinkage)
    return matrices


def spammer_score(counts: FloatArray, shrinkage: float) -> FloatArray:
    """How much the given label depends on the true one, (n_annotators,) in [0, 1]; NaN with fewer than two classes.

    The score of Raykar & Yu 2012 (Eliminating Spammers and Ranking Annotators, JMLR 13), the mean squared
    distance between the rows of the confusion matrix over that of a perfect annotator, with each pair of rows
    weighted by how often the annotator met the two classes: theirs where classes are equally common. Rows are
    pulled to the annotator's own label shares, which is what a spammer's rows are: little evidence scores low.
    """
    met = counts.sum(axis=2)
    n = met.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = met / n[:, None]
        own = counts.sum(axis=1) / n[:, None]
        rows = (counts + shrinkage * own[:, None, :]) / (met + shrinkage)[:, :, None]
        spread = (share * ((rows - own[:, None, :]) ** 2).sum(axis=2)).sum(axis=1)
        perfect = 1 - (share**2).sum(axis=1)
        return np.where(perfect > 1e-9, np.clip(spread / perfect, 0, 1), np.nan)


def discoveries(p_values: FloatArray, rate: float) -> AnyArray:
    """Which p-values to act on so that the expected share of false ones is at most `rate`; NaN never.

    Source: Benjamini & Hochberg 1995.
    """
    known = np.sort(p_values[~np.isnan(p_values)])
    passing = np.flatnonzero(known <= rate * np.arange(1, len(known) + 1) / max(len(known), 1))
    limit = known[passing[-1]] if len(passing) else -1.0
    return np.asarray(np.nan_to_num(p_values, nan=np.inf) <= limit)


class Answers(NamedTuple):
    """What an annotator's answers come to, each (n_annotators,); over shards of items it adds up.

    `n` annotations, of them `compared` with gold or others, with `agreeing` the sum of their chances of being right;
    `gold_n` on gold items, of them `gold_right`.
    """

    n: IntArray
    compared: FloatArray
    agreeing: FloatArray
    gold_n: FloatArray
    gold_right: FloatArray


def count_answers(votes: Votes, gold: IntArray, right: FloatArray) -> Answers:
    """The sums of `votes`; `gold` (n_items,) and `right` (n,) as in `evidence`."""
    known, truth = ~np.isnan(right), gold[votes.item]
    return Answers(
        votes.per_annotator,
        _count(votes, known),
        _count(votes, np.where(known, right, 0.0)),
        _count(votes, truth >= 0),
        _count(votes, truth == votes.label),
    )


def _accuracy(annotators: AnyArray, quality: FloatArray, answers: Answers) -> pd.DataFrame:
    n, compared, agreeing, gold_n, gold_right = answers
    low, high = wilson_bounds(quality * n, n)
    agree_low, agree_high = wilson_bounds(agreeing, compared)
    gold_low, gold_high = wilson_bounds(gold_right, gold_n)
    return pd.DataFrame(
        {
            "annotator_id": annotators,
            "n": n,
            "quality": np.asarray(quality, dtype=np.float64),
            "quality_low": low,
            "quality_high": high,
            "compared": compared.astype(np.int64),
            "agreement_with_consensus": _share(agreeing, compared),
            "agreement_low": agree_low,
            "agreement_high": agree_high,
            "gold_n": gold_n.astype(np.int64),
            "gold_accuracy": _share(gold_right, gold_n),
            "gold_low": gold_low,
            "gold_high": gold_high,
        }
    )


def _classes(classes: tuple[str, ...], size: int, evidence: Evidence, limits: Limits) -> pd.DataFrame:
    """The class least recognised, the worst confusion of one class with one other, and the spammer score."""
    n_classes, names = len(classes), np.array([*classes, None], dtype=object)
    none, nothing = np.full(size, n_classes), np.full(size, np.nan)
    worst, recall, true, given, share, score = none, nothing, none, none, nothing, nothing
    if len(evidence.consensus) and n_classes > 1:
        counts, each = evidence.consensus, np.arange(size)
        matrices, met = shrunk(counts, limits.shrinkage), counts.sum(axis=2)
        judged = _reached(met, limits.minimum / 4)
        recalls = np.where(judged, np.diagonal(matrices, axis1=1, axis2=2), np.inf)
        worst = np.where(judged.any(axis=1), recalls.argmin(axis=1), n_classes)
        recall = np.where(judged.any(axis=1), recalls.min(axis=1), np.nan)
        surely, _ = wilson_bounds(counts, np.broadcast_to(met[:, :, None], counts.shape))
        total = counts.sum(axis=0)
        usual = total / np.maximum(total.sum(axis=1, keepdims=True), 1)
        excess = np.where(_reached(met, limits.minimum / 2)[:, :, None] & (surely > 2 * usual), surely, -1.0)
        excess[:, np.arange(n_classes), np.arange(n_classes)] = -1.0
        pair = excess.reshape(size, -1).argmax(axis=1)
        row, column = np.divmod(pair, n_classes)
        found = excess[each, row, column] > limits.confuses
        true, given = np.where(found, row, n_classes), np.where(found, column, n_classes)
        share = np.where(found, counts[each, row, column] / np.maximum(met[each, row], 1e-9), np.nan)
        enough = _reached(evidence.others.sum(axis=(1, 2)), limits.minimum)
        score = np.where(enough, spammer_score(evidence.others, limits.shrinkage), np.nan)
    return pd.DataFrame(
        {
            "worst_class": names[worst],
            "worst_class_recall": recall,
            "confused_class": names[true],
            "confused_with": names[given],
            "confused_share": share,
            "spammer_score": score,
        }
    )


def _reached(amount: AnyArray, least: float) -> AnyArray:
    """Whether a sum of probabilities is `least` or more: those of twenty annotations may sum to 19.999999999999996."""
    return np.asarray(amount >= least - 1e-9)


def _spammers(table: pd.DataFrame, evidence: Evidence, limits: Limits) -> AnyArray:
    """Whose labels surely tell less than the given share of what the pool's labels tell.

    Informativeness is agreement beyond what the annotator's own label shares would reach by chance. An
    annotator who disagrees systematically is informative in another way: the spammer score must be low as well.
    """
    if len(evidence.others) == 0:
        return np.zeros(len(table), dtype=np.bool_)
    n = table["compared"].to_numpy(dtype=np.float64)
    right = table["agreement_with_consensus"].to_numpy()
    _, highest = normal_bounds(right - evidence.chance, evidence.chance_error)
    everyone = evidence.others.sum(axis=0, keepdims=True)
    usual = np.nansum((right - evidence.chance) * n) / max(np.nansum((1 - evidence.chance) * n), 1e-9)
    pool_score = spammer_score(everyone, limits.shrinkage)[0]
    return np.asarray(
        (n >= limits.minimum)
        & (highest < limits.spammer * usual * (1 - evidence.chance))
        & (table["spammer_score"].to_numpy() < limits.spammer * pool_score)
    )


def _flags(table: pd.DataFrame, spammers: AnyArray, limits: Limits) -> list[list[str]]:
    fast, _ = wilson_bounds((table["too_fast_share"] * table["timed_n"]).to_numpy(), table["timed_n"].to_numpy())
    repeated = np.where(table["n"] >= limits.minimum, table["run_p_value"], np.nan)
    drifted = table["drift_p_value"].to_numpy(dtype=np.float64)
    raised = {
        "spammer": spammers,
        "too_fast": (table["timed_n"] >= limits.minimum) & (fast > limits.too_fast),
        # A long run of right answers is a run in the items; only one with worse answers is a habit.
        "repeating": discoveries(repeated, limits.false_discoveries)
        & (table["longest_run"] >= _RUN)
        & (table["run_agreement"] < table["agreement_with_consensus"]),
        "drifting": discoveries(drifted, limits.false_discoveries) & (table["drift"].abs() >= limits.drift),
        "confuses": ~np.isnan(table["confused_share"]) & ~spammers,
    }
    masks = np.column_stack([np.asarray(raised[flag], dtype=np.bool_) for flag in FLAGS])
    return [[flag for flag, on in zip(FLAGS, row, strict=True) if on] for row in masks]


def _count(votes: Votes, each: AnyArray) -> AnyArray:
    return np.asarray(np.bincount(votes.annotator, weights=each, minlength=votes.n_annotators))


def _mean_of(votes: Votes, each: AnyArray) -> FloatArray:
    return _share(_count(votes, each), votes.per_annotator.astype(np.float64))


def _share(part: AnyArray, whole: AnyArray) -> FloatArray:
    share: FloatArray = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return share


def _require(name: str, array: Any, shape: tuple[int, ...]) -> None:
    if np.shape(array) != shape:
        raise UserError(f"{name} of shape {np.shape(array)}", rule=f"shape {shape}", do="Align it to the votes.")
