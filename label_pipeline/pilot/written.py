"""A pilot's report as a file or a stream: text, Markdown, JSON, or one page that needs nothing but itself.

What it says stands in `sections`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.pilot.outcome import Outcome
from label_pipeline.pilot.sections import sections, stand
from label_pipeline.publish.markdown import cell

if TYPE_CHECKING:
    from label_pipeline.report.items import Looks


@dataclass(frozen=True)
class About:
    """Which pilot it is: the project, the day as of which it is told, the batches it went out in (none: all answers),
    and the guideline in force."""

    project: str
    day: date
    batches: tuple[str, ...]
    guideline: str

    @property
    def words(self) -> str:
        """In one line."""
        of = f"batch {', '.join(self.batches)}" if self.batches else "all answers"
        return f"{of}, as of {self.day}, guideline {self.guideline}"


def markdown(outcome: Outcome, about: About) -> str:
    """The report as Markdown."""
    lines = [f"# Pilot of {cell(about.project)}", "", cell(about.words), ""]
    lines += [f"**{cell(outcome.verdict.headline)}** {cell(outcome.verdict.state)}", "", cell(stand(outcome))]
    for section in sections(outcome):
        lines += ["", f"## {section.title}", ""]
        if section.lead:
            lines += [cell(section.lead), ""]
        if section.rows:
            lines += [_pipes(section.head), _pipes(["---"] * len(section.head)), *(_pipes(row) for row in section.rows)]
        for name, examples in section.items:
            if examples:
                lines += ["", f"{cell(name)}, items to look at:", ""]
                lines += [f"- {cell(each.item_id)}: {cell(each.words)}" for each in examples]
        lines += [f"- {cell(line)}" for line in section.lines]
    return "\n".join(lines).rstrip() + "\n"


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell(each) for each in cells)} |"


def page(outcome: Outcome, about: About, look: Looks) -> str:
    """The report as one HTML page, the example items shown as the nightly report shows items."""
    from label_pipeline.report.build import page as filled
    from label_pipeline.report.items import ItemViews

    parts = sections(outcome)
    shown = [each.item_id for part in parts for _, examples in part.items for each in examples]
    kinds = {"go": "good", "no-go": "bad", "undecided": "open"}
    return filled(
        "pilot.html",
        about=about,
        outcome=outcome,
        kind=kinds[outcome.verdict.decision],
        stand=stand(outcome),
        sections=parts,
        items=ItemViews(look, shown),
    )


def as_json(found: Any, **facts: Any) -> str:
    """An outcome or a plan as one JSON object; a figure is an object of value, ci_low, ci_high and n, and what is not
    known is null."""
    return json.dumps(facts | _plain(asdict(found)), ensure_ascii=False, default=_value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _value(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    return value.tolist() if hasattr(value, "tolist") else str(value)


def text(outcome: Outcome, about: About) -> Iterator[str | list[tuple[str, ...]]]:
    """The report for a terminal: lines, and tables whose first row is the head."""
    yield f"Pilot of {about.project}: {about.words}"
    yield outcome.verdict.headline
    yield f"{outcome.verdict.state} {stand(outcome)}"
    for section in sections(outcome):
        yield ""
        yield section.title.upper()
        if section.lead:
            yield _plain_spaces(section.lead)
        if section.rows:
            yield [tuple(_plain_spaces(cell) for cell in row) for row in (section.head, *section.rows)]
        for name, examples in section.items:
            if examples:
                yield f"  {name}: {'; '.join(f'{each.item_id} ({each.words})' for each in examples)}"
        yield from (f"- {line}" for line in section.lines)


def _plain_spaces(text: str) -> str:
    """A terminal has no use for spaces that do not break, and a log may not show them."""
    return text.replace("\N{NO-BREAK SPACE}", " ")
