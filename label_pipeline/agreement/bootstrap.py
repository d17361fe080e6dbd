"""Resampling of items, drawn as counts of their distinct patterns.

Here belongs only the drawing; which figure is computed on the drawn counts is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from label_pipeline.agreement.patterns import FloatArray, IntArray
from label_pipeline.errors import UserError

REPLICATES = 1000
_CELLS = 1 << 22
_RARE = 12


def replicate(
    items: IntArray, width: int, figure: Callable[[FloatArray], FloatArray], *, replicates: int, seed: int
) -> FloatArray:
    """`figure` on `replicates` bootstrap samples of the items: (replicates, ...).

    `items` (n_patterns,) says how many items show each pattern. `figure` takes drawn counts (r, n_patterns) and
    returns r results by way of arrays no larger than (r, width), which bounds r. Raises UserError for a negative
    number of replicates.
    """
    if replicates < 0:
        raise UserError(f"{replicates} bootstrap replicates", rule="at least 0", do="1000 is usual.")
    parts = [figure(drawn) for drawn in draws(items, width, replicates=replicates, seed=seed)]
    return np.concatenate(parts) if parts else figure(np.empty((0, len(items))))


def draws(items: IntArray, width: int, *, replicates: int, seed: int) -> Iterator[FloatArray]:
    """Multinomial counts of the patterns in samples of all items with replacement, in blocks (r, n_patterns).

    Drawing n items with replacement and counting patterns is one multinomial draw. A rare pattern is cheaper
    to draw item by item than as a binomial of its own, so all rare ones share one cell of the multinomial and
    the items that fall into it are drawn from it one at a time; the distribution is the same.
    """
    total = int(items.sum())
    if total == 0:
        return
    random = np.random.default_rng(seed)
    common = np.flatnonzero(items > _RARE)
    rare = np.flatnonzero((items > 0) & (items <= _RARE))
    members = np.repeat(rare, items[rare])
    cells = items[common] if len(members) == 0 else np.append(items[common], len(members))
    block = max(1, _CELLS // max(len(items), len(members), width))
    for done in range(0, replicates, block):
        rows = min(block, replicates - done)
        cell = random.multinomial(total, cells / total, size=rows)
        drawn = np.zeros((rows, len(items)))
        if len(members):
            picked = members[random.integers(0, len(members), size=int(cell[:, -1].sum()))]
            place = np.repeat(np.arange(rows) * len(items), cell[:, -1]) + picked
            drawn = np.bincount(place, minlength=rows * len(items)).reshape(rows, -1).astype(np.float64)
        drawn[:, common] = cell[:, : len(common)]
        yield drawn
