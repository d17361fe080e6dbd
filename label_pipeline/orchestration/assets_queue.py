"""The relabel queue of a night, what it may spend, and what earlier nights' budgets have bought."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.annotators.standing import NOT
from label_pipeline.batches.returned import still_out
from label_pipeline.contracts.tables import (
    ANNOTATOR_QUALITY,
    ANNOTATOR_STANDING,
    CONSENSUS_LABELS,
    DISPATCHES,
    LABEL_ISSUES,
    RELABEL_OUTCOMES,
    RELABEL_QUEUE,
)
from label_pipeline.held_codes import is_in, plain
from label_pipeline.orchestration import assets_typed
from label_pipeline.orchestration.assets_predictions import aligned
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.table_assets import Made, Output, table_step
from label_pipeline.project_policy import Spend
from label_pipeline.relabel.budget import Budget, Limit, Price
from label_pipeline.relabel.route import ADJUDICATOR, ANNOTATOR, GUIDELINE, QueuePolicy
from label_pipeline.report.plots import bar
from label_pipeline.state import json_values

HOUR = 3600.0
ANSWERED = ("item_id", "annotator_id")
_NOTHING = pd.DataFrame(columns=["item_id", "route", "gain", "asked_on", "day"], dtype=object)


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The part of a project's graph that says what to label again, and what came of it."""
    return [
        table_step(
            desk,
            [Output("relabel_queue", RELABEL_QUEUE)],
            _queue,
            group="loop",
            after=["consensus_labels", "label_issues", "annotator_quality", "annotator_standing", "dispatches"],
        ),
        table_step(
            desk,
            [Output("relabel_outcomes", RELABEL_OUTCOMES)],
            _outcomes,
            group="loop",
            after=["consensus_labels", "relabel_queue"],
        ),
    ]


def spending(desk: Desk, day: date) -> tuple[Budget, dict[str, Price]]:
    """What a night may spend, and what an answer of each route takes.

    Money is the dearest rate among the groups of the people who may be asked, so that a budget holds whoever answers;
    hours are the mean of the answers of that role so far. What a guideline owner reads is neither timed nor paid.
    """
    import pyarrow as pa

    asked, events = desk.project.queue, desk.events(day)
    submitted = is_in(events["status"], ["submitted"])
    budget = Budget(_limit(asked.budget), {route: _limit(each) for route, each in asked.budget.routes.items()})
    prices = {GUIDELINE: Price(0.0, 0.0)}
    for role in (ANNOTATOR, ADJUDICATOR):
        theirs = pa.array(submitted & is_in(events["role"], [role]))
        seconds = events["duration_s"].filter(theirs).to_pandas().mean()
        hours = (asked.seconds if pd.isna(seconds) else float(seconds)) / HOUR
        groups = set(desk.people.loc[desk.people["role"] == role, "group"]) & set(desk.project.costs)
        rates = [desk.project.costs[group] for group in sorted(groups or desk.project.costs)]
        money = [r.per_annotation if r.per_annotation is not None else (r.per_hour or 0.0) * hours for r in rates]
        prices[role] = Price(hours, max(money, default=float("nan")))
    return budget, prices


def importance(desk: Desk, items: Any) -> npt.NDArray[np.float64] | None:
    """What each of `items` counts for: the product of its slices' weights and its own number; None where all are alike.

    A slice without a weight, and an item without a number of 0 or more, count 1.
    """
    asked = desk.project.queue.importance
    if not asked.slices and not asked.field:
        return None
    weight = np.ones(len(items))
    for name, weights in asked.slices.items():
        weight *= items[f"slice_{name}"].to_pandas().map(weights).fillna(1.0).to_numpy(np.float64)
    if asked.field:
        own = pd.to_numeric(pd.Series(json_values(items["payload"], asked.field), dtype=object), errors="coerce")
        weight *= own.where(np.isfinite(own) & (own >= 0), 1.0).to_numpy(np.float64)
    return weight


def _queue(desk: Desk, day: date) -> Made:
    from label_pipeline.relabel.people import Panel
    from label_pipeline.relabel.queue import Asking, relabel_queue
    from label_pipeline.relabel.route import confused_pairs

    project, items = desk.project, desk.items(day)
    consensus = desk.frame(CONSENSUS_LABELS, day, without=["voted_label", "voted_confidence", "settled_on"])
    classes = list(project.labels.classes)
    costs = [project.queue.importance.classes.get(name, 1.0) for name in classes]
    if not project.labels.has_one_class:
        consensus, classes = assets_typed.believed(desk, day)
        costs = [1.0] * len(classes)
    quality, stood = desk.frame(ANNOTATOR_QUALITY, day), desk.frame(ANNOTATOR_STANDING, day)
    barred = stood.loc[stood["to_day"].isna() & (stood["state"] == NOT), "annotator_id"]
    budget, prices = spending(desk, day)
    frame = relabel_queue(
        consensus,
        _issues(desk, day, consensus),
        aligned(desk, day, items),
        plain(desk.annotations(day), ANSWERED, categories=ANSWERED),
        QueuePolicy(
            min_annotations=project.consensus.annotations.min,
            max_annotations=project.consensus.annotations.max,
            adjudicate_after=project.queue.adjudicate_after,
            guideline_examples=project.queue.examples,
            load=project.queue.load,
        ),
        Asking(
            budget,
            prices,
            Panel.of(quality, len(classes), barred=set(barred)),
            confused_pairs(quality, classes),
            importance(desk, items),
            np.array(costs) if set(costs) != {1.0} else None,
            still_out(desk.frame(DISPATCHES, day)),
        ),
        classes=classes,
    )
    routes, tonight = frame["route"].value_counts(), frame[frame["within_budget"]]
    return Made(
        rows={"relabel_queue": frame},
        figures={
            "items": float(len(frame)),
            "tonight": float(len(tonight)),
            "expected": float(tonight["gain"].sum()),
        },
        words="\n".join(
            f"{r['rank']}. {r['item_id']}: {r['reason']} ({r['route']})" for r in frame.head(10).to_dict("records")
        ),
        plot=partial(bar, [str(r) for r in routes.index], routes.to_list(), "Queue by route"),
    )


def _issues(desk: Desk, day: date, consensus: pd.DataFrame) -> pd.DataFrame:
    """What the queue reads of label_issues; where they are the issues of the same items, with the very same ids."""
    issues = desk.frame(LABEL_ISSUES, day, without=["item_id", "given_label", "outlier_score"])
    ids, theirs = (desk.lake.read(t, day, ["item_id"])["item_id"] for t in (LABEL_ISSUES, CONSENSUS_LABELS))
    return issues.assign(item_id=consensus["item_id"] if ids.equals(theirs) else ids.to_pandas())


def _outcomes(desk: Desk, day: date) -> Made:
    from label_pipeline.relabel.outcomes import LOOKBACK, outcomes

    project = desk.project
    known = set(desk.lake.days(RELABEL_QUEUE)) & set(desk.lake.days(RELABEL_OUTCOMES))
    past = [d for d in (day - timedelta(days=k) for k in range(LOOKBACK, 0, -1)) if d in known and d >= project.start]
    asked = [rows for rows in (_asked(desk, d) for d in past) if len(rows)]
    items = {item for rows in asked for item in rows["item_id"]}
    answered = [rows for rows in (_answered(desk, d) for d in past) if len(rows)]
    table = outcomes(
        pd.concat(asked or [_NOTHING], ignore_index=True),
        _labels_of(desk, day - timedelta(days=1), items),
        _labels_of(desk, day, items, "probabilities"),
        pd.concat(answered or [_NOTHING], ignore_index=True),
        classes=project.labels.classes if project.labels.has_one_class else (),
        min_annotations=project.consensus.annotations.min,
    )
    answers, achieved, expected = (float(table[name].sum()) for name in ("answers", "achieved", "expected"))
    return Made(
        rows={"relabel_outcomes": table},
        figures={"answers": answers, "achieved": achieved, "expected": expected},
        words=f"{answers:.0f} answers to items of earlier nights' budgets put {achieved:.1f} labels right; "
        f"{expected:.1f} were expected."
        if len(table)
        else "No answers to items of earlier nights' budgets came in.",
    )


def _labels_of(desk: Desk, day: date, items: Collection[str], *more: str) -> pd.DataFrame:
    """What outcomes read of a day's consensus_labels, of `items` alone; empty before the project's first day."""
    import pyarrow as pa

    columns = ["item_id", "label", "status", "confidence", "n_annotations", *more]
    if day < desk.project.start or not items:
        labels = CONSENSUS_LABELS.empty().select(columns)
    else:
        labels = desk.lake.read(CONSENSUS_LABELS, day, columns)
        labels = labels.filter(pa.array(is_in(labels["item_id"], items)))
    frame: pd.DataFrame = labels.to_pandas()
    return frame


def _asked(desk: Desk, day: date) -> pd.DataFrame:
    columns = ["item_id", "route", "gain", "within_budget"]
    rows: pd.DataFrame = desk.lake.read(RELABEL_QUEUE, day).select(columns).to_pandas()
    return rows[rows["within_budget"]].drop(columns="within_budget").assign(asked_on=day)


def _answered(desk: Desk, day: date) -> pd.DataFrame:
    rows: pd.DataFrame = desk.lake.read(RELABEL_OUTCOMES, day).select(["item_id"]).to_pandas()
    return rows.assign(day=day)


def _limit(spend: Spend) -> Limit:
    return Limit(spend.annotations, spend.hours, spend.money)
