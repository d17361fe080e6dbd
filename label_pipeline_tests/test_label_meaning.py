"""What labels of each type mean beside one another: when one is right, its classes, and how it is typed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from label_pipeline.label_meaning import Meaning, NumberMeaning, SetMeaning, meaning_of, number_text
from label_pipeline.publish.typed import by_class, typed

ONE, SETS, NEAR, FAR = (
    Meaning(("cat", "dog")),
    SetMeaning(("cat", "dog", "bird")),
    NumberMeaning(tolerance=0.1),
    NumberMeaning(),
)


def series(*labels: str | None) -> pd.Series[str]:
    return pd.Series(labels, dtype=object)


def test_each_type_has_its_meaning() -> None:
    """Loss: numbers compared as texts, where `2.0` is not `2`."""
    kinds = ("single_choice", "ordinal", "multi_label", "number")
    assert [type(meaning_of(kind)) for kind in kinds] == [Meaning, Meaning, SetMeaning, NumberMeaning]  # type: ignore[arg-type]
    assert [m.one_class for m in (ONE, SETS, NEAR)] == [True, False, False]


def test_when_a_label_is_right() -> None:
    """Loss: 0.3 is not within 0.1 of 0.2, as computers see it; a number without a tolerance is never right."""
    assert ONE.right(series("cat", "dog"), series("cat", "cat")).tolist() == [True, False]
    assert SETS.right(series("cat|dog", ""), series("cat|dog", "cat")).tolist() == [True, False]
    assert NEAR.right(series("0.3", "0.31", "2.0"), series("0.2", "0.2", "2")).tolist() == [True, False, True]
    assert NEAR.right(series(None), series("1")).tolist() == [False]
    assert [m.judges for m in (ONE, SETS, NEAR, FAR)] == [True, True, True, False]


def test_which_classes_a_label_holds() -> None:
    """Loss: `cat` is found in `cattle`, or the empty set in every class."""
    assert SETS.holds(series("cat|dog", "", None, "bird"), "dog").tolist() == [True, False, False, False]
    assert ONE.holds(series("cat", None), "cat").tolist() == [True, False]
    members = SETS.members(["cat|bird", "", None])
    assert members[:2].tolist() == [[1, 0, 1], [0, 0, 0]]
    assert np.isnan(members[2]).all()


def test_one_spelling() -> None:
    """Loss: gold `dog|cat` contradicts every answer `cat|dog`."""
    assert SETS.canonical("bird|cat") == "cat|bird"
    assert SETS.canonical("") == ""
    assert SETS.canonical("cat|cow") is None
    assert [NEAR.canonical(text) for text in ("2.50", "1e3", "nan", "inf", "two")] == ["2.5", "1000", None, None, None]
    assert SETS.allowed(["cat|dog", "dog|cat", "cow"]) == ["cat|dog"]
    assert [number_text(v) for v in (-0.0, 1e-12, 123456789.0, 0.1 + 0.2)] == ["0", "1e-12", "123456789", "0.3"]


def test_words() -> None:
    """Loss: an empty label in a report looks like a fault of the report."""
    assert [SETS.words(text) for text in ("cat|dog", "")] == ["cat, dog", "no class"]
    assert NEAR.words("2.5") == "2.5"


def candidate(labels: list[str], probabilities: list[list[float] | None], confidence: list[float]) -> pa.Table:
    return pa.table(
        {
            "item_id": [f"i{k}" for k in range(len(labels))],
            "label": labels,
            "probabilities": pa.array(probabilities, pa.list_(pa.float64())),
            "confidence": confidence,
            "sample_weight": [1.0] * len(labels),
        }
    )


def test_training_sets_of_sets() -> None:
    """Loss: rows weighed by the sum of chances, which for sets is none."""
    found = typed(candidate(["cat|dog", ""], [[0.9, 0.8, 0.5], None], [0.36, 1.0]), SETS)
    assert found["label"].to_pylist() == [["cat", "dog"], []]
    assert found["probabilities"].to_pylist() == [[0.9, 0.8, 0.5], [0.0, 0.0, 0.0]]  # settled truth is certain
    assert found["sample_weight"].to_pylist() == pytest.approx([(0.8 + 0.6 + 0.0) / 3, 1.0])


def test_training_sets_of_numbers() -> None:
    """Loss: gold that differs from the consensus keeps the consensus's interval around another value."""
    numbers = pa.table(
        {
            "item_id": ["i1", "i0"],
            "value": [5.0, 2.0],
            "ci_low": [4.0, 1.5],
            "ci_high": [6.0, 2.5],
            "weight": [0.7, 0.9],
        }
    )
    found = typed(candidate(["2", "9"], [None, None], [0.9, 1.0]), NEAR, numbers)
    assert found.column_names == ["item_id", "label", "ci_low", "ci_high", "confidence", "sample_weight"]
    assert found["label"].to_pylist() == [2.0, 9.0]
    assert (found["ci_low"].to_pylist(), found["ci_high"].to_pylist()) == ([1.5, 9.0], [2.5, 9.0])
    assert found["sample_weight"].to_pylist() == [0.9, 1.0]


def test_rows_by_class() -> None:
    """Loss: a set of two classes counts for neither."""
    table = pa.table({"item_id": ["i0", "i1"], "label": ["cat|bird", ""]})
    assert by_class(table, SETS).to_pylist() == [{"item_id": "i0", "label": name} for name in ("cat", "bird")]
    assert len(by_class(table, NEAR)) == 0
    assert by_class(table, ONE) is table
