"""A project at its beginning, for tests of pilots: texts of three classes that nobody has labelled.

`answers` are what people say of items they are asked: an unclear guideline has most of them take claims for facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np

from label_pipeline.folders import DataFolder
from label_pipeline_tests.orchestration.runs import write

START = date(2026, 10, 5)
CLASSES = ("fact", "claim", "opinion")
SHARES = (0.5, 0.3, 0.2)
V1 = "{current: v1, since: {v1: 2026-10-05}}"
V2 = "{current: v2, since: {v1: 2026-10-05, v2: 2026-10-07}}"
PROJECT = """\
project: claims
start: 2026-10-05
labels: {classes: [fact, claim, opinion]}
items: {fields: [text, paper], slices: [paper], text: text}
sources:
  pool: {format: items, fields: {}}
  desk: {format: csv, annotated_at: at, started_at: from, batch: batch}
people: {roster: people.csv}
guidelines: {guidelines}
kpis: {alpha: {at_least: 0.85, otherwise: warn}, label_accuracy: {at_least: 0.9, otherwise: warn}}
costs: {desk: {per_hour: 30}}
"""
WORDS = {
    "fact": ["was", "built", "measured", "counted", "recorded", "opened"],
    "claim": ["says", "argues", "insists", "reports", "alleges"],
    "opinion": ["should", "must", "better", "worse", "ought"],
}


def truths(n: int) -> dict[str, str]:
    """What each item is."""
    random = np.random.default_rng(0)
    return {f"t{k:03d}": str(random.choice(CLASSES, p=SHARES)) for k in range(n)}


def guideline(root: DataFolder, version: str, named: str) -> None:
    """Put a version's text beside the project file, which names it."""
    write(root.project_file("claims"), PROJECT.replace("{guidelines}", named))
    write(root.project("claims") / "guidelines" / f"{version}.md", f"# Facts and claims {version}\n\nSay what it is.\n")


def claims(root: DataFolder, n: int) -> dict[str, str]:
    """Write the project and land its items on the first day; returns what each item is."""
    truth, random = truths(n), np.random.default_rng(1)
    guideline(root, "v1", V1)
    roster = "source,identity,group,role\n" + "".join(f"desk,p{k},desk,annotator\n" for k in range(5))
    write(root.project("claims") / "people.csv", roster + "desk,chief,desk,adjudicator\n")
    lines = ["item_id,text,paper"]
    for k, (item, label) in enumerate(truth.items()):
        said = " ".join([*random.choice(WORDS[label], 3), f"number{k}", f"town{random.integers(1000)}"])
        lines.append(f"{item},{said},{'north' if k % 3 else 'south'}")
    write(root.landing("claims", START) / "pool" / "items.csv", "\n".join(lines) + "\n")
    return truth


def answers(
    asked: Iterable[str], truth: Mapping[str, str], day: date, batch: str, *, unclear: float, people: int = 3
) -> str:
    """A CSV of what `people` of five say of each item asked, under a batch's name (none where it is empty).

    `unclear` is the chance that a claim is taken for a fact; otherwise one answer in thirty is any class.
    """
    random = np.random.default_rng(day.toordinal())
    rows = ["item_id,annotator_id,label,from,at,batch"]
    for k, item in enumerate(asked):
        for who in sorted(random.choice(5, people, replace=False)):
            label = truth[item]
            if label == "claim" and random.random() < unclear:
                label = "fact"
            elif random.random() < 1 / 30:
                label = str(random.choice(CLASSES))
            at = f"{day}T10:{k % 60:02d}"
            rows.append(f"{item},p{who},{label},{at}:00,{at}:{random.integers(8, 30):02d},{batch}")
    return "\n".join(rows) + "\n"
