"""Annotations that are sets of classes, as sparse codes: what `votes` is to single labels.

Here belongs how a frame of sets, or of single chosen classes, becomes `LabelSets`. What is concluded from
them stands in `consensus.multilabel`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from label_pipeline.coding import (
    AnyArray,
    IntArray,
    code_column,
    code_labels,
    column_reader,
    moments,
)
from label_pipeline.errors import UserError


@dataclass(frozen=True, slots=True, eq=False)
class LabelSets:
    """One set of classes per (item, annotator), sorted by item, then annotator; a set may be empty.

    `items`, `annotators`, `classes` and `offsets` are as in `votes.Votes`; `annotator` int32 (n,) is who gave
    each of the n sets, and its classes, sorted codes int32, are `chosen[set_offsets[a]:set_offsets[a + 1]]`.
    """

    items: AnyArray
    annotators: AnyArray
    classes: tuple[str, ...]
    offsets: IntArray
    annotator: IntArray
    set_offsets: IntArray
    chosen: IntArray

    @property
    def n_items(self) -> int:
        """Number of items, those without an annotation included."""
        return len(self.items)

    @property
    def n_annotators(self) -> int:
        """Number of annotators."""
        return len(self.annotators)

    @property
    def n_classes(self) -> int:
        """Number of classes, unused ones included."""
        return len(self.classes)

    @property
    def n(self) -> int:
        """Number of sets."""
        return len(self.annotator)

    @classmethod
    def build(
        cls,
        annotations: Any,
        *,
        classes: Iterable[str] | None = None,
        items: Any = None,
        item: str = "item_id",
        annotator: str = "annotator_id",
        label: str = "label",
        time: str = "annotated_at",
    ) -> Self:
        """Label sets from a pandas DataFrame, a pyarrow Table or a DuckDB relation.

        The label column holds either one list (tuple, set, array) of classes a row, where an empty one means
        "none of them", or one class a row, where several rows make a set and a row without a class makes an
        empty one. Of repeated rows of one annotator on one item those of the newest time count, and rows of
        the same time, or without a time column, are united; the order of rows never matters.

        Raises UserError for missing columns, empty ids, a missing list, or a class outside `classes`.
        """
        read = column_reader(annotations, (item, annotator, label), time)
        item_code, item_ids = code_column(read(item), item, also=items)
        annotator_code, annotator_ids = code_column(read(annotator), annotator)
        row, flat = _flatten(read(label), label)
        class_code, names = code_labels(flat, label, classes)
        key = item_code.astype(np.int64) * max(len(annotator_ids), 1) + annotator_code
        given, group = np.unique(key, return_inverse=True)
        if len(given) < len(key) and read(time) is not None:
            moment = moments(read(time), time)
            newest = np.full(len(given), moment.min())
            np.maximum.at(newest, group, moment)
            stays = (moment == newest[group])[row]
            row, class_code = row[stays], class_code[stays]
        chosen = np.unique(group[row] * max(len(names), 1) + class_code)
        owner, code = np.divmod(chosen, max(len(names), 1))
        item_of, annotator_of = np.divmod(given, max(len(annotator_ids), 1))
        return cls(
            item_ids,
            annotator_ids,
            names,
            _offsets(item_of, len(item_ids)),
            annotator_of.astype(np.int32),
            _offsets(owner, len(given)),
            code.astype(np.int32),
        )


def _offsets(code: IntArray, size: int) -> IntArray:
    offsets = np.zeros(size + 1, dtype=np.int64)
    np.cumsum(np.bincount(code, minlength=size), out=offsets[1:])
    return offsets


def _flatten(column: Any, name: str) -> tuple[IntArray, Any]:
    """The row of each chosen class, int64 (m,), and the classes, in one column."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.to_pandas()
    present = column.notna()
    first = column[present].iloc[0] if present.any() else ""
    if not isinstance(first, (list, tuple, set, frozenset, np.ndarray)):
        return np.flatnonzero(present), column[present]
    if not present.all():
        raise UserError(
            f"{int((~present).sum())} of {len(column)} values of '{name}' hold no list",
            where="annotations",
            do="Give an empty list where the annotator chose no class.",
        )
    try:
        flat = [chosen for one in column for chosen in one]
        size = column.map(len).to_numpy()
    except TypeError as error:
        raise UserError(f"'{name}' mixes lists and single classes", where="annotations") from error
    return np.repeat(np.arange(len(column)), size), pd.Series(flat, dtype=object)
