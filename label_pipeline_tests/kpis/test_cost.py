import math
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest

from label_pipeline.estimates import wilson
from label_pipeline.kpis.cost import figures
from label_pipeline.kpis.definition import Figure
from label_pipeline_tests.kpis.nights import DAY, by_key, night


@dataclass(frozen=True)
class Paid:
    """A rate as a project states it."""

    per_annotation: float | None = None
    per_hour: float | None = None


LAST_MONTH = date(2026, 9, 1)
RATES = {"crowd": Paid(per_annotation=0.5), "staff": Paid(per_hour=36.0), "model": Paid(per_annotation=0.0)}


def answer(item: str, group: str, *, status: str = "submitted", seconds: float | None = None, **more: Any) -> Any:
    who = {"item_id": item, "annotator_id": group, "group": group, "role": "model" if group == "model" else "annotator"}
    return who | {"status": status, "duration_s": seconds, "annotated_at": None, "landed_day": DAY} | more


EVENTS = [
    answer("a", "crowd"),
    answer("a", "staff", seconds=100.0),
    answer("b", "crowd", landed_day=LAST_MONTH),
    answer("b", "crowd", status="skipped"),
    answer("b", "crowd", status="deleted"),
    answer("c", "model"),
    answer("d", "staff", seconds=200.0, status="skipped"),
    answer("d", "staff"),
    answer("seed", "crowd"),
]
SETTLED = [{"item_id": item, "settled_day": DAY} for item in ("a", "b", "c", "seed")]
GOLD = [{"item_id": "seed", "origin": "seed", "role": "check"}]


def test_costs_by_hand() -> None:
    """Guards against labels that look cheap because work that came to nothing is not counted."""
    project = replace(night(events=EVENTS, first_settled=SETTLED, gold=GOLD), rates=RATES)
    found = by_key(figures(project))
    # crowd: a, b and seed at 0.5; staff at 0.01 a second: 1 + 2 and, its time unknown, their median 1.5.
    assert found["cost_per_settled_label", "all", ""].value == pytest.approx((1.5 + 4.5) / 3)
    # a is half the crowd's and half the staff's, b the crowd's.
    assert found["cost_per_settled_label", "group", "crowd"].value == pytest.approx(1.5 / 1.5)
    assert found["cost_per_settled_label", "group", "staff"].value == pytest.approx(4.5 / 0.5)
    assert found["cost_per_settled_label", "group", "model"].value == 0.0
    figure = found["cost_per_settled_label", "all", ""]
    # Items a, b, c, d, seed: costs 1.5, 0.5, 0, 3.5, 0.5 less 2 where settled; 5/4 for five items.
    squares = 0.5**2 + 1.5**2 + 2.0**2 + 3.5**2 + 0.5**2
    assert figure.ci_high == pytest.approx(2 + 1.959964 * math.sqrt(squares * 5 / 4) / 3, abs=1e-5)
    assert (figure.ci_low, figure.n) == (0.0, 3)
    assert found["spend_last_7_days", "all", ""].value == pytest.approx(5.5)
    assert found["spend_last_7_days", "group", "crowd"].value == pytest.approx(1.0)
    assert found["automation_rate", "all", ""] == Figure.of("automation_rate", wilson(1, 3))


def test_a_missing_rate_is_no_free_work() -> None:
    """Guards against a total that leaves out a vendor whose price nobody wrote down."""
    rates = {name: rate for name, rate in RATES.items() if name != "staff"}
    found = by_key(figures(replace(night(events=EVENTS, first_settled=SETTLED, gold=GOLD), rates=rates)))
    assert found["cost_per_settled_label", "all", ""].value is None
    assert found["spend_last_7_days", "all", ""].value is None
    assert found["cost_per_settled_label", "group", "crowd"].value == pytest.approx(1.0)
    untimed = [event | {"duration_s": None} for event in EVENTS]
    found = by_key(figures(replace(night(events=untimed, first_settled=SETTLED), rates=RATES)))
    assert found["spend_last_7_days", "group", "staff"].value is None


def test_no_rates_and_nothing_settled() -> None:
    """Guards against a cost of zero where nobody said what work costs, or where there is nothing to divide by."""
    assert by_key(figures(night(events=EVENTS)))["spend_last_7_days", "all", ""].value is None
    settled = [{"item_id": "a", "settled_day": DAY}]
    found = by_key(figures(replace(night(events=EVENTS), rates=RATES)))
    assert found["cost_per_settled_label", "all", ""].value is None
    assert found["spend_last_7_days", "all", ""].value == pytest.approx(5.5)
    assert by_key(figures(night(events=EVENTS, first_settled=settled)))["automation_rate", "all", ""].value == 0.0
