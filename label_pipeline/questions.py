"""Documents that are questions: what is known answers, a person's words go before it, and what neither answers is open.

Here belong a question and how a document of them is written as Markdown. Which questions there are, and what is known,
stands with each document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError, nearest

OPEN = "**Open.**"

Answer = Callable[[Any], str]


@dataclass(frozen=True)
class Question:
    """One question: its key in the file of answers, what it asks, and what the facts say to it (Markdown)."""

    key: str
    asks: str
    known: Answer | None = None


Sections = Sequence[tuple[str, Sequence[Question]]]


def answered(sections: Sections, facts: Any, answers: Mapping[str, str], *, whose: str) -> Iterator[str]:
    """The lines of all sections; what is open is for `whose` to answer (Markdown)."""
    for title, questions in sections:
        yield from ("", f"## {title}")
        for question in questions:
            known = question.known(facts) if question.known else ""
            # A person's answer is Markdown of their own, but no heading of the document's.
            said = answers.get(question.key, "").replace("\n#", "\n\\#").strip() or known
            yield from ("", f"### {question.asks} [{question.key}]", "", said or f"{OPEN} For {whose}.")


def read_answers(path: Path) -> dict[str, str]:
    """A person's answers from a file beside the project file, by the key of the question; none where there is none.

    Raises:
        UserError: the file is no mapping from keys to texts.
    """
    from label_pipeline.yaml_lines import parse

    if not path.is_file():
        return {}
    told = parse(path.read_text(encoding="utf-8"), path.name).value
    if not isinstance(told, dict) or not all(isinstance(v, str) for v in told.values()):
        raise UserError(
            "not a mapping from a question's key to its answer", where=path.name, do="Write it like uses.past: Text."
        )
    return told


def open_questions(lines: Sequence[str]) -> int:
    """How many of the lines are questions that nobody answered."""
    return sum(line.startswith(OPEN) for line in lines)


def require_known(answers: Mapping[str, str], sections: Sections, *, file: str, what: str) -> None:
    """Refuse an answer to no question.

    Raises:
        UserError: names the nearest key.
    """
    known = {question.key for _, questions in sections for question in questions}
    for key in answers:
        if key not in known:
            raise UserError(f"'{key}' is no question of the {what}", where=file, do=nearest(key, known))
