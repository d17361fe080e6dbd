"""Pace, repetition and drift of each annotator, from durations and the order of their work.

Here belong figures that need times; each is NaN for an annotator without enough of them. What counts as too much
is decided in `table`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from label_pipeline.votes import AnyArray, FloatArray, IntArray, Votes

_EULER = 0.5772156649015329


def pace(votes: Votes, durations: FloatArray, too_fast: float | None, minimum: int) -> pd.DataFrame:
    """Median duration and the share of annotations faster than `too_fast` seconds, per annotator.

    Columns: timed_n, median_duration_s, too_fast_share. `durations` (n,) are seconds, NaN where unknown. Left
    out, `too_fast` is a quarter of the typical pace: the median over annotators with `minimum` durations of
    their medians, so that neither one prolific annotator nor the crowd of one-timers sets it.
    """
    grouped = pd.Series(durations).groupby(votes.annotator)
    everyone = range(votes.n_annotators)
    timed = grouped.count().reindex(everyone, fill_value=0).to_numpy(np.int64)
    median = grouped.median().reindex(everyone).to_numpy(np.float64)
    enough = timed >= minimum
    if too_fast is None:
        too_fast = float(np.median(median[enough])) / 4 if enough.any() else 0.0
    with np.errstate(invalid="ignore"):
        fast = np.bincount(votes.annotator, weights=durations < too_fast, minlength=votes.n_annotators)
    share = np.divide(fast, timed, out=np.full(len(timed), np.nan), where=timed > 0)
    return pd.DataFrame({"timed_n": timed, "median_duration_s": median, "too_fast_share": share})


def sequence(votes: Votes, times: AnyArray) -> IntArray:
    """The annotations that have a time, by annotator and then in the order they were made.

    Equal times keep item order. `times` (n,) is datetime64 or a number, NaT or NaN where unknown.
    """
    moment = times.astype(np.float64)
    if times.dtype.kind == "M":
        moment[np.isnat(times)] = np.nan
    known = np.flatnonzero(~np.isnan(moment))
    ranked: IntArray = known[np.lexsort((moment[known], votes.annotator[known]))]
    return ranked


def runs(votes: Votes, right: FloatArray, order: IntArray) -> pd.DataFrame:
    """The longest run of one answer, what chance would give, and how right the annotator was within it.

    Columns: longest_run, expected_run, run_p_value, run_agreement. Chance is independent draws from the
    annotator's own labels, shares p_l of n: a run of r or longer starts λ = Σ_l p_l^r (1 + (n − r)(1 − p_l))
    times in expectation, so P ≈ 1 − exp(−λ) (Poisson approximation, Arratia, Goldstein & Gordon 1990). The
    expected length is that of the commonest label, (ln n(1 − p) + γ) / ln(1/p) − 1/2 (Schilling 1990).
    """
    who, what = votes.annotator[order], votes.label[order]
    start = np.flatnonzero(np.append(True, (np.diff(who) != 0) | (np.diff(what) != 0))[: len(order)])
    length = np.diff(np.append(start, len(order)))
    owner = who[start]
    # The last of equal keys wins below, so the earliest of an annotator's longest runs is put last.
    ranked = np.lexsort((-start, length, owner))
    longest = ranked[np.append(np.diff(owner[ranked]) != 0, True)[: len(ranked)]]
    found = owner[longest]
    n = np.bincount(who, minlength=votes.n_annotators)
    run = np.full(votes.n_annotators, np.nan)
    run[found] = length[longest]
    cell, count = np.unique(who.astype(np.int64) * votes.n_classes + what, return_counts=True)
    person = cell // max(votes.n_classes, 1)
    share = count / n[person]
    power = share ** run[person]
    starts = np.bincount(person, weights=power * (1 + (n - run)[person] * (1 - share)), minlength=votes.n_annotators)
    common = np.zeros(votes.n_annotators)
    np.maximum.at(common, person, share)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (np.log(n * (1 - common)) + _EULER) / -np.log(common) - 0.5
    expected = np.where(common == 1, n, np.maximum(expected, 1.0))
    known = ~np.isnan(right[order])
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, right[order], 0.0))])
    seen = np.concatenate([[0], np.cumsum(known)])
    first, last = start[longest], start[longest] + length[longest]
    agreement = np.full(votes.n_annotators, np.nan)
    inside = seen[last] - seen[first]
    agreement[found] = np.divide(sums[last] - sums[first], inside, out=np.full(len(found), np.nan), where=inside > 0)
    absent = n == 0
    return pd.DataFrame(
        {
            "longest_run": run,
            "expected_run": np.where(absent, np.nan, expected),
            "run_p_value": np.where(absent, np.nan, -np.expm1(-starts)),
            "run_agreement": agreement,
        }
    )


def drift(votes: Votes, right: FloatArray, order: IntArray, *, minimum: int) -> pd.DataFrame:
    """How much more often the annotator is right in the later half of the work than in the earlier half.

    Columns: drift (difference of means, in [-1, 1]) and drift_p_value (two-sided Welch test, normal
    approximation), from annotations with a time and evidence; NaN with fewer than `minimum` in either half.
    Items that grow harder for everyone show as drift too.
    """
    from scipy.special import ndtr

    kept = order[~np.isnan(right[order])]
    who, value = votes.annotator[kept], right[kept]
    n = np.bincount(who, minlength=votes.n_annotators)
    place = np.arange(len(kept)) - (np.cumsum(n) - n)[who]
    later = 2 * place >= n[who]
    count, mean, variance = np.zeros((3, 2, votes.n_annotators))
    for half, mask in enumerate((~later, later)):
        count[half] = np.bincount(who[mask], minlength=votes.n_annotators)
        size = np.maximum(count[half], 1)
        mean[half] = np.bincount(who[mask], weights=value[mask], minlength=votes.n_annotators) / size
        spread = (value[mask] - mean[half][who[mask]]) ** 2
        variance[half] = np.bincount(who[mask], weights=spread, minlength=votes.n_annotators) / np.maximum(size - 1, 1)
    change = np.where(count.min(axis=0) >= max(minimum, 2), mean[1] - mean[0], np.nan)
    error = np.sqrt((variance / np.maximum(count, 1)).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = np.where(change == 0, 1.0, 2 * ndtr(-np.abs(change / error)))
    return pd.DataFrame({"drift": change, "drift_p_value": p_value})
