import pytest

from label_pipeline.estimates import wilson
from label_pipeline.kpis.accuracy import figures
from label_pipeline.kpis.definition import Figure
from label_pipeline_tests.kpis.nights import by_key, night, value

GOLD = [
    {"item_id": "a", "label": "cat", "role": "evaluation", "origin": "seed"},
    {"item_id": "b", "label": "cat", "role": "evaluation", "origin": "seed"},
    {"item_id": "c", "label": "dog", "role": "evaluation", "origin": "seed"},
    {"item_id": "d", "label": "dog", "role": "evaluation", "origin": "seed"},
    {"item_id": "e", "label": "dog", "role": "check", "origin": "seed"},
    {"item_id": "f", "label": "cat", "role": "check", "origin": "adjudication"},
]


def test_labels_against_evaluation_gold_by_hand() -> None:
    """Guards against gold that judges itself: what annotations say is compared, not the settled label."""
    consensus = [
        {"item_id": "a", "label": "cat", "voted_label": "cat"},
        {"item_id": "b", "label": "cat", "voted_label": "dog"},
        {"item_id": "c", "label": "dog", "voted_label": "dog"},
        {"item_id": "d", "label": "dog", "voted_label": None},
        {"item_id": "e", "label": "dog", "voted_label": "cat"},
    ]
    found = figures(night(classes=("cat", "dog", "emu"), gold=GOLD, consensus=consensus))
    assert value(found, "label_accuracy") == (pytest.approx(2 / 3), 3)
    assert value(found, "precision", "class", "cat") == (1.0, 1)
    assert value(found, "recall", "class", "cat") == (0.5, 2)
    assert value(found, "precision", "class", "dog") == (0.5, 2)
    assert value(found, "recall", "class", "dog") == (1.0, 1)
    assert value(found, "recall", "class", "emu") == (None, 0)
    expected = wilson(2, 3)
    assert by_key(found)["label_accuracy", "all", ""] == Figure.of("label_accuracy", expected)


def test_annotations_against_seeded_checks_by_hand() -> None:
    """Guards against an accuracy lowered by disputed items and raised by the adjudicator's own decisions."""
    votes = [
        {"item_id": "e", "annotator_id": "1", "label": "dog", "group": "crowd", "role": "annotator"},
        {"item_id": "e", "annotator_id": "2", "label": "cat", "group": "crowd", "role": "annotator"},
        {"item_id": "e", "annotator_id": "3", "label": "dog", "group": "vendor", "role": "annotator"},
        {"item_id": "e", "annotator_id": "4", "label": "dog", "group": "experts", "role": "adjudicator"},
        {"item_id": "f", "annotator_id": "1", "label": "dog", "group": "crowd", "role": "annotator"},
        {"item_id": "a", "annotator_id": "1", "label": "dog", "group": "crowd", "role": "annotator"},
    ]
    found = figures(night(gold=GOLD, annotations=votes))
    assert value(found, "annotation_accuracy") == (pytest.approx(2 / 3), 3)
    assert value(found, "annotation_accuracy", "group", "crowd") == (0.5, 2)
    assert value(found, "annotation_accuracy", "group", "vendor") == (1.0, 1)
    assert ("annotation_accuracy", "group", "experts") not in by_key(found)


def test_what_all_labels_say_by_hand() -> None:
    """Guards against an estimate that counts items nobody labelled."""
    consensus = [
        {"item_id": "a", "label": "cat", "confidence": 1.0},
        {"item_id": "b", "label": "cat", "confidence": 0.8},
        {"item_id": "c", "label": "cat", "confidence": 0.6},
        {"item_id": "d", "label": "dog", "confidence": 0.6},
        {"item_id": "e", "label": None, "confidence": None},
    ]
    found = by_key(figures(night(consensus=consensus)))
    estimate = found["estimated_label_accuracy", "all", ""]
    # √(0 + 0.16 + 0.24 + 0.24) / 4 = 0.2.
    assert (estimate.value, estimate.n) == (pytest.approx(0.75), 4)
    assert estimate.ci_low == pytest.approx(0.75 - 1.959964 * 0.2, abs=1e-6)
    assert estimate.ci_high == 1.0
    assert found["class_share", "class", "cat"] == Figure.of("class_share", wilson(3, 4), "class", "cat")
    assert found["class_share", "class", "dog"].value == 0.25
