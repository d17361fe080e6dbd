"""Items that stand twice or apart, by cleanlab's Datalab on features.

Here belong the search for neighbours and the call of Datalab, whose definitions of a near duplicate and of an
outlier are used as they are. Its own search took 16 CPU seconds for 20,000 items of 64 numbers and 50 for
40,000; the same neighbours come from scikit-learn's blocked Euclidean search on unit vectors in a fifth of
that, still growing with the square. Beyond `BLOCK` items the search is cut: items are sorted along their first
principal component and neighbours are sought within runs of at most `BLOCK`, so that cost grows linearly; a
pair that falls on the seam of two runs is missed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from label_pipeline.errors import UserError
from label_pipeline.votes import AnyArray, BoolArray, FloatArray, IntArray

BLOCK = 30_000
NEIGHBOURS = 10
MINIMUM = 20
"""Fewest items for which distances are compared with the typical distance."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Which items stand twice or apart.

    `duplicate_set` (n_items,) numbers the sets of near duplicates, -1 outside of any; `duplicate_score` and
    `outlier_score` (n_items,) are in [0, 1], low is suspect; `is_outlier` (n_items,). `note` says why nothing
    was judged, or how the search was cut; else it is empty.
    """

    duplicate_set: IntArray
    duplicate_score: FloatArray
    is_outlier: BoolArray
    outlier_score: FloatArray
    note: str


def available() -> bool:
    """Whether Datalab can be imported: it needs the package `datasets`, which cleanlab does not install itself."""
    return importlib.util.find_spec("datasets") is not None


def neighbours(features: AnyArray) -> Neighbours:
    """Near duplicates and outliers among items with `features` (n_items, n_features).

    Distances are cosine with more than three features and Euclidean otherwise, as in cleanlab; columns are used
    as given (standardise numbers of different units before). Values that are not finite count as 0. With fewer
    than `MINIMUM` items nothing is judged and scores are 1. Raises UserError where Datalab is not installed.
    """
    points = _points(features)
    n_items = len(points)
    if n_items < MINIMUM:
        none = np.full(n_items, -1, dtype=np.int64)
        flags = np.zeros(n_items, dtype=np.bool_)
        note = f"{n_items} items; {MINIMUM} are needed to tell what is usual"
        return Neighbours(none, np.ones(n_items), flags, np.ones(n_items), note)
    if not available():
        raise UserError(
            "near duplicates and outliers need the package 'datasets'",
            rule="cleanlab's Datalab is built on it",
            do="Install cleanlab[datalab], or leave the features out.",
        )
    from cleanlab import Datalab
    from scipy.sparse.csgraph import connected_components

    lab = Datalab(data={"item": np.arange(n_items)}, verbosity=0)
    lab.find_issues(knn_graph=_graph(points), issue_types={"near_duplicate": {}, "outlier": {}})
    twice, apart = lab.get_issues("near_duplicate"), lab.get_issues("outlier")
    links = _links(twice["near_duplicate_sets"], n_items)
    _, component = connected_components(links, directed=False)
    alone = np.bincount(component)[component] < 2
    _, numbered = np.unique(np.where(alone, -1, component), return_inverse=True)
    note = f"neighbours sought within runs of {BLOCK:,} items" if n_items > BLOCK else ""
    return Neighbours(
        numbered.astype(np.int64) - int(alone.any()),
        twice["near_duplicate_score"].to_numpy(dtype=np.float64),
        apart["is_outlier_issue"].to_numpy(dtype=np.bool_),
        apart["outlier_score"].to_numpy(dtype=np.float64),
        note,
    )


def _points(features: AnyArray) -> FloatArray:
    """The features as float64, brought to unit length where cleanlab would take the cosine distance."""
    table = np.asarray(features)
    if table.ndim != 2 or table.dtype.kind not in "fiub":
        raise UserError(
            f"features of shape {table.shape} and type {table.dtype}",
            rule="numbers (items, features)",
            do="Flatten images to rows; turn texts into text_features.",
        )
    points = np.nan_to_num(table.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    if _cosine(points):
        length = np.linalg.norm(points, axis=1, keepdims=True)
        np.divide(points, length, out=points, where=length > 0)
    return points


def _cosine(points: FloatArray) -> bool:
    return int(points.shape[1]) > 3


def _graph(points: FloatArray) -> Any:
    """The nearest neighbours of each point as the sparse matrix of distances that Datalab reads, nearest first."""
    from scipy.sparse import csr_matrix
    from sklearn.neighbors import NearestNeighbors

    n_items = len(points)
    k = min(NEIGHBOURS, n_items - 1)
    distance, neighbour = np.empty((n_items, k)), np.empty((n_items, k), dtype=np.int64)
    for run in _runs(points):
        search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points[run])
        far, near = search.kneighbors()
        distance[run], neighbour[run] = far, run[near]
    if _cosine(points):
        distance = distance**2 / 2
    start = np.arange(0, n_items * k + 1, k)
    return csr_matrix((distance.ravel(), neighbour.ravel(), start), shape=(n_items, n_items))


def _runs(points: FloatArray) -> list[IntArray]:
    """All items at once, or runs of at most `BLOCK` along the first principal component."""
    n_items = len(points)
    if n_items <= BLOCK:
        return [np.arange(n_items)]
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return np.array_split(np.argsort(centred @ axes[:, -1], kind="stable"), -(-n_items // BLOCK))


def _links(sets: Sequence[AnyArray], n_items: int) -> Any:
    from scipy.sparse import coo_matrix

    size = np.array([len(near) for near in sets])
    row = np.repeat(np.arange(n_items), size)
    column = np.concatenate([np.asarray(near, dtype=np.int64) for near in sets])
    return coo_matrix((np.ones(len(row)), (row, column)), shape=(n_items, n_items))
