"""A pilot's outcome as sections of words and tables, which a terminal, a Markdown file and a page all show alike.

Here belong the words and the order of things. What is computed stands in `outcome`, how a file looks in `written`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from label_pipeline.estimates import Estimate
from label_pipeline.guidelines.examples import Example
from label_pipeline.kpis.catalogue import KPIS
from label_pipeline.pilot.outcome import Outcome
from label_pipeline.pilot.verdict import Judged
from label_pipeline.report.words import MISSING, count, duration, number, percent

Row = tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A heading, what stands below it, a table (head and rows, maybe none), and lines after it.

    `items` are examples to look at, under the words that say what they show.
    """

    title: str
    lead: str = ""
    head: Row = ()
    rows: Sequence[Row] = ()
    lines: Sequence[str] = ()
    items: Sequence[tuple[str, Sequence[Example]]] = field(default=())


def sections(outcome: Outcome) -> list[Section]:
    """All of a pilot's report but its headline, the most important first."""
    return [
        _targets(outcome),
        _agreement(outcome),
        _pairs(outcome),
        _unclear(outcome),
        _time(outcome),
        _cost(outcome),
    ]


def stand(outcome: Outcome) -> str:
    """How much came back, in one sentence."""
    missing = outcome.asked - outcome.answered
    waits = f"; {missing:,} still wait for a first one" if missing else ""
    settled = ", ".join(f"{n:,} {status}" for status, n in outcome.statuses.items())
    return (
        f"{outcome.answers:,} answers by {outcome.annotators:,} people on {outcome.answered:,} of"
        f" {outcome.asked:,} items{waits}. The items now: {settled}."
    )


def _targets(outcome: Outcome) -> Section:
    rows = [
        (
            _name(judged),
            judged.target,
            figure_of(judged.kpi, judged.figure.value),
            between(judged.kpi, judged.figure),
            count(judged.figure.n),
            "these answers" if judged.of_pilot else "all labels",
            _verdict(judged),
        )
        for judged in outcome.judged
    ]
    lead = "Each target of the project that a pilot can speak to, the worst first. Intervals are 95 %."
    head = ("target", "asked", "figure", "interval", "n", "measured on", "verdict")
    return Section(
        "Against the targets", lead if rows else "The project has no target to hold this against.", head, rows
    )


def _name(judged: Judged) -> str:
    words = judged.kpi.replace("_", " ")
    return f"{words}, {judged.member}" if judged.member else words


def _verdict(judged: Judged) -> str:
    if judged.status != "no data":
        return judged.words
    mend = "; have an adjudicator decide the pilot's items" if judged.kpi == "label_accuracy" else ""
    return f"no data: {KPIS[judged.kpi].no_data}{mend}"


def _agreement(outcome: Outcome) -> Section:
    overall = [("alpha", outcome.alpha), ("raw agreement", outcome.raw_agreement)]
    if outcome.accuracy.value is not None:
        overall.append(("label accuracy by adjudicators", outcome.accuracy))
    rows: list[Row] = [
        (name, "", _of(name, estimate), _interval(name, estimate), count(estimate.n)) for name, estimate in overall
    ]
    rows += [
        (
            f"alpha of {row.name}",
            count(row.items),
            three(row.alpha.value),
            _interval("alpha", row.alpha),
            count(row.alpha.n),
        )
        for row in outcome.classes
    ]
    return Section(
        "Agreement",
        "Krippendorff's alpha: 1 is full agreement, 0 that of chance. Of a class: it against all others, least first.",
        ("figure", "items it was said of", "value", "95% interval", "items with two answers"),
        rows,
    )


def _pairs(outcome: Outcome) -> Section:
    rows, items = [], []
    for pair in outcome.pairs:
        one = pair.confusion
        name = f"{one.first} or {one.second}"
        rows.append(
            (
                name,
                count(one.both),
                percent(one.share.value),
                _interval("share", one.share),
                count(one.people),
                percent(one.largest),
                "yes" if one.ambiguous else "no",
            )
        )
        items.append((name, pair.examples))
    return Section(
        "Confused pairs",
        "Items on which both classes were said, of those on which either was. The guideline is at fault where several"
        " people gave the rarer answer and none of them most of it."
        if rows
        else "No two classes were said of one item.",
        ("pair", "items", "share", "95% interval", "people", "most by one", "unclear"),
        rows,
        items=items,
    )


def _unclear(outcome: Outcome) -> Section:
    nothing = "No pair and no class stands out beyond chance. That is no proof that all is clear."
    return Section("What the guideline should make clear", "" if outcome.unclear else nothing, lines=outcome.unclear)


def _time(outcome: Outcome) -> Section:
    rows = [
        (
            row.group or "all",
            duration(row.median.value),
            _interval("seconds", row.median),
            duration(row.p90.value),
            count(row.median.n),
        )
        for row in outcome.times
        if row.median.n
    ]
    lead = "" if rows else "No answer says how long it took: name started_at or duration_s in the source."
    return Section("Time per item", lead, ("group", "median", "95% interval", "9 of 10 within", "answers"), rows)


def _cost(outcome: Outcome) -> Section:
    plan = outcome.finish
    rows = [
        (
            cost.group,
            _hours(cost.hours),
            _hours_interval(cost.hours),
            money(cost.price.value),
            money(cost.money.value),
            _money_interval(cost.money),
        )
        for cost in plan.groups
    ]
    needed = plan.annotations
    many = (
        f"about {count(needed.value)} more answers ({count(needed.ci_low)} to {count(needed.ci_high)})"
        if needed.value is not None
        else "an unknown number of answers: no item of the pilot has the least number of them yet"
    )
    disputed = (
        f" {percent(plan.disputed.value)} of the pilot's items ({_interval('share', plan.disputed)}) were disputed"
        " after the least number of answers, and such an item gets the most there are."
        if plan.disputed.value is not None
        else ""
    )
    waiting = (
        f" {count(plan.exhausted)} of them have had the most answers there are: they are for adjudicators, whose work"
        " is not in this."
        if plan.exhausted
        else ""
    )
    lines = (
        []
        if any(cost.price.value is not None for cost in plan.groups)
        else ["Set costs in the project file for money."]
    )
    return Section(
        "Cost to finish",
        f"{count(plan.items)} of {count(plan.known)} known items are not settled: {many}.{disputed}{waiting} What"
        " each group would take for all of it:",
        ("group", "work", "95% interval", "an answer", "in all", "95% interval"),
        rows,
        lines,
    )


def figure_of(kpi: str, value: float | None) -> str:
    """A KPI's value as people read it."""
    if KPIS[kpi].unit == "share":
        return percent(value)
    return three(value) if kpi == "alpha" else number(value)


def between(kpi: str, estimate: Estimate) -> str:
    """Its interval."""
    if estimate.ci_low is None and estimate.ci_high is None:
        return ""
    return f"{figure_of(kpi, estimate.ci_low)} to {figure_of(kpi, estimate.ci_high)}"


def three(value: float | None) -> str:
    """A coefficient with three digits after the point."""
    return MISSING if value is None else f"{value:.3f}".replace("-", "−")


_SHOWN = {"alpha": three, "raw agreement": percent, "share": percent, "seconds": duration}


def _of(name: str, estimate: Estimate) -> str:
    return _SHOWN.get(name, percent)(estimate.value)


def _interval(name: str, estimate: Estimate) -> str:
    if estimate.ci_low is None and estimate.ci_high is None:
        return ""
    shown = _SHOWN.get(name, percent)
    return f"{shown(estimate.ci_low)} to {shown(estimate.ci_high)}"


def _hours(estimate: Estimate) -> str:
    return duration(None if estimate.value is None else 3600 * estimate.value)


def _hours_interval(estimate: Estimate) -> str:
    if estimate.ci_low is None or estimate.ci_high is None:
        return ""
    return f"{duration(3600 * estimate.ci_low)} to {duration(3600 * estimate.ci_high)}"


def money(value: float | None) -> str:
    """An amount in the currency of the project's costs."""
    return MISSING if value is None else f"{value:,.2f}"


def _money_interval(estimate: Estimate) -> str:
    if estimate.ci_low is None or estimate.ci_high is None:
        return ""
    return f"{money(estimate.ci_low)} to {money(estimate.ci_high)}"
