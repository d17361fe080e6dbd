"""Agreement: how far annotators say the same, overall and where they do not."""

from __future__ import annotations

from label_pipeline.agreement.alpha import RATIO_VALUES, Level, alpha, alpha_by_class
from label_pipeline.agreement.kappa import raw_agreement
from label_pipeline.agreement.patterns import Patterns
from label_pipeline.agreement.sets import by_class
from label_pipeline.estimates import Estimate
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import Night, members
from label_pipeline.votes import Votes

LEVELS: dict[str, Level] = {
    "single_choice": "nominal",
    "ordinal": "ordinal",
    "multi_label": "masi",
    "number": "interval",
}


def figures(night: Night) -> list[Figure]:
    """alpha and raw_agreement: overall, by slice, group and guideline version; alpha by class too."""
    # An adjudicator sees what the others disputed: a decision, not one more independent label.
    people = night.independent
    # Sets and numbers are coded as they are found: what is a class of the votes is only then one of the project.
    classes = night.classes if night.meaning.one_class else None
    votes = Votes.build(people, classes=classes)
    patterns = Patterns.of(votes)
    found = _both(night, patterns)
    code = {name: k for k, name in enumerate(night.classes)}
    each = by_class(patterns, night.classes) if night.kind == "multi_label" else patterns
    estimates = alpha_by_class(each, [code[name] for name in night.shown_classes], seed=night.seed)
    for name, estimate in zip(night.shown_classes, estimates, strict=True):
        found.append(Figure.of("alpha", estimate, "class", name))
    for member, ours in night.by_slice(votes.items):
        found += _both(night, patterns.among(ours), "slice", member)
    for dimension in ("group", "guideline_version"):
        for member in members(people[dimension]):
            # Within a group or a version only its own labels count, so they are collapsed anew.
            ours = people[dimension] == member
            part = patterns if ours.all() else Patterns.of(Votes.build(people[ours], classes=classes))
            found += _both(night, part, dimension, str(member))
    return found


def _both(night: Night, patterns: Patterns, dimension: str = "all", member: str = "") -> list[Figure]:
    level = LEVELS[night.kind]
    too_many = level == "masi" and len(patterns.classes) > RATIO_VALUES
    nothing = Estimate(None, None, None, patterns.n)
    raw = nothing if night.kind == "number" else raw_agreement(patterns, seed=night.seed)
    return [
        Figure.of("alpha", nothing if too_many else alpha(patterns, level, seed=night.seed), dimension, member),
        Figure.of("raw_agreement", raw, dimension, member),
    ]
