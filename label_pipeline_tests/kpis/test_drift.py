import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from label_pipeline.kpis.drift import compared, figures
from label_pipeline_tests.kpis.nights import DAY, by_key, night, value


def settled(counts: dict[tuple[date, str], int]) -> dict[str, list[dict[str, Any]]]:
    """Items by settled day and label."""
    rows = [(day, label, k) for (day, label), n in counts.items() for k in range(n)]
    ids = [f"{day}-{label}-{k}" for day, label, k in rows]
    return {
        "first_settled": [{"item_id": i, "settled_day": day} for i, (day, _, _) in zip(ids, rows, strict=True)],
        "consensus": [{"item_id": i, "label": label} for i, (_, label, _) in zip(ids, rows, strict=True)],
    }


def test_classes_of_two_weeks_by_hand() -> None:
    """Guards against a shift of classes that is measured on the wrong days, or without its test."""
    now, before, start = DAY - timedelta(days=6), DAY - timedelta(days=7), DAY - timedelta(days=60)
    rows = settled(
        {
            (DAY, "cat"): 10, (now, "cat"): 30, (now, "dog"): 10,
            (before, "cat"): 20, (DAY - timedelta(days=13), "dog"): 30,
            (DAY - timedelta(days=14), "dog"): 500, (start, "cat"): 40, (start, "dog"): 10,
        }
    )  # fmt: skip
    found = by_key(figures(night(**rows)))
    # cat 40 of 50 now, 20 of 50 before: G = 2 · Σ O ln(O / E) with E = 30 and 20 in both.
    g = 2 * (40 * math.log(40 / 30) + 10 * math.log(10 / 20) + 20 * math.log(20 / 30) + 30 * math.log(30 / 20))
    drift = found["label_drift", "all", ""]
    assert (drift.value, drift.n) == (pytest.approx((g - 1) / (200 * math.log(2))), 50)
    assert found["label_drift_p", "all", ""].value == pytest.approx(stats.chi2.sf(g, 1))
    assert drift.ci_low is not None
    assert drift.ci_high is not None
    unit = 200 * math.log(2)
    assert stats.ncx2.cdf(g, 1, drift.ci_low * unit) == pytest.approx(0.975, abs=1e-6)
    assert stats.ncx2.cdf(g, 1, drift.ci_high * unit) == pytest.approx(0.025, abs=1e-6)
    assert found["label_drift_since_start", "all", ""].value == 0.0
    assert found["label_drift_since_start_p", "all", ""].value == 1.0


def test_the_first_settled_set_is_large_enough() -> None:
    """Guards against a project that can never be compared with its start, because it started small."""
    days = [DAY - timedelta(days=k) for k in (40, 39, 38)]
    rows = settled(
        {(days[0], "cat"): 8, (days[1], "dog"): 12, (days[2], "dog"): 90, (DAY, "cat"): 20, (DAY, "dog"): 30}
    )
    found = by_key(figures(night(**rows)))
    assert found["label_drift_since_start", "all", ""].value == 0.0  # 8 of 20 cats, and 20 of 50
    assert found["label_drift_since_start_p", "all", ""].value == pytest.approx(1.0)


def test_gold_seeds_are_no_drift() -> None:
    """Guards against a seed file of rare cases that looks like a change of the world."""
    rows = settled({(DAY, "cat"): 25, (DAY, "dog"): 25, (DAY - timedelta(days=8), "cat"): 25})
    gold = [
        {"item_id": r["item_id"], "origin": "seed", "role": "check"} for r in rows["consensus"] if r["label"] == "dog"
    ]
    assert value(figures(night(**rows, gold=gold)), "label_drift") == (0.0, 25)
    assert value(figures(night(**rows, gold=gold)), "label_drift_p") == (1.0, 25)


def test_too_few_labels_are_not_compared() -> None:
    """Guards against a test on cells that are nearly empty."""
    assert compared(np.array([10.0, 9.0]), np.array([50.0, 50.0]))[1] is None
    assert compared(np.array([100.0, 2.0]), np.array([100.0, 0.0]))[1] is None
    # Two rare classes are one together; what is still rare joins the class before it.
    together = compared(np.array([40.0, 4.0, 6.0]), np.array([40.0, 6.0, 2.0]))
    assert together[1] == pytest.approx(stats.chi2_contingency([[40, 10], [40, 8]], False, "log-likelihood").pvalue)
    joined = compared(np.array([40.0, 20.0, 1.0]), np.array([40.0, 20.0, 2.0]))
    assert joined[1] == pytest.approx(stats.chi2_contingency([[40, 21], [40, 22]], False, "log-likelihood").pvalue)


def test_nothing_in_common_is_one() -> None:
    """Guards against a size that means another thing with other numbers."""
    found, _ = compared(np.array([5000.0, 0.0]), np.array([0.0, 20000.0]))
    assert found.value == pytest.approx(1.0, abs=1e-3)


def answers(who: str, week: int, right: int, n: int, group: str = "crowd") -> list[dict[str, Any]]:
    """n answers of one annotator on items that somebody else answered too; all items are cats."""
    at = f"{DAY - timedelta(days=7 * week)}T09:00Z"
    base = {"annotated_at": at, "landed_day": DAY, "status": "submitted", "role": "annotator"}
    return [
        base
        | {"item_id": f"{who}{week}{k}", "annotator_id": who, "group": group, "label": "cat" if k < right else "dog"}
        for k in range(n)
    ]


def test_people_against_themselves_by_hand() -> None:
    """Guards against a change of who works that is taken for a change of how they work."""
    events = [
        *answers("a", 1, 18, 20), *answers("a", 0, 10, 20),
        *answers("b", 1, 15, 30, "vendor"), *answers("b", 0, 6, 10, "vendor"),
        *answers("left", 1, 40, 40), *answers("new", 0, 0, 40),
    ]  # fmt: skip
    items = sorted({e["item_id"] for e in events})
    quiet = {"status": "submitted", "role": "annotator", "group": "other", "annotator_id": "z", "label": "cat"}
    long_ago = {"annotated_at": "2026-01-01T00:00Z", "landed_day": DAY}
    events += [quiet | long_ago | {"item_id": item} for item in items]
    events += answers("alone", 0, 0, 30)
    consensus = [{"item_id": item, "label": "cat"} for item in items]
    found = by_key(figures(night(events=events, consensus=consensus)))
    # Weights 20·20/40 = 10 and 10·30/40 = 7.5; differences −0.4 and +0.1.
    drift = found["annotator_drift", "all", ""]
    assert (drift.value, drift.n) == (pytest.approx((-0.4 * 10 + 0.1 * 7.5) / 17.5), 30)
    assert found["annotator_drift", "group", "vendor"].value == pytest.approx(0.1)
    tables = [np.array([[10, 10], [18, 2]]), np.array([[6, 4], [15, 15]])]
    expected = StratifiedTable(tables).test_null_odds()
    assert found["annotator_drift_p", "all", ""].value == pytest.approx(expected.pvalue)
    # P: (400·18 − 400·10)/1600 = 2 and (100·15 − 900·6 + 300·20/2)/1600; Q: (10·2 + 18·10)/80 and (6·15 + 15·4)/80.
    p, q = 2 + (1500 - 5400 + 3000) / 1600, 200 / 80 + 150 / 80
    spread = math.sqrt(drift.value * p + q) / 17.5
    assert drift.ci_low == pytest.approx(drift.value - 1.959964 * spread, abs=1e-6)
    # Two were compared: a's chi-squared is 4² · 39 / (20 · 20 · 0.7 · 0.3) = 7.4 and holds, b's is 0.3.
    assert value(figures(night(events=events, consensus=consensus)), "drifting_annotators") == (1, 2)
