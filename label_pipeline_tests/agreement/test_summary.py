"""The table of agreement: every part is the figure of the votes restricted to it."""

import numpy as np
import pytest

from label_pipeline.agreement.alpha import alpha, alpha_by_class
from label_pipeline.agreement.kappa import raw_agreement
from label_pipeline.agreement.summary import COLUMNS, agreement_table
from label_pipeline.errors import UserError
from label_pipeline.votes import Votes
from label_pipeline_tests.agreement.tables import random_votes

VOTES = random_votes(11, items=90, annotators=6, classes=3)
PRODUCT = np.array(["book", "toy", None])[np.arange(90) % 3]
TEAM = ["in-house", "vendor", "vendor", "in-house", "vendor", None]
VERSION = np.where(VOTES.item < 50, "v1", "v2")


def test_every_row_is_the_figure_of_its_part() -> None:
    """A slice measured on the wrong rows would send the guideline work to the wrong place."""
    table = agreement_table(
        VOTES, slices={"product": PRODUCT}, groups={"team": TEAM}, versions={"guideline": VERSION}, replicates=50
    )
    assert tuple(table.columns) == COLUMNS
    rows = table.set_index(["measure", "dimension", "member"])
    parts = {
        ("all", ""): VOTES,
        ("product", "toy"): VOTES.keep((PRODUCT == "toy")[VOTES.item]),
        ("team", "vendor"): VOTES.keep(np.isin(VOTES.annotator, [1, 2, 4])),
        ("team", "in-house"): VOTES.keep(np.isin(VOTES.annotator, [0, 3])),
        ("guideline", "v2"): VOTES.keep(VERSION == "v2"),
    }
    for (dimension, member), part in parts.items():
        for measure, figure in (("alpha", alpha), ("raw_agreement", raw_agreement)):
            expected = figure(part, replicates=50)
            row = rows.loc[(measure, dimension, member)]
            assert (row.value, row.ci_low, row.ci_high, row.n) == pytest.approx(
                (expected.value, expected.ci_low, expected.ci_high, expected.n), abs=1e-12
            )
    by_class = table[table["dimension"] == "class"]
    assert by_class["value"].tolist() == [e.value for e in alpha_by_class(VOTES, replicates=50)]
    assert set(rows.loc["alpha"].index.get_level_values(0)) == {"all", "class", "product", "team", "guideline"}
    assert ("product", "None") not in rows.loc["alpha"].index


def test_missing_values_say_why() -> None:
    """An empty cell in the report needs its reason."""
    votes = Votes.of_codes(
        np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0, 0, 1]), items=2, annotators=2, classes=3
    )
    table = agreement_table(votes, slices={"half": ["a", "b"]}, replicates=10).set_index(
        ["measure", "dimension", "member"]
    )
    assert table.loc[("alpha", "half", "a"), "note"] == "every label is the same"
    assert table.loc[("alpha", "half", "b"), "note"] == "no item has two labels"
    assert "has this class" in table.loc[("alpha", "class", "1"), "note"]
    assert table.loc[("raw_agreement", "half", "a"), "note"] == ""
    assert ("alpha", "class", "2") not in table.index


def test_columns_of_the_wrong_length_are_refused() -> None:
    """Misaligned members would be silently wrong."""
    with pytest.raises(UserError, match="'product' has 3 values for 90 items"):
        agreement_table(VOTES, slices={"product": ["a", "b", "c"]})
