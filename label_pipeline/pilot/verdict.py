"""Go or no-go: a pilot's figures against the project's targets, with what the interval leaves open.

Met, missed and unsure mean what they mean every night (`kpis.definition.status`). A pilot is small, so it also says
when a target is met by the figure and not by its whole interval, and how many items would settle that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from label_pipeline.estimates import Estimate
from label_pipeline.kpis.catalogue import KPIS
from label_pipeline.kpis.definition import Figure, Status, Target, status

JUDGED_FAMILIES = ("agreement", "accuracy", "cost")
"""Families of KPIs that say something of a pilot; how fast a team works, or how labels drift, does not show yet."""
COMPLETE = 0.9
"""Share of the items asked that need two answers before a pilot is more than half a one."""
_WORST_FIRST = ("missed", "unsure", "no data", "withheld", "met", "no target")
_MOST_ITEMS = 1_000_000


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure against its target: `member` of which class it is, if of one; `of_pilot` or of all labels last night.

    `whole` says whether all of the interval is on the good side. `items` is the number of items that would decide,
    None where the interval decides already, where nothing would, or where it is not the pilot's.
    """

    kpi: str
    member: str
    figure: Estimate
    of_pilot: bool
    target: str
    status: Status
    whole: bool
    items: int | None

    @property
    def words(self) -> str:
        """`met`, `met, though its interval reaches beyond the target`, `unsure: ...`, `missed`, `no data`."""
        decide = f"; about {self.items:,} items would tell" if self.items else ""
        if self.status == "met":
            return "met" if self.whole else f"met, but not with all of its interval{decide}"
        if self.status == "unsure":
            return f"unsure: the figure misses, its interval does not{decide}"
        return self.status


@dataclass(frozen=True, slots=True)
class Verdict:
    """May the project go on: `go`, `no-go` or `undecided`; a headline and why."""

    decision: Literal["go", "no-go", "undecided"]
    headline: str
    state: str


def judge(figures: Mapping[str, Estimate], kpis: pd.DataFrame, targets: Mapping[str, Target]) -> tuple[Judged, ...]:
    """The targets that a pilot speaks to, worst first: on its own `figures` where it has them, else on the night's
    `kpis` (of a KPI by class, the class that does worst)."""
    found = []
    for name, target in targets.items():
        if KPIS[name].family not in JUDGED_FAMILIES:
            continue
        own = figures.get(name)
        if own is not None and own.value is not None:
            found.append(_judged(name, "", own, True, target))
            continue
        rows = kpis[(kpis["kpi"] == name) & (kpis["dimension"] == KPIS[name].headline)]
        of_night = [_judged(name, str(r["member"]), _estimate(r), False, target) for r in rows.to_dict("records")]
        nothing = _judged(name, "", Estimate(None, None, None, 0), False, target)
        found.append(min(of_night, key=_badness, default=nothing))
    return tuple(sorted(found, key=_badness))


def verdict(judged: Sequence[Judged], *, asked: int, pairable: int, unclear: Sequence[str] = ()) -> Verdict:
    """Go only when every target is met; no-go when one is missed beyond doubt.

    `unclear` are pairs of classes that the guideline leaves unclear, in words: they decide nothing and are told.
    """
    state = f"{pairable:,} of {asked:,} items have the two answers that agreement needs."
    if unclear:
        state += f" The guideline leaves unclear: {', '.join(unclear)}. Mend that before more labels are bought."
    if not judged:
        return Verdict("undecided", "There is no target to decide by.", f"{state} Set kpis.alpha in the project file.")
    missed, open_ = (
        [j.kpi for j in judged if j.status in kinds] for kinds in (("missed",), ("unsure", "no data", "withheld"))
    )
    if missed:
        return Verdict("no-go", f"No-go: {_listed(missed)} missed beyond doubt.", state)
    if pairable < COMPLETE * asked:
        return Verdict("undecided", "Undecided: the pilot is not complete.", state)
    if open_:
        return Verdict("undecided", f"Undecided: {_listed(open_)} not clear yet.", state)
    narrow = [j.kpi for j in judged if not j.whole]
    if narrow:
        return Verdict(
            "go", f"Go, with reserve: {_listed(narrow)} met by the figure, not by all of its interval.", state
        )
    return Verdict("go", "Go: every target is met.", state)


def _judged(kpi: str, member: str, figure: Estimate, of_pilot: bool, target: Target) -> Judged:
    verdict = status(Figure.of(kpi, figure), target)
    edge = target.at_least if target.at_least is not None else target.at_most
    ends = [("at least", target.at_least), ("at most", target.at_most)]
    asked = ", ".join(f"{words} {bound:g}" for words, bound in ends if bound is not None)
    whole = verdict == "met" and _inside(figure, target)
    items = _items_to_decide(figure, edge) if of_pilot and not whole and verdict in ("met", "unsure") else None
    return Judged(kpi, member, figure, of_pilot, asked, verdict, whole, items)


def _inside(figure: Estimate, target: Target) -> bool:
    """Whether the whole interval, or the figure where it has none by nature, keeps the target."""
    low, high = (figure.value if end is None else end for end in (figure.ci_low, figure.ci_high))
    assert low is not None
    assert high is not None
    return (target.at_least is None or low >= target.at_least) and (target.at_most is None or high <= target.at_most)


def _items_to_decide(figure: Estimate, edge: float | None) -> int | None:
    """At which n the interval would just reach the target, when it shrinks with the square root of n."""
    if edge is None or figure.value is None or figure.value == edge:
        return None
    end = figure.ci_low if figure.value > edge else figure.ci_high
    if end is None:
        return None
    items = math.ceil(round(figure.n * ((figure.value - end) / (figure.value - edge)) ** 2, 6))
    return items if items <= _MOST_ITEMS else None


def _estimate(row: Mapping[Any, Any]) -> Estimate:
    value, low, high = (None if pd.isna(row[name]) else float(row[name]) for name in ("value", "ci_low", "ci_high"))
    return Estimate(value, low, high, int(row["n"]))


def _badness(judged: Judged) -> tuple[int, bool, float]:
    value = judged.figure.value
    return _WORST_FIRST.index(judged.status), judged.whole, math.inf if value is None else value


def _listed(names: Sequence[str]) -> str:
    shown = [name.replace("_", " ") for name in dict.fromkeys(names)]
    verb = "is" if len(shown) == 1 else "are"
    return f"{', '.join(shown)} {verb}"
