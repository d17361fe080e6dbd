"""One verdict an item, from doubts about labels, twins and outliers."""

import numpy as np
import pytest

from label_pipeline.errors import UserError
from label_pipeline.noise import table as module
from label_pipeline.noise.neighbours import Neighbours, available
from label_pipeline.noise.table import KINDS, label_issues
from label_pipeline_tests.noise.test_issues import names, noisy
from label_pipeline_tests.noise.test_neighbours import planted


def with_neighbours(monkeypatch: pytest.MonkeyPatch, sets: list[int], apart: list[bool]) -> None:
    """Datalab's verdicts as given, for items that the model does not doubt."""
    ones = np.ones(len(sets))
    found = Neighbours(np.array(sets), ones, np.array(apart), ones, "")
    monkeypatch.setattr(module, "neighbours", lambda features: found)


def test_label_issues_only() -> None:
    """Without features the table is confident learning's; items without a label have no row."""
    labels, _, probabilities = noisy(0)
    labels[5] = -1
    report = label_issues([f"i{n}" for n in range(400)], labels, probabilities, names(4))
    table = report.table
    assert len(table) == 399
    assert "i5" not in set(table["item_id"])
    assert table["is_issue"].sum() > 10
    doubted = table[table["is_issue"]]
    assert (doubted["kind"] == "label").all()
    assert (doubted["suggested_label"] != doubted["given_label"]).all()
    assert table[~table["is_issue"]][["suggested_label", "kind"]].isna().all(axis=None)
    assert report.neighbours is None
    assert report.notes == []


def test_twins_with_different_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outvoted twin gets the others' label; an even split gets none; agreeing twins are no issue."""
    #         outvoted set | even set | agreeing | half labelled | alone, apart
    sets = [0, 0, 0, 1, 1, 2, 2, 3, 3, -1, -1]
    labels = np.array([0, 0, 1, 0, 1, 1, 1, 0, -1, 0, 1])
    apart = [False] * 9 + [False, True]
    with_neighbours(monkeypatch, sets, apart)
    sure = np.eye(2)[np.where(labels < 0, 0, labels)] * 0.9 + 0.05
    table = label_issues(range(11), labels, sure, ["a", "b"], features=np.zeros((11, 4))).table.set_index("item_id")
    near, outlier = KINDS[1], KINDS[2]
    assert table["kind"].tolist() == [near] * 5 + [None] * 4 + [outlier]
    assert table["suggested_label"].tolist() == [None, None, "a"] + [None] * 7
    assert table["is_issue"].tolist() == [True] * 5 + [False] * 4 + [True]


def test_a_doubted_label_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """One kind an item: the model's doubt before the twin, the twin before the outlier."""
    labels, _, probabilities = noisy(0)
    doubted = label_issues(range(400), labels, probabilities, names(4)).table["is_issue"].to_numpy()
    with_neighbours(monkeypatch, [0] * 400, [True] * 400)
    table = label_issues(range(400), labels, probabilities, names(4), features=np.zeros((400, 4))).table
    assert np.array_equal(table["kind"] == "label", doubted)
    assert (table.loc[~doubted, "kind"] == "near duplicate").all()


def test_misaligned_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items of one table and features of another would blame the wrong items."""
    labels, _, probabilities = noisy(0)
    with pytest.raises(UserError, match="3 items and 400 labels"):
        label_issues(range(3), labels, probabilities, names(4))
    with_neighbours(monkeypatch, [0] * 10, [True] * 10)
    with pytest.raises(UserError, match="10 rows of features"):
        label_issues(range(400), labels, probabilities, names(4), features=np.zeros((10, 4)))


@pytest.mark.skipif(not available(), reason="cleanlab's Datalab needs the package datasets")
def test_with_datalab() -> None:
    """End to end on planted twins: the twins' conflict is found beside the noise."""
    labels, _, probabilities = noisy(9, items=300, flipped=0.0)
    probabilities = np.eye(4)[labels] * 0.9 + 0.025
    points = planted(9, 300, 12)
    labels[[0, 1]] = [0, 1]
    probabilities[[0, 1]] = np.eye(4)[[0, 1]] * 0.9 + 0.025
    report = label_issues(range(300), labels, probabilities, names(4), features=points)
    table = report.table.set_index("item_id")
    assert table.loc[[0, 1], "kind"].tolist() == ["near duplicate"] * 2
    assert table.loc[20, "kind"] == "outlier"
    assert report.notes == []
