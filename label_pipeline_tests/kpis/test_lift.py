"""Lift by hand, and the traps of comparing models: what is judged was never seen, and no data is no zero."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from benchmarks.lift import coverage, simulated
from label_pipeline.kpis import lift
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.lift import TRAINED_ON, figures, paired
from label_pipeline.kpis.night import Night
from label_pipeline_tests.kpis.nights import by_key, night

OTHER = {"cat": "dog", "dog": "cat"}


def pets(*, texts: bool = False, gold: int = 12, **changed: Any) -> Night:
    """Sixty items, every fifth evaluation gold. Cats are at −1 and dogs at 1, on either of two sides.

    On the second side two of three annotators call every cat a dog, and our labels do not believe them: a model of
    the majority is wrong on the cats of that side.
    """
    items, votes, labels, settled, inputs = [], [], [], [], []
    for k in range(60):
        truth, misled = ("cat", "dog")[k % 2], k % 4 == 2
        said = [OTHER[truth], OTHER[truth], truth] if misled else [truth] * 3
        items.append({"item_id": f"i{k:02d}"})
        votes += [{"item_id": f"i{k:02d}", "annotator_id": a, "label": s, "role": "annotator"}
                  for a, s in zip("abc", said, strict=True)]  # fmt: skip
        labels.append({"item_id": f"i{k:02d}", "label": truth, "confidence": 0.6 if misled else 0.9})
        if k % 5 == 0 and len(settled) < gold:
            settled.append({"item_id": f"i{k:02d}", "label": truth, "origin": "seed", "role": "evaluation"})
        words = {(False, "cat"): "purrs whiskers", (True, "cat"): "purrs claws",
                 (False, "dog"): "barks tail", (True, "dog"): "barks tail"}  # fmt: skip
        side = 3.0 if misled else -3.0 if truth == "cat" else 0.0
        inputs.append(f"{words[misled, truth]} n{k}" if texts else [1.0 if truth == "dog" else -1.0, side, k / 1000])
    made = night(items=items, annotations=votes, consensus=labels, gold=settled, **changed)
    return dataclasses.replace(made, inputs=inputs if texts else np.array(inputs))


def numbers(found: list[Figure], kpi: str) -> dict[str, float | None]:
    return {member or "all": f.value for (name, _, member), f in by_key(found).items() if name == kpi}


@pytest.mark.parametrize("texts", [False, True])
def test_models_by_hand(texts: bool) -> None:
    """Loss: a model credited with another's labels. Of twelve gold items 10, 30 and 50 are cats of the second side."""
    found = figures(pets(texts=texts))
    accuracy, gain = numbers(found, "model_accuracy"), numbers(found, "model_lift")
    assert accuracy["majority"] == 0.75
    assert accuracy["our labels"] == accuracy["our labels weighted"] == accuracy["all"] == 1.0
    assert gain == {
        "all": 0.25,
        "one annotation": pytest.approx((accuracy["one annotation"] or 0) - 0.75),
        "our labels": 0.25,
        "our labels weighted": 0.25,
    }
    for figure in found:
        assert figure.n == 12
        assert figure.value is not None
        assert figure.ci_low is not None
        assert figure.ci_high is not None
        assert figure.ci_low <= figure.value <= figure.ci_high


def test_issues_are_left_out_of_the_last_training() -> None:
    """Loss: a label that is known to be doubtful teaches the model that is said to be without it."""
    wrong = [{"item_id": f"i{k:02d}", "is_issue": True} for k in range(0, 60, 4)]
    labels = lift._labels(pets(issues=wrong))
    assert [len(labels[name]) for name in TRAINED_ON] == [60, 60, 60, 45]


def test_adjudicators_are_no_annotators() -> None:
    """Loss: "one raw annotation" that is the adjudicator's decision is no raw annotation."""
    made = pets()
    made.annotations.loc[made.annotations["annotator_id"] != "a", "role"] = "adjudicator"
    labels = lift._labels(made)
    assert set(labels["one annotation"]["annotator_id"]) == {"a"}


def test_chance_is_decided_by_the_ids() -> None:
    """Loss: figures that jump from night to night because another annotation was drawn."""
    made = pets()
    shuffled = dataclasses.replace(made, annotations=made.annotations.sample(frac=1, random_state=1))
    again = lift._labels(shuffled)
    for name, rows in lift._labels(made).items():
        labels = rows.set_index("item_id")["label"].sort_index()
        assert labels.equals(again[name].set_index("item_id")["label"].sort_index()), name
    drawn = set(lift._labels(made)["one annotation"]["annotator_id"])
    assert drawn == {"a", "b", "c"}


def test_what_is_judged_was_never_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a model that learnt a gold item, or its twin under another id, is as good as its memory."""
    made = pets()
    assert isinstance(made.inputs, np.ndarray)
    made.inputs[1] = made.inputs[10]  # i01 is now the twin of a gold item
    seen: list[np.ndarray[Any, Any]] = []
    learn = lift._learn

    def watched(night: Night, rows: Any, labels: Any, weights: Any) -> Any:
        seen.append(rows[labels >= 0])
        return learn(night, rows, labels, weights)

    monkeypatch.setattr(lift, "_learn", watched)
    monkeypatch.setattr(lift, "MOST_TRAINED", 40)
    figures(made)
    for rows in seen:
        assert not {1, *range(0, 60, 5)} & set(rows)
        assert len(rows) == 40


def no_numbers(made: Night) -> Night:
    return dataclasses.replace(made, inputs=np.full((60, 3), np.nan))


@pytest.mark.parametrize(
    "made",
    [
        dataclasses.replace(pets(), inputs=None),
        pets(gold=0),
        no_numbers(pets()),
        dataclasses.replace(pets(texts=True), inputs=[None] * 60),
        dataclasses.replace(pets(), annotations=pets().annotations.iloc[:15]),
        dataclasses.replace(pets(), annotations=pets().annotations.iloc[:0]),
        dataclasses.replace(pets(), consensus=pets().consensus.assign(label="cat")),
        night(),
    ],
    ids=["no input", "no gold", "no numbers", "no text", "five items", "no annotation", "one class", "nothing"],
)
def test_nothing_to_say_is_no_zero(made: Night) -> None:
    """Loss: a lift of zero where nobody could measure any."""
    assert [(f.kpi, f.dimension, f.value, f.ci_low, f.n) for f in figures(made)] == [
        ("model_accuracy", "all", None, None, 0),
        ("model_lift", "all", None, None, 0),
    ]


def test_paired_intervals_by_hand() -> None:
    """Loss: an interval of nothing around two models that never differed on five items."""
    same = np.ones(5, dtype=np.bool_)
    assert paired(same, same).value == 0.0
    assert (paired(same, same).ci_low or 0) < -0.1
    assert (paired(same, same).ci_high or 0) > 0.1
    first = np.arange(100) < 60
    second = np.arange(100) < 50
    found = paired(first, second)
    # Ten wins of a hundred: the normal interval of a paired share, 0.1 ± 1.96 √(0.1 − 0.01) / 10, is 0.041 to 0.159.
    assert found.value == 0.1
    assert found.ci_low == pytest.approx(0.03, abs=0.02)
    assert found.ci_high == pytest.approx(0.16, abs=0.02)
    assert paired(second, first).value == -0.1
    assert paired(same[:0], same[:0]).value is None


@pytest.mark.slow
def test_the_interval_covers() -> None:
    """Loss: a lift that is called proven, and is chance. The short version of `benchmarks/lift.py`."""
    found = coverage(simulated(60))
    assert found["covered"].between(0.88, 1.0).all(), found
    assert 0.93 <= found["covered"].mean() <= 0.98
