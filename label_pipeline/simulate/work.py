"""Who labels what and when: a labelling team's days, from items with known truth to a log of answers.

Formats, files and faults are elsewhere; the truth leaves this module only through what people answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random

from label_pipeline.simulate.draws import between, pick, seconds, shuffled, stream
from label_pipeline.simulate.people import Confusion, Person, label_chances

OPENS = timedelta(hours=6)  # 08:00 to 18:00 in Berlin's summer, in UTC
CLOSES = timedelta(hours=16)
CHECK_SHARE = 0.08  # of a person's answers are on hidden gold items
ADJUDICATE_AFTER = 4  # answers
DISPUTED = 0.6  # largest share of the leading label
POOL = 8  # items on offer at a time


@dataclass(frozen=True)
class Item:
    """A thing to label and what is true of it.

    It `arrives` on a day counted from 0 and is shown to people until it has `overlap` labels. A `check` is
    handed to everybody in time, hidden among the rest. `hardness` and `resembles`: see `label_chances`.
    """

    item_id: str
    truth: str
    arrives: int = 0
    overlap: int = 3
    hardness: float = 1.0
    resembles: str | None = None
    check: bool = False


@dataclass(frozen=True)
class Answer:
    """One version of one answer; a later version has the same `number`. No `label`: the person skipped."""

    number: int
    day: int
    item_id: str
    person: Person
    label: str | None
    began: datetime
    ended: datetime
    seconds: float
    revised: datetime | None = None


def work(
    items: Sequence[Item],
    people: Sequence[Person],
    classes: Sequence[str],
    *,
    start: date,
    days: int,
    seed: int,
    unclear: Callable[[int], Confusion] = lambda day: {},
) -> list[Answer]:
    """The log of all answers over `days` days from `start`, by day, then number.

    `unclear(day)` are the confusions of the guideline in force. An item gets one label on the day it arrives
    and the others from the next day on; items nobody saw come first, then the oldest. Adjudicators decide
    disputed items at the end of a day, and people mend some slips of the day before, as a new version.
    """
    team = _Team(items, classes, seed, unclear)
    log: list[Answer] = []
    yesterday: list[Answer] = []
    for day in range(days):
        opening = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=day) + OPENS
        on_duty = [p for p in people if day >= p.from_day and (p.weekends or opening.weekday() < 5)]
        mended = team.mend(yesterday, day, opening, {p.key for p in on_duty})
        fresh: list[Answer] = []
        for person in shuffled(stream(seed, "turns", day), on_duty):
            if person.role != "adjudicator":
                fresh += team.shift(person, day, opening)
        for person in on_duty:
            if person.role == "adjudicator":
                fresh += team.adjudicate(person, day, opening)
        fresh.sort(key=lambda a: (a.ended, a.person.key))
        yesterday = [replace(a, number=team.count + k) for k, a in enumerate(fresh, start=1)]
        team.count += len(yesterday)
        log += mended + yesterday
    return log


class _Team:
    """What the days know of each other: who saw which item and what stands on each."""

    def __init__(
        self, items: Sequence[Item], classes: Sequence[str], seed: int, unclear: Callable[[int], Confusion]
    ) -> None:
        self.items = {item.item_id: item for item in sorted(items, key=lambda item: item.arrives)}
        self.classes, self.seed, self.unclear = classes, seed, unclear
        self.standing: dict[str, dict[str, str]] = {item_id: {} for item_id in self.items}
        self.seen: set[tuple[str, str]] = set()  # (item, person)
        self.settled: set[str] = set()
        self.count = 0

    def shift(self, person: Person, day: int, opening: datetime) -> list[Answer]:
        """A person's answers of one day, one after another, with pauses, within working hours."""
        rng = stream(self.seed, "shift", person.key, day)
        now = opening + timedelta(minutes=round(between(rng, 0, 240)))
        answers: list[Answer] = []
        while len(answers) < person.per_day and now < opening - OPENS + CLOSES:
            item = self.next_item(person, day, rng)
            if item is None:
                break
            answers.append(self.answer(person, item, day, now, rng))
            long_break = len(answers) % 15 == 0
            pause = between(rng, 1200, 3600) if long_break else between(rng, 1, 4)
            now = answers[-1].ended + timedelta(milliseconds=round(pause * 1000))
        return answers

    def next_item(self, person: Person, day: int, rng: Random) -> Item | None:
        """The item this person is shown next: now and then a check, else one of those that wait longest."""
        here = [
            item for item in self.items.values() if item.arrives <= day and (item.item_id, person.key) not in self.seen
        ]
        checks = [item for item in here if item.check]
        if checks and rng.random() < CHECK_SHARE:
            return checks[int(rng.random() * len(checks))]
        waiting = [item for item in here if len(self.standing[item.item_id]) < self.wanted(item, day)]
        pool = [item for item in waiting if not self.standing[item.item_id]] or waiting
        pool = pool[:POOL]
        return pool[int(rng.random() * len(pool))] if pool else None

    def wanted(self, item: Item, day: int) -> int:
        """How many labels the item should have by the end of the day."""
        if item.item_id in self.settled:
            return 0
        return 1 if item.arrives == day else item.overlap

    def answer(self, person: Person, item: Item, day: int, now: datetime, rng: Random) -> Answer:
        """What the person makes of the item, and how long it takes."""
        self.seen.add((item.item_id, person.key))
        chances = label_chances(
            person,
            item.truth,
            self.classes,
            day=day,
            hardness=item.hardness,
            resembles=item.resembles,
            unclear=None if person.role == "adjudicator" else self.unclear(day),
        )
        slowed = 1.0 if person.blind is not None else 0.7 + 0.3 * item.hardness
        took = seconds(rng, person.seconds * slowed, person.spread)
        label = None if rng.random() < person.skips * item.hardness else pick(rng, chances)
        if label is not None:
            self.standing[item.item_id][person.key] = label
        ended = now + timedelta(milliseconds=round(took * 1000))
        return Answer(0, day, item.item_id, person, label, now, ended, took)

    def adjudicate(self, person: Person, day: int, opening: datetime) -> list[Answer]:
        """The adjudicator's answers on the items most disputed, an hour before the day ends."""
        rng = stream(self.seed, "adjudication", person.key, day)
        leading: dict[str, float] = {}
        for item_id, labels in self.standing.items():
            votes = Counter(labels.values())
            if item_id not in self.settled and votes.total() >= ADJUDICATE_AFTER:
                leading[item_id] = max(votes.values()) / votes.total()
        disputed = sorted((share, item_id) for item_id, share in leading.items() if share <= DISPUTED)
        now, answers = opening - OPENS + CLOSES - timedelta(hours=1), []
        for _, item_id in disputed[: person.per_day]:
            answers.append(self.answer(person, self.items[item_id], day, now, rng))
            self.settled.add(item_id)
            now = answers[-1].ended + timedelta(seconds=2)
        return answers

    def mend(self, answers: Sequence[Answer], day: int, opening: datetime, here: set[str]) -> list[Answer]:
        """Slips of the day before that their authors correct first thing in the morning."""
        rng, mended = stream(self.seed, "mending", day), []
        for k, a in enumerate(answers):
            truth = self.items[a.item_id].truth
            noticed = rng.random() < a.person.mends
            if not noticed or a.label in (None, truth) or a.person.key not in here:
                continue
            took = seconds(rng, a.person.seconds, a.person.spread)
            revised = opening - timedelta(minutes=5) + timedelta(seconds=k)
            self.standing[a.item_id][a.person.key] = truth
            mended.append(replace(a, day=day, label=truth, seconds=round(a.seconds + took, 2), revised=revised))
        return mended
