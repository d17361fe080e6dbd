"""Texts held as codes: the same answers as on plain text, whatever the codes are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.coding import code_column
from label_pipeline.held_codes import codes_of, is_in, plain

TEXTS = st.lists(st.none() | st.sampled_from(["", "a", "b", "ä", "a b", "B"]), max_size=12)


def chunked(parts: list[list[str | None]]) -> pa.ChunkedArray:
    """A coded column whose chunks have a dictionary each."""
    coded = [pa.array(part, pa.string()).dictionary_encode() for part in parts]
    return pa.chunked_array(coded, pa.dictionary(pa.int32(), pa.string()))


@given(st.lists(TEXTS, max_size=3), st.sets(st.sampled_from(["a", "b", "ä", "nobody"])))
def test_as_on_plain_text(parts: list[list[str | None]], values: set[str]) -> None:
    """Loss: one code for two people, or a vote that is not counted, where files of several days are read together."""
    column = chunked(parts)
    texts = [text for part in parts for text in part]
    assert is_in(column, values).tolist() == [text in values for text in texts]
    frame = plain(pa.table({"text": column, "n": pa.array(range(len(texts)), pa.int64())}))
    assert frame["text"].tolist() == texts
    assert frame["n"].tolist() == list(range(len(texts)))
    if texts:
        codes, names = codes_of(column)
        assert [None if code < 0 else names[int(code)].as_py() for code in codes] == texts


@given(st.lists(st.sampled_from(["", "a", "b", "ä", "a b", "B"]), min_size=1, max_size=12), st.randoms())
def test_ids_in_any_dictionary_get_the_same_codes(texts: list[str], order: object) -> None:
    """Loss: the order in which a file names people shows in who is who; a value that no row has is an item."""
    expected = code_column(pa.array(texts), "item_id")
    names = [*dict.fromkeys(texts), "unused"]
    order.shuffle(names)  # type: ignore[attr-defined]
    codes = pa.array([names.index(text) for text in texts], pa.int32())
    found = code_column(pa.DictionaryArray.from_arrays(codes, pa.array(names)), "item_id")
    twice = pa.DictionaryArray.from_arrays(codes, pa.array([*names, *names]))
    for one in (found, code_column(twice, "item_id")):
        assert np.array_equal(one[0], expected[0])
        assert one[1].tolist() == expected[1].tolist()
