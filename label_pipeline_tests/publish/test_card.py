"""The data card in words: whether a reader may take confidence as a chance."""

from __future__ import annotations

from typing import Any

import pytest

from label_pipeline.publish.card import confidence_words


def told(said: float, gold: tuple[float, float, float] | None = None) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {"estimated_label_accuracy": {"value": said}}
    if gold:
        rows["label_accuracy_all_items"] = dict(zip(("value", "ci_low", "ci_high"), gold, strict=True)) | {"n": 30}
    return rows


@pytest.mark.parametrize(
    ("said", "gold", "words"),
    [
        (
            0.998,
            (0.961, 0.94, 0.975),
            "**Confidence is too high.** By their own confidence 99.8 % of the labels are right",
        ),
        (0.998, (0.961, 0.94, 0.975), "30 evaluation gold items put it at 96.1 % (94.0 % to 97.5 %)"),
        (0.90, (0.961, 0.94, 0.975), "**Confidence is too low.**"),
        (0.97, (0.961, 0.94, 0.975), "may be used as chances, within that interval"),
        (0.998, None, "take it as the best case"),
    ],
)
def test_a_gap_beyond_the_interval_is_told(said: float, gold: Any, words: str) -> None:
    """Loss: labels that call themselves 99.8% right beside 96.1% on gold are learnt from as if they were."""
    assert words in confidence_words(told(said, gold))


def test_labels_without_right_and_wrong_say_nothing() -> None:
    """Loss: a sentence about a figure that numbers without a tolerance do not have."""
    assert confidence_words({"mean_absolute_error": {"value": 1.0}}) == ""
