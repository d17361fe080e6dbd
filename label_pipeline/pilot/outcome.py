"""What a pilot told: agreement, confusion, time, what the rest will cost, and whether to go on.

Here belong the figures of one pilot, made of the answers that came back from it and the night's table of labels. How
targets are met or missed is `kpis.definition`'s, which classes are confused `guidelines.confusion`'s; how all of it
is shown is `report`'s and the command's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from label_pipeline.agreement.alpha import Level, alpha, alpha_by_class
from label_pipeline.agreement.kappa import raw_agreement
from label_pipeline.agreement.patterns import Patterns
from label_pipeline.estimates import Estimate, quantile, wilson
from label_pipeline.guidelines.confusion import Confusion, confusions, split_items
from label_pipeline.guidelines.examples import Example, said
from label_pipeline.kpis.definition import Target
from label_pipeline.kpis.night import Rate
from label_pipeline.pilot.cost import Finish, finish
from label_pipeline.pilot.plan import USUAL_ALPHA
from label_pipeline.pilot.verdict import Judged, Verdict, judge, verdict
from label_pipeline.votes import Votes

PAIRS_SHOWN = 5
ITEMS_A_PAIR = 4
DECIDED_ENOUGH = 0.95
"""Share of the answered items that an adjudicator must have decided before labels are measured by it: those decided
because they were disputed are the hard ones."""


@dataclass(frozen=True)
class Pilot:
    """What a pilot's outcome is computed from.

    `votes` has one vote an item and annotator on all items asked. `answers` are the pilot's submitted answers:
    group, duration_s. `consensus` is consensus_labels of all the project's items, `kpis` the night's table kpis.
    `least` and `most` are the annotations an item needs and gets at most. `seed` makes resampling repeatable.
    """

    votes: Votes
    kind: Literal["single_choice", "ordinal"]
    answers: pd.DataFrame
    consensus: pd.DataFrame
    kpis: pd.DataFrame
    targets: Mapping[str, Target]
    rates: Mapping[str, Rate]
    least: int
    most: int
    seed: int = 0


@dataclass(frozen=True)
class ClassRow:
    """A class in the pilot: items on which anybody said it, and alpha of the class against the rest."""

    name: str
    items: int
    alpha: Estimate


@dataclass(frozen=True)
class PairRow:
    """Two classes said of the same items, and the items that show it best."""

    confusion: Confusion
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class TimeRow:
    """Seconds an answer took, of a group or of all (`group` empty)."""

    group: str
    median: Estimate
    p90: Estimate


@dataclass(frozen=True)
class Outcome:
    """A pilot's report as facts: `asked` items, `answered` (any answer), `pairable` (two or more), and figures.

    `statuses` counts the asked items by their status in consensus_labels. `unclear` are the words of what the next
    guideline should make clear, `accuracy` the share of labels that an adjudicator confirms where enough are decided.
    """

    asked: int
    answered: int
    pairable: int
    answers: int
    annotators: int
    statuses: dict[str, int]
    alpha: Estimate
    raw_agreement: Estimate
    accuracy: Estimate
    classes: tuple[ClassRow, ...]
    pairs: tuple[PairRow, ...]
    unclear: tuple[str, ...]
    times: tuple[TimeRow, ...]
    finish: Finish
    judged: tuple[Judged, ...]
    verdict: Verdict


def outcome(pilot: Pilot) -> Outcome:
    """The report of a pilot, as far as its answers are back."""
    votes, patterns = pilot.votes, Patterns.of(pilot.votes)
    level: Level = "ordinal" if pilot.kind == "ordinal" else "nominal"
    ours = pilot.consensus[pilot.consensus["item_id"].isin(votes.items)]
    figures = {
        "alpha": alpha(patterns, level, seed=pilot.seed),
        "raw_agreement": raw_agreement(patterns, seed=pilot.seed),
        "label_accuracy": _accuracy(ours),
    }
    classes = _classes(votes, patterns, pilot.seed)
    found = confusions(votes)
    judged = judge(figures, pilot.kpis, pilot.targets)
    answered, pairable = int((votes.per_item > 0).sum()), int((votes.per_item >= 2).sum())
    return Outcome(
        asked=votes.n_items,
        answered=answered,
        pairable=pairable,
        answers=votes.n,
        annotators=int((votes.per_annotator > 0).sum()),
        statuses={str(name): int(n) for name, n in ours["status"].value_counts().sort_index().items()},
        alpha=figures["alpha"],
        raw_agreement=figures["raw_agreement"],
        accuracy=figures["label_accuracy"],
        classes=classes,
        pairs=tuple(_pair(votes, one) for one in found[:PAIRS_SHOWN]),
        unclear=_unclear(found, classes, pilot.targets),
        times=_times(pilot.answers),
        finish=finish(pilot.consensus, ours, pilot.answers, pilot.rates, least=pilot.least, most=pilot.most),
        judged=judged,
        verdict=verdict(
            judged,
            asked=votes.n_items,
            pairable=pairable,
            unclear=[f"{one.first} or {one.second}" for one in found if one.ambiguous][:PAIRS_SHOWN],
        ),
    )


def _accuracy(ours: pd.DataFrame) -> Estimate:
    """How often annotations alone gave what an adjudicator decided, where nearly all answered items were decided."""
    answered = ours[ours["voted_label"].notna()]
    decided = answered[answered["status"] == "adjudicated"]
    if len(decided) < DECIDED_ENOUGH * max(len(answered), 1):
        return Estimate(None, None, None, len(decided))
    return wilson(int((decided["label"] == decided["voted_label"]).sum()), len(decided))


def _classes(votes: Votes, patterns: Patterns, seed: int) -> tuple[ClassRow, ...]:
    """The classes that were said, least agreement first."""
    items = [len(np.unique(votes.item[votes.label == code])) for code in range(votes.n_classes)]
    used = [code for code in range(votes.n_classes) if items[code]]
    estimates = alpha_by_class(patterns, used, seed=seed)
    rows = [ClassRow(votes.classes[code], items[code], each) for code, each in zip(used, estimates, strict=True)]
    return tuple(sorted(rows, key=lambda row: math.inf if row.alpha.value is None else row.alpha.value))


def _pair(votes: Votes, one: Confusion) -> PairRow:
    split = split_items(votes, votes.classes.index(one.first), votes.classes.index(one.second))[:ITEMS_A_PAIR]
    return PairRow(one, tuple(Example(str(votes.items[item]), said(votes, int(item))) for item in split))


def _unclear(found: Sequence[Confusion], classes: Sequence[ClassRow], targets: Mapping[str, Target]) -> tuple[str, ...]:
    """What several people read differently: pairs of classes, then classes at odds with no other in particular."""
    pairs = [one for one in found if one.ambiguous]
    words = [
        f"{one.first} or {one.second}: {one.people:,} people gave the rarer answer on {one.both:,} items, none of them"
        " most of it. Say which feature decides."
        for one in pairs
    ]
    told = {name for one in pairs for name in (one.first, one.second)}
    asked = targets["alpha"].at_least if "alpha" in targets else None
    least = USUAL_ALPHA if asked is None else asked
    for row in classes:
        if row.name not in told and row.alpha.ci_high is not None and row.alpha.ci_high < least:
            words.append(
                f"{row.name}: its alpha is below {least:g} beyond doubt ({row.alpha.value:.2f}, at most"
                f" {row.alpha.ci_high:.2f}), with no one rival. Say what belongs to it at all."
            )
    return tuple(words)


def _times(answers: pd.DataFrame) -> tuple[TimeRow, ...]:
    """All answers first, then each group; answers whose time is unknown are left out."""
    timed = answers[answers["duration_s"].notna()]
    groups: list[tuple[str, Any]] = [("", timed), *timed.groupby("group")]
    rows = []
    for group, part in groups:
        seconds = part["duration_s"].to_numpy(np.float64)
        rows.append(TimeRow(str(group), quantile(seconds, 0.5), quantile(seconds, 0.9)))
    return tuple(rows if len(rows) != 2 else rows[:1])
