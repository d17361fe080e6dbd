"""Go, no-go, and what an interval leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pytest

from label_pipeline.contracts.tables import KPIS
from label_pipeline.estimates import Estimate
from label_pipeline.pilot.verdict import Judged, judge, verdict


@dataclass(frozen=True)
class Asked:
    """A target."""

    at_least: float | None = None
    at_most: float | None = None


NOTHING = pd.DataFrame(columns=KPIS.names)


def judged(value: float, low: float, high: float, target: Asked, n: int = 200) -> Judged:
    (one,) = judge({"alpha": Estimate(value, low, high, n)}, NOTHING, {"alpha": target})
    return one


def kpi(
    name: str, value: float, low: float, high: float, dimension: str = "all", member: str = ""
) -> dict[str, object]:
    return {"kpi": name, "dimension": dimension, "member": member, "value": value, "ci_low": low, "ci_high": high,
            "n": 50, "target": None, "status": "no target"}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "low", "high", "status", "whole", "decision"),
    [
        (0.80, 0.75, 0.85, "met", True, "go"),
        (0.70, 0.64, 0.76, "met", False, "go"),
        (0.64, 0.58, 0.70, "unsure", False, "undecided"),
        (0.50, 0.44, 0.56, "missed", False, "no-go"),
    ],
)
def test_what_an_interval_decides(
    value: float, low: float, high: float, status: str, whole: bool, decision: str
) -> None:
    """Loss: a project goes on by a figure whose interval says nothing, or stops by one."""
    one = judged(value, low, high, Asked(at_least=0.67))
    assert (one.status, one.whole) == (status, whole)
    assert verdict([one], asked=200, pairable=200).decision == decision


def test_how_many_items_would_tell() -> None:
    """Loss: a second pilot of the wrong size. 0.64 is 0.03 off and its interval 0.06 wide above: four times as many."""
    assert judged(0.64, 0.58, 0.70, Asked(at_least=0.67)).items == 800
    assert judged(0.70, 0.64, 0.76, Asked(at_least=0.67)).items == 800
    assert judged(0.80, 0.75, 0.85, Asked(at_least=0.67)).items is None
    assert judged(0.67, 0.60, 0.74, Asked(at_least=0.67)).items is None, "no number of items would"
    assert "about 800 items would tell" in judged(0.64, 0.58, 0.70, Asked(at_least=0.67)).words


def test_a_half_pilot_decides_nothing_but_a_miss() -> None:
    """Loss: go on the first twenty answers, which were the easy ones."""
    good, bad = judged(0.8, 0.75, 0.85, Asked(at_least=0.67)), judged(0.5, 0.4, 0.6, Asked(at_least=0.67))
    assert verdict([good], asked=200, pairable=179).decision == "undecided"
    assert verdict([good], asked=200, pairable=180).decision == "go"
    assert verdict([bad], asked=200, pairable=50).decision == "no-go"


def test_without_a_target_nothing_is_decided() -> None:
    """Loss: `go` where nobody said what is good enough."""
    found = verdict([], asked=100, pairable=100)
    assert found.decision == "undecided"
    assert "kpis.alpha" in found.state


def test_what_the_guideline_leaves_unclear_is_told_beside_a_go() -> None:
    """Loss: a good average hides two classes that nobody tells apart."""
    good = judged(0.8, 0.75, 0.85, Asked(at_least=0.67))
    assert "fact or claim" in verdict([good], asked=9, pairable=9, unclear=["fact or claim"]).state


def _found(kpis: Sequence[dict[str, object]], targets: dict[str, Asked]) -> list[Judged]:
    return list(judge({}, pd.DataFrame(kpis, columns=KPIS.names), targets))


def test_figures_a_pilot_does_not_have_are_those_of_the_night() -> None:
    """Loss: the accuracy that gold measured is no data, because the pilot is not gold. Of classes the worst counts."""
    rows = [kpi("label_accuracy", 0.95, 0.9, 0.98), kpi("annotations_per_day", 1, 1, 1)]
    found = _found(rows, {"label_accuracy": Asked(0.9), "annotations_per_day": Asked(20), "raw_agreement": Asked(0.5)})
    assert {(j.kpi, j.status, j.of_pilot) for j in found} == {
        ("label_accuracy", "met", False),
        ("raw_agreement", "no data", False),
    }, "how fast a team works does not show in a pilot"


def test_the_worst_stands_first() -> None:
    """Loss: what stops a project stands below what does not."""
    rows = [kpi("label_accuracy", 0.7, 0.6, 0.8), kpi("raw_agreement", 0.9, 0.85, 0.95)]
    found = _found(rows, {"raw_agreement": Asked(0.5), "label_accuracy": Asked(0.9), "alpha": Asked(0.5)})
    assert [j.status for j in found] == ["missed", "no data", "met"]
