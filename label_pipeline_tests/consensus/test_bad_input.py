"""Input that is odd, thin or wrong: a result with a stated meaning or one clear error, from every method."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from label_pipeline.consensus import METHODS, Consensus, consensus
from label_pipeline.errors import UserError

Rows = list[tuple[str, str, str]]

OURS = ["auto", *(name for name in METHODS if name not in ("glad", "mace"))]
# crowd-kit takes seconds for a handful of labels: its own tests run it, these only in the slow campaign.
EVERY = [*OURS, *(pytest.param(name, marks=pytest.mark.slow) for name in ("glad", "mace"))]
ODD: dict[str, Rows] = {
    "one annotator": [("a", "ann", "x"), ("b", "ann", "y"), ("c", "ann", "x")],
    "one item": [("a", "ann", "x"), ("a", "bob", "y"), ("a", "cid", "x")],
    "one class": [(item, who, "x") for item in "abc" for who in ("ann", "bob", "cid")],
    "one annotation": [("a", "ann", "x")],
    "every item tied": [(item, who, label) for item in "abcd" for who, label in (("ann", "x"), ("bob", "y"))],
    "nobody meets": [("a", "ann", "x"), ("b", "bob", "y"), ("c", "cid", "x")],
    "an annotator with a single label": [
        *[(item, who, "xy"[i % 2]) for i, item in enumerate("abcdef") for who in ("ann", "bob")],
        ("a", "cid", "y"),
    ],
    "two who always contradict": [(item, who, label) for item in "ab" for who, label in (("ann", "x"), ("bob", "y"))],
}


def frame(rows: Rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_id", "annotator_id", "label"])


def run(method: str, annotations: pd.DataFrame, classes: list[str] | None = None, **more: Any) -> Consensus:
    """The consensus, with a model where the method needs one."""
    if method in ("glad", "mace"):
        pytest.importorskip("crowdkit")
    if method == "crowdlab" and "probabilities" not in more:
        named = classes or sorted(set(annotations["label"]))
        items = sorted({*annotations["item_id"], *more.get("items", [])})
        rng = np.random.default_rng(0)
        more["probabilities"] = pd.DataFrame(rng.dirichlet(np.ones(len(named)), len(items)), items, named)
    return consensus(annotations, method, classes=classes, **more)


def sound(found: Consensus, labelled: int) -> None:
    """No NaN, every probability a probability, and a label for as many items as should have one."""
    numbers = found.labels.drop(columns=["item_id", "label"]).to_numpy(dtype=float)
    assert np.isfinite(numbers).all()
    assert found.labels["label"].notna().sum() == labelled
    assert found.labels["label"].dropna().isin(found.classes).all()
    assert found.labels["confidence"].between(0, 1 + 1e-12).all()
    assert found.labels["agreement"].between(0, 1).all()
    assert found.probabilities.min() >= 0
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-9)
    assert np.isfinite(found.annotators[["quality", "weight"]].to_numpy()).all()
    assert found.annotators["quality"].between(0, 1).all()
    assert all(np.isfinite(value) for value in found.diagnostics.values())
    assert not found.evidence.isna().any().any()


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("case", ODD)
def test_thin_annotations_give_a_sound_result(method: str, case: str) -> None:
    """A pilot of one annotator, or a morning of ties, stopped the run or put NaN into the lake."""
    annotations = frame(ODD[case])
    found = run(method, annotations)
    sound(found, labelled=annotations["item_id"].nunique())
    again = run(method, annotations.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(found.labels, again.labels)
    for annotator in found.annotators["annotator_id"]:
        matrix = found.confusion(annotator).to_numpy()
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-9)


@pytest.mark.parametrize("method", EVERY)
def test_unused_classes_and_unlabelled_items_have_a_stated_result(method: str) -> None:
    """A declared class nobody gave, or an item nobody saw yet, shifted codes or came out as a guess."""
    annotations = frame(ODD["an annotator with a single label"])
    found = run(method, annotations, classes=["never", "x", "rare", "y"], items=["zz"])
    sound(found, labelled=7 if method == "crowdlab" else 6)
    last = found.labels.iloc[-1]
    assert (last["item_id"], last["n_annotations"], last["agreement"]) == ("zz", 0, 0)
    if method != "crowdlab":
        assert last["label"] is None
        assert last["confidence"] == 0
    assert found.labels["label"].iloc[1] == "y"


@pytest.mark.slow
@pytest.mark.parametrize("method", OURS)
def test_a_million_classes(method: str) -> None:
    """Labels that are free text are as many classes as answers: a matrix of classes by classes is 8 TB."""
    many_classes(method, 1_000_000)


@pytest.mark.parametrize("method", ["auto", "dawid_skene", "crowdlab"])
def test_thousands_of_classes(method: str) -> None:
    """The same in small, so that it is seen every day."""
    many_classes(method, 20_000)


def many_classes(method: str, n_classes: int) -> None:
    classes = [f"c{k}" for k in range(n_classes)]
    rare = f"c{n_classes - 1}"
    rows = [("a", "ann", "c5"), ("a", "bob", "c5"), ("a", "cid", rare), ("b", "ann", "c7"), ("b", "cid", "c7")]
    found = run(method, frame(rows), classes=classes)
    if method != "crowdlab":
        assert found.labels["label"].tolist() == ["c5", "c7"]
    assert list(found.labels.columns) == ["item_id", "label", "confidence", "agreement", "n_annotations"]
    assert found.probabilities.shape == (2, n_classes)
    sound(found, labelled=2)
    with pytest.raises(UserError, match="too big"):
        found.confusion("ann")


def test_more_probabilities_than_memory_is_one_error() -> None:
    """A million items times a million classes died of memory, after an hour."""
    rows = [(f"i{i}", "ann", "c0") for i in range(2_000)]
    with pytest.raises(UserError, match="probabilities"):
        consensus(frame(rows), "majority", classes=[f"c{k}" for k in range(1_000_000)])


GOOD = pd.DataFrame({"x": [0.7, 0.2, 0.5], "y": [0.3, 0.8, 0.5]}, index=["a", "b", "c"])
WRONG = {
    "misses an item": (GOOD.drop(index="b"), "1 of 3 items"),
    "names an item twice": (GOOD.loc[["a", "b", "b", "c"]], "named twice"),
    "does not sum to one": (GOOD * 1.5, "sum to one"),
    "holds NaN": (GOOD.where(GOOD != 0.8), "missing or negative"),
    "is negative": (GOOD - 0.4, "missing or negative"),
    "names another class": (GOOD.rename(columns={"y": "yy"}), "label 'y' is not a declared class"),
    "names a class twice": (GOOD.set_axis(["x", "x"], axis=1), "declared twice"),
    "is text": (GOOD.astype(object).replace(0.7, "high"), "numbers"),
    "has numbers as ids": (GOOD.set_axis([1, 2, 3], axis=0), "have numbers"),
    "is an array": (GOOD.to_numpy(), "DataFrame"),
}


@pytest.mark.parametrize("method", ["auto", "crowdlab"])
@pytest.mark.parametrize("case", WRONG)
def test_wrong_probabilities_are_one_clear_error(method: str, case: str) -> None:
    """Rows of a model in another order than the items were taken as they came, and nobody saw."""
    probabilities, words = WRONG[case]
    with pytest.raises(UserError, match=words):
        consensus(frame(ODD["one annotator"]), method, probabilities=probabilities)


def test_declared_classes_and_probabilities_must_name_the_same() -> None:
    """A model trained on fewer classes gave the missing one probability nothing, silently."""
    rows = frame(ODD["one annotator"])
    with pytest.raises(UserError, match="no column for class 'z'"):
        consensus(rows, "crowdlab", probabilities=GOOD, classes=["x", "y", "z"])
    with pytest.raises(UserError, match="column 'y' is no class"):
        consensus(frame([("a", "ann", "x")]), "crowdlab", probabilities=GOOD, classes=["x"])


@pytest.mark.parametrize("method", EVERY)
def test_gold_of_other_items_is_counted_and_of_other_classes_refused(method: str) -> None:
    """Gold for a class that had been renamed taught every method the wrong truth."""
    annotations = frame(ODD["an annotator with a single label"])
    gold = pd.DataFrame({"item_id": ["a", "elsewhere"], "label": ["y", "x"]})
    found = run(method, annotations, gold=gold)
    sound(found, labelled=6)
    assert found.labels["label"].iloc[0] == "y"
    assert found.labels["confidence"].iloc[0] == 1
    assert found.diagnostics["gold_elsewhere"] == 1
    with pytest.raises(UserError, match=r"'xx' is no class.*Did you mean 'x'"):
        run(method, annotations, classes=["x", "y"], gold=gold.replace("x", "xx"))


def test_gold_that_contradicts_itself_or_has_ids_of_another_kind_is_refused() -> None:
    """The last of two gold labels won, whichever that was; and text ids never met numbers."""
    annotations = frame(ODD["one annotator"])
    with pytest.raises(UserError, match="contradictions, first item 'a'"):
        consensus(annotations, gold=pd.DataFrame({"item_id": ["a", "a"], "label": ["x", "y"]}))
    with pytest.raises(UserError, match="another kind"):
        consensus(annotations, gold=pd.DataFrame({"item_id": [1], "label": ["x"]}))


def test_an_empty_frame_and_unknown_names() -> None:
    """The first night of a project has no annotations; a typo in a method's name must not cost a night."""
    empty = consensus(frame([]), classes=["x", "y"], items=["a"])
    sound(empty, labelled=0)
    assert empty.labels["item_id"].tolist() == ["a"]
    rows = frame(ODD["one annotator"])
    with pytest.raises(UserError, match="Did you mean 'dawid_skene'"):
        consensus(rows, "david_skene")
    with pytest.raises(UserError, match="Did you mean 'strength'"):
        consensus(rows, "dawid_skene", strenght=3.0)
    with pytest.raises(UserError, match="auto takes no parameters"):
        consensus(rows, strength=3.0)
    with pytest.raises(UserError, match="seed"):
        consensus(rows, seed=-1)
    with pytest.raises(UserError, match="no kind"):
        consensus(rows, kind="single")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no column 'annotator_id'"):
        consensus(rows.drop(columns="annotator_id"))
