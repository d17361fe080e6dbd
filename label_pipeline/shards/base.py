"""Shards of items, and one pass over them: a function of each shard, summed in the order of the shards.

Here belong what a shard is, how sums are added, and how a pass is made. Where shards lie stands in `memory` and `disk`,
who does the work in `runners` and `spark`, and what is computed in the other modules, a method each.

A pass adds within fixed groups of neighbouring shards and then the groups, in their order. So a result depends on how
items were put into shards, at 1e-16 of its size, and not on who worked or how many did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import numpy as np

from label_pipeline.shards.runners import InProcess, Runner
from label_pipeline.votes import AnyArray, FloatArray, IntArray, Votes

B = TypeVar("B")
R = TypeVar("R")

GROUPS = 256
"""The most sums that one pass sends to whoever adds them up."""


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Some of the items with all their annotations; annotators and classes are those of all shards.

    `gold` int32 (n_items,) holds class codes, -1 where the truth is unknown; `model` (n_items, n_classes) a model's
    class probabilities, where there is one. `index` is the shard's place among all.
    """

    votes: Votes
    gold: IntArray
    model: FloatArray | None = None
    index: int = 0


class Source(Protocol):
    """Where shards lie. It travels to whoever works on them, so it holds paths rather than annotations."""

    def __len__(self) -> int:
        """How many shards there are."""
        ...

    def open(self, index: int) -> Shard:
        """One of them, read anew."""
        ...


@dataclass(frozen=True, eq=False)
class Shards:
    """All annotations of a project, a shard at a time.

    `annotators` are the sorted ids and `classes` the names that the codes in every shard stand for.
    """

    annotators: AnyArray
    classes: tuple[str, ...]
    source: Source
    runner: Runner = field(default_factory=InProcess)

    def __len__(self) -> int:
        """How many shards there are."""
        return len(self.source)

    def __iter__(self) -> Iterator[Shard]:
        """The shards in their order, each opened when its turn comes."""
        return (self.source.open(index) for index in range(len(self)))

    @property
    def n_annotators(self) -> int:
        """Number of annotators."""
        return len(self.annotators)

    @property
    def n_classes(self) -> int:
        """Number of classes, unused ones included."""
        return len(self.classes)

    def map(self, function: Callable[[Shard, B], R], broadcast: B) -> Iterator[R]:
        """`function(shard, broadcast)` of every shard, in their order.

        Where results are as many as items, let the function write them and give back where.
        """
        return self.runner.map(_of_one, range(len(self)), (self.source, function, broadcast))

    def map_reduce(self, function: Callable[[Shard, B], R], broadcast: B) -> R:
        """The sum of `function(shard, broadcast)` over all shards, as `added` adds.

        The function stands at the top of a module, so that other processes find it, and gives fresh arrays. Raises
        ValueError where there is no shard.
        """
        task = (self.source, function, broadcast)
        return cast(R, reduce(added, self.runner.map(_of_group, groups(len(self)), task)))


class Cells(NamedTuple):
    """Counts of the keys that occur: what a table of all keys would hold, without its zeros.

    `key` is int64 (n,), ascending; `times` (n,) how often each occurs.
    """

    key: IntArray
    times: IntArray

    @classmethod
    def of(cls, key: IntArray) -> Cells:
        """How often each key stands in `key`, in any order."""
        return cls(*np.unique(key, return_counts=True))

    def merged(self, other: Cells) -> Cells:
        """The counts of both."""
        key, at = np.unique(np.concatenate([self.key, other.key]), return_inverse=True)
        times = np.zeros(len(key), dtype=np.int64)
        np.add.at(times, at, np.concatenate([self.times, other.times]))
        return Cells(key, times)


class Largest(NamedTuple):
    """A number of which not the sum but the largest is wanted."""

    value: int

    def merged(self, other: Largest) -> Largest:
        """The larger one."""
        return max(self, other)


def added(one: Any, other: Any) -> Any:
    """The sum of two results of one function: arrays and numbers by +, tuples part by part, others by `merged`."""
    if hasattr(one, "merged"):
        return one.merged(other)
    if isinstance(one, tuple):
        parts = [added(a, b) for a, b in zip(one, other, strict=True)]
        return type(one)(*parts) if hasattr(one, "_fields") else tuple(parts)
    return one + other


def groups(n: int) -> list[range]:
    """`n` shards as at most `GROUPS` groups of neighbours, all of one size but the last."""
    size = max(-(-n // GROUPS), 1)
    return [range(start, min(start + size, n)) for start in range(0, n, size)]


def _of_one(index: int, task: tuple[Source, Callable[[Shard, Any], Any], Any]) -> Any:
    source, function, broadcast = task
    return function(source.open(index), broadcast)


def _of_group(group: Sequence[int], task: tuple[Source, Callable[[Shard, Any], Any], Any]) -> Any:
    return reduce(added, (_of_one(index, task) for index in group))
