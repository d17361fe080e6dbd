"""Columns of an annotation table put into the order of its votes.

Here belongs only the alignment: durations, times and guideline versions travel beside the votes, not in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from label_pipeline.errors import UserError, nearest
from label_pipeline.votes import AnyArray, Votes


def align(
    votes: Votes,
    annotations: pd.DataFrame,
    columns: Sequence[str],
    *,
    item: str = "item_id",
    annotator: str = "annotator_id",
    label: str = "label",
    time: str = "annotated_at",
) -> dict[str, AnyArray]:
    """Each of `columns` as an array (n,) whose entry a belongs to annotation a of the votes.

    `annotations` is the table the votes were built from. Where an annotator labelled an item more than once,
    the row that gave the vote is taken: the newest by `time`, of equal ones that with the vote's label. Raises
    UserError when a column is not there or an annotation of the votes has no row.
    """
    for name in (item, annotator, label, *columns):
        if name not in annotations.columns:
            raise UserError(f"there is no column '{name}'", do=nearest(name, map(str, annotations.columns)))
    who = pd.Index(votes.annotators).get_indexer(pd.Index(annotations[annotator]))
    what = pd.Index(votes.items).get_indexer(pd.Index(annotations[item])).astype(np.int64)
    key = votes.item.astype(np.int64) * votes.n_annotators + votes.annotator
    wanted = what * votes.n_annotators + who
    at = np.minimum(np.searchsorted(key, wanted), max(votes.n - 1, 0))
    rows = np.flatnonzero((who >= 0) & (what >= 0))
    rows = rows[key[at[rows]] == wanted[rows]]
    if time in annotations.columns:
        moment, _ = pd.factorize(annotations[time].iloc[rows], sort=True)
        named = pd.Index(votes.classes).get_indexer(pd.Index(annotations[label].iloc[rows].astype(str)))
        rows = rows[np.lexsort((named == votes.label[at[rows]], moment))]
    place = np.full(votes.n, -1, dtype=np.int64)
    # Of several rows for one annotation the last one assigned stays.
    place[at[rows]] = rows
    if (place < 0).any():
        raise UserError(f"{int((place < 0).sum())} annotations of the votes are not in the table given")
    return {name: annotations[name].to_numpy()[place] for name in columns}
