"""One annotator's own figures, by hand: their own numbers, and nothing that tells of anybody else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from label_pipeline.annotators.own import LEAST_CHECKS, LEAST_OTHERS, MINIMUM, own_classes, own_figures
from label_pipeline.estimates import wilson
from label_pipeline.label_meaning import meaning_of

NONE = pd.DataFrame(columns=["annotator_id", "true_label", "n", "right", "low", "high"])


def quality(*rows: tuple[str, str, int, float]) -> pd.DataFrame:
    """annotator_quality from (annotator, group, n, quality)."""
    return pd.DataFrame(
        [
            {"annotator_id": who, "group": group, "role": "annotator", "n": n, "quality": q, "quality_low": q - 0.1,
             "quality_high": q + 0.1, "median_duration_s": 10 * q}
            for who, group, n, q in rows
        ]
    )  # fmt: skip


def crowd(size: int, group: str = "crowd", n: int = MINIMUM) -> list[tuple[str, str, int, float]]:
    return [(f"{group} {k}", group, n, 0.5 + k / 100) for k in range(size)]


def scores(*rows: tuple[str, str, int, int]) -> pd.DataFrame:
    """gold_scores from (annotator, class or empty for all, right, n)."""
    return pd.DataFrame(
        [(who, label, n, right, right / n - 0.2, min(right / n + 0.1, 1)) for who, label, right, n in rows],
        columns=NONE.columns,
    )


def test_others_are_quartiles_of_enough_people() -> None:
    """Loss: from the figures of three people in a group each of them knows the other two."""
    everybody = quality(("me", "crowd", 50, 0.9), *crowd(LEAST_OTHERS), *crowd(7, "vendor"))
    own = own_figures("me", everybody, NONE, np.full(50, 3.0))[0].group
    assert own is not None
    assert (own.low, own.half, own.high, own.people, own.of_group) == (0.51, 0.52, 0.53, 5, True)
    # One fewer in the group: all who have the role stand in; the person is never among the others.
    fewer = quality(("me", "crowd", 50, 0.9), *crowd(LEAST_OTHERS - 1), *crowd(7, "vendor"))
    own = own_figures("me", fewer, NONE, np.full(50, 3.0))[0].group
    assert own is not None
    assert (own.people, own.of_group, own.half) == (11, False, 0.52)
    few = quality(("me", "crowd", 50, 0.9), *crowd(LEAST_OTHERS - 1), *crowd(9, "beginners", MINIMUM - 1))
    assert [figure.group for figure in own_figures("me", few, NONE, np.full(50, 3.0))] == [None, None, None]


def test_nobody_is_judged_on_too_little() -> None:
    """Loss: somebody is told that they are wrong half of the time, on four answers."""
    few = quality(("me", "crowd", MINIMUM - 1, 0.5), *crowd(6))
    told = own_figures("me", few, scores(("me", "", 4, LEAST_CHECKS - 1)), np.full(MINIMUM - 1, 3.0))
    assert [(f.estimate.value, f.estimate.n, f.least) for f in told] == [
        (None, MINIMUM - 1, MINIMUM), (None, LEAST_CHECKS - 1, LEAST_CHECKS), (None, MINIMUM - 1, MINIMUM),
    ]  # fmt: skip
    enough = quality(("me", "crowd", MINIMUM, 0.5), *crowd(6))
    seconds = np.array([*range(1, MINIMUM), np.nan, 40.0])
    told = own_figures("me", enough, scores(("me", "", 4, LEAST_CHECKS)), seconds)
    assert [f.estimate.value for f in told] == [0.5, 0.4, 10.5]
    assert (told[0].estimate.ci_low, told[0].estimate.ci_high) == pytest.approx((0.4, 0.6))
    assert (told[1].estimate.ci_low, told[1].estimate.ci_high) == pytest.approx((0.2, 0.5))


def test_class_by_class_by_hand() -> None:
    """Loss: a class that somebody misses looks like all the others in one overall figure."""
    said = ["cat"] * 9 + ["dog"] * 2 + ["bird"] + ["dog"] * 3
    label = ["cat"] * 12 + ["dog"] * 2 + [None]
    votes = pd.DataFrame({"label": said, "consensus": pd.Series(label, dtype=object)})
    checks = scores(("me", "cat", 9, 12), ("me", "dog", 1, 2), ("you", "dog", 20, 20))
    cat, dog, bird = own_classes("me", votes, checks, ("cat", "dog", "bird"), meaning_of("single_choice").holds)
    assert (cat.same, cat.instead, cat.checks.value) == (wilson(9, 12), "dog", 0.75)
    assert (dog.same.value, dog.same.n, dog.instead, dog.checks.value, dog.checks.n) == (None, 2, None, None, 2)
    assert (bird.same.n, bird.checks.n) == (0, 0)


def test_classes_of_sets() -> None:
    """Loss: a set that holds one class too many counts as wrong for every class in it."""
    votes = pd.DataFrame({"label": ["cat|dog"] * 10 + ["dog"] * 2, "consensus": ["cat"] * 12})
    classes = ("cat", "dog")
    cat, dog = own_classes("me", votes, NONE, classes, meaning_of("multi_label", classes).holds)
    assert (cat.same, cat.instead) == (wilson(10, 12), "dog")
    assert dog.same.n == 0
