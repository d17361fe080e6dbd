"""How a simulated person answers: skill, confusions, drift, spam, speed. Nothing here knows days' work or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Confusion = Mapping[str, Mapping[str, float]]
"""True class -> another class -> chance that a person who sees the item well still gives the other."""


@dataclass(frozen=True)
class Person:
    """One simulated annotator or adjudicator.

    `skill` is the chance, 0 to 1, to see an item of hardness 1 for what it is; `drift` is what it loses a
    day from day `drifts_from` (0-based) on. `confuses` comes on top. `blind`, where given, are the weights with
    which a spammer answers whatever the item is. `seconds` is the median time of an answer and `spread` the
    deviation of its logarithm; `per_day` is how many answers a day the person gives at most, `skips` the chance
    to skip an item of hardness 1, `mends` the chance to notice a slip and correct it the next day at work, and
    `from_day` the first day at work.
    """

    source: str
    identity: str
    group: str
    role: str = "annotator"
    skill: float = 0.97
    confuses: Confusion = field(default_factory=dict)
    drift: float = 0.0
    drifts_from: int = 0
    blind: Mapping[str, float] | None = None
    seconds: float = 6.0
    spread: float = 0.4
    skips: float = 0.01
    mends: float = 0.0
    per_day: int = 20
    weekends: bool = False
    from_day: int = 0

    @property
    def key(self) -> str:
        """The person among all people of all sources."""
        return f"{self.source}/{self.identity}"


def label_chances(
    person: Person,
    truth: str,
    classes: Sequence[str],
    *,
    day: int = 0,
    hardness: float = 1.0,
    resembles: str | None = None,
    unclear: Confusion | None = None,
) -> dict[str, float]:
    """The chance of each class to be this person's answer; they sum to one.

    `hardness` (0 is plain, 1 average) multiplies the chance of a slip; three in four slips go to the class the
    item `resembles`, the rest evenly to all others. `unclear` are confusions that the guideline in force causes
    in everybody who looks at the item.
    """
    if person.blind is not None:
        total = sum(person.blind.values())
        return {c: person.blind.get(c, 0.0) / total for c in classes}
    others = [c for c in classes if c != truth]
    if not others:
        return {truth: 1.0}
    skill = person.skill - person.drift * max(0, day - person.drifts_from)
    slip = min(max((1 - skill) * hardness, 0.0), 0.9)
    chances = {c: slip / len(others) if c != truth else 1 - slip for c in classes}
    if resembles in others:
        chances = {c: p / 4 if c != truth else p for c, p in chances.items()}
        chances[resembles] += 0.75 * slip
    for confusion in (person.confuses, unclear or {}):
        for other, share in confusion.get(truth, {}).items():
            moved = chances[truth] * share
            chances[truth] -= moved
            chances[other] += moved
    return chances
