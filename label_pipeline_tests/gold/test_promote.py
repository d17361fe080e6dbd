"""Promotion: what is beyond doubt, one condition after another, and what never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from label_pipeline.gold.promote import Beyond, promotions

DAY = date(2026, 10, 20)
POLICY = Beyond(independent=3, confidence=0.95, model_agrees=True, wait_days=7, at_most=5)
VOTES = [("i", who, "cat", "annotator") for who in "abc"]


def consensus(*rows: tuple[str, str, str, float, int]) -> pd.DataFrame:
    """Item, label, status, confidence, and for how many days it has been settled."""
    return pd.DataFrame(
        [(item, label, status, sure, DAY - timedelta(days=k)) for item, label, status, sure, k in rows],
        columns=["item_id", "label", "status", "confidence", "settled_on"],
    )


def issues(**sets: int) -> pd.DataFrame:
    """Near duplicates: item=set; `bad` is a label issue."""
    rows = [(item, number, False) for item, number in sets.items()] + [("bad", None, True)]
    return pd.DataFrame(rows, columns=["item_id", "duplicate_set", "is_issue"])


def gold(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["item_id", "label", "role"], dtype=object)
    return frame.assign(valid_to=None)


def votes(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_id", "annotator_id", "label", "role"])


def chosen(table: pd.DataFrame, given: pd.DataFrame, **more: Any) -> list[str]:
    options: dict[str, Any] = {
        "issues": issues(), "model": pd.Series(dict.fromkeys(table["item_id"], "cat")), "gold": gold(),
        "policy": POLICY,
    } | more  # fmt: skip
    kept = {name: options.pop(name) for name in ("issues", "model", "gold", "policy")}
    found = promotions(table, kept["issues"], kept["model"], given, kept["gold"], DAY, kept["policy"], **options)
    return list(found["item_id"])


SURE = ("i", "cat", "accepted", 0.99, 7)


def test_all_of_it_is_beyond_doubt() -> None:
    """Loss: a promotion nobody can check, or one rounded up to a certainty that nothing has."""
    table = consensus(("i", "cat", "accepted", 0.99996, 7))
    model = pd.Series({"i": "cat"})
    found = promotions(table, issues(), model, votes(*VOTES), gold(), DAY, POLICY)
    assert found.to_dict("records") == [
        {"item_id": "i", "label": "cat", "evidence": "3 people agree, confidence 0.9999, so does the model"}
    ]


@pytest.mark.parametrize(
    ("row", "given", "more"),
    [
        (("i", "cat", "disputed", 0.99, 7), VOTES, {}),
        (("i", "cat", "accepted", 0.94, 7), VOTES, {}),
        (("i", "cat", "accepted", 0.99, 6), VOTES, {}),
        (SURE, VOTES[:2], {}),
        (SURE, [*VOTES, ("i", "d", "dog", "annotator")], {}),
        (SURE, [*VOTES[:2], ("i", "c", "cat", "adjudicator")], {}),
        (SURE, VOTES, {"trusted": {"a", "b"}}),
        (SURE, VOTES, {"barred": {"i"}}),
        (SURE, VOTES, {"model": pd.Series({"i": "dog"})}),
        (SURE, VOTES, {"model": None}),
        (SURE, VOTES, {"gold": gold(("i", "dog", "check"))}),
        (SURE, VOTES, {"issues": issues(i=4, e=4), "gold": gold(("e", "cat", "evaluation"))}),
        (SURE, VOTES, {"issues": issues(i=4, e=4), "barred": {"e"}}),
        (("bad", "cat", "accepted", 0.99, 7), [("bad", who, "cat", "annotator") for who in "abc"], {}),
    ],
)
def test_each_condition_alone_keeps_an_item_out(row: Any, given: Any, more: dict[str, Any]) -> None:
    """Loss: what somebody doubts becomes the measure of everybody."""
    assert chosen(consensus(row), votes(*given), **more) == []


def test_without_a_model_it_need_not_agree() -> None:
    """Loss: a project without a model never promotes."""
    assert chosen(consensus(SURE), votes(*VOTES), model=None, policy=replace(POLICY, model_agrees=False)) == ["i"]


def test_poor_classes_first_and_of_twins_one() -> None:
    """Loss: five more checks of the commonest class every night, or the same picture five times."""
    names = [*(f"c{k}" for k in range(5)), *(f"d{k}" for k in range(5))]
    label = {name: "cat" if name[0] == "c" else "dog" for name in names}
    table = consensus(*((name, label[name], "accepted", 0.99, 9) for name in reversed(names)))
    given = votes(*((name, who, label[name], "annotator") for name in names for who in "abc"))
    known = gold(("g0", "cat", "check"), ("g1", "cat", "check"), ("g2", "dog", "evaluation"))
    more: dict[str, Any] = {"model": pd.Series(label), "gold": known}
    assert chosen(table, given, **more) == ["d0", "d1", "c0", "d2", "c1"]
    assert chosen(table, given, **more, issues=issues(d0=1, d1=1, d2=1))[:3] == ["d0", "d3", "c0"]
