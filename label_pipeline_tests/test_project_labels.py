"""The label schema and what refers to it: every mistake is told at its line, and no answer can mean two things."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.project import load_project, parse_project

HEAD = "project: p\nstart: 2026-10-01\nsources: {crowd: {format: csv}, tool: {format: csv}}\n"


def labels(text: str, more: str = "") -> str:
    """A project file whose `labels` begin on line 5."""
    return f"{HEAD}labels:\n{text}{more}"


CHANGES = "  classes: [a, b, c]\n  alias_changes:\n"
MISTAKES = {
    "number with classes": (
        labels("  type: number\n  classes: [a, b]\n"),
        6,
        "labels.classes: labels of type 'number'",
    ),
    "spans with aliases": (labels("  type: spans\n  aliases: {a: b}\n"), 6, "labels.aliases: labels of type 'spans'"),
    "range of classes": (
        labels("  classes: [a, b]\n  range: {at_least: 1}\n"),
        6,
        "labels.range: labels of type 'single_choice' have no range",
    ),
    "range upside down": (
        labels("  type: number\n  range: {at_least: 2, at_most: 1}\n"),
        6,
        "labels.range: at_least 2 is above at_most 1",
    ),
    "range of nothing": (labels("  type: number\n  range: {}\n"), 6, "labels.range: a range needs at_least or at_most"),
    "type": (labels("  type: multilabel\n"), 5, "labels.type: 'multilabel' is no known value. Did you mean 'multi_la"),
    "multi-label without classes": (labels("  type: multi_label\n"), 4, "labels.classes: this field is missing"),
    "class that joins": (
        labels('  type: multi_label\n  classes: ["a|b", c]\n'),
        6,
        "labels.classes: class 'a|b' holds '|', which joins classes",
    ),
    "alias that joins": (
        labels('  type: multi_label\n  classes: [a, c]\n  aliases: {"x|y": a}\n'),
        7,
        "labels.aliases.x|y: alias 'x|y' holds '|', which joins classes",
    ),
    "change without a condition": (
        labels(CHANGES + "    - {aliases: {x: a}}\n"),
        7,
        "labels.alias_changes.0: it needs since, until, source, batch or file; else it belongs in labels.aliases",
    ),
    "change of nothing": (
        labels(CHANGES + "    - {until: 2026-10-05, aliases: {}}\n"),
        7,
        "labels.alias_changes.0.aliases: it changes nothing",
    ),
    "change that ends before it begins": (
        labels(CHANGES + "    - aliases: {x: a}\n      since: 2026-10-05\n      until: 2026-10-04\n"),
        9,
        "labels.alias_changes.0.until: 2026-10-04 is before since 2026-10-05",
    ),
    "change to no class": (
        labels(CHANGES + "    - {until: 2026-10-05, aliases: {x: a}}\n    - batch: k\n      aliases:\n        x: aa\n"),
        10,
        "labels.alias_changes.1.aliases.x: alias 'x' stands for 'aa', which is not a class. Did you mean 'a'?",
    ),
    "one word twice in a change": (
        labels(CHANGES + "    - {batch: k, aliases: {x: a, X: b}}\n"),
        7,
        "labels.alias_changes.0.aliases.X: alias 'X' stands for 'b' and for 'a'",
    ),
    "typo in a change": (
        labels(CHANGES + "    - {untill: 2026-10-05, aliases: {x: a}}\n"),
        7,
        "labels.alias_changes.0.untill: unknown field. Did you mean 'until'?",
    ),
    "change of no source": (
        labels(CHANGES + "    - {source: tols, aliases: {x: a}}\n"),
        7,
        "labels.alias_changes.0.source: 'tols' is no source. Did you mean 'tool'?",
    ),
    "days that overlap by one": (
        labels(CHANGES + "    - {until: 2026-10-05, aliases: {x: a}}\n    - {since: 2026-10-05, aliases: {X: b}}\n"),
        8,
        "labels.alias_changes.1: it may hold for the same answers as change 1: 'x' is 'b' here and 'a' there",
    ),
    "batch and day may meet": (
        labels(CHANGES + "    - {batch: k, aliases: {x: a}}\n    - {since: 2026-10-05, aliases: {x: b}}\n"),
        8,
        "labels.alias_changes.1: it may hold for the same answers as change 1",
    ),
    "sets that two changes meet": (
        labels(
            "  type: multi_label\n"
            + CHANGES
            + "    - {batch: k, aliases: {x: a}}\n    - {since: 2026-10-05, aliases: {y: b}}\n"
        ),
        9,
        "labels.alias_changes.1: it may hold for the same answers as change 1",
    ),
    "gold without a consensus": (
        labels("  type: text\n", "gold:\n  seeds: gold/*.csv\n"),
        7,
        "gold.seeds: labels of type 'text' are kept and counted, and have no consensus yet",
    ),
    "target without a consensus": (labels("  type: boxes\n", "kpis: {alpha: {at_least: 0.6}}\n"), 6, "kpis: labels of"),
    "probabilities without a consensus": (
        labels("  type: number\n").replace("tool: {format: csv}", "tool: {format: predictions}"),
        3,
        "sources.tool.format: labels of type 'number' have one consensus method and no model",
    ),
    "items of no source": (
        labels("  classes: [a, b]\n", "items: {sources: crwd}\n"),
        6,
        "items.sources: 'crwd' is no source. Did you mean 'crowd'?",
    ),
    "unknown people without a roster": (
        labels("  classes: [a, b]\n", "people: {unknown: quarantine}\n"),
        6,
        "people.unknown: without a roster everybody is unknown",
    ),
    "guideline of a batch": (
        labels("  classes: [a, b]\n", "guidelines: {current: v1, since: {v1: 2026-10-01}, batches: {k: v2}}\n"),
        6,
        "guidelines.batches.k: 'v2' has no first day in since. Known: v1.",
    ),
    "limit above all": (
        labels("  classes: [a, b]\n", "quarantine: {limit: 30}\n"),
        6,
        "quarantine.limit: Input should be less than or equal to 1",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_at_its_line(case: str) -> None:
    """Loss: a schema that reads two ways labels a whole batch wrongly, and every figure looks fine."""
    text, line, words = MISTAKES[case]
    with pytest.raises(UserError) as caught:
        parse_project(text, "f")
    assert f"f:{line}: {words}" in str(caught.value)


GOOD = [
    "    - {until: 2026-10-04, aliases: {x: a}}\n    - {since: 2026-10-05, aliases: {x: b}}\n",
    "    - {batch: [k, l], aliases: {x: a}}\n    - {batch: m, aliases: {x: b}}\n",
    "    - {source: crowd, aliases: {x: a}}\n    - {source: tool, since: 2026-10-05, aliases: {x: b}}\n",
    "    - {file: one.csv, aliases: {x: a}}\n    - {file: two.csv, aliases: {x: b}}\n",
    "    - {batch: k, aliases: {x: a}}\n    - {since: 2026-10-05, aliases: {X: a, y: b}}\n",  # they agree
    "    - {until: 2026-10-04, aliases: {a: b}}\n",  # a class had another meaning
]


@pytest.mark.parametrize("changes", GOOD)
def test_changes_that_cannot_contradict_pass(changes: str) -> None:
    """Loss: a check that refuses what is clear leaves people with a batch they cannot map."""
    assert parse_project(labels(CHANGES + changes), "f").labels.alias_changes


def test_types_without_a_consensus() -> None:
    """Loss: a type that is taken for another is put through a consensus it does not fit."""
    with_one = {"single_choice", "ordinal", "multi_label", "number"}
    for name in ("single_choice", "ordinal", "multi_label", "number", "spans", "boxes", "pairwise", "text"):
        classes = "  classes: [a, b]\n" if name in with_one - {"number"} else ""
        assert parse_project(labels(f"  type: {name}\n{classes}"), "f").labels.has_consensus == (name in with_one)


# Landing of another project


def write(root: Path, name: str, landing: str = "") -> DataFolder:
    path = root / "projects" / name / "project.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    more = f"landing: {landing}\n" if landing else ""
    path.write_text(
        f"project: {name}\nstart: 2026-10-01\n{more}labels: {{classes: [a, b]}}\nsources: {{s: {{format: csv}}}}\n"
    )
    return DataFolder(root)


def test_a_landing_is_another_projects(tmp_path: Path) -> None:
    """Loss: a project that reads a folder where nothing lands is empty every night, without a word."""
    folder = write(tmp_path, "form")
    write(tmp_path, "tone", "form")
    assert load_project(folder, "tone").landing_of == "form"
    assert load_project(folder, "form").landing_of == "form"
    wrong = {
        "frm": "there is no other project 'frm'. Did you mean 'form'?",
        "topic": "there is no other project 'topic'",
        "../form": "there is no other project '../form'",
        "tone": "project 'tone' itself reads what lands for 'form'. Write 'form'.",
    }
    for landing, words in wrong.items():
        write(tmp_path, "topic", landing)
        with pytest.raises(UserError) as caught:
            load_project(folder, "topic")
        assert f"projects/topic/project.yaml:3: landing: {words}" in str(caught.value)


def test_a_broken_owner_is_its_own_mistake(tmp_path: Path) -> None:
    """Loss: a typo in one project's file would stop the projects that share its form."""
    folder = write(tmp_path, "form")
    folder.project_file("form").write_text("project: [")
    write(tmp_path, "tone", "form")
    assert load_project(folder, "tone").landing == "form"
