"""Assets of what goes out: what was sent and has come back of it, and the batches that would go out tonight."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from label_pipeline.batches.compose import BatchPolicy, compose
from label_pipeline.batches.returned import OPEN, OVERDUE, RETURNED, dispatches, exposure, still_out
from label_pipeline.batches.sent import sent_rows
from label_pipeline.contracts.tables import (
    BATCHES,
    DISPATCHES,
    GOLD_ASKS,
    GOLD_SET,
    RELABEL_QUEUE,
)
from label_pipeline.gold.life import in_force
from label_pipeline.landing import sent_files
from label_pipeline.orchestration.assets_queue import spending
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.held import held_items
from label_pipeline.orchestration.table_assets import Made, Output, table_step
from label_pipeline.project import Project
from label_pipeline.relabel.budget import room
from label_pipeline.relabel.route import ADJUDICATOR, ANNOTATOR, GUIDELINE
from label_pipeline.state import answers_given


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The part of a project's graph that hands work out."""
    return [
        table_step(desk, [Output("dispatches", DISPATCHES)], _dispatches, group="loop", after=["annotation_events"]),
        table_step(
            desk,
            [Output("batches", BATCHES)],
            _batches,
            group="loop",
            after=["relabel_queue", "dispatches", "gold_set", "gold_asks", "consensus_labels", "label_issues"],
        ),
    ]


def batch_policy(project: Project) -> BatchPolicy:
    """What the project file says of batches, as the kernel takes it."""
    asked = project.batches
    return BatchPolicy(
        size=asked.size,
        new=asked.shares.new,
        relabel=asked.shares.relabel,
        gold=asked.shares.gold,
        gold_exposure=asked.gold_exposure,
        prelabel=asked.prelabel,
        min_annotations=project.consensus.annotations.min,
        people=asked.people,
        rechecks=asked.rechecks,
    )


def _dispatches(desk: Desk, day: date) -> Made:
    sent = sent_rows(sent_files(desk.folder, desk.project.project, day))
    answers = _answers(desk, day, sent["item_id"])
    table = dispatches(sent, answers, day, desk.project.batches.due_days)
    states = {state: float((table["state"] == state).sum()) for state in (OPEN, RETURNED, OVERDUE)}
    last = table.groupby("batch_id")["state"].value_counts().unstack(fill_value=0).tail(10)
    lines = [
        f"- {batch}: " + ", ".join(f"{n} {state}" for state, n in row.items() if n) for batch, row in last.iterrows()
    ]
    return Made(rows={"dispatches": table}, figures=states, words="\n".join(lines) or "Nothing was sent yet.")


def _batches(desk: Desk, day: date) -> Made:
    project, people = desk.project, desk.people
    consensus, sent = desk.labels(day), desk.frame(DISPATCHES, day)
    gold = in_force(desk.frame(GOLD_SET, day), day)
    queue = desk.frame(RELABEL_QUEUE, day)
    # A row of the queue is one answer; a new item asks for several at once where the budget has room for them.
    tonight = queue.loc[queue["within_budget"], "route"].value_counts().to_dict()
    asks = desk.frame(GOLD_ASKS, day)
    budget = max(project.queue.budget.annotations - tonight.get(GUIDELINE, 0), 0)
    # Who is not in the roster may label too, unless the project turns them away.
    closed = project.people.unknown == "quarantine"
    table = compose(
        queue,
        dict(zip(consensus["item_id"], consensus["n_annotations"], strict=True)),
        gold,
        exposure(sent, _answers(desk, day, gold["item_id"]), gold["item_id"]),
        still_out(sent),
        batch_policy(project),
        project=project.project,
        day=day,
        annotators=set(people.loc[people["role"] == "annotator", "annotator_id"]) if closed else None,
        adjudicators=set(people.loc[people["role"] == "adjudicator", "annotator_id"]),
        budget=budget,
        asks=asks,
        held={str(item): why for item, why in held_items(desk, day).items()},
        limits=_limits(desk, day, tonight, min(len(asks), project.batches.rechecks)),
    )
    counts = table["purpose"].value_counts().sort_index()
    return Made(
        rows={"batches": table},
        figures={str(purpose): float(n) for purpose, n in counts.items()} | {"answers": float(table["people"].sum())},
        words="\n".join(f"- {batch}: {len(rows)} rows" for batch, rows in table.groupby("batch_id"))
        + f"\n\nTo send them: `label-pipeline batch {project.project} --day {day}`",
    )


def _limits(desk: Desk, day: date, tonight: Mapping[Any, int], rechecks: int) -> dict[str, int]:
    """How many answers each batch may ask for, where the budget is more than a count: what adjudicators may decide,
    gold included, comes first, and annotators get what is left."""
    budget, prices = spending(desk, day)
    if budget.counts_alone:
        return {}
    count, read = desk.project.queue.budget.annotations, {GUIDELINE: tonight.get(GUIDELINE, 0)}
    wanted = min(count, tonight.get(ADJUDICATOR, 0) + rechecks)
    decided = room(budget, prices, read, wanted, ADJUDICATOR)
    return {
        ADJUDICATOR: decided,
        ANNOTATOR: room(budget, prices, read | {ADJUDICATOR: decided}, count, ANNOTATOR),
    }


def _answers(desk: Desk, day: date, items: pd.Series[str]) -> pd.DataFrame:
    frame: pd.DataFrame = answers_given(desk.lake, day, items).to_pandas()
    return frame
