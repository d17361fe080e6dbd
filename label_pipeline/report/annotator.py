"""One annotator's own report in words, as a page or for a terminal: handed to the person, so nothing of anybody else.

What it says of the figures stands in `annotators.own`, markup in the template.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from label_pipeline.annotators.own import LEAST_OTHERS
from label_pipeline.estimates import Estimate
from label_pipeline.report import words

if TYPE_CHECKING:
    from label_pipeline.annotators.own import OwnFigure, Quartiles
    from label_pipeline.label_meaning import Meaning
    from label_pipeline.orchestration.annotator_data import OwnReport

FLAGS = {
    "spammer": "answers tell little of the item",
    "too_fast": "many answers are faster than reading takes",
    "repeating": "the same answer many times in a row",
    "drifting": "recent answers differ from earlier ones",
    "confuses": "one class is often given as another",
    "too_high": "values are often above the item's",
    "too_low": "values are often below the item's",
}
"""What a flag says, to the person it is about. A flag is a reason to look, never a verdict."""


@dataclass(frozen=True)
class FigureView:
    """A figure as it is read: `own`, its `interval`, what the `group` does; `estimate` and `quartiles` to be drawn."""

    name: str
    own: str
    interval: str
    group: str
    drawn: bool
    estimate: Estimate
    quartiles: Quartiles | None


@dataclass(frozen=True)
class ClassView:
    """A class as it is read: own answers beside items' labels, and beside gold checks."""

    name: str
    same: str
    instead: str
    checks: str


def figures(report: OwnReport) -> list[FigureView]:
    """The three figures, in words."""
    return [_figure(report, each) for each in report.figures]


def _figure(report: OwnReport, figure: OwnFigure) -> FigureView:
    is_share = not figure.name.startswith("seconds")
    shown = words.percent if is_share else words.duration
    estimate, others = figure.estimate, figure.group
    if estimate.value is None:
        own = f"too few to say: {words.count(estimate.n)} of at least {figure.least}"
    else:
        own = f"{shown(estimate.value)} of {words.count(estimate.n)}" if is_share else shown(estimate.value)
    name = figure.name if is_share else "time an answer takes (median)"
    return FigureView(
        name,
        own,
        words.interval(shown, estimate.ci_low, estimate.ci_high),
        f"{words.count(others.people)} others{f' of {report.group}' if others.of_group else ''}: half of them between"
        f" {shown(others.low)} and {shown(others.high)}, their middle {shown(others.half)}"
        if others
        else f"fewer than {LEAST_OTHERS} others have enough answers: nothing is said of them",
        is_share and estimate.value is not None,
        estimate,
        others,
    )


def classes(report: OwnReport, meaning: Meaning) -> list[ClassView]:
    """The classes that the person met at all."""
    met = [each for each in report.classes if each.same.n or each.checks.n]
    return [
        ClassView(
            each.name,
            _share(each.same),
            "" if each.instead is None else meaning.words(each.instead),
            _share(each.checks),
        )
        for each in met
    ]


def _share(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"{words.count(estimate.n)}: too few to say" if estimate.n else "none"
    interval = words.interval(words.percent, estimate.ci_low, estimate.ci_high)
    return f"{words.percent(estimate.value)} of {words.count(estimate.n)} ({interval})"


def standing(report: OwnReport) -> list[str]:
    """Since when the person's votes count, and why."""
    return [f"{_stretch(row)}: {row['state']}, {row['reason']}" for row in report.stretches]


def _stretch(row: dict[str, Any]) -> str:
    ends = row["to_day"]
    lasts = ends is None or ends != ends  # a missing day is NaT, which is not itself
    return f"from {row['from_day']}" + ("" if lasts else f" to the day before {ends}")


def work(report: OwnReport) -> str:
    """How much was done, in one line."""
    done = report.counts
    return (
        f"{words.count(done['submitted'])} answers from {report.first} to {report.last};"
        f" {words.count(done['skipped'])} skipped, {words.count(done['rejected'])} rejected"
    )


def flags(report: OwnReport) -> list[str]:
    """The flags in words."""
    return [FLAGS.get(flag.partition(" ")[0], flag.replace("_", " ")) for flag in report.flags]


def page(report: OwnReport, meaning: Meaning, *, checks: bool) -> str:
    """The report as one HTML page that opens anywhere; with `checks` the gold checks answered otherwise are told."""
    from label_pipeline.report.build import page as filled

    return filled(
        "annotator.html",
        report=report,
        work=work(report),
        figures=figures(report),
        classes=classes(report, meaning),
        standing=standing(report),
        flags=flags(report),
        missed=_missed(report, meaning) if checks else None,
    )


def _missed(report: OwnReport, meaning: Meaning) -> list[tuple[str, str, str, str]]:
    return [
        (row["item_id"], f"{row['given_on']:%Y-%m-%d}", meaning.words(row["label"]), meaning.words(row["true_label"]))
        for row in report.missed
    ]


def text(report: OwnReport, meaning: Meaning, *, checks: bool) -> Iterator[str | list[tuple[str, ...]]]:
    """The report for a terminal: lines, and tables whose first row is the head."""
    yield f"{report.annotator} in {report.project} as of {report.day}, group {report.group}"
    yield work(report)
    yield ""
    yield [
        ("figure", "own", "95% interval", "others"),
        *((f.name, f.own, f.interval, f.group) for f in figures(report)),
    ]
    met = classes(report, meaning)
    if met:
        yield ""
        rows = [(c.name, c.same, c.instead, c.checks) for c in met]
        yield [("class", "said so where the label is it", "else most often", "on gold checks"), *rows]
    yield from _lines("Do the answers count?", standing(report))
    yield from _lines("To look at, together:", flags(report))
    if checks and report.missed:
        yield ""
        yield [("gold check", "given on", "answer", "gold says"), *_missed(report, meaning)]
    yield ""
    yield f"To appeal: label-pipeline challenge {report.project} ITEM --by {report.annotator} --reason WHY"


def _lines(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"- {line}" for line in lines)
