"""How a column of ids or labels, of any origin, becomes integer codes.

Here belong reading columns, distinct values and their order, and which of repeated labels is the newest.
What codes are sorted into stands in `votes`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from label_pipeline.compiled import compiled
from label_pipeline.errors import UserError, nearest

if TYPE_CHECKING:
    import pyarrow as pa

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[Any]


def column_reader(annotations: Any, needed: Sequence[str], optional: str) -> Callable[[str], Any]:
    """A function from a column's name to its pandas Series or Arrow array; None where there is no such column."""
    import pandas as pd
    import pyarrow as pa

    if hasattr(annotations, "to_arrow_table"):  # a DuckDB relation: hand over no column that is not read
        import duckdb

        wanted = [name for name in annotations.columns if name in (*needed, optional)]
        annotations = annotations.select(*map(duckdb.ColumnExpression, wanted)).to_arrow_table()
    elif not isinstance(annotations, pd.DataFrame) and hasattr(annotations, "__arrow_c_stream__"):
        annotations = pa.table(annotations)
    if isinstance(annotations, pd.DataFrame):
        known = [str(name) for name in annotations.columns]
    elif isinstance(annotations, pa.Table):
        known = annotations.column_names
    else:
        raise UserError(
            f"annotations are a {type(annotations).__name__}",
            do="Pass a pandas DataFrame, a pyarrow Table or a DuckDB relation.",
        )
    for name in needed:
        if name not in known:
            raise UserError(f"there is no column '{name}'", where="annotations", do=nearest(name, known))
    return lambda name: annotations[name] if name in known else None


def code_column(column: Any, name: str, also: Any = None) -> tuple[IntArray, AnyArray]:
    """Codes int32 of a column and its sorted distinct values; `also` adds values that need not occur."""
    import pyarrow as pa
    import pyarrow.compute as pc

    codes, values, objects = _encode(column, name)
    if also is not None and not values.equals(extra := _encode(also, f"items (for {name})")[1]):
        objects = None
        if len(extra) and len(values) and extra.type != values.type:
            raise UserError(
                f"'{name}' holds {values.type} and the items given hold {extra.type}",
                do="Give both as text or both as whole numbers.",
            )
        values = pc.unique(pa.concat_arrays([values, extra]) if len(values) else extra)
    if len(values) == 0:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=object)
    if _ascending(values):
        return codes, (values.to_numpy(zero_copy_only=False) if objects is None else objects)
    order = _order_of_text(values) if pa.types.is_large_string(values.type) else np.argsort(values.to_numpy())
    rank = np.empty(len(values), dtype=np.int32)
    rank[order] = np.arange(len(values), dtype=np.int32)
    return rank[codes], (values.to_numpy(zero_copy_only=False) if objects is None else objects)[order]


def _encode(column: Any, name: str) -> tuple[IntArray, Any, AnyArray | None]:
    """Codes of a column in any order, and its distinct values: text (large_string), int64, or float64.

    Third, the distinct strings where they exist as Python objects already: making them anew costs more than sorting.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    objects: AnyArray | None = None
    try:
        if isinstance(column, (pa.Array, pa.ChunkedArray)):
            column = pa.chunked_array([column]) if isinstance(column, pa.Array) else column
            codes, values = _encode_arrow(column)
        else:
            # Factorizing objects first lets Arrow convert the distinct ones only.
            series = column if isinstance(column, pd.Series) else pd.Series(column)
            codes, distinct = _factorize_objects(series.to_numpy()) if series.dtype == object else pd.factorize(series)
            values = pa.array(distinct, from_pandas=True)
            if series.dtype == object and pa.types.is_string(values.type):
                objects = np.asarray(distinct, dtype=object)
            if pa.types.is_dictionary(values.type):
                values = values.dictionary_decode()
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        raise UserError(
            f"column '{name}' mixes kinds of values ({error})", where="annotations", do="Make it all text."
        ) from error
    empty = codes < 0
    if values.null_count or (pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py()):
        empty |= pc.is_null(values, nan_is_null=True).to_numpy(zero_copy_only=False)[codes]
    if empty.any():
        raise UserError(
            f"{int(empty.sum())} of {len(codes)} values of '{name}' are empty",
            where="annotations",
            do="Leave out rows without an item, an annotator or a label.",
        )
    return codes, _plain(values, name), objects


def _encode_arrow(column: pa.ChunkedArray) -> tuple[IntArray, Any]:
    """Codes of an Arrow column, -1 for nothing, and its distinct values; of text held as codes those very codes."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type) and (own := _own_codes(column)) is not None:
        return own
    column = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    if pa.types.is_string(column.type) and not column.null_count and _ascending(values := column.combine_chunks()):
        return np.arange(len(values), dtype=np.int32), values
    return _chunks(column.dictionary_encode().unify_dictionaries())


def _own_codes(column: pa.ChunkedArray) -> tuple[IntArray, Any] | None:
    """The codes in which a column of text is held, and the values that occur; None where a value has several codes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    codes, values = _chunks(column.unify_dictionaries())
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return None
    if not _ascending(values) and pc.count_distinct(values).as_py() < len(values):
        return None
    used = np.bincount(codes[codes >= 0] if codes.min(initial=0) < 0 else codes, minlength=len(values)) > 0
    if used.all():
        return codes, values
    return np.append(np.cumsum(used, dtype=np.int32) - 1, np.int32(-1))[codes], values.filter(pa.array(used))


def _chunks(encoded: pa.ChunkedArray) -> tuple[IntArray, Any]:
    import pyarrow as pa

    chunks = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
    codes = np.concatenate([*chunks, np.empty(0, dtype=np.int32)]).astype(np.int32, copy=False)
    return codes, encoded.chunk(0).dictionary if chunks else pa.array([], encoded.type.value_type)


def _ascending(values: Any) -> bool:
    """Whether each value is greater than the one before it, as ids are that were sorted before."""
    import pyarrow.compute as pc

    following = pc.less(values.slice(0, max(len(values) - 1, 0)), values.slice(1))
    return pc.all(following, skip_nulls=False).as_py() is True


def _factorize_objects(values: AnyArray) -> tuple[IntArray, AnyArray]:
    """Like `pd.factorize`, for Python objects of which the same one often stands in many rows.

    Readers keep one string object for equal values of a column, and telling addresses apart is several times
    faster than hashing text; the few objects left are then compared by value.
    """
    import pandas as pd

    values = np.ascontiguousarray(values)
    addresses = np.ctypeslib.as_array((ctypes.c_ssize_t * len(values)).from_address(values.ctypes.data))
    seen, objects = pd.factorize(addresses)
    if 2 * len(objects) > len(values):
        codes, distinct = pd.factorize(values)
        return codes, np.asarray(distinct)
    first = np.empty(len(objects), dtype=np.int64)
    first[seen[::-1]] = np.arange(len(values) - 1, -1, -1)
    codes, distinct = pd.factorize(values[first])
    return codes[seen], np.asarray(distinct)


def _plain(values: Any, name: str) -> Any:
    """The values as large_string or int64, or as float64 where they are no whole numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_large_string(kind):
        return values
    if pa.types.is_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return values.cast(pa.large_string())
    if pa.types.is_integer(kind):
        return values.cast(pa.int64())
    if pa.types.is_floating(kind):
        whole = pc.all(pc.equal(values, pc.floor(values))).as_py()
        return values.cast(pa.int64()) if whole else values.cast(pa.float64())
    if pa.types.is_boolean(kind):
        return pc.if_else(values, "True", "False").cast(pa.large_string())
    raise UserError(
        f"column '{name}' holds {kind}", where="annotations", do="Ids and labels are text or whole numbers."
    )


def _order_of_text(values: Any) -> AnyArray:
    """The permutation that sorts distinct strings by code point."""
    import pyarrow.compute as pc

    _, ends, text = values.buffers()
    offsets = np.frombuffer(ends, dtype=np.int64)[values.offset : values.offset + len(values) + 1].copy()
    words = _first_words(np.frombuffer(text or b"", dtype=np.uint8).copy(), offsets)
    order = np.argsort(words)
    if (words[order[1:]] == words[order[:-1]]).any():  # eight bytes do not tell them apart
        return cast(AnyArray, pc.array_sort_indices(values).to_numpy())
    return order


def code_labels(column: Any, name: str, classes: Iterable[str] | None) -> tuple[IntArray, tuple[str, ...]]:
    """Codes int32 of a column of labels and the class names: `classes`, or the labels found, sorted."""
    codes, values = code_column(column, name)
    found = [str(value) for value in values]
    if classes is None:
        return codes, tuple(found)
    declared = tuple(str(k) for k in classes)
    position = {k: i for i, k in enumerate(declared)}
    if len(position) < len(declared):
        twice = next(k for i, k in enumerate(declared) if position[k] != i)
        raise UserError(f"class '{twice}' is declared twice", do="Name every class once.")
    for value in found:
        if value not in position:
            raise UserError(
                f"label '{value}' is not a declared class", where=f"column '{name}'", do=nearest(value, declared)
            )
    recode = np.array([position[value] for value in found], dtype=np.int32)
    return (recode[codes] if len(found) else codes), declared


def newest(repeated: BoolArray, label: IntArray, order: IntArray | None, moment: Any, time: str) -> BoolArray:
    """Mask of the rows that stay when of equal (item, annotator) rows the newest label is kept.

    `repeated` (n - 1,) says of each row but the first whether it has the ids of the row before it.
    """
    several = np.append(repeated, False) | np.insert(repeated, 0, False)
    rows = np.flatnonzero(several)
    group = np.cumsum(~np.insert(repeated, 0, False)[rows])
    keys = [label[rows], group]
    if moment is not None:
        taken = rows if order is None else order[rows]
        keys.insert(1, moments(moment.iloc[taken] if hasattr(moment, "iloc") else moment.take(taken), time))
    ranked = np.lexsort(keys)
    last = np.append(np.diff(group[ranked]) > 0, True)
    kept = ~several
    kept[rows[ranked[last]]] = True
    return kept


def moments(column: Any, name: str) -> AnyArray:
    """A number for each time that orders them; the lowest where the time is missing."""
    import pandas as pd

    series = column if isinstance(column, pd.Series) else column.to_pandas()
    if pd.api.types.is_numeric_dtype(series):
        return series.to_numpy() if series.notna().all() else series.fillna(-np.inf).to_numpy(np.float64)
    try:
        text = pd.api.types.is_object_dtype(series) or pd.api.types.is_string_dtype(series)
        times = pd.DatetimeIndex(pd.to_datetime(series, utc=True, format="ISO8601" if text else None))
    except (ValueError, TypeError) as error:
        raise UserError(f"'{name}' holds a value that is no ISO 8601 time ({error})", where="annotations") from error
    return times.tz_localize(None).to_numpy().astype(np.int64)


@compiled
def _first_words(text: AnyArray, offsets: AnyArray) -> AnyArray:
    """The eight bytes of each string that follow the prefix common to all, as a number that sorts alike."""
    n = len(offsets) - 1
    shared = offsets[1] - offsets[0]
    for i in range(1, n):
        shared = min(shared, offsets[i + 1] - offsets[i])
        for b in range(shared):
            if text[offsets[i] + b] != text[offsets[0] + b]:
                shared = b
                break
    words = np.zeros(n, dtype=np.uint64)
    for i in range(n):
        for b in range(8):
            at = offsets[i] + shared + b
            words[i] <<= np.uint64(8)
            if at < offsets[i + 1]:
                words[i] |= np.uint64(text[at])
    return words
