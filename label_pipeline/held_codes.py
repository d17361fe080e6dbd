"""Arrow tables whose texts are held as codes (dictionaries): telling rows apart by codes, and back to plain frames.

Many rows name few labels, people and files; as codes they take a tenth of the memory and are compared as numbers.
What the rows are stands in `state`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def codes_of(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """The codes int32 (n,) of a column of text, -1 for nothing, and the values they stand for (no value twice)."""
    import pyarrow as pa

    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    column = column.unify_dictionaries()
    chunks = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in column.chunks]
    codes = np.concatenate(chunks) if len(chunks) != 1 else chunks[0]
    return codes.astype(np.int32, copy=False), column.chunk(0).dictionary


def narrowed(rows: pa.Table) -> pa.Table:
    """The same rows with each column's codes as small as its values allow: most tell few things apart."""
    import pyarrow as pa

    for place, column in enumerate(rows.columns):
        if not pa.types.is_dictionary(column.type) or not column.num_chunks:
            continue
        column = column.unify_dictionaries()
        size = len(column.chunk(0).dictionary)
        kind = pa.int8() if size < 1 << 7 else pa.int16() if size < 1 << 15 else pa.int32()
        chunks = [pa.DictionaryArray.from_arrays(c.indices.cast(kind), c.dictionary) for c in column.chunks]
        rows = rows.set_column(place, rows.column_names[place], pa.chunked_array(chunks))
    return rows


def is_in(column: pa.ChunkedArray, values: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Which rows (n,) of a column of text hold one of `values`; nothing is none of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(column):
        return np.zeros(0, dtype=np.bool_)
    codes, names = codes_of(column)
    among = pc.is_in(names, value_set=pa.array(sorted(values), names.type)).to_numpy(zero_copy_only=False)
    return np.append(among, False)[codes]


def plain(rows: pa.Table, columns: Sequence[str] | None = None, *, categories: Collection[str] = ()) -> pd.DataFrame:
    """A frame in which texts are plain objects, each value once in memory; those of `categories` are pandas' own."""
    import pandas as pd
    import pyarrow as pa

    rows = rows if columns is None else rows.select(list(columns))
    frame: dict[str, Any] = {}
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if pa.types.is_dictionary(column.type) and len(column):
            codes, values = codes_of(column)
            if name in categories:
                frame[name] = pd.Categorical.from_codes(cast(Any, codes), values.to_numpy(zero_copy_only=False))
                continue
            frame[name] = np.append(values.to_numpy(zero_copy_only=False), np.array([None], dtype=object))[codes]
        elif pa.types.is_dictionary(column.type):
            frame[name] = np.empty(0, dtype=object)
        else:
            frame[name] = column.to_pandas()
    return pd.DataFrame(frame, columns=rows.column_names)
