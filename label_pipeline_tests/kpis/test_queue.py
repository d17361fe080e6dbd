from datetime import date

from label_pipeline.kpis.queue import figures
from label_pipeline_tests.kpis.nights import DAY, night, value

CONSENSUS = [{"item_id": i, "label": "cat", "status": "open"} for i in "abcd"]
ITEMS = [
    {"item_id": "a", "landed_day": date(2026, 10, 5)},
    {"item_id": "b", "landed_day": DAY},
    {"item_id": "c", "landed_day": date(2026, 10, 1)},
    {"item_id": "d", "landed_day": date(2026, 9, 1)},
]
QUEUE = [
    {"rank": 1, "item_id": "a", "route": "annotator", "within_budget": True},
    {"rank": 2, "item_id": "b", "route": "adjudicator", "within_budget": True},
    {"rank": 3, "item_id": "c", "route": "annotator", "within_budget": False},
]


def test_a_queue_by_hand() -> None:
    """Guards against an age that counts items nobody waits for."""
    found = figures(night(consensus=CONSENSUS, items=ITEMS, queue=QUEUE))
    assert value(found, "queue_size") == (3, 4)
    assert value(found, "queue_size", "route", "annotator") == (2, 4)
    assert value(found, "queue_size", "route", "adjudicator") == (1, 4)
    assert value(found, "queue_size", "route", "guideline") == (0, 4)
    assert value(found, "queue_tonight") == (2, 3)
    assert value(found, "oldest_age_days") == (7.0, 3)


def test_an_empty_queue_is_zero_items_of_no_age() -> None:
    """Guards against a finished project that looks like one without data."""
    found = figures(night(consensus=CONSENSUS, items=ITEMS))
    assert value(found, "queue_size") == (0, 4)
    assert value(found, "queue_tonight") == (0, 0)
    assert value(found, "oldest_age_days") == (None, 0)
