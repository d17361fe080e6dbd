"""What is computed otherwise where labels are sets of classes, or numbers: consensus, annotators, what is believed.

The tables are those of labels that are one class, so that all that follows is the same. How it is done is
`settle_sets`' and `settle_numbers`'. No model is asked: there are no predictions, and no label is doubted by one.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from label_pipeline.contracts.tables import (
    CONSENSUS_EVIDENCE,
    CONSENSUS_LABELS,
    CONSENSUS_NUMBERS,
    GOLD_SET,
)
from label_pipeline.gold.life import in_force
from label_pipeline.held_codes import plain
from label_pipeline.label_meaning import SetMeaning
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.table_assets import Made, Output
from label_pipeline.orchestration.voices import Voices, voices
from label_pipeline.settle import Policy, known_checks, settle
from label_pipeline.settle_numbers import SettledNumbers
from label_pipeline.settle_sets import SettledSets

Settled = SettledSets | SettledNumbers
ANSWER = ["item_id", "annotator_id", "label", "annotated_at"]


def outputs(desk: Desk) -> list[Output]:
    """What the consensus step writes beside labels and evidence."""
    number = desk.project.labels.type == "number"
    return [Output("consensus_numbers", CONSENSUS_NUMBERS)] if number else []


def settled(desk: Desk, day: date, heard: Voices | None = None) -> Settled:
    """The day's answers of people (all of them in full, unless told who is heard) and models, ready to be settled."""
    labels, meaning = desk.project.labels, desk.project.labels.meaning
    common: dict[str, Any] = {
        "items": np.array(desk.items(day)["item_id"].to_pylist(), dtype=object),
        "people": plain(desk.annotations(day) if heard is None else heard.annotations, ANSWER),
        "models": plain(desk.witnesses(day), ANSWER),
        "gold": in_force(desk.frame(GOLD_SET, day), day),
        "lesser": None if heard is None else heard.lesser,
    }
    if isinstance(meaning, SetMeaning):
        return SettledSets(meaning, **common)
    return SettledNumbers(**common, declared=labels.tolerance, range=labels.range)


def consensus(desk: Desk, day: date) -> Made:
    """The tables of the consensus; the method has its type's name."""
    from label_pipeline.report.plots import histogram

    project, answers = desk.project, settled(desk, day, voices(desk, day))
    table = settle(
        answers.concluded(),
        method=project.labels.type,
        gold=answers.gold,
        policy=Policy(project.consensus.accept_at, project.consensus.annotations.min),
        previous=desk.before(CONSENSUS_LABELS, day),
        day=day,
    )
    evidence = pd.DataFrame([{"method": project.labels.type}]).reindex(columns=CONSENSUS_EVIDENCE.names)
    rows: dict[str, Any] = {
        "consensus_labels": table,
        "consensus_evidence": evidence.assign(words=answers.words()),
    }
    if isinstance(answers, SettledNumbers):
        rows["consensus_numbers"] = answers.intervals(table)
    statuses = table["status"].value_counts().to_dict()
    return Made(
        rows=rows,
        figures={
            "annotations": float(len(answers.people)),
            "mean_confidence": float(np.nan_to_num(table["confidence"].mean())),
            **{str(name): float(n) for name, n in sorted(statuses.items())},
        },
        words=answers.words(),
        plot=partial(histogram, table["confidence"].dropna().to_numpy(), "Confidence of the consensus labels"),
    )


def annotators(desk: Desk, day: date) -> pd.DataFrame:
    """The table annotator_quality without group, role and confusion."""
    from label_pipeline.annotators.align import align
    from label_pipeline.annotators.table import annotator_report

    answers = settled(desk, day)
    frame = plain(desk.annotations(day))
    frame["annotated_at"] = frame["annotated_at"].dt.tz_localize(None)  # UTC, as numbers the kernels can compare
    if isinstance(answers, SettledNumbers):
        beside = align(answers.votes, frame, ["duration_s", "annotated_at"])
        return answers.annotators(beside["duration_s"], beside["annotated_at"]).assign(confusion=None)
    votes, belief = answers.as_classes()
    frame["label"] = frame["label"].map(answers.categories)
    beside = align(votes, frame, ["duration_s", "annotated_at"])
    checks = known_checks(answers.gold).map(answers.categories)
    gold = pd.Categorical(checks.reindex(votes.items), categories=votes.classes).codes
    report = annotator_report(
        votes, belief, gold=gold, durations=beside["duration_s"], times=beside["annotated_at"]
    ).table
    report["confusion"] = None  # of sets with sets it would be as wide as it is empty
    report["worst_class"] = answers.worst_classes(votes)
    return report.rename(columns={"gold_accuracy_low": "gold_low", "gold_accuracy_high": "gold_high"})


def believed(desk: Desk, day: date) -> tuple[pd.DataFrame, list[str]]:
    """The consensus with what is believed of each item in the place of its probabilities, and names for beliefs.

    Its labels are as people read them, since the queue shows them in its reasons.
    """
    table = desk.frame(CONSENSUS_LABELS, day)
    answers = settled(desk, day, voices(desk, day))
    beliefs = answers.beliefs(table)
    said = [None if pd.isna(label) else answers.said(label) for label in table["label"]]
    labels = pd.Series(said, index=table.index, dtype=object)
    return table.assign(label=labels, probabilities=list(beliefs)), [f"belief {k}" for k in range(beliefs.shape[1])]
