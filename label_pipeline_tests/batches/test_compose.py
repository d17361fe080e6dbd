"""What goes out: shares, budgets, exclusions, and gold checks that nobody can tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.batches.compose import (
    ADJUDICATION,
    BARE_SHARE,
    GOLD_CHECK,
    NEW,
    RELABEL,
    BatchPolicy,
    compose,
    pack,
    plain_batch,
)
from label_pipeline.contracts.tables import BATCHES
from label_pipeline.errors import UserError
from label_pipeline.gold.holdout import DRAWN, EVALUATION, TWIN
from label_pipeline.gold.recheck import URGENCY
from label_pipeline_tests.batches.tables import DAY, POLICY, asks, composed, gold, queue

NEW_ITEMS = [(f"n{k:02d}", "annotator") for k in range(20)]
OLD_ITEMS = [(f"o{k:02d}", "annotator") for k in range(20)]
OLD = {item: 3 for item, _ in OLD_ITEMS}
CHECKS = {f"g{k}": "check" for k in range(9)}


def of(batch: pd.DataFrame, purpose: str) -> list[str]:
    return sorted(batch.loc[batch["purpose"] == purpose, "item_id"])


def test_shares_by_hand() -> None:
    """Loss: a batch of the most valuable rows alone is all new items in one week and none in the next."""
    batch = composed(queue(*NEW_ITEMS, *OLD_ITEMS), OLD, gold(**CHECKS, e="evaluation"), replace(POLICY, people=1))
    # Eight of ten rows are for others than gold: five new to three old, the best of each; then two gold checks.
    assert of(batch, NEW) == ["n00", "n01", "n02", "n03", "n04"]
    assert of(batch, RELABEL) == ["o00", "o01", "o02"]
    assert len(of(batch, GOLD_CHECK)) == 2
    assert set(batch["batch_id"]) == {"p-2026-10-06"}
    assert batch["position"].tolist() == list(range(1, 11))
    assert batch["suggested_label"].isna().all()


def test_where_one_kind_runs_out_the_other_takes_its_place() -> None:
    """Loss: ten people paid for three rows, because nothing new arrived today."""
    batch = composed(queue(*OLD_ITEMS, *NEW_ITEMS[:1]), OLD, policy=replace(POLICY, people=1))
    assert Counter(batch["purpose"]) == {NEW: 1, RELABEL: 9}  # without gold, no room is kept for it


def test_new_items_ask_for_what_they_lack_and_the_budget_holds() -> None:
    """Loss: budgets count answers; a row that asks two people and counts once spends twice the money."""
    batch = composed(queue(*NEW_ITEMS, *OLD_ITEMS[:2]), OLD, budget=6)
    # Turns at 1, 1.7, 3 and 5: new, old, new ask for 2 + 1 + 2 answers, and the next new item for one too many.
    assert dict(zip(batch["item_id"], batch["people"], strict=True)) == {"n00": 2, "n01": 2, "o00": 1}
    assert composed(queue(*NEW_ITEMS), budget=0).empty


def test_what_is_out_or_settled_does_not_go_out() -> None:
    """Loss: an item sent every night until the first answer is back, and gold shown as an ordinary item."""
    rows = [*NEW_ITEMS[:4], ("g0", "annotator"), ("e", "annotator"), *((i, "adjudicator") for i in ("x", "g1", "f"))]
    truths = gold(g0="check", g1="check", e="evaluation", f="evaluation")
    batch = composed(queue(*rows), truths=truths, out={"n01", "x"}, adjudicators={"z"}, budget=50)
    assert of(batch, NEW) == ["n00", "n02", "n03"]
    assert of(batch, ADJUDICATION) == ["g1"]  # gold in doubt may be decided anew, and is no check meanwhile
    assert set(of(batch, GOLD_CHECK)) <= {"g0"}


def test_nobody_is_asked_twice() -> None:
    """Loss: a row that everybody who may label it has labelled waits for ever, and counts as out."""
    asked = queue(*OLD_ITEMS[:2], ("n", "annotator"), excluded={"o00": ["a", "b"], "o01": ["a"]})
    batch = composed(asked, OLD, annotators={"a", "b"}, policy=replace(POLICY, people=5), budget=50).set_index(
        "item_id"
    )
    assert batch["people"].to_dict() == {"o01": 1, "n": 2}
    assert batch["exclude_annotators"].map(list).to_dict() == {"o01": ["a"], "n": []}


def test_adjudicators_have_a_batch_of_their_own() -> None:
    """Loss: an expert's question among everybody's is answered by everybody; one that nobody may answer, by nobody."""
    asked = queue(("hard", "adjudicator"), *NEW_ITEMS[:1], ("ruled", "adjudicator"), ("words", "guideline"),
                  excluded={"ruled": ["z"], "hard": ["a"]})  # fmt: skip
    batch = composed(asked, {"hard": 4, "ruled": 4}, adjudicators={"z"}, budget=9)
    assert sorted(zip(batch["batch_id"], batch["item_id"], batch["route"], batch["people"], strict=True)) == [
        ("p-2026-10-06", "n00", "annotator", 2),
        ("p-2026-10-06-adjudication", "hard", "adjudicator", 1),
    ]
    assert of(composed(asked, adjudicators=()), ADJUDICATION) == []


def test_doubts_about_gold_go_to_adjudicators() -> None:
    """Loss: gold that is challenged, due or drawn waits for a decision that nobody is ever asked for.

    The first two go out, since `rechecks` is 2: of the others one is out, one has no answer of annotators yet, and one
    was decided by everybody who may.
    """
    doubts = asks(
        ("wrong", "challenged"), ("gone", "differ"), ("both", "differ"), ("young", "drawn"), ("ripe", "drawn"),
        ("e", "expired"), excluded={"both": ["y", "z"], "wrong": ["y"]},
    )  # fmt: skip
    asked = queue(("hard", "adjudicator"), ("ripe", "adjudicator"), *NEW_ITEMS[:4])
    labelled = {"hard": 4, "ripe": 2, "young": 1}
    night: dict[str, Any] = {"asks": doubts, "adjudicators": {"y", "z"}, "out": {"gone"}}
    policy = replace(POLICY, rechecks=2)
    batch = composed(asked, labelled, gold(e="evaluation"), policy, **night, budget=9)
    assert of(batch, ADJUDICATION) == ["hard", "ripe", "wrong"]
    assert batch.loc[batch["item_id"] == "wrong", "exclude_annotators"].map(list).tolist() == [["y"]]
    assert batch["people"].sum() <= 9
    # Evaluation gold is decided anew by adjudicators, and seen by nobody else.
    every = composed(asked, labelled, gold(e="evaluation"), **night, budget=9)
    assert of(every, ADJUDICATION) == ["e", "hard", "ripe", "wrong"]
    assert set(every.loc[every["item_id"] == "e", "route"]) == {"adjudicator"}
    # What is decided anew is no work for annotators meanwhile, and the night's budget is one.
    assert of(composed(asked, labelled, asks=asks(("n00", "challenged")), budget=1), ADJUDICATION) == ["n00"]
    assert len(composed(asked, labelled, asks=asks(("n00", "challenged")), budget=1)) == 1


def test_what_is_all_but_evaluation_gold_is_no_check() -> None:
    """Loss: the consensus is told the truth of a check item, and measured on the same picture under another id."""
    held = {"g0": TWIN, "g1": DRAWN, "n00": EVALUATION, "n01": TWIN, "n02": DRAWN}
    batch = composed(
        queue(*NEW_ITEMS[:8]), truths=gold(**CHECKS), policy=replace(POLICY, gold=1.0), held=held, budget=99
    )
    assert len(of(batch, GOLD_CHECK)) > 2
    assert not {"g0", "g1"} & set(of(batch, GOLD_CHECK))
    assert "n00" not in set(batch["item_id"])  # it was evaluation gold once: figures of the time were measured on it
    assert {"n01", "n02"} <= set(of(batch, NEW))  # annotators label what is drawn: that is what is measured


def test_gold_seen_least_goes_first_and_stops_at_the_cap() -> None:
    """Loss: the same three gold items every night are learnt by heart."""
    asked = queue(*OLD_ITEMS)
    policy = replace(POLICY, size=20)
    batch = composed(asked, OLD, gold(**CHECKS), policy, exposure={"g0": 2, "g1": 5, "g2": 1, "g3": 1, "g4": 0})
    assert len(of(batch, GOLD_CHECK)) == 4
    assert not {"g0", "g1", "g2", "g3"} & set(of(batch, GOLD_CHECK))
    seen = dict.fromkeys(CHECKS, 2)
    assert of(composed(asked, OLD, gold(**CHECKS), policy, exposure=seen), GOLD_CHECK) == []


def test_gold_alone_is_no_batch() -> None:
    """Loss: with nothing to hide among, everybody knows what they are looking at."""
    assert composed(queue(), truths=gold(**CHECKS)).empty
    assert composed(queue(*NEW_ITEMS), truths=gold(**CHECKS), out={item for item, _ in NEW_ITEMS}).empty


def test_only_some_new_items_carry_the_models_label() -> None:
    """Loss: suggestions make people agree with the model, and with each other where that is what is measured."""
    batch = composed(
        queue(*NEW_ITEMS, *OLD_ITEMS, ("x", "adjudicator")),
        OLD,
        gold(**CHECKS),
        replace(POLICY, prelabel=True, people=1),
        adjudicators={"z"},
    )
    carries = batch[batch["suggested_label"].notna()]
    assert set(carries["purpose"]) == {NEW}
    assert len(carries) == len(of(batch, NEW)) // 2


def test_a_pilot_is_one_plain_batch() -> None:
    """Loss: a pilot with suggestions measures the model, one in the order of ids measures the first week."""
    batch = plain_batch(["b", "a", "c", "a"], "pilot", "p-pilot-1", people=3, seed="s", exclude={"b": {"y", "x"}})
    assert BATCHES.conform(batch).num_rows == 3
    rows = batch.set_index("item_id")
    assert rows["people"].tolist() == [3, 3, 3]
    assert rows["exclude_annotators"].to_dict() == {"a": [], "b": ["x", "y"], "c": []}
    assert plain_batch([], "pilot", "x", people=1, seed="s").empty


@pytest.mark.parametrize("wrong", [{"size": 0}, {"new": 0.0, "relabel": 0.0}, {"gold": -0.1}, {"gold_exposure": 0}])
def test_a_policy_that_cannot_be(wrong: dict[str, Any]) -> None:
    """Loss: shares of nothing divide by zero in the middle of a night."""
    with pytest.raises(UserError):
        replace(POLICY, **wrong)


def test_gold_checks_stand_anywhere() -> None:
    """Loss: who finds gold checks at the head of every batch works with care for ten rows a day.

    Over 100 days the mean position of gold checks among 10 rows is (10 + 1)/2 within four standard errors.
    """
    asked = queue(*NEW_ITEMS, *OLD_ITEMS)
    places: list[int] = []
    for k in range(100):
        batch = composed(asked, OLD, gold(**CHECKS), replace(POLICY, people=1), day=DAY + timedelta(days=k))
        places += batch.loc[batch["purpose"] == GOLD_CHECK, "position"].tolist()
    spread = np.sqrt((10**2 - 1) / 12 / len(places))
    assert abs(np.mean(places) - 5.5) < 4 * spread
    assert min(Counter(places).values()) > 8  # 200 gold checks on ten places


@st.composite
def nights(draw: st.DrawFn) -> dict[str, Any]:
    """A night: a queue, how often items were labelled, gold of both roles, who may have seen it, what is out."""
    items = [f"i{k:02d}" for k in range(draw(st.integers(0, 30)))]
    routes = draw(st.lists(st.sampled_from(["annotator", "annotator", "adjudicator", "guideline"]),
                           min_size=len(items), max_size=len(items)))  # fmt: skip
    people = ["a", "b", "c"]
    some = st.lists(st.sampled_from(people), unique=True)
    truths = {item: draw(st.sampled_from(["check", "evaluation"])) for item in draw(st.lists(
        st.sampled_from([*items, *(f"g{k}" for k in range(12))]), unique=True))}  # fmt: skip
    excluded = {item: sorted(draw(some)) for item in items}
    known = draw(st.booleans())
    return {
        "queue": queue(*zip(items, routes, strict=True), excluded=excluded, within=draw(st.integers(0, 30))),
        "n_annotations": {item: len(excluded[item]) for item in items},
        "gold": pd.DataFrame({"item_id": [*truths], "role": [*truths.values()]}, dtype=object),
        "exposure": {item: draw(st.integers(0, 4)) for item in truths},
        "out": set(draw(st.lists(st.sampled_from([*items, *truths]), unique=True))) if items or truths else set(),
        "policy": BatchPolicy(
            size=draw(st.integers(1, 20)),
            new=draw(st.sampled_from([0.0, 0.3, 5.0])),
            relabel=draw(st.sampled_from([0.1, 0.5])),
            gold=draw(st.sampled_from([0.0, 0.1, 0.5])),
            gold_exposure=draw(st.integers(1, 4)),
            prelabel=draw(st.booleans()),
            min_annotations=draw(st.integers(1, 4)),
            people=draw(st.sampled_from([None, 1, 3])),
            rechecks=draw(st.sampled_from([0, 2, 20])),
        ),
        "asks": asks(
            *(
                (item, draw(st.sampled_from(URGENCY)))
                for item in draw(st.lists(st.sampled_from([*items, *truths, "z"]), unique=True, max_size=6))
            )
        ),
        "held": {
            item: draw(st.sampled_from([EVALUATION, DRAWN, TWIN]))
            for item in draw(st.lists(st.sampled_from([*items, *truths, "z"]), unique=True, max_size=6))
        },
        "project": "p",
        "day": DAY,
        "annotators": people if known else None,
        "adjudicators": draw(some),
        "budget": draw(st.sampled_from([None, 0, 5, 17])),
        "limits": draw(st.dictionaries(st.sampled_from(["annotator", "adjudicator"]), st.integers(0, 6))),
    }


@settings(max_examples=100)
@given(nights(), st.randoms(use_true_random=False))
def test_what_holds_on_every_night(night: dict[str, Any], chance: Any) -> None:
    """Loss: evaluation gold in a batch, a cap or a budget passed once, an item sent twice, a batch that changes when
    it is composed anew."""
    batch = compose(**night)
    table = BATCHES.conform(batch)
    policy: BatchPolicy = night["policy"]
    role = dict(zip(night["gold"]["item_id"], night["gold"]["role"], strict=True))
    role |= {item: "evaluation" for item, why in night["held"].items() if why == EVALUATION}
    asked, about_gold = night["queue"], set(night["asks"]["item_id"])
    assert not batch["item_id"].duplicated().any()
    assert not set(batch["item_id"]) & night["out"]
    for item, purpose in zip(batch["item_id"], batch["purpose"], strict=True):
        assert role.get(item) != "evaluation" or (purpose == ADJUDICATION and item in about_gold)
    is_check = batch["purpose"] == GOLD_CHECK
    assert {role.get(item) for item in batch.loc[is_check, "item_id"]} <= {"check"}
    assert not set(batch.loc[is_check, "item_id"]) & {*night["held"], *about_gold.intersection(experts(batch))}
    assert not set(batch.loc[batch["purpose"].isin([NEW, RELABEL]), "item_id"]) & set(role)
    assert len(about_gold.intersection(experts(batch)) - set(asked["item_id"])) <= policy.rechecks
    assert all(night["exposure"][item] < policy.gold_exposure for item in batch.loc[is_check, "item_id"])
    within = asked[asked["within_budget"]]
    assert set(batch.loc[~is_check, "item_id"]) <= {*within["item_id"], *about_gold}

    work = batch[batch["route"] == "annotator"]
    assert set(work.loc[work["purpose"] != GOLD_CHECK, "item_id"]) <= set(within["item_id"])
    budget = int((within["route"] != "guideline").sum()) if night["budget"] is None else night["budget"]
    assert batch["people"].sum() <= budget
    for route, most in night["limits"].items():
        assert batch.loc[batch["route"] == route, "people"].sum() <= most
    assert (batch["people"] >= 1).all()
    assert len(work) <= policy.size
    assert len(batch) - len(work) <= policy.size
    for row in batch.to_dict("records"):
        pool = night["adjudicators"] if row["route"] == "adjudicator" else night["annotators"]
        if pool is not None and row["purpose"] != GOLD_CHECK:
            assert len(set(pool) - set(row["exclude_annotators"])) >= row["people"]

    labelled = batch["suggested_label"].notna()
    assert set(batch.loc[labelled, "purpose"]) <= ({NEW} if policy.prelabel else set())
    assert labelled.sum() <= (1 - BARE_SHARE) * len(work)
    if is_check.any():  # no gold check is told by how many people it asks, or by being alone
        assert set(batch.loc[is_check, "people"]) <= set(work.loc[work["purpose"] != GOLD_CHECK, "people"])
        assert is_check.sum() < len(work) * policy.gold_share + 1
    for _, rows in batch.groupby("batch_id"):
        assert sorted(rows["position"]) == list(range(1, len(rows) + 1))

    shuffled = night | {
        "queue": asked.sample(frac=1, random_state=chance.randint(0, 9)),
        "gold": night["gold"].sample(frac=1, random_state=chance.randint(0, 9)),
        "asks": night["asks"].sample(frac=1, random_state=chance.randint(0, 9)),
        "out": sorted(night["out"], reverse=True),
    }
    assert BATCHES.conform(compose(**shuffled)).equals(table)


def experts(batch: pd.DataFrame) -> set[str]:
    return set(batch.loc[batch["purpose"] == ADJUDICATION, "item_id"])


@settings(max_examples=50)
@given(st.lists(st.sampled_from([f"i{k}" for k in range(40)]), unique=True, min_size=1), st.integers(0, 5))
def test_a_position_knows_nothing_of_the_purpose(items: list[str], seed: int) -> None:
    """Loss: an order drawn after the rows were sorted by purpose is one that can be undone."""
    rows = pd.DataFrame({"item_id": items})
    first = pack(rows.assign(purpose=NEW, people=1, route="annotator"), "b", str(seed))
    other = pack(rows.iloc[::-1].assign(purpose=GOLD_CHECK, people=1, route="annotator"), "b", str(seed))
    assert first["item_id"].tolist() == other["item_id"].tolist()


def test_each_day_draws_anew() -> None:
    """Loss: a seed of the project alone hides the same gold items at the same places for ever."""
    asked = queue(*NEW_ITEMS, *OLD_ITEMS)
    drawn = {tuple(composed(asked, OLD, gold(**CHECKS), day=date(2026, 10, k))["item_id"]) for k in range(1, 11)}
    assert len(drawn) == 10
