"""The report's drift: whether labels and people are still what they were a week ago, and which classes moved.

Facts for the template; no markup. What the figures are stands in `kpis.drift`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from label_pipeline.gold.life import in_force
from label_pipeline.kpis.drift import FALSE_DISCOVERIES, WINDOW_DAYS
from label_pipeline.publish.typed import by_class
from label_pipeline.report import words
from label_pipeline.report.data import ReportData

CLASSES_SHOWN = 12
_TESTED = ("label_drift", "label_drift_since_start", "annotator_drift")
_FLAG = "drifting"


@dataclass(frozen=True)
class Drift:
    """`tests` are what was compared, each with text, interval, p-value, n and `tone` (`warn` where hardly chance).

    `classes` are (class, settled last week, its share, settled the week before, its share, change), the most moved
    first, `more` of them left out; `people` are (annotator, group, change) of those who drift.
    """

    tests: list[dict[str, str]]
    classes: list[tuple[str, str, str, str, str, str]]
    more: int
    people: list[tuple[str, str, str]]


def drift(data: ReportData) -> Drift:
    """What changed for longer than a night."""
    tests = [row for kpi in _TESTED for row in _tests(data, kpi)]
    classes = _classes(data)
    people = [
        (row["annotator_id"], row["group"], words.points(row["drift"]))
        for row in data.annotator_quality.to_pylist()
        if _FLAG in row["flags"]
    ]
    return Drift(tests, classes[:CLASSES_SHOWN], max(len(classes) - CLASSES_SHOWN, 0), people)


def _tests(data: ReportData, kpi: str) -> list[dict[str, str]]:
    """What was compared under one KPI: overall first, then by group."""
    found = {(row["kpi"], row["dimension"], row["member"]): row for row in data.kpis.to_pylist()}
    members = [key[1:] for key in found if key[0] == kpi]
    rows = []
    for dimension, member in sorted(members, key=lambda at: (at[0] != "all", at)):
        row, test = found[kpi, dimension, member], found.get((f"{kpi}_p", dimension, member), {})
        shown = words.FORMATS[data.text_of(kpi).unit]
        p_value = test.get("value")
        rows.append(
            {
                "title": data.text_of(kpi).title,
                "meaning": data.text_of(kpi).meaning if dimension == "all" else "",
                "member": member,
                "text": shown(row["value"]) if words.known(row["value"]) else row["status"],
                "interval": words.interval(shown, row["ci_low"], row["ci_high"]),
                "p": words.number(p_value),
                "n": words.count(row["n"]),
                "tone": "warn" if words.known(p_value) and p_value <= FALSE_DISCOVERIES else "",
            }
        )
    return rows


def _classes(data: ReportData) -> list[tuple[str, str, str, str, str, str]]:
    """How the classes settled by labelling in the last week compare with those of the week before."""
    end = data.day + timedelta(days=1)
    now = _settled(data, end - timedelta(days=WINDOW_DAYS), end)
    before = _settled(data, end - timedelta(days=2 * WINDOW_DAYS), end - timedelta(days=WINDOW_DAYS))
    of_now, of_before = sum(now.values()), sum(before.values())
    if not of_now or not of_before:
        return []
    shares = {name: (now.get(name, 0) / of_now, before.get(name, 0) / of_before) for name in data.classes}
    order = sorted(shares, key=lambda name: -abs(shares[name][0] - shares[name][1]))
    return [
        (
            name,
            words.count(now.get(name, 0)),
            words.percent(shares[name][0]),
            words.count(before.get(name, 0)),
            words.percent(shares[name][1]),
            words.points(shares[name][0] - shares[name][1]),
        )
        for name in order
        if any(shares[name])
    ]


def _settled(data: ReportData, since: date, until: date) -> dict[str, int]:
    """Items by class that were settled from `since` on and before `until`, gold seeds left out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    gold = in_force(data.gold_set.to_pandas(), data.day)
    seeds = pa.array(gold.loc[gold["origin"] == "seed", "item_id"], pa.string())
    table: Any = data.consensus
    day = table["settled_on"]
    within = pc.and_(pc.greater_equal(day, pa.scalar(since)), pc.less(day, pa.scalar(until)))
    ours = pc.and_(pc.fill_null(within, False), pc.invert(pc.is_in(table["item_id"], seeds)))
    counted = by_class(table.select(["label"]).filter(ours), data.meaning)["label"].value_counts().to_pylist()
    return {row["values"]: row["counts"] for row in counted if row["values"] is not None}
