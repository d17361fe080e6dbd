"""Settling sets and numbers: labels, confidence, agreement, annotators and beliefs, on tables computed by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from label_pipeline.label_meaning import SetMeaning
from label_pipeline.project_labels import Range
from label_pipeline.settle import Policy, settle
from label_pipeline.settle_numbers import SettledNumbers
from label_pipeline.settle_sets import SettledSets

DAY = date(2026, 10, 5)
COLUMNS = ["item_id", "annotator_id", "label"]


def answers(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object).assign(annotated_at=pd.Timestamp(DAY))


def gold(**labels: tuple[str, str, str]) -> pd.DataFrame:
    """Gold in force: an item's label, role and origin."""
    return pd.DataFrame(
        [(item, *rest) for item, rest in labels.items()], columns=["item_id", "label", "role", "origin"], dtype=object
    )


def sets(people: pd.DataFrame, known: pd.DataFrame | None = None, **more: Any) -> SettledSets:
    items = np.array(sorted({*people["item_id"], "i9"}), dtype=object)
    meaning = SetMeaning(("cat", "dog", "bird"))
    return SettledSets(
        meaning,
        **{"items": items, "people": people, "models": answers(), "gold": gold() if known is None else known} | more,
    )


def numbers(people: pd.DataFrame, known: pd.DataFrame | None = None, **more: Any) -> SettledNumbers:
    items = np.array(sorted({*people["item_id"], "i9"}), dtype=object)
    return SettledNumbers(
        **{"items": items, "people": people, "models": answers(), "gold": gold() if known is None else known} | more
    )


def table(settled: SettledSets | SettledNumbers, accept_at: float = 0.7) -> pd.DataFrame:
    nothing = pd.DataFrame({"item_id": [], "settled_on": []}, dtype=object)
    policy = Policy(accept_at, 2)
    frame = settle(settled.concluded(), method="x", gold=settled.gold, policy=policy, previous=nothing, day=DAY)
    return frame.set_index("item_id")


SETS = answers(
    *[(item, who, label) for item, label in (("i1", "cat|dog"), ("i2", ""), ("i3", "bird")) for who in "abc"],
    ("i4", "a", "cat|dog"),
    ("i4", "b", "cat|dog"),
    ("i4", "c", "cat"),
)


def test_sets_are_settled_class_by_class() -> None:
    """Loss: a set that two of three gave would be outvoted by three different ones, and nothing chosen be no answer."""
    found = table(sets(SETS))
    assert found["label"].tolist() == ["cat|dog", "", "bird", "cat|dog", None]
    assert found["agreement"].tolist()[:4] == pytest.approx([1.0, 1.0, 1.0, 2 / 3])
    assert found["status"].tolist() == [*["accepted"] * 4, "unlabelled"]
    for chances, sure in zip(found["probabilities"][:4], found["confidence"], strict=False):
        assert sure == pytest.approx(np.maximum(chances, 1 - np.asarray(chances)).prod())
    assert found["confidence"].idxmin() == "i4"
    assert np.isnan(found.loc["i9", "confidence"])


def test_no_two_need_give_the_same_set() -> None:
    """Loss: three people who each forget another class leave no majority of sets, though two name each class."""
    rest = [(f"j{k}", who, label) for k, label in enumerate(["cat", "dog", "bird", ""] * 2) for who in "abc"]
    people = answers(("i1", "a", "cat|dog"), ("i1", "b", "cat|bird"), ("i1", "c", "dog|bird"), *rest)
    found = table(sets(people)).loc["i1"]
    assert found["label"] == "cat|dog|bird"
    assert found["agreement"] == 0.0


def test_gold_binds_and_only_checks_are_told() -> None:
    """Loss: evaluation gold that the consensus saw proves it right; promoted gold proves it right with itself."""
    known = gold(i1=("cat", "evaluation", "seed"), i2=("dog", "check", "seed"), i3=("cat", "check", "promoted"))
    settled = sets(SETS, known)
    found = table(settled)
    assert found["label"].tolist() == ["cat", "dog", "cat", "cat|dog", None]
    assert found["voted_label"].tolist() == ["cat|dog", "", "bird", "cat|dog", None]
    assert found.loc["i1", "probabilities"] == [1.0, 0.0, 0.0]
    assert np.isnan(found.loc["i2", "voted_confidence"])  # told the truth, it has none of its own
    assert found.loc[["i1", "i3"], "voted_confidence"].notna().all()
    assert settled.checks[1].tolist() == [0.0, 1.0, 0.0]
    assert np.isnan(settled.checks[[0, 2]]).all()


def test_who_overlooks_what() -> None:
    """Loss: an annotator's weak class of a project of sets would be a set, like every one that holds it."""
    people = answers(*[(f"i{k}", who, "cat|bird" if who != "c" else "cat") for k in range(12) for who in "abc"])
    settled = sets(people)
    votes, belief = settled.as_classes()
    assert votes.classes == ("cat", "cat|bird")
    assert belief.sum(axis=1) == pytest.approx(np.ones(12))
    assert settled.worst_classes(votes) == [None, None, "bird"]


def test_lesser_votes_of_sets_and_numbers_weigh_half() -> None:
    """Loss: whoever fails gold checks would speak as loudly as before wherever labels are no single class."""
    lesser = pd.DataFrame({"item_id": ["i4"], "annotator_id": ["c"]})
    full, half = sets(SETS), sets(SETS, lesser=lesser)
    without = sets(SETS[~((SETS["item_id"] == "i4") & (SETS["annotator_id"] == "c"))])
    mean = (full.fitted.probabilities_ + without.fitted.probabilities_) / 2
    assert half.fitted.probabilities_ == pytest.approx(mean)
    assert half.words().endswith("1 votes of annotators below the limit of gold checks count for 0.5.")
    people = answers(*[(f"i{k}", who, f"{10 * k + off}") for k in range(6) for who, off in (("a", 0), ("b", 1))])
    lesser = pd.DataFrame({"item_id": ["i2"], "annotator_id": ["b"]})
    whole, part = numbers(people), numbers(people, lesser=lesser)
    cut = numbers(people[~((people["item_id"] == "i2") & (people["annotator_id"] == "b"))])
    one, other = whole.fitted.values_[2], cut.fitted.values_[2]
    assert part.fitted.values_[2] == pytest.approx((one + other) / 2)
    assert part.fitted.variance_[2] == pytest.approx(
        (whole.fitted.variance_[2] + cut.fitted.variance_[2]) / 2 + ((one - other) / 2) ** 2
    )


def test_beliefs_of_sets() -> None:
    """Loss: an item whose set is all but sure, class by class, would be bought more labels than a disputed one."""
    settled = sets(SETS)
    consensus = table(settled).reset_index()
    beliefs = settled.beliefs(consensus)
    assert beliefs.sum(axis=1) == pytest.approx(np.ones(5))
    assert beliefs[:4, 0] == pytest.approx(consensus["confidence"][:4].to_numpy(float), abs=1e-6)
    assert beliefs[4].tolist() == [0.2] * 5


LENGTHS = answers(
    *[(f"i{k}", who, f"{10 * k + off:g}") for k in range(8) for who, off in (("a", 0.0), ("b", 0.4), ("c", -0.4))],
    ("i9", "c", "55"),
)


def test_numbers_are_settled_within_the_tolerance() -> None:
    """Loss: numbers that are never equal would never be settled, and lone ones always."""
    settled = numbers(LENGTHS, declared=1.0)
    found = table(settled)
    values = found["label"].astype(float)
    assert values.to_numpy()[:8] == pytest.approx([10.0 * k for k in range(8)], abs=0.15)
    assert found["agreement"].tolist()[:8] == [1.0] * 8
    assert found["status"].tolist() == [*["accepted"] * 8, "open"]  # one answer is none of two
    assert values["i9"] == pytest.approx(55.0, abs=0.5)
    rows = settled.intervals(found.reset_index()).set_index("item_id")
    assert (rows["ci_low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["ci_high"]).all()
    wide = rows["ci_high"] - rows["ci_low"]
    assert wide["i9"] > 1.3 * wide["i1"]
    assert "within 1, as the project says" in settled.words()


def test_a_label_has_the_digits_that_say_something() -> None:
    """Loss: `53.6397368` where nobody knows the first decimal."""
    people = answers(*[(f"i{k}", who, f"{3 * k + off / 3:.6f}") for k in range(9) for off, who in enumerate("abc")])
    labels = table(numbers(people))["label"].dropna()
    assert max(len(label.partition(".")[2]) for label in labels) <= 3


def test_numbers_beside_gold() -> None:
    """Loss: gold whose last digits differ from every answer makes every annotator wrong on every check."""
    known = gold(i1=("10.3", "check", "seed"), i2=("90", "evaluation", "seed"))
    settled = numbers(LENGTHS, known, declared=0.5)
    found = table(settled)
    assert found["label"].tolist()[1:3] == ["10.3", "90"]
    assert found.loc["i2", "agreement"] == 0.0
    assert float(found.loc["i2", "voted_label"]) == pytest.approx(20.0, abs=0.3)
    assert found.loc["i1", "voted_label"] == "10"  # the median of answers alone
    people = settled.annotators(np.full(25, np.nan), np.zeros(25)).set_index("annotator_id")
    assert people["gold_n"].tolist() == [1, 1, 1]
    assert people["gold_accuracy"].tolist() == [1.0, 1.0, 0.0]  # 10 and 10.4 are within 0.5 of 10.3, 9.6 is not
    rows = settled.intervals(found.reset_index()).set_index("item_id")
    assert rows.loc["i2"].tolist() == [90.0, 90.0, 90.0, 1.0]


def test_a_range_bounds_labels_and_intervals() -> None:
    """Loss: a length whose interval goes below nothing."""
    people = answers(*[(f"i{k}", who, f"{k * 5 + off:g}") for k in range(6) for who, off in (("a", 0), ("b", 3))])
    settled = numbers(people, range=Range(at_least=2.0, at_most=25.0))
    rows = settled.intervals(table(settled).reset_index())
    assert rows["ci_low"].min() == 2.0
    assert rows["ci_high"].max() == 25.0


def test_without_two_answers_nothing_is_sure() -> None:
    """Loss: the first day of a project of numbers, on which nobody has met anybody, fails or settles everything."""
    settled = numbers(answers(("i1", "a", "3"), ("i2", "b", "4")))
    found = table(settled)
    assert found["label"].tolist() == ["3", "4", None]
    assert found["status"].tolist() == ["open", "open", "unlabelled"]
    assert settled.words().startswith("No two people answered one item")
    assert settled.beliefs(found.reset_index()).tolist() == [[0.2] * 5] * 3


def test_a_model_is_heard_but_not_counted() -> None:
    """Loss: an item that a model and one person saw looks as if two had."""
    people = answers(*[(f"i{k}", "a", "cat") for k in range(4)])
    models = answers(*[(f"i{k}", "bot", "cat") for k in range(4)])
    found = table(sets(people, models=models))
    assert found["n_annotations"].tolist() == [1, 1, 1, 1, 0]
    assert found["status"].tolist() == [*["open"] * 4, "unlabelled"]
    lengths = numbers(people.assign(label="5"), models=models.assign(label="6"))
    assert lengths.votes.n == 4
    assert lengths.heard.n == 8
    assert lengths.annotators(np.full(4, np.nan), np.zeros(4))["annotator_id"].tolist() == ["a"]
