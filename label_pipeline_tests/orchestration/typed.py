"""Two small projects whose labels are sets of classes, and numbers, each with three landed days.

On item `DISPUTED` everybody says something else: two people two classes, and four people lengths that lie 20 apart.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from label_pipeline.folders import DataFolder
from label_pipeline_tests.orchestration.runs import put, write

DAYS = [date(2026, 10, d) for d in (5, 6, 7)]
CLASSES = ("cat", "dog", "bird")
PEOPLE = ("ann", "bob", "cem", "dia")
A_DAY = 12
DISPUTED = 13
TAGS = """\
project: tags
start: 2026-10-05
labels: {type: multi_label, classes: [cat, dog, bird]}
items: {fields: [place], slices: [place]}
sources: {crowd: {format: csv, annotated_at: at, duration_s: took}}
people: {roster: people.csv}
gold: {seeds: gold/*.csv}
consensus: {accept_at: 0.95}
kpis:
  label_accuracy: {at_least: 0.5, otherwise: block}
publish: {splits: {train: 0.6, validation: 0.4}}
"""
LENGTHS = (
    TAGS.replace("project: tags", "project: lengths")
    .replace("type: multi_label, classes: [cat, dog, bird]", "type: number, tolerance: 1.5, range: {at_least: 0}")
    .replace("label_accuracy: {at_least: 0.5, otherwise: block}", "mean_absolute_error: {at_most: 2, otherwise: block}")
)
ROSTER = "source,identity,group,role\n" + "".join(f"crowd,{who},in-house,annotator\n" for who in PEOPLE)
ROSTER += "crowd,judge,experts,adjudicator\ncrowd,bot,models,model\n"


def true_set(k: int) -> list[str]:
    """The classes of item k: sometimes none."""
    return [name for place, name in enumerate(CLASSES) if (k >> place) & 1]


def true_length(k: int) -> float:
    """The length of item k."""
    return 10.0 + 7.0 * (k % 9) + k / 10


def tags(folder: DataFolder) -> DataFolder:
    """The project `tags`: `dia` overlooks birds, and `bot`, a model, says cat of everything."""
    rng = np.random.default_rng(1)

    def answer(who: str, k: int) -> str:
        chosen = set(true_set(k))
        if k == DISPUTED and who in PEOPLE:
            return ("cat", "dog", "", "")[PEOPLE.index(who)]
        if who == "bot":
            chosen = {"cat"}
        elif who == "dia":
            chosen.discard("bird")
        elif who != "judge" and rng.random() < 0.1:
            chosen ^= {CLASSES[int(rng.integers(3))]}
        return "|".join(name for name in CLASSES if name in chosen) or "[]"

    return _project(folder, "tags", TAGS, answer, lambda k: "|".join(true_set(k)) or "[]")


def lengths(folder: DataFolder) -> DataFolder:
    """The project `lengths`: `dia` measures four too long, `bob` slips a digit now and then."""
    rng = np.random.default_rng(2)

    def answer(who: str, k: int) -> str:
        value = true_length(k) + rng.normal() * {"ann": 0.3, "bob": 1.0, "cem": 1.0, "dia": 0.5}.get(who, 0.0)
        if k == DISPUTED and who in PEOPLE:
            return f"{20 * PEOPLE.index(who)}"
        if who == "dia":
            value += 4.0
        if who == "bob" and k % 11 == 4:
            value *= 10
        return f"{99.0 if who == 'bot' else value:.1f}"

    return _project(folder, "lengths", LENGTHS, answer, lambda k: f"{true_length(k):.2f}")


def _project(
    folder: DataFolder, name: str, text: str, answer: Callable[[str, int], str], truth: Callable[[int], str]
) -> DataFolder:
    write(folder.project_file(name), text)
    write(folder.project(name) / "people.csv", ROSTER)
    seeds = [f"i{k:02d},{truth(k)},{('evaluation', 'check')[k % 2]}" for k in range(12)]
    write(folder.project(name) / "gold" / "seeds.csv", "item_id,label,role\n" + "\n".join(seeds) + "\n")
    for day, start in zip(DAYS, range(0, len(DAYS) * A_DAY, A_DAY), strict=True):
        rows = ["item_id,annotator_id,label,at,took,place"]
        for k in range(start, start + A_DAY):
            said = [(place, who, answer(who, k)) for place, who in enumerate((*PEOPLE, "bot"))]
            rows += [
                f"i{k:02d},{who},{label},{day}T10:{k:02d}:0{place},{5 + place},{'in' if k % 2 else 'out'}"
                for place, who, label in said
                if label
            ]
        if start:
            rows.append(f"i{start:02d},judge,{answer('judge', start)},{day}T12:00:00,9,out")
        put(folder, day, "answers.csv", "\n".join(rows) + "\n", project=name)
    return folder
