"""What written labels mean in the project's schema: a class, a set of classes, a number, or just what was written.

What a word stands for is looked up in Python, once for every distinct label, so that the project file's checks and
the gold seeds compare words alike. Labels that may all be different (numbers, texts, shapes) never leave SQL.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date

from label_pipeline.project import Project
from label_pipeline.project_labels import BETWEEN_CLASSES, WITH_CLASSES, AliasChange, Labels, fold, words
from label_pipeline.sources.text import trimmed
from label_pipeline.sql import literal

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def meanings(labels: Labels, written: Sequence[str]) -> dict[str, list[str | None]]:
    """Columns of the lookup table: the `label` as written, its `class`, and `class_1`, ... what each alias change says
    of it. Only labels with a meaning are listed; a class is null where there is none."""
    found = {"class": [_class(labels, labels.by_word, label) for label in written]}
    for k, change in enumerate(labels.alias_changes, start=1):
        # A set has words of which the change says nothing; a single one is then left to `class` and other changes.
        scheme = words(change.aliases) if labels.type != "multi_label" else labels.by_word | words(change.aliases)
        found[f"class_{k}"] = [_class(labels, scheme, label) for label in written]
    known = [any(column[row] is not None for column in found.values()) for row in range(len(written))]
    columns: dict[str, list[str | None]] = {"label": list(written), **found}
    return {name: [v for v, keep in zip(column, known, strict=True) if keep] for name, column in columns.items()}


def _class(labels: Labels, scheme: Mapping[str, str], label: str) -> str | None:
    """The meaning of one written label; that of a set is its classes in the declared order, joined."""
    if labels.type != "multi_label":
        return scheme.get(fold(label))
    chosen = {scheme.get(fold(part)) for part in _parts(label)}
    if None in chosen:
        return None
    return BETWEEN_CLASSES.join(name for name in labels.classes if name in chosen)


def _parts(label: str) -> list[str]:
    """The words of a set as written: a JSON list, so that `[]` is the empty set, or words joined by `|`."""
    if label.strip().startswith("["):
        try:
            listed = json.loads(label)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list) and all(isinstance(part, str) for part in listed):
            return listed
    return label.split(BETWEEN_CLASSES)


def has_lookup(labels: Labels) -> bool:
    """Whether labels of this type are looked up; the others mean what they say."""
    return labels.type in WITH_CLASSES


def label_sql(project: Project, day: date) -> str:
    """SQL for the label of a timed answer `t` with its meanings `m`; null where it means nothing."""
    labels = project.labels
    if labels.type == "number":
        return f"CASE WHEN {_is_number(trimmed('t.label'))} THEN {trimmed('t.label')} END"
    if not has_lookup(labels):
        return f"CASE WHEN {trimmed('t.label')} IS NOT NULL THEN t.label END"
    when = day_sql(project, day, "t.finished")
    changed = [f"CASE WHEN {_holds(c, when)} THEN m.class_{k} END" for k, c in enumerate(labels.alias_changes, start=1)]
    return f"coalesce({', '.join([*changed, 'm.class'])})"


def _is_number(text: str) -> str:
    return f"regexp_matches({text}, {literal(NUMBER)}) AND isfinite(try_cast({text} AS DOUBLE))"


def out_of_range_sql(labels: Labels, label: str) -> str:
    """SQL: whether a label that is a number lies outside the project's range."""
    bounds = labels.range
    ends = [(bounds.at_least, "<"), (bounds.at_most, ">")] if bounds else []
    outside = [f"try_cast({label} AS DOUBLE) {sign} {end!r}::DOUBLE" for end, sign in ends if end is not None]
    return f"coalesce({' OR '.join(outside)}, false)" if outside else "false"


def day_sql(project: Project, day: date, time: str) -> str:
    """SQL for the day, in the project's timezone, on which an answer was given: the landing day where no `time` is."""
    return f"coalesce(CAST({time} AT TIME ZONE {literal(project.timezone)} AS DATE), DATE {literal(str(day))})"


def _holds(change: AliasChange, when: str) -> str:
    """SQL: whether an answer keeps the conditions of an alias change."""

    def among(column: str, names: Sequence[str]) -> str:
        return f"coalesce({column} IN ({', '.join(map(literal, names))}), false)"

    parts = []
    if change.since:
        parts.append(f"{when} >= DATE {literal(str(change.since))}")
    if change.until:
        parts.append(f"{when} <= DATE {literal(str(change.until))}")
    if change.source:
        parts.append(among("t.source", change.source))
    if change.batch:
        parts.append(among("t.batch_id", change.batch))
    if change.file:
        parts.append(among("regexp_replace(t.landed_file, '^[^/]*/', '')", change.file))
    return " AND ".join(parts)
