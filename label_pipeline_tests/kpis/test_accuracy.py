from dataclasses import replace

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
    # Of a, b, c (cat or voted so: a, b; dog or voted so: b, c) one each is a hit: 2 · 1 · ½ / 1½.
    assert value(found, "f1", "class", "cat") == (pytest.approx(2 / 3), 2)
    assert value(found, "f1", "class", "dog") == (pytest.approx(2 / 3), 2)
    assert value(found, "f1", "class", "emu") == (None, 0)
    half, f1 = wilson(1, 2), by_key(found)["f1", "class", "cat"]
    assert half.ci_low is not None
    assert f1.ci_low == pytest.approx(2 * half.ci_low / (1 + half.ci_low))
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
    """Guards against an estimate that counts items nobody labelled, or one that is sure because items are many."""
    consensus = [
        {"item_id": "a", "label": "cat", "confidence": 1.0, "status": "gold"},
        {"item_id": "b", "label": "cat", "confidence": 0.9, "status": "accepted"},
        {"item_id": "c", "label": "cat", "confidence": 0.6, "status": "disputed"},
        {"item_id": "d", "label": "dog", "confidence": 0.6, "status": "open"},
        {"item_id": "e", "label": None, "confidence": None, "status": "unlabelled"},
    ]
    votes = [{"item_id": item, "annotator_id": who, "label": "cat"} for item, who in ("b1", "c1", "d1", "b2", "c3")]
    found = by_key(figures(night(consensus=consensus, annotations=votes)))
    estimate = found["estimated_label_accuracy", "all", ""]
    assert (estimate.value, estimate.n) == (pytest.approx((1 + 0.9 + 0.6 + 0.6) / 4), 4)
    # Annotators gave 3, 1 and 1: (3 + 1 + 1)² / (9 + 1 + 1) = 25/11 of them; three items; 1 / (1/3 + 11/25) = 75/58.
    expected = wilson(0.7 * 75 / 58, 75 / 58)
    assert expected.ci_low is not None
    assert estimate.ci_low == pytest.approx(0.25 + 0.75 * expected.ci_low)
    assert estimate.ci_high == pytest.approx(0.25 + 0.75 * (expected.ci_high or 0))
    assert found["class_share", "class", "cat"] == Figure.of("class_share", wilson(3, 4), "class", "cat")
    assert found["class_share", "class", "dog"].value == 0.25


def test_labels_that_are_all_gold_or_nobody_s() -> None:
    """Guards against doubt about settled truth, and against an interval where there is no annotator to count."""
    gold = [{"item_id": "a", "label": "cat", "confidence": 1.0, "status": "gold"}]
    assert by_key(figures(night(consensus=gold)))["estimated_label_accuracy", "all", ""].ci_low == 1.0
    model = [{"item_id": "a", "label": "cat", "confidence": 0.8, "status": "accepted"}]
    figure = by_key(figures(night(consensus=model)))["estimated_label_accuracy", "all", ""]
    assert (figure.value, figure.ci_low, figure.n) == (0.8, None, 1)


def test_gold_and_confidence_together_by_hand() -> None:
    """Guards against gold that is sharpened by confidence it shaped, or by items whose truth the consensus knew."""
    confidences = {"a": 0.9, "b": 0.5, "c": 0.9, "d": 0.5, "x": 0.9, "y": 0.9, "told": None, "z": 0.9, "w": 0.5}
    consensus = [
        {"item_id": item, "voted_label": "dog" if item == "b" else "cat", "voted_confidence": confidence}
        for item, confidence in confidences.items()
    ]
    gold = [{"item_id": item, "label": "cat", "role": "evaluation", "origin": "seed"} for item in "abcd"]
    gold.append({"item_id": "told", "label": "dog", "role": "check", "origin": "seed"})
    found = by_key(figures(night(consensus=consensus, gold=gold)))
    # Right: 1, 0, 1, 1. cov = 0.05, var = 0.04, n = N = 4: λ = 0.05 / (2 · 0.04); others 0.8, gold 0.7 on average.
    value = 0.75 + 0.625 * 0.1
    # ρ² = 0.0025 / (0.04 · 0.1875) = 1/3; adjusted 1 − (2/3)(3/2) = 0: no gain, the width of four gold items.
    expected = wilson(value * 4, 4)
    figure = found["label_accuracy_all_items", "all", ""]
    assert (figure.value, figure.n) == (pytest.approx(value), 4)
    assert (figure.ci_low, figure.ci_high) == (pytest.approx(expected.ci_low), pytest.approx(expected.ci_high))
    assert found["label_accuracy", "all", ""].value == 0.75


def test_numbers_against_gold_by_hand() -> None:
    """Guards against numbers judged as if they were names: 7.0 is 7, and near is near."""
    gold = [{"item_id": item, "label": label, "role": "evaluation", "origin": "seed"}
            for item, label in {"a": "7", "b": "2.5", "c": "10"}.items()]  # fmt: skip
    consensus = [{"item_id": item, "label": label, "voted_label": label, "confidence": 0.9, "status": "accepted"}
                 for item, label in {"a": "7.0", "b": "3", "c": "8", "d": "1"}.items()]  # fmt: skip
    given = night(kind="number", classes=(), gold=gold, consensus=consensus)
    found = by_key(figures(given))
    off = found["mean_absolute_error", "all", ""]
    # 0, 0.5 and 2: their mean is 5/6, their spread 1.0408, Student's t with 2 degrees of freedom 4.3027.
    assert (off.value, off.n) == (pytest.approx(5 / 6), 3)
    assert (off.ci_low, off.ci_high) == (0.0, pytest.approx(5 / 6 + 4.302653 * 1.040833 / 3**0.5))
    assert found["label_accuracy", "all", ""].value is None, "without a tolerance no number is right or wrong"
    within = by_key(figures(replace(given, tolerance=0.5)))
    assert (within["label_accuracy", "all", ""].value, within["label_accuracy", "all", ""].n) == (
        pytest.approx(2 / 3),
        3,
    )
    assert by_key(figures(night(gold=GOLD)))["mean_absolute_error", "all", ""].value is None


def test_sets_against_gold_by_hand() -> None:
    """Guards against a set that is wrong because its classes are written in another order, or right because one is."""
    gold = [{"item_id": item, "label": label, "role": "evaluation", "origin": "seed"}
            for item, label in {"a": "cat|dog", "b": "dog", "c": ""}.items()]  # fmt: skip
    consensus = [{"item_id": item, "label": label, "voted_label": label, "confidence": 0.9, "status": "accepted"}
                 for item, label in {"a": "cat|dog", "b": "cat|dog", "c": ""}.items()]  # fmt: skip
    found = figures(night(kind="multi_label", gold=gold, consensus=consensus))
    assert value(found, "label_accuracy") == (pytest.approx(2 / 3), 3)
    assert value(found, "precision", "class", "cat") == (0.5, 2)
    assert value(found, "recall", "class", "cat") == (1.0, 1)
    assert value(found, "precision", "class", "dog") == (1.0, 2)
    assert value(found, "class_share", "class", "dog") == (pytest.approx(2 / 3), 3)
