"""The call on frames: what goes in, in which shapes, and what comes out."""

import subprocess
import sys

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from label_pipeline.consensus import METHODS, consensus
from label_pipeline.errors import UserError

ROWS = [
    ("b", "ann", "good"), ("b", "bob", "good"), ("b", "cid", "bad"),
    ("a", "ann", "bad"), ("a", "bob", "bad"), ("a", "cid", "good"),
    ("c", "ann", "good"), ("c", "cid", "bad"), ("d", "bob", "bad"),
]  # fmt: skip


@pytest.fixture
def annotations() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=["item_id", "annotator_id", "label"])


def test_what_a_result_holds(annotations: pd.DataFrame) -> None:
    """A column changed its name, and the notebooks of three teams with it."""
    found = consensus(annotations, "majority", items=["e"])
    assert list(found.labels.columns) == [
        "item_id", "label", "confidence", "agreement", "n_annotations", "p_bad", "p_good",
    ]  # fmt: skip
    assert found.labels["item_id"].tolist() == ["a", "b", "c", "d", "e"]
    # c is tied: of 9 labels only 4 are good.
    assert found.labels["label"].tolist() == ["bad", "good", "good", "bad", None]
    np.testing.assert_allclose(found.labels["confidence"], [2 / 3, 2 / 3, 0.5, 1, 0])
    np.testing.assert_allclose(found.labels["agreement"], [2 / 3, 2 / 3, 0.5, 1, 0])
    assert found.labels["n_annotations"].tolist() == [3, 3, 2, 1, 0]
    np.testing.assert_allclose(found.labels["p_bad"], [2 / 3, 1 / 3, 0.5, 1, 5 / 9])
    assert list(found.annotators.columns) == ["annotator_id", "n", "quality", "weight"]
    assert found.annotators["annotator_id"].tolist() == ["ann", "bob", "cid"]
    assert found.annotators["n"].tolist() == [3, 3, 3]
    assert (found.method, found.classes) == ("majority", ("bad", "good"))
    assert found.evidence.empty
    auto = consensus(annotations)
    assert set(auto.evidence["method"]) < set(METHODS)
    assert auto.evidence["wins"].sum() == pytest.approx(1)
    assert auto.why


def test_pandas_arrow_and_duckdb_give_the_same(annotations: pd.DataFrame) -> None:
    """The same annotations had other labels when they came from the mart."""
    ours = consensus(annotations)
    table = pa.Table.from_pandas(annotations)
    relation = duckdb.connect().from_arrow(table)
    gold = pa.table({"item_id": ["a"], "label": ["bad"]})
    for other in (table, relation, annotations.astype("category")):
        pd.testing.assert_frame_equal(consensus(other).labels, ours.labels)
    assert consensus(annotations, gold=gold).labels["confidence"].iloc[0] == 1


def test_the_newest_label_counts_and_a_second_delivery_changes_nothing(annotations: pd.DataFrame) -> None:
    """A batch that was delivered twice doubled the weight of its annotators."""
    timed = annotations.assign(annotated_at="2026-10-01T08:00:00Z")
    later = timed.iloc[[8]].assign(label="good", annotated_at="2026-10-02T08:00:00Z")
    found = consensus(pd.concat([later, timed, timed]), "majority")
    assert found.labels["label"].iloc[3] == "good"
    assert found.labels["n_annotations"].tolist() == [3, 3, 2, 1]


def test_probabilities_are_taken_by_name(annotations: pd.DataFrame) -> None:
    """A model's rows in another order gave each item the opinion on its neighbour."""
    rng = np.random.default_rng(0)
    model = pd.DataFrame(rng.dirichlet([1, 1], 4), index=list("abcd"), columns=["bad", "good"])
    ours = consensus(annotations, "crowdlab", probabilities=model)
    shuffled = pd.concat([model, model.set_axis(list("wxyz"))]).sample(frac=1, random_state=0)[["good", "bad"]]
    theirs = consensus(annotations, "crowdlab", probabilities=shuffled, classes=["bad", "good"])
    pd.testing.assert_frame_equal(ours.labels, theirs.labels)
    assert theirs.diagnostics["probabilities_elsewhere"] == 4
    assert consensus(annotations, "crowdlab", probabilities=shuffled).classes == ("good", "bad")
    extra = model.assign(unclear=0.0)
    assert consensus(annotations, probabilities=extra).classes == ("bad", "good", "unclear")


def test_gold_may_name_a_class_that_nobody_gave(annotations: pd.DataFrame) -> None:
    """The class that all annotators overlook is the one gold is for."""
    gold = pd.DataFrame({"item_id": ["a"], "label": ["awful"]})
    found = consensus(annotations, "dawid_skene", gold=gold)
    assert found.classes == ("bad", "good", "awful")
    assert found.labels["label"].iloc[0] == "awful"
    assert found.labels["agreement"].iloc[0] == 0


def test_numbers_as_ids_and_labels() -> None:
    """A rating column read as float made classes 1.0 and 1."""
    frame = pd.DataFrame({"item_id": [1, 1, 2, 10], "annotator_id": [7, 8, 7, 8], "label": [1.0, 1.0, 5.0, 10.0]})
    model = pd.DataFrame(np.full((3, 3), 1 / 3), index=[1, 2, 10], columns=[1.0, 5.0, 10.0])
    gold = pd.DataFrame({"item_id": [10], "label": [5]})
    found = consensus(frame, "crowdlab", probabilities=model, gold=gold)
    assert found.labels["item_id"].tolist() == [1, 2, 10]
    assert found.labels["label"].tolist() == ["1", "5", "5"]


def test_a_confusion_matrix_by_name(annotations: pd.DataFrame) -> None:
    """The matrix of the annotator above was shown."""
    found = consensus(annotations, "dawid_skene")
    matrix = found.confusion("bob")
    assert (list(matrix.index), list(matrix.columns)) == (["bad", "good"], ["bad", "good"])
    assert matrix.loc["bad", "bad"] > found.confusion("cid").loc["bad", "bad"]
    with pytest.raises(UserError, match="Did you mean 'bob'"):
        found.confusion("bobby")


def test_ratings(annotations: pd.DataFrame) -> None:
    """Ratings in the order of the alphabet: 'bad' stood between 'awful' and 'fine'."""
    frame = annotations.replace({"label": {"bad": "2", "good": "4"}})
    classes = ["1", "2", "3", "4", "5"]
    found = consensus(frame, kind="ordinal", classes=classes)
    assert found.labels["label"].isin(classes).all()
    assert "ordinal" in set(found.evidence["method"])
    assert consensus(frame, "ordinal", kind="ordinal", classes=classes).method == "ordinal"


def test_label_sets() -> None:
    """An item that shows a cat and a dog was a cat with little agreement."""
    frame = pd.DataFrame(
        {
            "item_id": ["a", "a", "a", "b", "b", "c"],
            "annotator_id": ["ann", "bob", "cid", "ann", "bob", "ann"],
            "label": [["cat", "dog"], ["cat", "dog"], ["cat"], [], [], ["dog"]],
        }
    )
    found = consensus(frame, kind="multi_label", items=["d"])
    assert found.labels["label"].tolist() == [("cat", "dog"), (), ("dog",), None]
    assert found.labels["agreement"].tolist() == [2 / 3, 1, 1, 0]
    assert found.labels["confidence"].iloc[3] == 0
    assert list(found.labels.columns)[-2:] == ["p_cat", "p_dog"]
    np.testing.assert_allclose(found.confusion("ann").sum(axis=1), 1)
    rows = frame.explode("label")
    pd.testing.assert_frame_equal(consensus(rows, kind="multi_label", items=["d"]).labels, found.labels)
    gold = pd.DataFrame({"item_id": ["b", "elsewhere"], "label": [["bird"], ["cat"]]})
    told = consensus(frame, kind="multi_label", gold=gold)
    assert told.classes == ("cat", "dog", "bird")
    assert told.labels["label"].tolist()[1] == ("bird",)
    assert told.diagnostics["gold_elsewhere"] == 1
    with pytest.raises(UserError, match="'bird' is no class"):
        consensus(frame, kind="multi_label", gold=gold, classes=["cat", "dog"])
    with pytest.raises(UserError, match="for label sets"):
        consensus(frame, "wawa", kind="multi_label")
    with pytest.raises(UserError, match="no parameter"):
        consensus(frame, kind="multi_label", strenght=1.0)


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    """Each step of a nightly run paid two seconds for imports it did not use."""
    code = (
        "import sys, label_pipeline.consensus; from label_pipeline.consensus import fit_consensus; "
        "print([m for m in ('pandas', 'numba', 'cleanlab', 'sklearn', 'crowdkit', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    import label_pipeline.consensus as package

    with pytest.raises(AttributeError, match="no attribute 'concensus'"):
        _ = package.concensus
