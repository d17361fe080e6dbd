from datetime import date
from typing import Any

import pytest

from label_pipeline.kpis.turnaround import adjudication_hours, figures, review_hours, settled_hours
from label_pipeline_tests.kpis.nights import DAY, by_key, night

SIX, SEVEN = date(2026, 10, 6), date(2026, 10, 7)


def event(item: str, at: str | None, landed: date, status: str = "submitted") -> dict[str, Any]:
    return {"item_id": item, "annotated_at": at, "landed_day": landed, "status": status}


def test_a_day_that_is_both_ends_tells_nothing() -> None:
    """Guards against a wait of 0 s where no time is known at all, as in a table that landed as it was."""
    items = [{"item_id": f"i{k}", "arrived_at": None, "landed_day": DAY} for k in range(20)]
    settled = [{"item_id": f"i{k}", "settled_day": DAY} for k in range(20)]
    assert settled_hours(night(items=items, first_settled=settled)).empty
    waited = [*items[:-1], items[-1] | {"landed_day": SEVEN}]  # one came the day before: now days can be told apart
    assert settled_hours(night(items=waited, first_settled=settled)).tolist() == [0.0] * 19 + [24.0]
    timed = [*items[:-1], items[-1] | {"arrived_at": "2026-10-08T08:00Z"}]
    found = settled_hours(night(items=timed, first_settled=settled, events=[event("i19", "2026-10-08T09:00Z", DAY)]))
    assert found.tolist() == [0.0] * 19 + [1.0]


def test_hours_by_hand() -> None:
    """Guards against a wait measured to an answer that came after the item was settled, or between two clocks."""
    items = [
        {"item_id": "timed", "arrived_at": "2026-10-06T08:00Z", "landed_day": SIX},
        {"item_id": "edited", "arrived_at": "2026-10-06T08:00Z", "landed_day": SIX},
        {"item_id": "untimed", "arrived_at": None, "landed_day": SIX},
        {"item_id": "seed", "arrived_at": "2026-10-06T08:00Z", "landed_day": SIX},
        {"item_id": "ruled", "arrived_at": "2026-10-06T08:00Z", "landed_day": SIX},
        {"item_id": "clocks", "arrived_at": "2026-10-06T08:00Z", "landed_day": SIX},
        {"item_id": "open", "arrived_at": "2026-10-06T08:00Z", "landed_day": SIX},
        {"item_id": "old", "arrived_at": "2026-08-06T08:00Z", "landed_day": date(2026, 8, 6)},
    ]
    settled = {
        "timed": SEVEN, "edited": SEVEN, "untimed": DAY, "seed": SIX, "ruled": SEVEN, "clocks": SEVEN,
        "old": date(2026, 9, 10),
    }  # fmt: skip
    events = [
        event("timed", "2026-10-06T10:00Z", SIX),
        event("timed", "2026-10-07T11:30Z", SEVEN),
        event("timed", "2026-10-07T12:00Z", SEVEN, "skipped"),
        event("timed", "2026-10-07T12:00Z", DAY),
        event("edited", "2026-10-08T09:00Z", DAY),
        event("untimed", "2026-10-06T09:00Z", SIX),
        event("ruled", "2026-10-07T08:00Z", SEVEN),
        event("clocks", "2026-10-06T07:00Z", SIX),
    ]
    gold = [
        {"item_id": "seed", "origin": "seed", "role": "check", "label": "cat"},
        {"item_id": "ruled", "origin": "adjudication", "role": "check", "label": "cat"},
    ]
    given = night(
        items=items, events=events, gold=gold,
        first_settled=[{"item_id": item, "settled_day": day} for item, day in settled.items()],
    )  # fmt: skip
    assert settled_hours(given).to_dict() == {
        "timed": 27.5,
        "edited": 38.0,  # to the end of the 7th in Berlin, 22:00Z
        "untimed": 48.0,  # from the end of the 6th to the end of the 8th
        "ruled": 24.0,
    }
    found = by_key(figures(given))
    half, most = found["turnaround_p50", "all", ""], found["turnaround_p90", "all", ""]
    assert (half.value, half.n) == (pytest.approx((27.5 + 38) / 2), 4)
    assert (most.value, most.n) == (pytest.approx(38 + 0.7 * 10), 4)
    # Four values cannot bound a median at 95%.
    assert half.ci_low is None
    assert half.ci_high is None


def test_enough_items_bound_the_median() -> None:
    """Guards against a wait told without how sure it is."""
    items = [{"item_id": f"i{k}", "arrived_at": "2026-10-08T00:00Z", "landed_day": DAY} for k in range(20)]
    events = [event(f"i{k}", f"2026-10-08T{k:02}:00Z", DAY) for k in range(20)]
    settled = [{"item_id": f"i{k}", "settled_day": DAY} for k in range(20)]
    half = by_key(figures(night(items=items, events=events, first_settled=settled)))["turnaround_p50", "all", ""]
    # Of 20 values the 6th and the 15th.
    assert (half.value, half.ci_low, half.ci_high, half.n) == (9.5, 5.0, 14.0, 20)


def answer(item: str, who: str, at: str | None, role: str = "annotator", status: str = "submitted") -> dict[str, Any]:
    return event(item, at, DAY, status) | {"annotator_id": who, "role": role}


def test_reviewers_and_adjudicators_by_hand() -> None:
    """Guards against a reviewer blamed for the first answer's wait, or an adjudicator for what came after."""
    events = [
        answer("a", "x", "2026-10-06T08:00Z"),
        answer("a", "y", "2026-10-06T14:00Z"),
        answer("a", "z", "2026-10-07T08:00Z"),
        answer("a", "judge", "2026-10-08T11:00Z", "adjudicator"),
        answer("a", "late", "2026-10-08T12:00Z"),  # 28 hours after the annotator before; the judge is none
        answer("b", "x", "2026-10-07T08:00Z"),
        answer("b", "x", "2026-10-07T09:00Z"),  # the same person again
        answer("b", "y", None),
        answer("b", "y", "2026-10-07T10:00Z", status="skipped"),
        answer("b", "judge", "2026-10-07T13:00Z", "adjudicator"),
        answer("b", "judge", "2026-10-07T14:00Z", "adjudicator"),
        answer("c", "judge", "2026-10-07T14:00Z", "adjudicator"),  # nobody before
        answer("old", "x", "2026-09-09T08:00Z"),
        answer("old", "y", "2026-09-10T08:00Z"),
        answer("kept", "x", "2026-09-01T00:00Z"),
        answer("kept", "y", "2026-09-11T00:00Z"),  # 02:00 in Berlin, the first of 28 days
    ]
    given = night(events=events)
    assert sorted(review_hours(given).items()) == [("a", 6.0), ("a", 18.0), ("a", 28.0), ("kept", 240.0)]
    assert sorted(adjudication_hours(given).items()) == [("a", 27.0), ("b", 4.0), ("b", 5.0)]
    found = by_key(figures(given))
    assert (found["review_turnaround_p50", "all", ""].value, found["review_turnaround_p50", "all", ""].n) == (23.0, 4)
    assert found["review_turnaround_p90", "all", ""].value == pytest.approx(28 + 0.7 * 212)
    assert found["adjudication_turnaround_p50", "all", ""].value == 5.0
    most = found["adjudication_turnaround_p90", "all", ""]
    assert (most.value, most.n) == (pytest.approx(5 + 0.8 * 22), 3)
    assert found["turnaround_p50", "all", ""].value is None
