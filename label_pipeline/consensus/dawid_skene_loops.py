"""The compiled passes over all annotations behind Dawid–Skene and the one-coin model.

Here belong sums over annotations only; what the sums mean and how they become parameters stands in
`dawid_skene`. Both passes join the E step of one iteration with the counts of the next M step, so that no
iteration needs more than one reading of the annotations.

Posteriors are rounded to 40 significant bits before they are summed. Rounding errors of the last places, which
depend on the order of rows, items and annotators, are thereby cut off at every step and cannot tip an
iteration that starts from a perfect tie; what is lost, one part in 10^12, is far below any tolerance.
"""

from __future__ import annotations

import numpy as np

from label_pipeline.compiled import compiled
from label_pipeline.votes import AnyArray

# x·SPLIT − (x·SPLIT − x) is x rounded to 40 significant bits (Dekker 1971).
SPLIT = 2.0**13 + 1.0

# A product of a prior and this many probabilities of at least 1e-18 stays a normal float64.
SHORT = 16


@compiled
def em_pass(
    offsets: AnyArray,
    pair: AnyArray,
    gold: AnyArray,
    prior: AnyArray,
    table: AnyArray,
    posterior: AnyArray,
    counts: AnyArray,
    mass: AnyArray,
    split: float,
    short: int,
) -> float:
    """One E step and the sums of the next M step; returns the log-likelihood of the items without gold.

    `pair` (n,) is the row of `table` (n_pairs, n_classes) that belongs to each annotation: the chance of that
    annotator's giving that label, given each true class. Writes `posterior` (n_items, n_classes), and adds to
    `counts` (n_pairs, n_classes) and `mass` (n_classes,), which come in as zeros.
    """
    n_classes = len(prior)
    likelihood = 0.0
    row = np.empty(n_classes)
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        if first == last:
            continue
        if gold[i] >= 0:
            row[:] = 0.0
            row[gold[i]] = 1.0
        else:
            shift = 0.0
            if last - first <= short:
                for k in range(n_classes):
                    row[k] = prior[k]
                for a in range(first, last):
                    p = pair[a]
                    for k in range(n_classes):
                        row[k] *= table[p, k]
            else:
                for k in range(n_classes):
                    row[k] = np.log(prior[k])
                for a in range(first, last):
                    p = pair[a]
                    for k in range(n_classes):
                        row[k] += np.log(table[p, k])
                shift = row.max()
                for k in range(n_classes):
                    row[k] = np.exp(row[k] - shift)
            total = 0.0
            for k in range(n_classes):
                total += row[k]
            likelihood += np.log(total) + shift
            for k in range(n_classes):
                row[k] /= total
        for k in range(n_classes):
            posterior[i, k] = row[k]
            row[k] = row[k] * split - (row[k] * split - row[k])
            mass[k] += row[k]
        for a in range(first, last):
            p = pair[a]
            for k in range(n_classes):
                counts[p, k] += row[k]
    return likelihood


@compiled
def sum_counts(
    offsets: AnyArray, pair: AnyArray, posterior: AnyArray, counts: AnyArray, mass: AnyArray, split: float
) -> None:
    """The sums of an M step from given posteriors: adds to `counts` and `mass` as `em_pass` does."""
    row = np.empty(len(mass))
    for i in range(len(offsets) - 1):
        if offsets[i] == offsets[i + 1]:
            continue
        for k in range(len(mass)):
            row[k] = posterior[i, k] * split - (posterior[i, k] * split - posterior[i, k])
            mass[k] += row[k]
        for a in range(offsets[i], offsets[i + 1]):
            p = pair[a]
            for k in range(len(mass)):
                counts[p, k] += row[k]


@compiled
def add_rows(target: AnyArray, rows: AnyArray, values: AnyArray) -> None:
    """`target[rows[p]] += values[p]` for every p, in order."""
    for p in range(len(rows)):
        r = rows[p]
        for k in range(values.shape[1]):
            target[r, k] += values[p, k]


@compiled
def mark_pairs(annotator: AnyArray, label: AnyArray, n_classes: int, seen: AnyArray) -> None:
    """Set `seen[annotator · n_classes + label]` for every annotation."""
    for a in range(len(label)):
        seen[annotator[a] * n_classes + label[a]] = 1


@compiled
def pair_rows(annotator: AnyArray, label: AnyArray, n_classes: int, rank: AnyArray) -> AnyArray:
    """`rank[annotator · n_classes + label]` of every annotation, int32 (n,)."""
    rows = np.empty(len(label), dtype=np.int32)
    for a in range(len(label)):
        rows[a] = rank[annotator[a] * n_classes + label[a]]
    return rows


@compiled
def coin_start(offsets: AnyArray, label: AnyArray, gold: AnyArray, own: AnyArray, mass: AnyArray) -> None:
    """Vote shares as first posteriors: writes `own` (n,) and adds to `mass` (n_classes,) as `coin_pass` does."""
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        if first < last and gold[i] >= 0:
            mass[gold[i]] += 1.0
        for a in range(first, last):
            same = 0
            for b in range(first, last):
                same += label[b] == label[a]
            own[a] = same / (last - first)
            if gold[i] >= 0:
                own[a] = 1.0 if label[a] == gold[i] else 0.0
            else:
                mass[label[a]] += 1.0 / (last - first)


@compiled
def coin_pass(
    offsets: AnyArray,
    annotator: AnyArray,
    label: AnyArray,
    gold: AnyArray,
    prior: AnyArray,
    log_miss: AnyArray,
    log_odds: AnyArray,
    own: AnyArray,
    outside: AnyArray,
    mass: AnyArray,
    unseen: AnyArray,
    split: float,
) -> float:
    """One E step of the one-coin model; returns the log-likelihood of the items without gold.

    Only classes somebody gave an item are computed for it, all others share `outside[i]` in proportion to
    their prior: a pass costs the annotations, not items × classes. For each annotator, `log_miss` is the log
    chance of one particular wrong label and `log_odds` the log of how much likelier the right one is. Writes
    `own` (n,): the posterior of the label each annotation gave; `outside` (n_items,): posterior divided by
    prior of the classes nobody gave. Adds to `mass` (n_classes,) the posteriors of given classes, and to
    `unseen` (n_classes,) the `outside` of the items where the class was given.
    """
    n_classes = len(prior)
    likelihood = 0.0
    seen_at = np.full(n_classes, -1, dtype=np.int64)
    weight = np.empty(n_classes)
    given = np.empty(n_classes, dtype=np.int64)
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        if first == last:
            continue
        if gold[i] >= 0:
            outside[i] = 0.0
            mass[gold[i]] += 1.0
            for a in range(first, last):
                own[a] = 1.0 if label[a] == gold[i] else 0.0
            continue
        m = 0
        base = 0.0
        for a in range(first, last):
            k = label[a]
            if seen_at[k] != i:
                seen_at[k] = i
                weight[k] = 0.0
                given[m] = k
                m += 1
            base += log_miss[annotator[a]]
            weight[k] += log_odds[annotator[a]]
        peak = 0.0 if m < n_classes else -np.inf
        rest = 1.0
        for j in range(m):
            peak = max(peak, weight[given[j]])
            rest -= prior[given[j]]
        total = max(rest, 0.0) * np.exp(-peak) if m < n_classes else 0.0
        for j in range(m):
            weight[given[j]] = prior[given[j]] * np.exp(weight[given[j]] - peak)
            total += weight[given[j]]
        likelihood += base + peak + np.log(total)
        share = np.exp(-peak) / total if m < n_classes else 0.0
        outside[i] = share * split - (share * split - share)
        for j in range(m):
            k = given[j]
            share = weight[k] / total
            mass[k] += share * split - (share * split - share)
            unseen[k] += outside[i]
        for a in range(first, last):
            own[a] = weight[label[a]] / total
    return likelihood
