import pytest

from label_pipeline.kpis.agreement import figures
from label_pipeline_tests.kpis.nights import by_key, night, value


def vote(item: str, annotator: str, label: str, **more: str) -> dict[str, str]:
    return {"item_id": item, "annotator_id": annotator, "label": label, "role": "annotator", **more}


# Two annotators: items a, b agree on cat, c agrees on dog, d differs.
FOUR = [
    *(vote(item, who, "cat") for item in "ab" for who in "12"),
    *(vote("c", who, "dog") for who in "12"),
    vote("d", "1", "cat"),
    vote("d", "2", "dog"),
]


def test_alpha_by_hand() -> None:
    """Guards against agreement that counts the adjudicator as one more annotator."""
    ruling = {**vote("d", "x", "dog"), "role": "adjudicator"}
    found = figures(night(annotations=[*FOUR, ruling]))
    # Observed 2 of 8 unequal; expected 2 · 5 · 3 / 7 of 8: alpha = 1 − 2 / (30 / 7).
    assert value(found, "alpha") == (pytest.approx(1 - 14 / 30), 4)
    assert value(found, "raw_agreement") == (0.75, 4)
    assert value(found, "alpha", "class", "cat") == (pytest.approx(1 - 14 / 30), 4)
    figure = by_key(found)["alpha", "all", ""]
    assert figure.ci_low is not None
    assert figure.ci_high is not None
    assert figure.ci_low <= 1 - 14 / 30 <= figure.ci_high <= 1
    assert figures(night(annotations=[*FOUR, ruling])) == found


def test_parts_are_measured_on_their_own_labels() -> None:
    """Guards against a group that looks good because another group agrees with it."""
    groups = [
        *(vote(item, who, "cat", group="crowd", guideline_version="v1") for item in "ab" for who in "12"),
        *(vote(item, "3", "dog", group="vendor", guideline_version="v2") for item in "ab"),
        *(vote("c", who, "dog", group="crowd", guideline_version="v2") for who in "12"),
    ]
    items = [{"item_id": "a", "shop": "x"}, {"item_id": "b", "shop": "x"}, {"item_id": "c", "shop": 7}]
    found = figures(night(annotations=groups, items=items, slices=("shop",)))
    assert value(found, "raw_agreement") == (pytest.approx((1 / 3 + 1 / 3 + 1) / 3), 3)
    assert value(found, "raw_agreement", "slice", "shop=x") == (pytest.approx(1 / 3), 2)
    assert value(found, "raw_agreement", "slice", "shop=7") == (1.0, 1)
    assert value(found, "raw_agreement", "group", "crowd") == (1.0, 3)
    assert value(found, "alpha", "group", "crowd") == (1.0, 3)
    assert value(found, "raw_agreement", "group", "vendor") == (None, 0)
    assert value(found, "raw_agreement", "guideline_version", "v1") == (1.0, 2)
    # All labels of version 1 are cats: nothing tells agreement from habit.
    assert value(found, "alpha", "guideline_version", "v1") == (None, 2)


def test_ranked_classes_forgive_a_near_miss() -> None:
    """Guards against ratings treated as unordered."""
    near = [vote("a", "1", "low"), vote("a", "2", "mid"), vote("b", "1", "high"), vote("b", "2", "high")]
    classes = ("low", "mid", "high")
    plain = value(figures(night(annotations=near, classes=classes)), "alpha")[0]
    ranked = value(figures(night(annotations=near, classes=classes, kind="ordinal")), "alpha")[0]
    assert plain is not None
    assert ranked is not None
    assert ranked > plain
