"""What people decided about publishing, as the audit log tells it: gates overridden, LATEST held back by a rollback.

A night reads it; nothing but the log says it, so that a night run again decides the same. What the decisions do to
LATEST stands in `latest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from label_pipeline import audit
from label_pipeline.folders import DataFolder
from label_pipeline.publish.verdict import PROMISES, GateResult, Verdict

OVERRIDE, ROLLBACK, RELEASE = "override", "rollback", "release"


@dataclass(frozen=True, slots=True)
class Override:
    """A person let a set pass though a gate failed. It holds for what was `observed` then, and for nothing worse."""

    gate: str
    observed: str
    words: str


def subject(day: date, gate: str) -> str:
    """How the audit log names a gate of a day."""
    return f"{day} {gate}"


def overrides(folder: DataFolder, project: str, day: date) -> dict[str, Override]:
    """The overrides of a day by gate; of several of one gate the newest counts."""
    found = {}
    for act in (entry.act for entry in audit.entries(folder, project, OVERRIDE)):
        of_day, _, gate = act.subject.partition(" ")
        if of_day == str(day):
            found[gate] = Override(gate, act.before, f"{act.actor}: {act.reason}")
    return found


def with_overrides(verdict: Verdict, given: Mapping[str, Override]) -> Verdict:
    """The verdict with each failed blocking gate marked that was overridden for what is observed now."""
    return Verdict.of([_marked(result, given.get(result.name)) for result in verdict.results], verdict.validations)


def _marked(result: GateResult, override: Override | None) -> GateResult:
    if override is None or not result.stops or result.name in PROMISES:
        return result
    if override.observed != result.observed:
        words = f"{result.words} It was overridden when it was {override.observed}, which is no longer so."
        return replace(result, words=words)
    return replace(result, overridden=override.words, words=f"{result.words} Overridden by {override.words}")


@dataclass(frozen=True, slots=True)
class Hold:
    """A rollback that was not released: LATEST stays at `version`."""

    version: str
    words: str


def hold(folder: DataFolder, project: str) -> Hold | None:
    """The rollback in force; None where there is none, or it was released."""
    acts = [entry.act for entry in audit.entries(folder, project)]
    decided = [act for act in acts if act.action in (ROLLBACK, RELEASE)]
    if not decided or decided[-1].action == RELEASE:
        return None
    return Hold(decided[-1].after, f"{decided[-1].actor}: {decided[-1].reason}")
