"""What holds after a night: every condition is seen, in words that leave the house without a person in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from label_pipeline.alerts.standing import Measured, standing
from label_pipeline_tests.alerts.lakes import D1, D2, D3, PROJECT, figure, lake, night, project

MISSED = {"target": 0.9, "status": "missed"}


def words(found: Any) -> dict[str, str]:
    return {key: condition.words for key, condition in found.holds.items()}


def test_before_the_first_night_there_is_nothing(tmp_path: Path) -> None:
    """Loss: a new project whose first failing run fails a second time in its alert."""
    assert standing(lake(tmp_path), project()) is None


def test_everything_that_can_go_wrong(tmp_path: Path) -> None:
    """Loss: a condition nobody is told of; or one that tells of a person, an item or a file."""
    house = lake(tmp_path)
    night(house, D1, gates={"coverage": (True, "0.9")}, unreadable=2)
    kpis = [
        figure("label_accuracy", 0.5, 0.4, 0.6, **MISSED),
        figure("recall", 0.3, 0.2, 0.4, **MISSED, dimension="class", member="cat"),
        figure("recall", 0.95, 0.9, 0.99, target=0.9, status="met", dimension="class", member="dog"),
        figure("alpha", 0.1, 0.0, 0.2, **MISSED, dimension="slice", member="name=Anna"),
    ]
    night(house, D2, gates={"coverage": (False, "0.42"), "queue_items": (False, "['anna@example.org']")}, kpis=kpis)
    night(house, D3, quarantined=80)
    found = standing(house, project(), failed_at="annotation_events")
    assert found is not None
    assert found.day == D3
    assert words(found) == {
        "files 2026-10-05": "2 landed file(s) of 2026-10-05 could not be read.",
        "flood 2026-10-07": "2026-10-07 is flooded with rows in quarantine; no later day is computed until it is "
        "mended.",
        "gate coverage": "Gate coverage stopped the night (0.42, asked: at least 0.5): training jobs keep the version "
        "before.",
        "gate queue_items": "Gate queue_items stopped the night: training jobs keep the version before.",
        "target label_accuracy": "label_accuracy is 0.5 and misses its target of 0.9.",
        "target recall of cat": "recall of cat is 0.3 and misses its target of 0.9.",
        "target alpha": "alpha is 0.1 and misses its target of 0.9.",
    }
    assert found.undecided == {"night"}
    assert set(found.over) == {"flood 2026-10-05", "flood 2026-10-06", "files 2026-10-06", "files 2026-10-07",
                               "target recall of dog"}  # fmt: skip
    assert {c.kind for c in found.holds.values()} == {"files", "flood", "gate", "target"}


def test_an_overridden_gate_is_over(tmp_path: Path) -> None:
    """Loss: somebody signed for the night, and everybody is still told that it was stopped; or told who signed."""
    house = lake(tmp_path)
    night(house, D1, gates={"coverage": (False, "0.42")}, overridden=("coverage",))
    found = standing(house, project())
    assert found is not None
    assert not found.holds
    assert found.over["gate coverage"] == "Gate coverage was overridden."


@pytest.mark.parametrize(
    ("status", "value", "where"),
    [("missed", 0.5, "holds"), ("met", 0.95, "over"), ("unsure", 0.85, "undecided"), ("no data", None, "undecided")],
)
def test_targets(status: str, value: float | None, where: str, tmp_path: Path) -> None:
    """Loss: a figure that cannot tell ends a miss, and begins it again the next night, for ever."""
    house = lake(tmp_path)
    night(house, D1, gates={}, kpis=[figure("alpha", value, target=0.9, status=status)])
    found = standing(house, project())
    keys = {name: "target alpha" in getattr(found, name) for name in ("holds", "over", "undecided")}
    assert keys == {name: name == where for name in keys}


def test_a_fault_is_told_by_its_step(tmp_path: Path) -> None:
    """Loss: a night that crashed is as silent as a good one."""
    house = lake(tmp_path)
    night(house, D1, gates={})
    found = standing(house, project(), failed_at="mart")
    assert found is not None
    assert words(found) == {"night": "The run did not come to its end: it failed at mart."}
    ended = standing(house, project())
    assert ended is not None
    assert ended.over["night"] == "Nights come to their end again."


def test_figures_whose_change_is_told(tmp_path: Path) -> None:
    """Loss: a free Sunday is a changed throughput every week; a class or a count without interval cannot be judged."""
    kpis = [
        figure("alpha", 0.7, 0.6, 0.8),
        figure("alpha", 0.1, 0.0, 0.2, dimension="class", member="cat"),
        figure("annotations_last_7_days", 700.0, 650.0, 750.0),
        figure("queue_size", 12.0),
        figure("turnaround_p90", 30.0, 20.0, None),
        figure("dispute_rate", None),
        figure("no_longer_known", 0.5, 0.4, 0.6),
    ]
    house = lake(tmp_path)
    night(house, D1, gates={}, kpis=kpis)
    found = standing(house, project())
    assert found is not None
    assert found.figures == {"alpha": Measured(0.7, 0.6, 0.8), "turnaround_p90": Measured(30.0, 20.0, None)}


def test_labels_without_a_consensus_have_an_intake(tmp_path: Path) -> None:
    """Loss: a project of boxes or texts whose files cannot be read fails in its alert instead of telling."""
    house = lake(tmp_path)
    night(house, D1, unreadable=1)
    texts = project(PROJECT.replace("{classes: [cat, dog]}", "{type: text}"))
    found = standing(house, texts)
    assert found is not None
    assert words(found) == {"files 2026-10-05": "1 landed file(s) of 2026-10-05 could not be read."}
