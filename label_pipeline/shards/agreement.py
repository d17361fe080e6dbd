"""Agreement on shards: the patterns of all items and the cells of all pairs, each in one pass.

Here belongs only the collecting. Every coefficient of `agreement` that takes patterns gives on these exactly what it
gives on all votes, its bootstrap interval included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from label_pipeline.agreement.kappa import Weights, cohen_table, pair_cells
from label_pipeline.agreement.patterns import Patterns
from label_pipeline.shards.base import Cells, Shard, Shards

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class _Collected:
    patterns: Patterns

    def merged(self, other: _Collected) -> _Collected:
        return _Collected(Patterns.merge([self.patterns, other.patterns]))


def patterns(shards: Shards) -> Patterns:
    """The patterns of all pairable items, for `alpha`, `alpha_by_class`, `raw_agreement` and `fleiss_kappa`."""
    return shards.map_reduce(_patterns, None).patterns


def pairwise_cohen(shards: Shards, *, weights: Weights = "none", minimum: int = 20) -> pd.DataFrame:
    """Cohen's kappa of every two annotators who share `minimum` items or more: `agreement.kappa.pairwise_cohen`."""
    cells = shards.map_reduce(_cells, None)
    return cohen_table(cells.key, cells.times, shards, weights=weights, minimum=minimum)


def _patterns(shard: Shard, _: None) -> _Collected:
    return _Collected(Patterns.merge([Patterns.of(shard.votes)]))


def _cells(shard: Shard, _: None) -> Cells:
    return Cells(*pair_cells(shard.votes))
