"""What has come back: answers find their rows, overdue rows are free again, and nobody sees gold too often."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.batches.compose import GOLD_CHECK, BatchPolicy
from label_pipeline.batches.returned import dispatches, exposure, no_rows, still_out
from label_pipeline.contracts.tables import DISPATCHES
from label_pipeline_tests.batches.tables import composed, gold, queue

D1, D2, D3, D4 = (date(2026, 10, k) for k in range(5, 9))
ANSWERS = ["item_id", "annotator_id", "batch_id", "landed_day", "versions"]


def sent(*rows: tuple[str, str, int, date], excluded: list[str] | None = None) -> pd.DataFrame:
    """Rows (batch, item, people, sent on) that were sent."""
    return pd.DataFrame(
        [
            {
                "batch_id": batch,
                "position": k,
                "item_id": item,
                "purpose": "relabel",
                "route": "annotator",
                "people": people,
                "exclude_annotators": excluded or [],
                "suggested_label": None,
                "sent_on": day,
            }
            for k, (batch, item, people, day) in enumerate(rows, start=1)
        ]
    )


def answers(*rows: tuple[str, str, str | None, date]) -> pd.DataFrame:
    return pd.DataFrame([(*row, 1) for row in rows], columns=ANSWERS)


def states(made: pd.DataFrame) -> list[tuple[str, str, list[str], str]]:
    table = DISPATCHES.conform(made).to_pylist()
    return [(row["batch_id"], row["item_id"], row["answered_by"], row["state"]) for row in table]


def test_answers_find_the_batch_they_name() -> None:
    """Loss: an answer to the first sending taken for the second's, and the second one asked for again."""
    rows = sent(("b1", "i", 2, D1), ("b1", "j", 1, D1), ("b2", "i", 1, D2))
    given = answers(("i", "a", "b1", D3), ("i", "a", "b1", D3), ("j", "a", "b1", D2), ("i", "c", "b2", D3))
    assert states(dispatches(rows, given, D3, 14)) == [
        ("b1", "i", ["a"], "open"),
        ("b1", "j", ["a"], "returned"),
        ("b2", "i", ["c"], "returned"),
    ]


def test_an_answer_that_lost_its_batch_belongs_to_the_newest_sending_before_it() -> None:
    """Loss: a tool that drops the batch never returns anything, and everything is sent again."""
    rows = sent(("b1", "i", 1, D1), ("b2", "i", 1, D3), excluded=["old"])
    given = answers(("i", "a", None, D2), ("i", "b", "elsewhere", D3), ("i", "old", None, D3))
    assert states(dispatches(rows, given, D4, 14)) == [("b1", "i", ["a"], "returned"), ("b2", "i", ["b"], "returned")]
    before = answers(("i", "a", None, D1 - timedelta(days=1)), ("k", "a", "b1", D2))
    assert states(dispatches(rows, before, D4, 14)) == [("b1", "i", [], "open"), ("b2", "i", [], "open")]


def test_what_is_overdue_is_free_again() -> None:
    """Loss: a batch that somebody deleted in the tool keeps its items out of every later one."""
    rows = sent(("b1", "i", 2, D1), ("b2", "j", 1, D2))
    given = answers(("i", "a", "b1", D2))
    table = dispatches(rows, given, D4, 3)
    assert states(table) == [("b1", "i", ["a"], "overdue"), ("b2", "j", [], "open")]
    assert still_out(table) == {"j"}
    late = dispatches(rows, pd.concat([given, answers(("i", "b", "b1", D4))]), D4, 3)
    assert states(late)[0] == ("b1", "i", ["a", "b"], "returned")


def test_nothing_was_sent() -> None:
    """Loss: the first night of every project."""
    table = dispatches(no_rows(), answers(), D1, 14)
    assert states(table) == []
    assert still_out(table) == frozenset()
    assert exposure(table, answers(("g", "a", None, D1)), ["g", "h"]) == {"g": 1, "h": 0}


def test_exposure_by_hand() -> None:
    """Loss: gold counted by what came back alone is sent ten times before the first answer."""
    rows = sent(("b1", "g", 2, D1), ("b2", "g", 1, D2), ("b3", "g", 1, D3), ("b3", "h", 1, D3))
    given = answers(("g", "a", "b1", D2), ("g", "c", "b2", D3), ("g", "a", None, D1 - timedelta(days=9)))
    table = dispatches(rows, given, D3, 14)
    assert [state for *_, state in states(table)] == ["open", "returned", "open", "open"]
    # a: once before, once in b1, and b3 is to come; c: once in b2, and b1 and b3 are to come; others: b1 and b3.
    assert exposure(table, given, {"g", "h", "f"}) == {"g": 3, "h": 1, "f": 0}


POLICY = BatchPolicy(size=8, new=0.5, relabel=0.5, gold=0.5, gold_exposure=2, prelabel=False, min_annotations=1)


@settings(max_examples=12)
@given(st.data())
def test_the_cap_on_gold_holds_over_many_nights(data: Any) -> None:
    """Loss: a cap that is checked against yesterday's answers is passed by what is still out.

    Eight nights of three people who answer what they like, late, out of order, some without the batch's name, never
    more of them than were asked; at the end nobody was shown an item more often than the cap.
    """
    truths, people = gold(g0="check", g1="check", g2="check"), ("a", "b", "c")
    history, shown = no_rows(), {(person, item): 0 for person in people for item in truths["item_id"]}
    returned: list[tuple[str, str, str | None, date]] = []
    waiting: list[list[Any]] = []
    for night in range(8):
        day = D1 + timedelta(days=night)
        for row in waiting:
            for person in data.draw(st.lists(st.sampled_from(people), unique=True, max_size=row[2])):
                if person not in row[3] and len(row[3]) < row[2]:
                    row[3].append(person)
                    shown[person, row[1]] = shown.get((person, row[1]), 0) + 1
                    returned.append((row[1], person, row[0] if data.draw(st.booleans()) else None, day))
        given = answers(*returned)
        table = dispatches(history, given, day, data.draw(st.sampled_from([1, 3, 14])))
        work = queue(*((f"n{night}-{k}", "annotator") for k in range(6)))
        batch = composed(
            work, {}, truths, POLICY, exposure=exposure(table, given, truths["item_id"]), out=still_out(table), day=day
        )
        for row in batch.to_dict("records"):
            waiting.append([row["batch_id"], row["item_id"], row["people"], []])
        history = pd.concat([part for part in (history, batch.assign(sent_on=day)) if len(part)] or [history])
    assert max(shown.values()) <= POLICY.gold_exposure
    assert (history["purpose"] == GOLD_CHECK).any()
