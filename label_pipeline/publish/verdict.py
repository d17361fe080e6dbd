"""The verdict on a candidate: what each gate saw, and whether the set may be published. Light to import.

What is asked stands in `acceptance`; what people overrode in `decisions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["block", "warn"]
State = Literal["passed", "failed", "overridden"]

PROMISES = frozenset(
    {
        "rows",
        "contract",
        "probabilities",
        "labels",
        "items_once",
        "gold_leak",
        "gold_truth",
        "split_leak",
        "count_equation",
    }
)
"""Gates that nobody may override: what they hold is not a matter of quality, but what a version says it is."""


@dataclass(frozen=True)
class GateResult:
    """What a gate saw. `words` says which number to look at and, when it failed, what to do.

    `overridden` says who let the set pass all the same and why; empty where nobody did.
    """

    name: str
    severity: Severity
    passed: bool
    observed: str
    expected: str
    words: str
    overridden: str = ""

    @property
    def stops(self) -> bool:
        """Whether nothing may be published because of it."""
        return not self.passed and self.severity == "block" and not self.overridden

    @property
    def state(self) -> State:
        """In one word."""
        return "passed" if self.passed else "overridden" if self.overridden else "failed"


@dataclass(frozen=True)
class Verdict:
    """The candidate is accepted when no gate stops it. `validations` are Great Expectations' own results by table."""

    accepted: bool
    results: list[GateResult]
    validations: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, results: list[GateResult], validations: Mapping[str, Any] | None = None) -> Verdict:
        """The verdict that follows from the gates' results."""
        return cls(not any(r.stops for r in results), results, validations or {})

    def failed(self, severity: Severity) -> list[GateResult]:
        """The failed gates of one severity that nobody overrode."""
        return [r for r in self.results if not r.passed and r.severity == severity and not r.overridden]
