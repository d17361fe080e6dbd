from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from label_pipeline.kpis.throughput import figures
from label_pipeline_tests.kpis.nights import DAY, by_key, night, value

ITEM = [{"item_id": "a", "landed_day": DAY}]


def event(annotator: str, at: str | None, **more: Any) -> dict[str, Any]:
    known = {"item_id": "a", "annotator_id": annotator, "annotated_at": at, "status": "submitted", "landed_day": DAY}
    return {**known, "group": "crowd", "role": "annotator", **more}


# The day in Berlin is 2026-10-07T22:00Z to 2026-10-08T22:00Z; the week begins 2026-10-01T22:00Z.
WORK = [
    event("1", "2026-10-07T21:59:59Z", duration_s=1800.0),
    event("1", "2026-10-07T22:00:00Z", duration_s=900.0),
    event("2", "2026-10-08T21:59:59Z", group="vendor", duration_s=900.0),
    event("2", "2026-10-08T22:00:00Z", group="vendor"),
    event("3", None, duration_s=0.0),
    event("3", None, landed_day=date(2026, 10, 2)),
    event("4", "2026-10-01T21:59:59Z"),
    event("4", "2026-10-08T10:00:00Z", status="rejected"),
    event("5", "2026-10-08T10:00:00Z", status="deleted"),
    event("5", "2026-10-08T10:00:00Z", status="skipped"),
]


def test_answers_of_a_local_day_by_hand() -> None:
    """Guards against a day cut at UTC midnight, and against answers without a time that vanish."""
    found = figures(night(events=WORK, items=ITEM))
    assert value(found, "annotations_per_day") == (3.0, 3)
    assert value(found, "annotations_per_day", "group", "crowd") == (2.0, 2)
    assert value(found, "annotations_per_day", "group", "vendor") == (1.0, 1)
    assert value(found, "annotations_last_7_days") == (5.0, 5)
    # Garwood's limits for three events.
    figure = by_key(found)["annotations_per_day", "all", ""]
    assert (figure.ci_low, figure.ci_high) == (pytest.approx(0.6187, abs=1e-4), pytest.approx(8.7673, abs=1e-4))
    assert value(found, "active_annotators") == (3, 5)
    assert value(found, "active_annotators", "group", "vendor") == (1, 1)
    # Three durations above zero in the week: an hour in all.
    assert value(found, "annotations_per_annotator_hour") == (3.0, 3)
    # Five submitted, one rejected, one skipped; the deleted one was taken back.
    assert value(found, "skip_rate") == (pytest.approx(1 / 7), 7)
    assert value(found, "skip_rate", "group", "vendor") == (0.0, 1)


def test_a_free_day_is_zero_and_a_project_without_answers_has_no_data() -> None:
    """Guards against a Sunday that reads like a broken pipeline, and a broken pipeline that reads like a Sunday."""
    rest = figures(night(events=[event("1", "2026-09-01T10:00:00Z")], items=ITEM))
    assert value(rest, "annotations_per_day") == (0.0, 0)
    assert value(rest, "annotations_last_7_days") == (0.0, 0)
    assert value(rest, "active_annotators") == (0, 0)
    assert value(rest, "skip_rate") == (None, 0)
    only_skips = figures(night(events=[event("1", "2026-10-08T10:00:00Z", status="skipped")], items=ITEM))
    assert value(only_skips, "annotations_per_day") == (None, 0)
    assert value(only_skips, "skip_rate") == (1.0, 1)


def test_settled_items_by_hand() -> None:
    """Guards against an item counted every night it stays settled."""
    settled = [
        {"item_id": "a", "settled_day": DAY},
        {"item_id": "b", "settled_day": date(2026, 10, 7)},
        {"item_id": "c", "settled_day": DAY},
    ]
    assert value(figures(night(items=ITEM, first_settled=settled)), "settled_items_per_day") == (2.0, 2)
    assert value(figures(night(items=ITEM)), "settled_items_per_day") == (0.0, 0)


def test_the_day_of_a_clock_change_has_25_hours() -> None:
    """Guards against an hour of work lost in autumn."""
    events = [
        event("1", "2026-10-24T22:00:00Z"),
        event("1", "2026-10-25T22:59:59Z"),
        event("1", "2026-10-25T23:00:00Z"),
    ]
    autumn = replace(night(events=events, items=ITEM), day=date(2026, 10, 25))
    assert value(figures(autumn), "annotations_per_day") == (2.0, 2)
