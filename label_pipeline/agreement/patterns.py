"""Items collapsed to their distinct label counts: all that agreement among interchangeable annotators depends on.

Here belong the collapsing, its restriction to some items, and its merging over shards. What is computed from
patterns stands in `alpha` and `kappa`, the resampling in `bootstrap`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from label_pipeline.compiled import compiled
from label_pipeline.votes import Votes

AnyArray = npt.NDArray[Any]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """The distinct label counts of the pairable items (those with two labels or more), and how often each occurs.

    Pattern p holds the classes `label[offsets[p]:offsets[p+1]]` (ascending) with their `count`s; `size[p]`
    is their sum, the number of labels on such an item, and `items[p]` the number of items. `of_item` gives each
    item's pattern, -1 for an item that is not pairable; only `of` fills it. The order of the patterns
    depends on their content only, so a seeded resampling does not change with the order of items.
    """

    classes: tuple[str, ...]
    offsets: IntArray
    label: IntArray
    count: IntArray
    size: IntArray
    items: IntArray
    of_item: IntArray

    @property
    def n(self) -> int:
        """Number of pairable items."""
        return int(self.items.sum())

    @classmethod
    def of(cls, votes: Votes) -> Patterns:
        """The patterns of all pairable items."""
        return cls._collapse(votes.classes, votes.offsets, votes.label, np.ones(votes.n_items, dtype=np.int64))

    @classmethod
    def merge(cls, parts: Sequence[Patterns]) -> Patterns:
        """The patterns of several shards of items as one, exactly as if they had been collapsed together."""
        labels = [np.repeat(part.label, part.count) for part in parts]
        sizes = np.concatenate([part.size for part in parts])
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        items = np.concatenate([part.items for part in parts])
        merged = cls._collapse(parts[0].classes, offsets, np.concatenate(labels).astype(np.int32), items)
        return replace(merged, of_item=np.empty(0, dtype=np.int64))

    def among(self, items: BoolArray) -> Patterns:
        """The patterns of the items where the (n_items,) mask is true."""
        chosen = self.of_item[items]
        here = np.bincount(chosen[chosen >= 0], minlength=len(self.items))
        kept = np.flatnonzero(here)
        entries = np.diff(self.offsets)[kept]
        entry = ranges(self.offsets[kept], entries)
        offsets = np.concatenate([[0], np.cumsum(entries)])
        nowhere = np.empty(0, dtype=np.int64)
        return Patterns(
            self.classes, offsets, self.label[entry], self.count[entry], self.size[kept], here[kept], nowhere
        )

    def matrix(self, entries: AnyArray | None = None) -> Any:
        """The sparse (n_patterns, n_classes) matrix of counts, or of other `entries` at the same places."""
        from scipy.sparse import csr_array

        values = self.count.astype(np.float64) if entries is None else entries
        return csr_array((values, self.label, self.offsets), shape=(len(self.size), len(self.classes)))

    def per_entry(self, by_pattern: AnyArray) -> AnyArray:
        """A figure of each pattern repeated for each of its classes, aligned with `label` and `count`."""
        return np.repeat(by_pattern, np.diff(self.offsets))

    def sums(self, entries: AnyArray) -> AnyArray:
        """The sum of `entries` (aligned with `label`) over each pattern."""
        return np.add.reduceat(entries, self.offsets[:-1]) if len(self.size) else np.empty(0)

    @classmethod
    def _collapse(cls, classes: tuple[str, ...], offsets: IntArray, label: IntArray, weight: IntArray) -> Patterns:
        of_item, start, pool, key, items = _distinct(offsets, label, weight)
        order = np.argsort(key, kind="stable")
        rank = np.empty(len(order) + 1, dtype=np.int64)
        rank[order] = np.arange(len(order))
        rank[-1] = -1
        size = np.diff(start)[order]
        sorted_labels = pool[ranges(start[:-1][order], size)]
        pattern = np.repeat(np.arange(len(order)), size)
        # Labels are ascending within a pattern, so equal ones stand together.
        first = np.ones(len(pattern), dtype=np.bool_)
        first[1:] = (np.diff(pattern) > 0) | (np.diff(sorted_labels) != 0)
        entry = np.flatnonzero(first)
        return cls(
            classes,
            np.searchsorted(pattern[entry], np.arange(len(order) + 1)),
            sorted_labels[entry],
            np.diff(np.append(entry, len(pattern))),
            size,
            items[order],
            rank[of_item],
        )


def ranges(start: IntArray, length: IntArray) -> IntArray:
    """The integers start, start + 1, ... of each range, one range after another."""
    before = np.cumsum(length) - length
    return np.asarray(np.arange(int(length.sum())) + np.repeat(start - before, length), dtype=np.int64)


@compiled
def _distinct(
    offsets: AnyArray, label: AnyArray, weight: AnyArray
) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray, AnyArray]:
    """Each item's pattern by first appearance; the patterns' sorted labels, hashes and total weights.

    A hash table that compares whole patterns: two that share a hash stay two.
    """
    n_items = len(offsets) - 1
    capacity = 16
    while capacity < 2 * n_items:
        capacity *= 2
    table = np.full(capacity, -1, dtype=np.int64)
    of_item = np.full(n_items, -1, dtype=np.int64)
    pool = np.empty(len(label), dtype=np.int32)
    start = np.zeros(n_items + 1, dtype=np.int64)
    key = np.empty(n_items, dtype=np.uint64)
    items = np.zeros(n_items, dtype=np.int64)
    found, end = 0, 0
    for i in range(n_items):
        size = offsets[i + 1] - offsets[i]
        if size < 2:
            continue
        # The labels are sorted at the end of the pool: if the pattern is new, they are in their place already.
        # Shell's sort, because numba takes longer to compile np.sort than most nights take to run.
        for a in range(size):
            pool[end + a] = label[offsets[i] + a]
        gap = 1
        while gap < size // 9:
            gap = 3 * gap + 1
        while gap > 0:
            for a in range(end + gap, end + size):
                value, at = pool[a], a
                while at >= end + gap and pool[at - gap] > value:
                    pool[at] = pool[at - gap]
                    at -= gap
                pool[at] = value
            gap //= 3
        code = np.uint64(size) * np.uint64(0xBF58476D1CE4E5B9)
        for a in range(size):
            code = (code ^ np.uint64(pool[end + a])) * np.uint64(0x9E3779B97F4A7C15)
            code ^= code >> np.uint64(29)
        slot = np.int64(code & np.uint64(capacity - 1))
        while True:
            p = table[slot]
            if p < 0:
                table[slot], key[found] = found, code
                end += size
                start[found + 1] = end
                p = found
                found += 1
                break
            if key[p] == code and start[p + 1] - start[p] == size:
                same = True
                for a in range(size):
                    if pool[start[p] + a] != pool[end + a]:
                        same = False
                        break
                if same:
                    break
            slot = (slot + 1) & (capacity - 1)
        of_item[i] = p
        items[p] += weight[i]
    return of_item, start[: found + 1], pool[:end], key[:found], items[:found]
