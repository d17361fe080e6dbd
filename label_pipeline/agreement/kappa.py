"""Raw agreement, Fleiss' kappa, and Cohen's kappa for pairs of annotators.

Here belong the coefficients that share Cohen's form, (observed − chance) / (1 − chance). Raw agreement and
Fleiss' kappa take annotators as interchangeable and work on patterns; Cohen's compares two of them on the items
that both labelled, and never needs a matrix of annotators by annotators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from label_pipeline.agreement.bootstrap import REPLICATES, replicate
from label_pipeline.agreement.patterns import AnyArray, FloatArray, IntArray, Patterns, ranges
from label_pipeline.compiled import compiled
from label_pipeline.errors import UserError, nearest
from label_pipeline.estimates import Estimate, bootstrap, normal, normal_bounds
from label_pipeline.votes import Votes

if TYPE_CHECKING:
    import pandas as pd

Weights = Literal["none", "linear", "quadratic"]
_CELLS = 1 << 22
_WEIGHTED_CLASSES = 2048


def raw_agreement(source: Votes | Patterns, *, replicates: int = REPLICATES, seed: int = 0) -> Estimate:
    """The share of pairs of labels that are equal, averaged over pairable items, with its bootstrap interval.

    In [0, 1]; not corrected for chance, so never compare it across projects with other class frequencies.
    """
    patterns = source if isinstance(source, Patterns) else Patterns.of(source)
    equal = equal_pairs(patterns)

    def measure(weights: FloatArray) -> FloatArray:
        return _ratio(weights @ equal, weights.sum(axis=1))

    return _estimate(patterns, measure, replicates, seed)


def fleiss_kappa(source: Votes | Patterns, *, replicates: int = REPLICATES, seed: int = 0) -> Estimate:
    """Fleiss' kappa over pairable items, for any number of labels an item, with its bootstrap interval.

    Observed agreement is the mean over items of the share of equal pairs; chance is Σ_c p_c², p_c the mean over
    items of the share of labels that are c. With equally many labels an item this is Fleiss 1971; otherwise
    the extension of Gwet 2014, Handbook of Inter-Rater Reliability, chapter 2, on the pairable items. Undefined
    without such items or where all their labels are equal.
    """
    patterns = source if isinstance(source, Patterns) else Patterns.of(source)
    equal = equal_pairs(patterns)
    share = patterns.matrix(patterns.count / patterns.per_entry(patterns.size)).T.tocsr()

    def measure(weights: FloatArray) -> FloatArray:
        items = weights.sum(axis=1)
        class_share = _ratio(np.asarray(share @ np.ascontiguousarray(weights.T)).T, items[:, None])
        chance = (class_share**2).sum(axis=1)
        return _kappa(_ratio(weights @ equal, items), chance)

    return _estimate(patterns, measure, replicates, seed)


def cohen_kappa(votes: Votes, first: Any, second: Any, *, weights: Weights = "none") -> Estimate:
    """Cohen's kappa of two annotators (by id) on the items both labelled; see `pairwise_cohen`.

    Undefined where they share no item or both gave one and the same class throughout. Raises UserError for an
    unknown annotator.
    """
    codes = []
    for name in (first, second):
        at = int(np.searchsorted(votes.annotators, name))
        if at == votes.n_annotators or votes.annotators[at] != name:
            raise UserError(f"there is no annotator '{name}'", do=nearest(str(name), map(str, votes.annotators)))
        codes.append(at)
    pair = votes.keep(np.isin(votes.annotator, codes))
    found = _coefficients(_read(*pair_cells(pair), votes), votes.n_classes, weights, minimum=1)
    if len(found.n) == 0 or codes[0] == codes[1]:
        return Estimate(None, None, None, 0)
    return normal(float(found.kappa[0]), float(found.error[0]), int(found.n[0]))


def pairwise_cohen(votes: Votes, *, weights: Weights = "none", minimum: int = 20) -> pd.DataFrame:
    """Cohen's kappa of every two annotators who share `minimum` items or more.

    Columns: first, second (annotator ids, first < second), n (shared items), agreement (share of equal labels),
    kappa, ci_low, ci_high. `weights` credit near misses by the distance of the class codes, |i − j| or (i − j)²
    over its maximum. The interval is value ± z · the large-sample standard error of Fleiss, Cohen & Everitt
    1969; NaN where kappa is undefined. Time grows with the number of pairs of labels on one item.
    """
    return cohen_table(*pair_cells(votes), votes, weights=weights, minimum=minimum)


def cohen_table(
    key: IntArray, count: IntArray, of: Crowd, *, weights: Weights = "none", minimum: int = 20
) -> pd.DataFrame:
    """`pairwise_cohen` from the cells of `pair_cells`, summed over shards of items where there are several."""
    import pandas as pd

    found = _coefficients(_read(key, count, of), len(of.classes), weights, minimum)
    low, high = normal_bounds(found.kappa, found.error)
    return pd.DataFrame(
        {
            "first": of.annotators[found.first],
            "second": of.annotators[found.second],
            "n": found.n,
            "agreement": found.agreement,
            "kappa": found.kappa,
            "ci_low": low,
            "ci_high": high,
        }
    )


def equal_pairs(patterns: Patterns) -> FloatArray:
    """The share of equal pairs among the labels of an item, per pattern."""
    same: FloatArray = patterns.sums(patterns.count * (patterns.count - 1.0))
    return np.asarray(same / (patterns.size * (patterns.size - 1.0)), dtype=np.float64)


def _estimate(patterns: Patterns, measure: Any, replicates: int, seed: int) -> Estimate:
    value = measure(patterns.items[None, :].astype(np.float64))[0]
    drawn = replicate(patterns.items, len(patterns.classes), measure, replicates=replicates, seed=seed)
    return bootstrap(float(value), drawn, patterns.n)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    ratio: FloatArray = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
    return ratio


def _kappa(observed: FloatArray, chance: FloatArray) -> FloatArray:
    rest = 1 - chance
    kappa: FloatArray = np.divide(observed - chance, rest, out=np.full_like(chance, np.nan), where=rest > 1e-12)
    return kappa


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Cells of the pairs' tables: `count` items have `label_first` by the one and `label_second` by the other."""

    first: IntArray
    second: IntArray
    label_first: IntArray
    label_second: IntArray
    count: IntArray


@dataclass(frozen=True, slots=True)
class _Coefficients:
    first: IntArray
    second: IntArray
    n: IntArray
    agreement: FloatArray
    kappa: FloatArray
    error: FloatArray


class Crowd(Protocol):
    """Who labels, and with which classes: `Votes`, or the shards they lie in."""

    @property
    def annotators(self) -> AnyArray:
        """The sorted ids."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names."""
        ...


def pair_cells(votes: Votes) -> tuple[IntArray, IntArray]:
    """How often each two annotators gave each two classes to one item: sorted keys and counts, both (n_cells,).

    A key is ((first · n_annotators + second) · n_classes + label of the first) · n_classes + label of the second.
    """
    annotators, classes = max(votes.n_annotators, 1), max(votes.n_classes, 1)
    if annotators**2 * classes**2 >= 1 << 63:
        raise UserError(
            f"{annotators:,} annotators and {classes:,} classes give too many pairs to number",
            do="Compare the annotators of one group, or only the classes in use.",
        )
    pairs = int((votes.per_item * (votes.per_item - 1) // 2).sum())
    capacity = 1 << (2 * min(pairs, annotators**2 * classes**2) + 16).bit_length()
    key, count = _pair_cells(votes.offsets, votes.annotator, votes.label, annotators, classes, capacity)
    order = np.argsort(key)
    return key[order], count[order]


def _read(key: IntArray, count: IntArray, of: Crowd) -> _Pairs:
    annotators, classes = max(len(of.annotators), 1), max(len(of.classes), 1)
    pair, labels = np.divmod(key, classes**2)
    return _Pairs(pair // annotators, pair % annotators, labels // classes, labels % classes, count)


def _coefficients(cells: _Pairs, n_classes: int, weights: Weights, minimum: int) -> _Coefficients:
    credit = _credit(n_classes, weights)
    new = np.ones(len(cells.count), dtype=np.bool_)
    new[1:] = (np.diff(cells.first) != 0) | (np.diff(cells.second) != 0)
    start = np.flatnonzero(new)
    items = np.add.reduceat(cells.count, start) if len(start) else np.empty(0, dtype=np.int64)
    stop = np.append(start[1:], len(cells.count))
    chosen = np.flatnonzero(items >= max(minimum, 1))
    block = max(1, _CELLS // max(n_classes, 1))
    parts = [
        _block(cells, start[rows], stop[rows], items[rows], n_classes, credit)
        for rows in (chosen[at : at + block] for at in range(0, len(chosen), block))
    ]
    agreement, kappa, error = np.concatenate(parts, axis=1) if parts else np.empty((3, 0))
    return _Coefficients(
        cells.first[start[chosen]], cells.second[start[chosen]], items[chosen], agreement, kappa, error
    )


def _block(
    cells: _Pairs, start: IntArray, stop: IntArray, items: IntArray, n_classes: int, credit: FloatArray | None
) -> AnyArray:
    """Agreement, kappa and its standard error (3, pairs) from the cells of some pairs.

    With credits w_ij, shares p_ij and their margins, a_i = Σ_j w_ij p_.j and b_j = Σ_i w_ij p_i.:
    variance = (Σ_ij p_ij (w_ij − (a_i + b_j)(1 − κ))² − (κ − chance (1 − κ))²) / (n (1 − chance)²).
    """
    pair = np.repeat(np.arange(len(start)), stop - start)
    at = ranges(start, stop - start)
    row, column = cells.label_first[at], cells.label_second[at]
    share = cells.count[at] / items[pair]

    def over_pairs(each: FloatArray) -> AnyArray:
        return np.bincount(pair, weights=each, minlength=len(start))

    def margin(label: IntArray) -> AnyArray:
        cell = pair * n_classes + label
        return np.bincount(cell, weights=share, minlength=len(start) * n_classes).reshape(-1, n_classes)

    rows, columns = margin(row), margin(column)
    worth = (row == column).astype(np.float64) if credit is None else credit[row, column]
    of_row, of_column = (columns, rows) if credit is None else (columns @ credit, rows @ credit)
    observed, chance = over_pairs(share * worth), (rows * of_row).sum(axis=1)
    kappa = _kappa(observed, chance)
    loss = 1 - kappa
    spread = over_pairs(share * (worth - (of_row[pair, row] + of_column[pair, column]) * loss[pair]) ** 2)
    variance = (spread - (kappa - chance * loss) ** 2) / (items * (1 - chance) ** 2)
    return np.stack([over_pairs(share * (row == column)), kappa, np.sqrt(np.maximum(variance, 0))])


def _credit(n_classes: int, weights: Weights) -> FloatArray | None:
    if weights == "none":
        return None
    if weights not in ("linear", "quadratic"):
        raise UserError(f"there are no weights '{weights}'", do=nearest(weights, ("none", "linear", "quadratic")))
    if n_classes > _WEIGHTED_CLASSES:
        raise UserError(f"weighted kappa over {n_classes:,} classes", rule=f"at most {_WEIGHTED_CLASSES:,}")
    distance = np.abs(np.arange(n_classes)[:, None] - np.arange(n_classes)[None, :]).astype(np.float64)
    power = 1 if weights == "linear" else 2
    return np.asarray(1 - (distance / max(n_classes - 1, 1)) ** power, dtype=np.float64)


@compiled
def _pair_cells(
    offsets: AnyArray, annotator: AnyArray, label: AnyArray, n_annotators: int, n_classes: int, capacity: int
) -> tuple[AnyArray, AnyArray]:
    """How often each two annotators gave each two labels to one item: keys and counts of an open hash table."""
    keys = np.full(capacity, -1, dtype=np.int64)
    count = np.zeros(capacity, dtype=np.int64)
    for i in range(len(offsets) - 1):
        for a in range(offsets[i], offsets[i + 1]):
            for b in range(a + 1, offsets[i + 1]):
                key = (np.int64(annotator[a]) * n_annotators + annotator[b]) * n_classes + label[a]
                key = key * n_classes + label[b]
                code = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
                slot = np.int64((code >> np.uint64(32)) & np.uint64(capacity - 1))
                while keys[slot] >= 0 and keys[slot] != key:
                    slot = (slot + 1) & (capacity - 1)
                keys[slot] = key
                count[slot] += 1
    kept = keys >= 0
    return keys[kept], count[kept]
