from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.contracts.tables import GOLD_SET
from label_pipeline.errors import UserError
from label_pipeline.gold.life import GoldUpdate, gold_set, in_force, role_of

MONDAY = date(2026, 10, 5)
NONE = pd.DataFrame({name: pd.Series(dtype=object) for name in GOLD_SET.names})


def day(k: int) -> date:
    return MONDAY + timedelta(days=k)


def seeds(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_id", "label", "role", "evidence"], dtype=object)


def decisions(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_id", "label", "annotator_id", "annotated_at", "evidence"], dtype=object)


def rows(update: GoldUpdate) -> list[tuple[Any, ...]]:
    table = GOLD_SET.conform(update.frame)
    return [tuple(row.values()) for row in table.to_pylist()]


def test_a_seeds_life_by_hand() -> None:
    """Guards against a truth that changes without a trace: every version keeps its days."""
    first = gold_set(
        NONE, seeds(("a", "cat", "check", "s.csv:1"), ("b", "dog", "evaluation", "s.csv:2")), decisions(), day(0)
    )
    assert rows(first) == [
        ("a", 1, "cat", "seed", "check", day(0), None, "s.csv:1"),
        ("b", 1, "dog", "seed", "evaluation", day(0), None, "s.csv:2"),
    ]
    second = gold_set(first.frame, seeds(("a", "dog", "check", "s.csv:1")), decisions(), day(3))
    assert rows(second) == [
        ("a", 1, "cat", "seed", "check", day(0), day(3), "s.csv:1"),
        ("a", 2, "dog", "seed", "check", day(3), None, "s.csv:1"),
        ("b", 1, "dog", "seed", "evaluation", day(0), day(3), "s.csv:2"),
    ]
    third = gold_set(
        second.frame,
        seeds(("a", "dog", "evaluation", "moved"), ("b", "dog", "evaluation", "back")),
        decisions(),
        day(4),
    )
    assert rows(third) == [
        ("a", 1, "cat", "seed", "check", day(0), day(3), "s.csv:1"),
        ("a", 2, "dog", "seed", "check", day(3), day(4), "s.csv:1"),
        ("a", 3, "dog", "seed", "evaluation", day(4), None, "moved"),
        ("b", 1, "dog", "seed", "evaluation", day(0), day(3), "s.csv:2"),
        ("b", 2, "dog", "seed", "evaluation", day(4), None, "back"),
    ]
    assert in_force(third.frame, day(3))["version"].tolist() == [2]
    assert in_force(third.frame, day(0))["label"].tolist() == ["cat", "dog"]
    assert in_force(third.frame, day(-1)).empty


def test_other_evidence_is_no_new_version() -> None:
    """Guards against a version a night because a seed file gained a row above."""
    first = gold_set(NONE, seeds(("a", "cat", "check", "s.csv:1")), decisions(), day(0))
    second = gold_set(first.frame, seeds(("a", "cat", "check", "s.csv:9")), decisions(), day(1))
    assert rows(second) == rows(first)


def test_adjudication_becomes_check_gold_and_yields_to_a_seed() -> None:
    """Guards against an expert's decision that binds nobody, or that overrules the seed."""
    at = pd.Timestamp("2026-10-05T09:00Z")
    ruling = decisions(("a", "cat", "expert", at, "e1"), ("b", "dog", "expert", at, "e2"))
    first = gold_set(NONE, seeds(("b", "cat", "evaluation", "s")), ruling, day(0))
    assert rows(first) == [
        ("a", 1, "cat", "adjudication", "check", day(0), None, "e1"),
        ("b", 1, "cat", "seed", "evaluation", day(0), None, "s"),
    ]
    assert first.conflicts.empty
    second = gold_set(first.frame, seeds(), ruling, day(1))
    assert rows(second)[2] == ("b", 2, "dog", "adjudication", "check", day(1), None, "e2")


def test_an_adjudicators_newest_decision_counts_and_two_who_differ_settle_nothing() -> None:
    """Guards against a conflict of experts that is hidden by the order of rows."""
    early, late = pd.Timestamp("2026-10-05T09:00Z"), pd.Timestamp("2026-10-05T10:00Z")
    ruling = decisions(
        ("a", "dog", "x", late, "2"), ("a", "cat", "x", early, "1"), ("b", "cat", "x", pd.NaT, "3"),
        ("b", "dog", "y", late, "4"), ("c", "cat", "x", early, "5"), ("c", "cat", "y", late, "6"),
    )  # fmt: skip
    update = gold_set(NONE, seeds(), ruling, day(0))
    assert [(r[0], r[2]) for r in rows(update)] == [("a", "dog"), ("c", "cat")]
    conflict = update.conflicts.iloc[0]
    assert (len(update.conflicts), conflict.item_id, conflict.origin, conflict.labels) == (
        1, "b", "adjudication", ["cat", "dog"],
    )  # fmt: skip
    assert conflict.words == "adjudicators differ: cat by x, dog by y"
    settled = gold_set(update.frame, seeds(("b", "dog", "check", "s")), ruling, day(1))
    assert settled.conflicts.empty


def test_seeds_that_contradict_each_other_settle_nothing() -> None:
    """Guards against a truth that depends on which seed file is read first."""
    update = gold_set(
        NONE,
        seeds(
            ("a", "cat", "check", "1"), ("a", "dog", "check", "2"), ("b", "cat", None, "1"), ("b", "cat", "check", "2")
        ),
        decisions(("a", "cat", "x", pd.NaT, "3")),
        day(0),
    )
    assert [(r[0], r[4]) for r in rows(update)] == [("b", "check")]
    assert update.conflicts["words"].tolist() == ["seeds differ: cat as check in 1, dog as check in 2"]


def test_seeds_without_a_role_are_split_in_halves_for_ever() -> None:
    """Guards against gold that measures today and is shown to annotators tomorrow."""
    ids = [f"item-{k}" for k in range(2_000)]
    update = gold_set(NONE, seeds(*((i, "cat", None, "s") for i in ids)), decisions(), day(0))
    share = (update.frame["role"] == "check").mean()
    assert 0.45 < share < 0.55
    assert update.frame["role"].tolist() == [role_of(i) for i in update.frame["item_id"]]
    first_six = ["check", "evaluation", "check", "check", "evaluation", "evaluation"]
    assert [role_of(i) for i in ids[:6]] == first_six


@pytest.mark.parametrize(
    ("given_seeds", "message"),
    [
        (seeds(("a", "cat", "chek", "s")), "Did you mean 'check'"),
        (seeds(("a", None, "check", "s")), "1 of 1 have no label"),
        (seeds((None, "cat", "check", "s"), ("a", "cat", "check", "s")), "1 of 2 have no item_id"),
    ],
)
def test_a_broken_seed_is_one_clear_error(given_seeds: pd.DataFrame, message: str) -> None:
    """Guards against half a gold set."""
    with pytest.raises(UserError, match=message):
        gold_set(NONE, given_seeds, decisions(), day(0))


ITEMS = st.sampled_from(["a", "b", "c", "d"])
LABELS = st.sampled_from(["cat", "dog"])
SEEDS = st.lists(st.tuples(ITEMS, LABELS, st.sampled_from(["check", "evaluation", None]), st.just("s")), max_size=5)
DECISIONS = st.lists(
    st.tuples(ITEMS, LABELS, st.sampled_from(["x", "y"]),
              st.sampled_from([pd.NaT, pd.Timestamp("2026-10-01T09:00Z"), pd.Timestamp("2026-10-02T09:00Z")]),
              st.sampled_from(["e", "f"])),
    max_size=5,
)  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(SEEDS, DECISIONS), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_invariants_of_a_life(nights: list[tuple[list[Any], list[Any]]], rnd: Any) -> None:
    """Guards against two truths at once, gaps in versions, and a rerun that gives something else."""
    frame, told = NONE, []
    for k, (some_seeds, some_decisions) in enumerate(nights):
        update = gold_set(frame, seeds(*some_seeds), decisions(*some_decisions), day(k))
        again = gold_set(update.frame, seeds(*some_seeds), decisions(*some_decisions), day(k))
        assert rows(again) == rows(update)
        rnd.shuffle(some_seeds)
        rnd.shuffle(some_decisions)
        shuffled = gold_set(frame, seeds(*some_seeds), decisions(*some_decisions), day(k))
        assert rows(shuffled) == rows(update)
        assert shuffled.conflicts.to_dict("list") == update.conflicts.to_dict("list")

        frame = update.frame
        now = in_force(frame, day(k))
        assert now["item_id"].is_unique
        assert not set(now["item_id"]) & set(update.conflicts["item_id"])
        told.append(now[["item_id", "label", "role"]].to_dict("records"))
        for _, versions in frame.groupby("item_id"):
            assert versions["version"].tolist() == list(range(1, len(versions) + 1))
            ends, starts = versions["valid_to"].tolist()[:-1], versions["valid_from"].tolist()[1:]
            assert all(end is not None and end <= start for end, start in zip(ends, starts, strict=True))
            assert all(row.valid_to is None or row.valid_from < row.valid_to for row in versions.itertuples())
    for k, then in enumerate(told):
        assert in_force(frame, day(k))[["item_id", "label", "role"]].to_dict("records") == then
