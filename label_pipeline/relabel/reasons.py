"""Why an item is in the queue, in words a person can check against the item itself.

Here belongs wording only; every figure in it is computed elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from label_pipeline.relabel.route import ConfusedPair, QueuePolicy

_ISSUES = {
    "near duplicate": "nearly the same as another item",
    "outlier": "unlike the other items",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one queued item; `agreeing` of `n` annotations gave `label`, the model says `suggested`.

    `skill` is whom to ask first, the two classes in doubt, and how often that person is right about those. `twin` is
    the item's place, from 1, among its near duplicates in the queue.
    """

    status: str
    n: int
    agreeing: int
    label: str | None
    confidence: float | None
    suggested: str | None
    suggested_share: float | None
    issue: str
    label_quality: float | None
    route: str
    pair: ConfusedPair | None
    skill: tuple[str, str, str, float] | None = None
    twin: int = 1


def reason(facts: Facts, policy: QueuePolicy) -> str:
    """The reason in one line, like `2 of 3 say 4, the model says 9 with 0.97; confidence 0.58`."""
    said = [_votes(facts), _model(facts)]
    parts = [
        ", ".join(text for text in said if text),
        f"confidence {facts.confidence:.2f}" if facts.label is not None and facts.confidence is not None else "",
        _issue(facts),
        _need(facts, policy),
        _skill(facts),
        f"{facts.twin - 1} of its near duplicates come first" if facts.twin > 1 else "",
    ]
    return "; ".join(text for text in parts if text)


def _votes(facts: Facts) -> str:
    if facts.n == 0:
        return "no annotation yet"
    return f"{facts.agreeing} of {facts.n} say {facts.label}"


def _model(facts: Facts) -> str:
    if facts.suggested is None or facts.suggested_share is None:
        return ""
    verb = "agrees" if facts.suggested == facts.label else f"says {facts.suggested}"
    return f"the model {verb} with {facts.suggested_share:.2f}"


def _issue(facts: Facts) -> str:
    if facts.issue == "label" and facts.label_quality is not None:
        return f"label quality {facts.label_quality:.2f}"
    return _ISSUES.get(facts.issue, "")


def _need(facts: Facts, policy: QueuePolicy) -> str:
    if facts.pair is not None:
        pair = facts.pair
        return (
            f"{pair.annotators} good annotators take {pair.first} and {pair.second} for each other"
            f" ({pair.share:.0%} of answers)"
        )
    if facts.route == "adjudicator":
        last = "disputed" if facts.status == "disputed" else "not settled"
        return f"{last} after {facts.n} annotations"
    if facts.n < policy.min_annotations:
        return f"{policy.min_annotations} annotations needed"
    return ""


def _skill(facts: Facts) -> str:
    if facts.skill is None or facts.n == 0:
        return ""  # nothing is in doubt between two classes before anybody has answered
    who, first, second, right = facts.skill
    return f"ask {who}, right about {first} and {second} in {right:.0%}"
