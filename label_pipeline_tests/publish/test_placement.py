"""Splits that hold still: what never moves, what goes together, and what is left out instead of moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.contracts.tables import TABLES
from label_pipeline.publish.placement import EVALUATES, NEAR_GOLD, placement
from label_pipeline.publish.split import assign

SPLITS: Any = {"train": 0.5, "validation": 0.5, "test": "gold"}
NOTHING = TABLES["splits"].empty()
Placed = dict[str, dict[str, Any]]


def night(
    ids: Sequence[str],
    *,
    gold: Sequence[str] = (),
    near: Mapping[str, int] | None = None,
    groups: Mapping[str, str] | None = None,
    before: pa.Table = NOTHING,
    splits: Any = SPLITS,
) -> pa.Table:
    """The placement of a night; `near` has the set of each near duplicate, `groups` the group of each item."""
    near = near or {}
    ids = sorted(ids)
    duplicates = pa.table(
        {
            "item_id": pa.array([*ids, *(g for g in gold if g not in ids)], pa.string()),
            "duplicate_set": pa.array([near.get(i) for i in [*ids, *(g for g in gold if g not in ids)]], pa.int64()),
        }
    )
    known = pa.array(sorted({*ids, *gold, *before["item_id"].to_pylist()}), pa.string())
    return placement(
        pa.array(ids, pa.string()),
        pa.array(sorted(gold), pa.string()),
        known=known,
        duplicates=duplicates,
        groups=None if groups is None else [groups.get(i) for i in ids],
        previous=before,
        splits=splits,
    )


def by_item(table: pa.Table) -> Placed:
    return {row["item_id"]: row for row in table.to_pylist()}


def in_split(split: str, n: int) -> list[str]:
    """`n` ids that the hash puts into a split."""
    found = [f"x{k}" for k in range(200) if assign([f"x{k}"], SPLITS) == [split]]
    return found[:n]


TRAIN, VALIDATION = in_split("train", 4), in_split("validation", 4)


def test_alone_the_hash_of_the_id_decides() -> None:
    """Loss: a split that depends on what else there is that night."""
    placed = by_item(night([*TRAIN, *VALIDATION]))
    assert {i: r["split"] for i, r in placed.items()} == dict.fromkeys(TRAIN, "train") | dict.fromkeys(
        VALIDATION, "validation"
    )
    assert {(r["follows"], r["held_back"]) for r in placed.values()} == {("item", None)}


def test_near_duplicates_that_are_new_go_together_by_the_first_id() -> None:
    """Loss: a validation score that is half memory, since the same text was learnt under another id."""
    pair = sorted([TRAIN[0], VALIDATION[0]])
    placed = by_item(night(pair, near=dict.fromkeys(pair, 7)))
    assert {r["split"] for r in placed.values()} == set(assign(pair[:1], SPLITS))
    assert [placed[i]["follows"] for i in pair] == ["item", "near duplicates"]


def test_a_new_near_duplicate_joins_those_that_are_placed() -> None:
    before = night([VALIDATION[0]])
    placed = by_item(night([VALIDATION[0], TRAIN[0]], near={VALIDATION[0]: 1, TRAIN[0]: 1}, before=before))
    assert placed[TRAIN[0]]["split"] == "validation"
    assert placed[TRAIN[0]]["held_back"] is None


def test_who_belongs_elsewhere_is_held_back_and_does_not_move() -> None:
    """Loss: an item that was validated on yesterday is learnt from today."""
    ids = [*TRAIN[:2], VALIDATION[0]]
    before = night(ids)
    placed = by_item(night(ids, near=dict.fromkeys(ids, 3), before=before))
    assert placed[VALIDATION[0]]["split"] == "validation"
    assert placed[VALIDATION[0]]["held_back"] == "most of its near duplicates are in train"
    assert [placed[i]["held_back"] for i in TRAIN[:2]] == [None, None]
    # At a tie the split declared last keeps its items: fewer are learnt from, none is learnt and judged.
    tie = by_item(night(ids[1:], near=dict.fromkeys(ids[1:], 3), before=before))
    assert [tie[i]["held_back"] for i in ids[1:]] == ["most of its near duplicates are in validation", None]
    # And when they are no longer near, it is there again.
    assert by_item(night(ids, before=before))[VALIDATION[0]]["held_back"] is None


def test_a_group_stays_in_one_split() -> None:
    """Loss: one writer's hand in train and validation: the model is asked about people it knows."""
    writer = dict.fromkeys([*TRAIN[:2], *VALIDATION[:2]], "ann")
    first = night(list(writer), groups=writer)
    assert len({r["split"] for r in by_item(first).values()}) == 1
    later = writer | {TRAIN[2]: "ann", VALIDATION[2]: "ann"}
    assert {r["split"] for r in by_item(night(list(later), groups=later, before=first)).values()} == {
        by_item(first)[TRAIN[0]]["split"]
    }
    ids = [*TRAIN[:2], VALIDATION[3]]
    moved = by_item(night(ids, groups=dict.fromkeys(ids, "bob"), before=night(ids)))
    assert moved[VALIDATION[3]]["held_back"] == "most of its group is in train"


def test_what_is_near_evaluation_gold_or_measures_itself_is_held_back() -> None:
    """Loss: the test in the training set under another name."""
    gold, twin, other = "g", TRAIN[0], TRAIN[1]
    placed = by_item(night([twin, other], gold=[gold, other], near={gold: 5, twin: 5}))
    assert placed[twin]["held_back"] == NEAR_GOLD
    assert placed[other]["held_back"] == EVALUATES


def test_a_split_that_is_no_longer_declared_is_left() -> None:
    before = night([*TRAIN, *VALIDATION])
    placed = by_item(night([*TRAIN, *VALIDATION], before=before, splits={"train": 1.0, "test": "gold"}))
    assert {r["split"] for r in placed.values()} == {"train"}


IDS = [f"i{k}" for k in range(12)]
NIGHT = st.fixed_dictionaries(
    {
        "ids": st.sets(st.sampled_from(IDS), min_size=1),
        "near": st.dictionaries(st.sampled_from(IDS), st.integers(0, 3)),
        "groups": st.dictionaries(st.sampled_from(IDS), st.sampled_from("abc")),
        "gold": st.sets(st.sampled_from(["g0", "g1"])),
    }
)


@given(st.lists(NIGHT, min_size=2, max_size=5), st.booleans())
def test_whatever_comes_nothing_moves_and_nothing_leaks(nights: list[dict[str, Any]], grouped: bool) -> None:
    """Loss: an item that was judged on one night and learnt from on another; near duplicates on both sides."""
    before = NOTHING
    homes: dict[str, str] = {}
    for one in nights:
        gold = {g: k for k, g in enumerate(sorted(one["gold"]))}
        groups = one["groups"] if grouped else None
        before = night(sorted(one["ids"]), gold=sorted(gold), near=one["near"] | gold, groups=groups, before=before)
        placed = by_item(before)
        assert {i: placed[i]["split"] for i in homes} == homes
        homes |= {i: row["split"] for i, row in placed.items()}
        assert set(placed) == set(homes)
        learnt = {i: placed[i]["split"] for i in one["ids"] if placed[i]["held_back"] is None}
        sets: dict[Any, set[str]] = {}
        for item, split in learnt.items():
            if item in one["near"]:
                sets.setdefault(("near", one["near"][item]), set()).add(split)
                assert one["near"][item] not in gold.values()
            if grouped and item in one["groups"]:
                sets.setdefault(("group", one["groups"][item]), set()).add(split)
        assert all(len(splits) == 1 for splits in sets.values()), sets
