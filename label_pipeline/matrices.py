"""Columns of lists of one length, such as a probability a class: as matrices, never as an object a row.

Three and a half million small arrays are a gigabyte of objects, and seconds in each step that makes or reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FloatArray = npt.NDArray[np.float64]


def matrix_of(lists: Any, width: int, *, otherwise: float = np.nan) -> FloatArray:
    """A column of lists of `width` numbers as a matrix (n, width); rows of nothing are filled with `otherwise`.

    The column is Arrow's, or a pandas series of Arrow's or of plain lists.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(lists, pa.Array | pa.ChunkedArray):
        lists = pa.array(lists, pa.list_(pa.float64()), from_pandas=True)
    matrix = np.full((len(lists), width), otherwise)
    matrix[pc.is_valid(lists).to_numpy(zero_copy_only=False)] = pc.list_flatten(lists).to_numpy().reshape(-1, width)
    return matrix


def lists_of(matrix: FloatArray | None, n: int) -> pd.Series[Any]:
    """The rows of a matrix (n, width) as a pandas column of Arrow lists; rows of NaN, and all of None, are missing."""
    import pandas as pd
    import pyarrow as pa

    kind = pa.list_(pa.float64())
    if matrix is None:
        return pd.Series(pa.nulls(n, kind), dtype=pd.ArrowDtype(kind))
    known = ~np.isnan(matrix[:, 0]) if matrix.shape[1] else np.ones(n, dtype=np.bool_)
    ends = np.concatenate([[0], np.cumsum(known * matrix.shape[1])]).astype(np.int32)
    values = matrix if known.all() else matrix[known]
    offsets = pa.array(ends, mask=np.append(~known, False))
    return pd.Series(pa.ListArray.from_arrays(offsets, values.ravel()), dtype=pd.ArrowDtype(kind))


def frame_of(rows: pa.Table) -> pd.DataFrame:
    """A pandas frame in which columns of lists of numbers stay Arrow's."""
    import pandas as pd
    import pyarrow as pa

    numbers = pa.list_(pa.float64())
    frame: pd.DataFrame = rows.to_pandas(types_mapper={numbers: pd.ArrowDtype(numbers)}.get)
    return frame
