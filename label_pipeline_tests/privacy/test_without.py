"""Tables without somebody, and tables under other names: by hand, on every shape there is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from label_pipeline.contracts.tables import (
    ANNOTATION_EVENTS,
    BATCHES,
    GOLD_SET,
    LOGINS,
    QUARANTINE,
    RELABEL_QUEUE,
    TABLES,
    Table,
)
from label_pipeline.privacy.without import GONE, Renaming, Without

KIM, LEE = "a-0000000000000001", "a-00000000000000ff"
NEW = {KIM: "a-f000000000000001", LEE: "a-e000000000000001"}
WITHOUT = Without(frozenset([KIM]), frozenset(["item-0001"]))


def row(table: Table, **given: Any) -> dict[str, Any]:
    blank = {"text": "x", "integer": 1, "float": 0.5, "flag": True, "time": None, "day": date(2026, 10, 5)}
    blank |= {"texts": [], "floats": []}
    return {c.name: None if c.nullable else blank[c.kind] for c in table.columns} | given


def made(table: Table, *rows: dict[str, Any]) -> Any:
    return table.conform({name: [row(table, **one)[name] for one in rows] for name in table.names})


def test_rows_of_a_person_and_of_an_item_go() -> None:
    """Loss: somebody's answer that stays, or somebody else's that goes."""
    rows = [
        {"event_id": f"{k}", "annotator_id": who, "item_id": item}
        for k, (who, item) in enumerate([(KIM, "i1"), (LEE, "i1"), (LEE, "item-0001"), (LEE, "item-00011")])
    ]
    left = WITHOUT.table(ANNOTATION_EVENTS, made(ANNOTATION_EVENTS, *rows))
    assert left["event_id"].to_pylist() == ["1", "3"]


def test_names_in_lists_and_words_go_and_their_rows_stay() -> None:
    """Loss: a name in a list of whom not to ask, or in why a truth is one."""
    queue = made(RELABEL_QUEUE, {"item_id": "i1", "exclude_annotators": [LEE, KIM], "ask_annotators": [KIM]})
    left = WITHOUT.table(RELABEL_QUEUE, queue).to_pylist()[0]
    assert (left["exclude_annotators"], left["ask_annotators"]) == ([LEE], [])
    gold = made(GOLD_SET, {"item_id": "i1", "evidence": f"adjudicated by {KIM} on 2026-10-05", "valid_to": None})
    assert WITHOUT.table(GOLD_SET, gold)["evidence"].to_pylist() == [f"adjudicated by {GONE} on 2026-10-05"]


def test_quarantined_rows_go_by_what_was_written() -> None:
    """Loss: the one place where an answer stands as it came."""
    raws = [f'{{"annotator_id":"{KIM}","item_id":"i1"}}', f'{{"annotator_id":"{LEE}","item_id":"i1"}}', "{}"]
    rows = [{"landed_row": k, "raw": raw} for k, raw in enumerate(raws)]
    left = WITHOUT.table(QUARANTINE, made(QUARANTINE, *rows))
    assert left["landed_row"].to_pylist() == [1, 2]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_what_holds_nothing_is_the_same_object(table: Table) -> None:
    """Loss: a partition rewritten for nothing, for every day there ever was."""
    rows = made(table, {"raw": "{}"}) if table is QUARANTINE else made(table, {})
    assert WITHOUT.table(table, rows) is rows
    assert Renaming.of(NEW).table(table, rows) is rows


def test_names_and_the_ids_made_of_them_are_renamed() -> None:
    """Loss: an id of the old name, so that the next full export has every answer twice."""
    rows = [
        {"event_id": f"{'c' * 16}{who[2:]}", "annotation_id": own, "annotator_id": who, "item_id": "i1"}
        for who, own in ((KIM, f"{'d' * 16}{KIM[2:]}"), (LEE, "7"))
    ]
    left = Renaming.of(NEW).table(ANNOTATION_EVENTS, made(ANNOTATION_EVENTS, *rows)).to_pylist()
    assert [one["annotator_id"] for one in left] == list(NEW.values())
    assert [one["event_id"] for one in left] == [f"{'c' * 16}{name[2:]}" for name in NEW.values()]
    assert [one["annotation_id"] for one in left] == [f"{'d' * 16}{NEW[KIM][2:]}", "7"]


def test_renamed_rows_stand_in_the_order_of_the_new_names() -> None:
    """Loss: a table whose order tells who was who, and differs from the one that a night writes."""
    rows = [{"login": who, "annotator_id": who} for who in (KIM, LEE)]
    left = Renaming.of(NEW).table(LOGINS, made(LOGINS, *rows))
    assert left["login"].to_pylist() == sorted(NEW.values())
    batch = made(BATCHES, {"item_id": "i1", "exclude_annotators": [KIM, LEE]})
    assert Renaming.of(NEW).table(BATCHES, batch)["exclude_annotators"].to_pylist() == [sorted(NEW.values())]


def test_texts_are_renamed_whole_names_only() -> None:
    """Loss: a checksum with a hole in it."""
    digest = "ab" * 16 + KIM[2:] + "ab" * 8
    assert Renaming.of(NEW).text(f"{KIM}, {digest}") == f"{NEW[KIM]}, {digest}"
    assert Renaming.of(NEW).text(Renaming.of(NEW).text(KIM)) == NEW[KIM]  # twice is once
