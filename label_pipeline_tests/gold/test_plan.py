"""How much gold there is and how much more ±2 points take: counted by hand, and by the interval itself."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.contracts.rules import broken_contract
from label_pipeline.contracts.tables import GOLD_PLAN, GOLD_SET
from label_pipeline.estimates import wilson
from label_pipeline.gold.plan import gold_plan, needed, plan_table, plan_words

DAY = date(2026, 10, 20)


def gold() -> pd.DataFrame:
    """Of cats two checks and three evaluation items, of dogs one check that is challenged and closed; no cow."""
    rows = [
        ("c0", "cat", "check", 0, None, None), ("c1", "cat", "check", 85, None, None),
        ("e0", "cat", "evaluation", 0, None, None), ("e1", "cat", "evaluation", 100, DAY, None),
        ("e2", "cat", "evaluation", 0, None, None), ("d0", "dog", "check", 0, None, DAY),
    ]  # fmt: skip
    return pd.DataFrame(
        [
            {"item_id": item, "version": 1, "label": label, "role": role, "valid_from": DAY - timedelta(days=age),
             "due_on": due, "challenged_on": challenged, "valid_to": challenged}
            for item, label, role, age, due, challenged in rows
        ],
        columns=GOLD_SET.names, dtype=object,
    )  # fmt: skip


VOTED = pd.DataFrame({"item_id": ["e0", "e1", "c0", "e9"], "voted_label": ["cat", "dog", "dog", "cat"]})


def test_coverage_by_hand() -> None:
    """Loss: a class without gold that nobody misses until its errors are in production."""
    lines = gold_plan(gold(), VOTED, ("cat", "dog", "cow"), DAY, expire_after=100)
    table = GOLD_PLAN.conform(plan_table(lines))
    assert broken_contract(GOLD_PLAN, table, ("cat", "dog", "cow")) == []
    counts = {row["class"]: [row[name] for name in ("check", "evaluation", "challenged", "due", "expiring", "n")]
              for row in table.to_pylist()}  # fmt: skip
    assert counts == {"": [2, 3, 1, 1, 1, 2], "cat": [2, 3, 0, 1, 1, 2], "dog": [0, 0, 1, 0, 0, 0], "cow": [0] * 6}
    overall, cat, *_ = lines
    assert (overall.accuracy, cat.accuracy) == (wilson(1, 2), wilson(1, 2))
    assert overall.more == needed(1, 2, 0.02) - 2
    words = plan_words(lines)
    assert words[0].startswith(f"{overall.more} more evaluation items make label accuracy exact to ±2 points")
    assert words[1] == "No evaluation item: dog, cow."


def test_the_textbook_size() -> None:
    """Loss: a lead who buys a tenth of the gold that the interval takes. n ≈ 1.96² p (1 - p) / 0.02²."""
    assert needed(0, 0, 0.02) == pytest.approx(2401, abs=8)
    assert needed(900, 1000, 0.02) == pytest.approx(864, rel=0.02)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from([0.01, 0.02, 0.1, 0.3]))
def test_it_is_the_smallest_that_is_enough(right: int, wrong: int, within: float) -> None:
    """Loss: a plan whose own interval is wider than it promised."""
    n, share = needed(right, right + wrong, within), (right + 1) / (right + wrong + 2)

    def half(size: int) -> float:
        found = wilson(share * size, size)  # type: ignore[arg-type]
        return (found.ci_high - found.ci_low) / 2

    assert half(n) <= within + 1e-12
    assert n == 2 or half(n - 1) > within - 1e-12


def test_enough_is_said_by_silence() -> None:
    """Loss: a plan that asks for more every night is one nobody reads."""
    many = pd.DataFrame(
        {"item_id": [f"i{k}" for k in range(3000)], "label": "cat", "role": "evaluation", "valid_from": DAY},
        columns=GOLD_SET.names,
    )
    voted = pd.DataFrame({"item_id": many["item_id"], "voted_label": "cat"})
    assert plan_words(gold_plan(many, voted, ("cat",), DAY)) == []
    with pytest.raises(ValueError, match="within"):
        needed(1, 2, 0.5)
