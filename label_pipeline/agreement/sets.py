"""Agreement on label sets: how far two sets lie apart, and each class by itself.

Sets are coded as votes whose classes are the different sets, as they are stored. The coefficients stand in `alpha`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from label_pipeline.agreement.patterns import FloatArray, Patterns
from label_pipeline.label_meaning import parts


def masi_distances(sets: Sequence[str]) -> FloatArray:
    """The MASI distance of every two sets, (n, n), 0 for equal ones to 1 for those that share nothing.

    1 − J·M with Jaccard's index J and M = 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap, 0
    where they share nothing: whoever named fewer classes is nearer than whoever named others. Two empty sets are equal.
    Source: Passonneau 2006, Measuring Agreement on Set-valued Items.
    """
    held = [frozenset(parts(text)) for text in sets]
    classes = {name: k for k, name in enumerate(sorted(frozenset().union(*held)))}
    members = np.zeros((len(held), len(classes)))
    for row, names in enumerate(held):
        members[row, [classes[name] for name in names]] = 1.0
    size = members.sum(axis=1)
    shared = members @ members.T
    union = size[:, None] + size[None, :] - shared
    jaccard = np.divide(shared, union, out=np.ones_like(shared), where=union > 0)
    within = shared == np.minimum(size[:, None], size[None, :])
    alike = np.where(shared == union, 1.0, np.where(within, 2.0 / 3.0, 1.0 / 3.0))
    return np.asarray(1.0 - jaccard * alike, dtype=np.float64)


def by_class(patterns: Patterns, classes: Sequence[str]) -> Patterns:
    """The same items with how many of an item's sets hold each of `classes` in the place of how many are each set.

    `size` stays the number of sets, so that `alpha_by_class` sets each class against its absence.
    """
    from scipy.sparse import csr_array

    code = {name: k for k, name in enumerate(classes)}
    pairs = [(row, code[name]) for row, text in enumerate(patterns.classes) for name in parts(text) if name in code]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    members = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(patterns.classes), len(classes)))
    counts = (patterns.matrix() @ members).tocsr()
    counts.sort_indices()
    return replace(
        patterns,
        classes=tuple(classes),
        offsets=counts.indptr.astype(np.int64),
        label=counts.indices.astype(np.int32),
        count=np.asarray(counts.data, dtype=np.int64),
    )
