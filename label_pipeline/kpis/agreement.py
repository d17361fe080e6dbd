"""Agreement: how far annotators say the same, overall and where they do not."""

from __future__ import annotations

from label_pipeline.agreement.alpha import Level, alpha, alpha_by_class
from label_pipeline.agreement.kappa import raw_agreement
from label_pipeline.agreement.patterns import Patterns
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night, members
from label_pipeline.votes import Votes


def figures(night: Night) -> list[Figure]:
    """alpha and raw_agreement: overall, by slice, group and guideline version; alpha by class too."""
    # An adjudicator sees what the others disputed: a decision, not one more independent label.
    people = night.annotations[night.annotations["role"] != "adjudicator"]
    votes = Votes.build(people, classes=night.classes)
    patterns = Patterns.of(votes)
    found = _both(night, patterns)
    code = {name: k for k, name in enumerate(night.classes)}
    estimates = alpha_by_class(patterns, [code[name] for name in night.shown_classes], seed=night.seed)
    for name, estimate in zip(night.shown_classes, estimates, strict=True):
        found.append(Figure.of("alpha", estimate, "class", name))
    for member, ours in night.by_slice(votes.items):
        found += _both(night, patterns.among(ours), "slice", member)
    for dimension in ("group", "guideline_version"):
        for member in members(people[dimension]):
            # Within a group or a version only its own labels count, so they are collapsed anew.
            part = Votes.build(people[people[dimension] == member], classes=night.classes)
            found += _both(night, Patterns.of(part), dimension, str(member))
    return found


def _both(night: Night, patterns: Patterns, dimension: str = "all", member: str = "") -> list[Figure]:
    level: Level = "ordinal" if night.kind == "ordinal" else "nominal"
    return [
        Figure.of("alpha", alpha(patterns, level, seed=night.seed), dimension, member),
        Figure.of("raw_agreement", raw_agreement(patterns, seed=night.seed), dimension, member),
    ]
