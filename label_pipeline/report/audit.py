"""The report's bias audit: groups of annotators and slices of items beside the rest, and what groups cost.

Facts for the template; no markup. What a gap is stands in `kpis.fairness`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from label_pipeline.kpis.fairness import FALSE_DISCOVERIES, LEAST_CLUSTERS, LEAST_OBSERVED, MEASURES
from label_pipeline.report import words
from label_pipeline.report.data import ReportData

ROWS_SHOWN = 40
_HEADINGS = {"accuracy": "Right", "agreement": "Agreed on", "noise": "Doubted", "acceptance": "Accepted"}


@dataclass(frozen=True)
class Audit:
    """Gaps by group and slice, those that are hardly chance first; `rows` are (kind, member, cells).

    A cell has text, interval and `tone` (`warn` where the gap is hardly chance, `soft` where there is no number).
    `costs` are (group, a settled label, its interval, the week). `least` are the observations and annotators (items)
    below which all is withheld.
    """

    headings: list[str]
    rows: list[tuple[str, str, list[dict[str, str]]]]
    more: int
    compared: int
    costs: list[tuple[str, str, str, str]]
    least: tuple[int, int]


def audit(data: ReportData) -> Audit:
    """Who and what fares otherwise than the rest."""
    found = {(r["dimension"], r["member"], r["kpi"]): r for r in data.kpis.to_pylist() if r["dimension"] != "all"}
    members = sorted({key[:2] for key in found if key[2].removesuffix("_gap") in MEASURES})
    rows = [(kind, member, [_cell(found, kind, member, measure) for measure in MEASURES]) for kind, member in members]
    rows.sort(key=lambda row: not any(cell["tone"] == "warn" for cell in row[2]))
    compared = sum(cell["interval"] != "" for _, _, cells in rows for cell in cells)
    least = (LEAST_OBSERVED, LEAST_CLUSTERS)
    headings = [_HEADINGS[measure] for measure in MEASURES]
    return Audit(headings, rows[:ROWS_SHOWN], max(len(rows) - ROWS_SHOWN, 0), compared, _costs(found), least)


def _cell(found: dict[tuple[str, str, str], dict[str, Any]], kind: str, member: str, measure: str) -> dict[str, str]:
    gap = found.get((kind, member, f"{measure}_gap"))
    if gap is None:
        return {"text": words.MISSING, "interval": "", "tone": "soft"}
    if gap["value"] is None:
        return {"text": gap["status"], "interval": "", "tone": "soft"}
    p_value = found[kind, member, f"{measure}_gap_p"]["value"]
    return {
        "text": words.points(gap["value"]),
        "interval": words.interval(words.points, gap["ci_low"], gap["ci_high"]),
        "tone": "warn" if p_value is not None and p_value <= FALSE_DISCOVERIES else "",
    }


def _costs(found: dict[tuple[str, str, str], dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    rows = []
    for (kind, member, kpi), row in sorted(found.items()):
        if kind == "group" and kpi == "cost_per_settled_label":
            spent = found[kind, member, "spend_last_7_days"]["value"]
            interval = words.interval(words.number, row["ci_low"], row["ci_high"])
            rows.append((member, words.number(row["value"]), interval, words.number(spent)))
    return rows if any(row[1] != words.MISSING or row[3] != words.MISSING for row in rows) else []
