import pytest

from label_pipeline.estimates import wilson
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.noise import figures
from label_pipeline_tests.kpis.nights import by_key, night, value

CONSENSUS = [
    {"item_id": "a", "label": "cat", "status": "accepted"},
    {"item_id": "b", "label": "cat", "status": "disputed"},
    {"item_id": "c", "label": "dog", "status": "adjudicated"},
    {"item_id": "d", "label": "dog", "status": "gold"},
    {"item_id": "e", "label": "dog", "status": "open"},
    {"item_id": "f", "label": None, "status": "unlabelled"},
]
ISSUES = [
    {"item_id": "a", "given_label": "cat", "is_issue": True},
    {"item_id": "b", "given_label": "cat", "is_issue": False},
    {"item_id": "c", "given_label": "dog", "is_issue": False},
]
ITEMS = [{"item_id": i, "shop": "x" if i in "abf" else None if i == "c" else "y"} for i in "abcdef"]


def test_shares_by_hand() -> None:
    """Guards against a share whose base is not what its name says."""
    found = figures(night(consensus=CONSENSUS, issues=ISSUES, items=ITEMS, slices=("shop",)))
    assert by_key(found)["dispute_rate", "all", ""] == Figure.of("dispute_rate", wilson(1, 5))
    assert value(found, "dispute_rate", "class", "cat") == (0.5, 2)
    assert value(found, "dispute_rate", "class", "dog") == (0.0, 3)
    assert value(found, "dispute_rate", "slice", "shop=x") == (0.5, 2)
    assert value(found, "dispute_rate", "slice", "shop=y") == (0.0, 2)
    assert value(found, "coverage") == (0.5, 6)
    assert value(found, "coverage", "class", "dog") == (pytest.approx(2 / 3), 3)
    assert value(found, "coverage", "slice", "shop=x") == (pytest.approx(1 / 3), 3)
    assert value(found, "noise_rate") == (pytest.approx(1 / 3), 3)
    assert value(found, "noise_rate", "class", "cat") == (0.5, 2)
    assert value(found, "noise_rate", "slice", "shop=x") == (0.5, 2)
    # Items a, b and f are of shop x, c of none: its issue row belongs to no slice.
    assert value(found, "noise_rate", "slice", "shop=x")[1] + 1 == len(ISSUES)


def test_only_the_largest_slices_are_shown() -> None:
    """Guards against a column of free text that makes a figure of every item."""
    consensus = [{"item_id": f"i{k:03}", "label": "cat", "status": "open"} for k in range(200)]
    items = [{"item_id": f"i{k:03}", "shop": f"s{min(k, 120):03}"} for k in range(200)]
    found = figures(night(consensus=consensus, items=items, slices=("shop",)))
    shown = [f.member for f in found if f.kpi == "coverage" and f.dimension == "slice"]
    assert len(shown) == 50
    assert shown[:2] == ["shop=s000", "shop=s001"]
    assert shown[-1] == "shop=s120"
