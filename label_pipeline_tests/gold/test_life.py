"""The life of a gold set, day by day: by hand, and whatever seeds, decisions, promotions and doubts come."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.contracts.tables import GOLD_SET
from label_pipeline.errors import UserError
from label_pipeline.gold.life import GoldUpdate, gold_set, in_force, is_drawn, role_of
from label_pipeline.gold.recheck import Change, Doubts, doubted

MONDAY = date(2026, 10, 5)
NONE = pd.DataFrame({name: pd.Series(dtype=object) for name in GOLD_SET.names})


def day(k: int) -> date:
    return MONDAY + timedelta(days=k)


def seeds(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_id", "label", "role", "evidence"], dtype=object)


def decisions(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Item, label, adjudicator, time, evidence, and the day of `MONDAY` on which it landed (the first, if left out)."""
    names = ["item_id", "label", "annotator_id", "annotated_at", "evidence", "landed_day"]
    return pd.DataFrame([(*row, 0)[:6] for row in rows], columns=names, dtype=object).assign(
        landed_day=lambda frame: [day(k) for k in frame["landed_day"]]
    )


def rows(update: GoldUpdate) -> list[tuple[Any, ...]]:
    """The versions without their doubts."""
    table = GOLD_SET.conform(update.frame)
    return [tuple(row.values())[:8] for row in table.to_pylist()]


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
        ("a", 2, "dog", "seed", "check", day(3), None, "s.csv:1"),
        ("b", 1, "dog", "seed", "evaluation", day(0), day(3), "s.csv:2"),
        ("b", 2, "dog", "seed", "evaluation", day(4), None, "back"),
    ]
    assert third.notes == ("item a is check gold for ever; moved says evaluation",)
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
    assert rows(second)[2] == ("b", 2, "dog", "adjudication", "evaluation", day(1), None, "e2")


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
    drawn = [i for i in ids if is_drawn(i, 0.1)]
    assert 150 < len(drawn) < 250
    assert 0.4 < sum(role_of(i) == "check" for i in drawn) / len(drawn) < 0.6
    assert {i for i in ids if is_drawn(i, 0.05)} < set(drawn)


def test_more_than_half_of_the_adjudicators_decide() -> None:
    """Guards against a conflict that a third expert cannot end, and against one who outvotes another by chance."""
    two = decisions(("a", "cat", "x", pd.NaT, "ex"), ("a", "dog", "y", pd.NaT, "ey", 2))
    first = gold_set(NONE, seeds(), two, day(2))
    assert rows(first) == []
    assert first.conflicts.iloc[0][["adjudicators", "since"]].tolist() == [["x", "y"], day(2)]
    three = pd.concat([two, decisions(("a", "dog", "z", pd.NaT, "ez", 3))], ignore_index=True)
    second = gold_set(first.frame, seeds(), three, day(3))
    assert rows(second) == [("a", 1, "dog", "adjudication", "check", day(3), None, "ey; ez")]
    assert second.conflicts.empty
    four = pd.concat([three, decisions(("a", "cat", "w", pd.NaT, "ew", 4))], ignore_index=True)
    assert len(gold_set(second.frame, seeds(), four, day(4)).conflicts) == 1


def test_a_role_is_for_ever() -> None:
    """Guards against an item that annotators or the consensus have seen as a check and that measures them later."""
    a = seeds(("a", "cat", "check", "s"))
    frame = gold_set(NONE, a, decisions(), day(0)).frame
    frame = gold_set(frame, seeds(), decisions(), day(1)).frame
    back = gold_set(frame, seeds(("a", "cat", "evaluation", "t")), decisions(), day(2))
    assert [r[4] for r in rows(back)] == ["check", "check"]
    rebuilt = gold_set(NONE, seeds(("a", "cat", "evaluation", "t")), decisions(), day(2), roles={"a": "check"})
    assert [r[4] for r in rows(rebuilt)] == ["check"]
    decided = decisions(("d", "cat", "x", pd.NaT, "e"), ("a", "cat", "x", pd.NaT, "e"))
    drawn = gold_set(frame, seeds(), decided, day(2), drawn={"a", "d"})
    assert {r[0]: r[4] for r in rows(drawn)} == {"a": "check", "d": "evaluation"}


def test_promotion_is_kept_until_somebody_says_otherwise() -> None:
    """Guards against promoted gold that leaves with the consensus that made it, or that binds over a person's word."""
    promoted = pd.DataFrame([("a", "cat", "3 people agree")], columns=["item_id", "label", "evidence"], dtype=object)
    first = gold_set(NONE, seeds(), decisions(), day(0), promotions=promoted)
    second = gold_set(first.frame, seeds(), decisions(), day(1), promotions=promoted)
    assert rows(second) == [("a", 1, "cat", "promoted", "check", day(0), None, "3 people agree")]
    again = gold_set(second.frame, seeds(), decisions(), day(0), promotions=promoted)
    assert rows(again) == rows(first)
    ruling = decisions(("a", "dog", "x", pd.NaT, "e", 2))
    ruled = gold_set(second.frame, seeds(), ruling, day(2), promotions=promoted)
    assert rows(ruled)[1] == ("a", 2, "dog", "adjudication", "check", day(2), None, "e")


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
    st.tuples(ITEMS, LABELS, st.sampled_from(["x", "y", "z"]),
              st.sampled_from([pd.NaT, pd.Timestamp("2026-10-01T09:00Z"), pd.Timestamp("2026-10-02T09:00Z")]),
              st.sampled_from(["e", "f"]), st.integers(0, 3)),
    max_size=6,
)  # fmt: skip
PROMOTED = st.lists(st.tuples(ITEMS, LABELS, st.just("p")), max_size=1)
NIGHTS = st.lists(
    st.tuples(SEEDS, DECISIONS, PROMOTED, st.dictionaries(ITEMS, st.just("others say so"), max_size=2)),
    min_size=1,
    max_size=4,
)
POLICY = Doubts(expire_after=2, changes=[Change("v2", day(1), frozenset({"dog"}))], suspend_due=True)


@settings(max_examples=25, deadline=None)
@given(NIGHTS, st.randoms(use_true_random=False))
def test_invariants_of_a_life(nights: list[tuple[Any, Any, Any, Any]], rnd: Any) -> None:
    """Guards against two truths at once, gaps in versions, mixed roles, and a rerun that gives something else."""
    frame, told = NONE, []
    promotions = pd.DataFrame(columns=["item_id", "label", "evidence"], dtype=object)
    for k, (some_seeds, some_decisions, promoted, challenged) in enumerate(nights):
        new = pd.DataFrame(promoted, columns=promotions.columns, dtype=object)
        promotions = pd.concat([promotions, new[~new["item_id"].isin(frame["item_id"])]]).drop_duplicates("item_id")

        def night(
            previous: pd.DataFrame,
            k: int = k,
            some_seeds: Any = some_seeds,
            some_decisions: Any = some_decisions,
            promotions: pd.DataFrame = promotions,
            challenged: Any = challenged,
        ) -> tuple[GoldUpdate, pd.DataFrame]:
            landed = decisions(*(d for d in some_decisions if d[5] <= k))
            update = gold_set(previous, seeds(*some_seeds), landed, day(k), promotions=promotions)
            return update, doubted(update.frame, challenged, day(k), POLICY)

        update, after = night(frame)
        assert plain(night(after)[1]) == plain(after)
        rnd.shuffle(some_seeds)
        rnd.shuffle(some_decisions)
        shuffled, later = night(frame)
        assert plain(later) == plain(after)
        assert shuffled.conflicts.to_dict("list") == update.conflicts.to_dict("list")

        frame = after
        now = in_force(frame, day(k))
        assert now["item_id"].is_unique
        doubtful = now["due_on"].notna() | now["challenged_on"].notna()
        assert not set(now.loc[~doubtful, "item_id"]) & set(update.conflicts["item_id"])
        assert (now.loc[now["challenged_on"].notna(), "role"] == "evaluation").all()
        told.append(now[["item_id", "label", "role"]].to_dict("records"))
        for _, versions in frame.groupby("item_id"):
            assert versions["version"].tolist() == list(range(1, len(versions) + 1))
            assert versions["role"].nunique() == 1
            ends, starts = versions["valid_to"].tolist()[:-1], versions["valid_from"].tolist()[1:]
            assert all(end is not None and end <= start for end, start in zip(ends, starts, strict=True))
            assert all(row.valid_to is None or row.valid_from < row.valid_to for row in versions.itertuples())
    for k, then in enumerate(told):
        assert in_force(frame, day(k))[["item_id", "label", "role"]].to_dict("records") == then


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return GOLD_SET.conform(frame).to_pylist()
