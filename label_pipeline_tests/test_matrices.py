"""Columns of lists as matrices: nothing moves to another row on the way there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.matrices import frame_of, lists_of, matrix_of

NOTHING = [np.nan, np.nan]
ROWS = st.lists(st.one_of(st.just(NOTHING), st.lists(st.floats(0, 1), min_size=2, max_size=2)), max_size=20)


@given(ROWS)
def test_there_and_back(rows: list[list[float]]) -> None:
    """Loss: an item without probabilities shifts those of all that come after it."""
    matrix = np.array(rows, dtype=np.float64).reshape(-1, 2)
    column = lists_of(matrix, len(matrix))
    assert column.isna().tolist() == [row == NOTHING for row in rows]
    for given_as in (column, column.array._pa_array, column.iloc[::1], pd.Series(column.to_list(), dtype=object)):
        assert np.array_equal(matrix_of(given_as, 2), matrix, equal_nan=True)


def test_through_a_table() -> None:
    """Loss: a partition read back has other probabilities than were computed."""
    matrix = np.array([[0.25, 0.75], NOTHING, [1.0, 0.0]])
    table = pa.Table.from_pandas(pd.DataFrame({"p": lists_of(matrix, 3)}))
    assert table["p"].to_pylist() == [[0.25, 0.75], None, [1.0, 0.0]]
    assert np.array_equal(matrix_of(frame_of(table)["p"], 2), matrix, equal_nan=True)


@pytest.mark.parametrize("column", [lists_of(None, 3), pa.nulls(3, pa.list_(pa.float64())), [None] * 3])
def test_nothing_at_all(column: Any) -> None:
    """Loss: labels that have no probabilities break whoever asks for them."""
    assert matrix_of(column, 2, otherwise=0.5).tolist() == [[0.5, 0.5]] * 3
