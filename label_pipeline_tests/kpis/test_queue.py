from datetime import date

import pytest

from label_pipeline.kpis.queue import figures
from label_pipeline_tests.kpis.nights import DAY, by_key, night, value

CONSENSUS = [{"item_id": i, "label": "cat", "status": "open"} for i in "abcd"]
ITEMS = [
    {"item_id": "a", "landed_day": date(2026, 10, 5)},
    {"item_id": "b", "landed_day": DAY},
    {"item_id": "c", "landed_day": date(2026, 10, 1)},
    {"item_id": "d", "landed_day": date(2026, 9, 1)},
]
QUEUE = [
    {"rank": 1, "item_id": "a", "route": "annotator", "within_budget": True, "gain": 0.25},
    {"rank": 2, "item_id": "b", "route": "adjudicator", "within_budget": True, "gain": 0.5},
    {"rank": 3, "item_id": "c", "route": "annotator", "within_budget": False, "gain": 0.125},
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
    assert value(found, "relabel_expected") == (0.75, 2)


OUTCOMES = [
    {"item_id": "a", "route": "annotator", "answers": 2, "expected": 0.5, "achieved": 0.75},
    {"item_id": "b", "route": "annotator", "answers": 1, "expected": 0.25, "achieved": 0.0},
    {"item_id": "c", "route": "adjudicator", "answers": 1, "expected": 0.5, "achieved": 1.0},
]


def test_the_yield_by_hand() -> None:
    """Guards against a budget of which nobody knows what it bought, and against a promise that is never held to it."""
    found = figures(night(consensus=CONSENSUS, items=ITEMS, queue=QUEUE, outcomes=OUTCOMES))
    yields = by_key(found)["relabel_yield", "all", ""]
    assert (yields.value, yields.n) == (43.75, 4)  # 1.75 labels of 4 answers
    # Residuals 75 − 87.5, 0 − 43.75, 100 − 43.75; their squares' sum times 3/2, its root over 4 answers.
    error = ((12.5**2 + 43.75**2 + 56.25**2) * 1.5) ** 0.5 / 4
    assert yields.ci_low == pytest.approx(43.75 - 1.959964 * error, abs=1e-4)
    assert yields.ci_high == pytest.approx(43.75 + 1.959964 * error, abs=1e-4)
    assert value(found, "relabel_promised") == (31.25, 4)
    assert value(found, "relabel_yield", "route", "annotator") == (25.0, 3)
    assert value(found, "relabel_yield", "route", "adjudicator") == (100.0, 1)
    assert by_key(found)["relabel_yield", "route", "adjudicator"].ci_low is None
    assert value(found, "relabel_promised", "route", "adjudicator") == (50.0, 1)
    assert value(found, "relabel_yield", "route", "guideline") == (None, 0)


def test_an_empty_queue_is_zero_items_of_no_age() -> None:
    """Guards against a finished project that looks like one without data."""
    found = figures(night(consensus=CONSENSUS, items=ITEMS))
    assert value(found, "queue_size") == (0, 4)
    assert value(found, "queue_tonight") == (0, 0)
    assert value(found, "oldest_age_days") == (None, 0)
    assert value(found, "relabel_expected") == (0.0, 0)
    assert value(found, "relabel_yield") == (None, 0)
    assert value(found, "relabel_promised") == (None, 0)
