"""The report's gold: how much more it takes, what waits for a decision, and whose votes count for less."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from label_pipeline.contracts.tables import ANNOTATOR_STANDING, GOLD_ASKS
from label_pipeline.gold.plan import gold_plan, plan_table
from label_pipeline.report.build import build_report
from label_pipeline.report.figures import gold
from label_pipeline_tests.report.synthetic import DAY, night, table


def told() -> dict[str, Any]:
    """What a night knows of gold beside the gold set."""
    data = night(60)
    truths, voted = data.gold_set.to_pandas(), data.consensus.to_pandas()
    plan = plan_table(gold_plan(truths, voted, data.classes, data.day))
    asks = {
        "rank": list(range(1, 11)),
        "item_id": [f"digit-{k:05d}" for k in range(10)],
        "why": ["challenged"] * 10,
        "words": [f"gold says <{k}>" for k in range(10)],
        "exclude_annotators": [[]] * 10,
        "since": [DAY] * 10,
    }
    stood = {
        "annotator_id": ["ann_07", "ann_07", "ann_08"],
        "from_day": [date(2026, 10, 5), date(2026, 10, 9), date(2026, 10, 5)],
        "to_day": [date(2026, 10, 9), None, None],
        "state": ["not counting", "counting", "less weight"],
        "decided_on": [DAY] * 3,
        "n": [9] * 3,
        "right": [2] * 3,
        "reason": ["2 of 9 gold checks right: below 0.7"] * 3,
    }
    return {
        "gold_plan": table("gold_plan", plan.astype(object).where(pd.notna(plan), None).to_dict("list")),
        "gold_asks": GOLD_ASKS.conform(table("gold_asks", asks)),
        "standing": ANNOTATOR_STANDING.conform(table("annotator_standing", stood)),
    }


def test_what_more_gold_takes_what_waits_and_who_fell() -> None:
    """Loss: a lead learns from nobody that gold is challenged, or that a person's votes have stopped counting."""
    data = night(60, **told())
    shown = gold(data)
    assert shown.more > 0
    assert {row["more"] for row in shown.rows} != {0}
    assert (len(shown.asks), shown.waiting) == (8, 10)
    assert [row["annotator_id"] for row in shown.fallen] == ["ann_08"]
    page = build_report(data)
    for words in ("more evaluation items make label accuracy exact to ±2 points", "10 items wait for an adjudicator",
                  "gold says &lt;0&gt;", "2 of 9 gold checks right: below 0.7"):  # fmt: skip
        assert words in page


def test_a_night_from_before_there_were_such_tables() -> None:
    """Loss: last month's report cannot be built again."""
    data = night(60)
    assert (gold(data).more, gold(data).asks, gold(data).fallen) == (0, [], [])
    assert "waits for an adjudicator" not in build_report(data)
