"""The coded, sparse annotation matrix that every kernel takes.

Here belong the matrix, how it is built in item order with one label per (item, annotator), and views of it.
How a column becomes codes stands in `coding`; what is computed from votes stands in the kernels. A matrix of
items by annotators is never built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

import numpy as np

from label_pipeline.coding import (
    AnyArray,
    BoolArray,
    FloatArray,
    IntArray,
    code_column,
    code_labels,
    column_reader,
    newest,
)
from label_pipeline.compiled import compiled
from label_pipeline.errors import UserError

__all__ = ["DENSE_CELLS", "AnyArray", "BoolArray", "FloatArray", "IntArray", "Votes", "require_dense", "sort_order"]

DENSE_CELLS = 1 << 30
"""The largest items × classes matrix that is ever built (8 GB of float64)."""


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """Annotations as sparse codes, sorted by item, then annotator; one label per (item, annotator).

    `items` (n_items,) and `annotators` (n_annotators,) hold the sorted ids, `classes` the class names in their
    declared order. `offsets` is int64 (n_items + 1,): the annotations of item i are `offsets[i]:offsets[i+1]`.
    `annotator` and `label` are int32 (n,): the annotator code and the class code of each annotation.
    """

    items: AnyArray
    annotators: AnyArray
    classes: tuple[str, ...]
    offsets: IntArray
    annotator: IntArray
    label: IntArray
    _cache: dict[str, IntArray] = field(default_factory=dict, repr=False)

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
        """Number of annotations."""
        return len(self.label)

    @property
    def per_item(self) -> IntArray:
        """Annotations on each item, int64 (n_items,)."""
        return self._once("per_item", lambda: np.diff(self.offsets))

    @property
    def item(self) -> IntArray:
        """Item code of each annotation, int32 (n,)."""
        return self._once("item", lambda: np.repeat(np.arange(self.n_items, dtype=np.int32), self.per_item))

    @property
    def per_annotator(self) -> IntArray:
        """Annotations by each annotator, int64 (n_annotators,)."""
        return self._once("per_annotator", lambda: np.bincount(self.annotator, minlength=self.n_annotators))

    @property
    def per_class(self) -> IntArray:
        """Annotations of each class, int64 (n_classes,)."""
        return self._once("per_class", lambda: np.bincount(self.label, minlength=self.n_classes))

    def annotator_order(self) -> IntArray:
        """The permutation int64 (n,) that groups annotations by annotator and keeps item order within each."""
        return self._once("annotator_order", lambda: _counting_order(self.annotator, self.n_annotators))

    def counts(self) -> IntArray:
        """How often each item got each class: int32 (n_items, n_classes).

        Raises UserError where that matrix would have more than `DENSE_CELLS` cells.
        """
        require_dense(self.n_items, self.n_classes)
        return cast(IntArray, _counts(self.offsets, self.label, self.n_classes))

    def keep(self, annotations: BoolArray) -> Votes:
        """The same items, annotators and classes with only the annotations where the (n,) mask is true."""
        kept = np.concatenate([[0], np.cumsum(annotations)]).astype(np.int64)
        return Votes(
            self.items,
            self.annotators,
            self.classes,
            kept[self.offsets],
            self.annotator[annotations],
            self.label[annotations],
        )

    def shard(self, start: int, stop: int) -> Votes:
        """Items `start:stop` with all annotators and classes: views, not copies."""
        first, last = self.offsets[start], self.offsets[stop]
        return Votes(
            self.items[start:stop],
            self.annotators,
            self.classes,
            self.offsets[start : stop + 1] - first,
            self.annotator[first:last],
            self.label[first:last],
        )

    def _once(self, name: str, make: Callable[[], IntArray]) -> IntArray:
        if name not in self._cache:
            self._cache[name] = make()
        return self._cache[name]

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
        """Votes from a pandas DataFrame, a pyarrow Table, a DuckDB relation or anything that streams Arrow.

        Ids are text or whole numbers and keep their type; labels become text (a float with a whole value is
        written as a whole number). `classes` fixes the classes and their order, else they are the labels in
        sorted order. `items` may name further items that have no annotation. Where one annotator labelled one
        item more than once, the newest by the `time` column wins (a missing time is oldest); with equal times
        or no such column, the label of the highest class code: never the order of the rows.

        Raises UserError for missing columns, empty ids or labels, ids of mixed kinds, a label outside `classes`.
        """
        read = column_reader(annotations, (item, annotator, label), time)
        item_code, item_ids = code_column(read(item), item, also=items)
        annotator_code, annotator_ids = code_column(read(annotator), annotator)
        label_code, class_names = code_labels(read(label), label, classes)
        order = sort_order(item_code, annotator_code, len(item_ids), len(annotator_ids))
        if order is not None:
            item_code, annotator_code, label_code = item_code[order], annotator_code[order], label_code[order]
        repeated = (item_code[1:] == item_code[:-1]) & (annotator_code[1:] == annotator_code[:-1])
        if repeated.any():
            kept = newest(repeated, label_code, order, read(time), time)
            item_code, annotator_code, label_code = item_code[kept], annotator_code[kept], label_code[kept]
        offsets = _offsets(item_code, len(item_ids))
        return cls(item_ids, annotator_ids, class_names, offsets, annotator_code, label_code)

    @classmethod
    def of_codes(
        cls,
        item: AnyArray,
        annotator: AnyArray,
        label: AnyArray,
        *,
        items: AnyArray | int,
        annotators: AnyArray | int,
        classes: Sequence[str] | int,
    ) -> Self:
        """Votes from integer codes (n,) that are valid already; at most one label per (item, annotator).

        `items`, `annotators`, `classes` are the sorted ids and the class names, or how many there are, in which
        case the codes are the ids. Raises UserError for a code out of range or a repeated (item, annotator).
        """
        item_ids = np.arange(items, dtype=np.int64) if isinstance(items, int) else items
        annotator_ids = np.arange(annotators, dtype=np.int64) if isinstance(annotators, int) else annotators
        names = tuple(str(k) for k in range(classes)) if isinstance(classes, int) else tuple(classes)
        codes = [np.ascontiguousarray(array, dtype=np.int32) for array in (item, annotator, label)]
        for code, size, what in zip(codes, map(len, (item_ids, annotator_ids, names)), _CODED, strict=True):
            if len(code) and (code.min() < 0 or code.max() >= size):
                raise UserError(f"a {what} code lies outside 0..{size - 1}", do="Code against the ids given.")
        order = sort_order(codes[0], codes[1], len(item_ids), len(annotator_ids))
        if order is not None:
            codes = [code[order] for code in codes]
        if ((codes[0][1:] == codes[0][:-1]) & (codes[1][1:] == codes[1][:-1])).any():
            raise UserError("an annotator has two labels on one item", do="Use Votes.build to keep the newest.")
        return cls(item_ids, annotator_ids, names, _offsets(codes[0], len(item_ids)), codes[1], codes[2])


_CODED = ("item", "annotator", "class")


def require_dense(n_items: int, n_classes: int) -> None:
    """Raises UserError where a matrix of items by classes would have more than `DENSE_CELLS` cells."""
    if n_items * n_classes > DENSE_CELLS:
        raise UserError(
            f"{n_items:,} items × {n_classes:,} classes is more than {DENSE_CELLS:,} probabilities",
            rule="a probability for every item and class",
            do="Declare only the classes in use, group rare ones, or work on fewer items at a time.",
        )


def _offsets(item: IntArray, n_items: int) -> IntArray:
    offsets = np.zeros(n_items + 1, dtype=np.int64)
    np.cumsum(np.bincount(item, minlength=n_items), out=offsets[1:])
    return offsets


def sort_order(item: IntArray, annotator: IntArray, n_items: int, n_annotators: int) -> IntArray | None:
    """The permutation that sorts by item, then annotator; None where the order is right already."""
    if _is_sorted(item, annotator):
        return None
    by_annotator = _counting_order(annotator, n_annotators)
    return cast(IntArray, by_annotator[_counting_order(item[by_annotator], n_items)])


@compiled
def _is_sorted(item: AnyArray, annotator: AnyArray) -> bool:
    for a in range(1, len(item)):
        if item[a] < item[a - 1] or (item[a] == item[a - 1] and annotator[a] < annotator[a - 1]):
            return False
    return True


@compiled
def _counting_order(codes: AnyArray, size: int) -> AnyArray:
    start = np.zeros(size + 1, dtype=np.int64)
    for code in codes:
        start[code + 1] += 1
    for k in range(size):
        start[k + 1] += start[k]
    order = np.empty(len(codes), dtype=np.int64)
    for a in range(len(codes)):
        order[start[codes[a]]] = a
        start[codes[a]] += 1
    return order


@compiled
def _counts(offsets: AnyArray, label: AnyArray, n_classes: int) -> AnyArray:
    counts = np.zeros((len(offsets) - 1, n_classes), dtype=np.int32)
    for i in range(len(offsets) - 1):
        for a in range(offsets[i], offsets[i + 1]):
            counts[i, label[a]] += 1
    return counts
