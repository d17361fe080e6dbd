"""What the audit log is told of gold and of annotators, and what a rebuild reads from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from label_pipeline.annotators.standing import COUNTING, NOT
from label_pipeline.audit import Act, Entry
from label_pipeline.contracts.tables import ANNOTATOR_STANDING
from label_pipeline.gold.life import gold_set
from label_pipeline.gold.recheck import Doubts, doubted
from label_pipeline.gold.told import (
    APPEALED,
    CLOSED,
    DOUBTED,
    LOST,
    OPENED,
    REGAINED,
    appeals,
    gold_acts,
    promoted_before,
    promotion_acts,
    roles_told,
    standing_acts,
)
from label_pipeline_tests.gold.test_life import NONE, day, decisions, seeds

AT = datetime(2026, 10, 6, tzinfo=UTC)


def entries(*acts: Act, at: datetime = AT) -> list[Entry]:
    return [Entry(k, at + timedelta(days=k), act, "") for k, act in enumerate(acts)]


def stood(*rows: tuple[str, int, int | None, str]) -> pd.DataFrame:
    """Annotator, first and last day of a stretch, its state."""
    return pd.DataFrame(
        [
            {"annotator_id": who, "from_day": day(first), "to_day": None if last is None else day(last), "state": state,
             "reason": f"why {first}"}
            for who, first, last, state in rows
        ],
        columns=ANNOTATOR_STANDING.names,
    )  # fmt: skip


def said(acts: list[Act]) -> list[tuple[str, str, str]]:
    return [(act.action, act.subject, act.reason) for act in acts]


def test_a_truth_from_its_first_day_to_its_last() -> None:
    """Loss: a truth that changed, and a log in which nobody ever changed it."""
    told = []
    frame = NONE
    nights: list[tuple[Any, Any, dict[str, str]]] = [
        (seeds(("a", "cat", "check", "s:1")), decisions(), {}),
        (seeds(("a", "cat", "check", "s:1")), decisions(), {"a": "3 of 3 say dog"}),
        (seeds(("a", "cat", "check", "s:1")), decisions(("a", "dog", "x", pd.NaT, "seen", 2)), {}),
        (seeds(), decisions(), {}),
    ]
    for k, (seed, ruling, challenged) in enumerate(nights):
        frame = doubted(gold_set(frame, seed, ruling, day(k)).frame, challenged, day(k), Doubts())
        told.append(said(gold_acts(frame, ruling, day(k))))
    assert told == [
        [(OPENED, "item a version 1", "s:1")],
        [(DOUBTED, "item a version 1", "challenged: 3 of 3 say dog")],
        [("adjudicated", "item a", "seen"), (OPENED, "item a version 2", "seen")],
        [(CLOSED, "item a version 2", "its source says it no longer, or contradicts itself")],
    ]


def test_a_role_and_a_promotion_are_read_again() -> None:
    """Loss: a rebuild after seeds were edited makes an item another role, or forgets what was promoted."""
    frame = gold_set(NONE, seeds(("a b", "cat", "evaluation", "s")), decisions(), day(0)).frame
    new = pd.DataFrame([("p", "dog", "3 agree")], columns=["item_id", "label", "evidence"])
    log = entries(*gold_acts(frame, decisions(), day(0)), *promotion_acts(new))
    assert roles_told(log) == {"a b": "evaluation"}
    assert promoted_before(log, AT + timedelta(days=1)).empty
    assert promoted_before(log, AT + timedelta(days=2)).to_dict("records") == new.to_dict("records")
    assert list(promoted_before([], AT).columns) == ["item_id", "label", "evidence"]


def test_who_falls_and_who_recovers() -> None:
    """Loss: votes that stop counting, or count again, and a log that knows of neither."""
    nothing = stood()
    good = stood(("a", 0, None, COUNTING), ("b", 0, None, COUNTING))
    assert standing_acts(good, nothing) == []
    fallen = stood(("a", 0, 3, COUNTING), ("a", 3, None, NOT), ("b", 0, None, COUNTING))
    (act,) = standing_acts(fallen, good)
    assert (act.action, act.subject, act.reason, act.after) == (
        LOST, "annotator a", "why 3", f"votes from {day(3)} are not counting",
    )  # fmt: skip
    assert standing_acts(fallen, fallen) == []
    back = stood(("a", 0, 3, COUNTING), ("a", 3, 7, NOT), ("a", 7, None, COUNTING), ("b", 0, None, COUNTING))
    assert said(standing_acts(back, fallen)) == [(REGAINED, "annotator a", "why 7")]
    (undone,) = standing_acts(good, fallen)
    assert (undone.action, undone.subject) == (REGAINED, "annotator a")
    assert "decided anew" in undone.reason


def test_an_appeal_holds_until_the_truth_is_decided_anew() -> None:
    """Loss: an appeal that is forgotten the next night, or that challenges the decision it led to for ever."""
    log = entries(
        Act("a-1", APPEALED, "item a", "irony", after=str(day(3))),
        Act("lead", APPEALED, "item gone", "why", after=str(day(3))),
    )
    frame = gold_set(NONE, seeds(("a", "cat", "check", "")), decisions(), day(0)).frame
    assert appeals(log, frame, day(2)) == {}
    assert appeals(log, frame, day(3)) == appeals(log, frame, day(9)) == {"a": f"appeal of {day(3)}: irony"}
    waiting = doubted(frame, appeals(log, frame, day(3)), day(3), Doubts())
    assert waiting["valid_to"].tolist() == [day(3)]
    ruling = decisions(("a", "dog", "x", pd.NaT, "", 4))
    decided = gold_set(waiting, seeds(("a", "cat", "check", "")), ruling, day(4)).frame
    assert decided["label"].tolist() == ["cat", "dog"]
    assert appeals(log, decided, day(5)) == {}
    again = [*log, *entries(Act("a-1", APPEALED, "item a", "still", after=str(day(6))))]
    assert appeals(again, decided, day(6)) == {"a": f"appeal of {day(6)}: still"}
