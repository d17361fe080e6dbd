"""Assets that judge labels: consensus, annotators, noise."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from label_pipeline.contracts.tables import (
    ANNOTATOR_QUALITY,
    CONSENSUS_EVIDENCE,
    CONSENSUS_LABELS,
    GOLD_SET,
    LABEL_ISSUES,
)
from label_pipeline.gold.life import in_force
from label_pipeline.matrices import matrix_of
from label_pipeline.orchestration import assets_shards, assets_typed
from label_pipeline.orchestration.assets_predictions import aligned, neighbourhood
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.table_assets import Compute, Made, Output, table_step
from label_pipeline.orchestration.voices import voices
from label_pipeline.project import Project
from label_pipeline.report.plots import histogram
from label_pipeline.settle import Policy, consensus_table, known_truth

CONFIDENCE = "Confidence of the consensus labels"
WITH_CLEANLAB = frozenset({"python", "parquet", "cleanlab"})


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The second stage of a project's graph."""
    return [
        table_step(
            desk,
            [
                Output("consensus_labels", CONSENSUS_LABELS),
                Output("consensus_evidence", CONSENSUS_EVIDENCE),
                *assets_typed.outputs(desk),
            ],
            _consensus_of(desk.project),
            group="labels",
            after=["annotation_events", "items", "predictions", "gold_set", "annotator_standing"],
            kinds=WITH_CLEANLAB,
        ),
        table_step(
            desk,
            [Output("annotator_quality", ANNOTATOR_QUALITY)],
            _annotators,
            group="labels",
            after=["consensus_labels", "gold_set"],
        ),
        table_step(
            desk,
            [Output("label_issues", LABEL_ISSUES)],
            _issues,
            group="labels",
            after=["consensus_labels", "predictions"],
            kinds=WITH_CLEANLAB,
        ),
    ]


# --- consensus


def _consensus_of(project: Project) -> Compute:
    if not project.labels.has_one_class:
        return assets_typed.consensus
    return _consensus if project.engine.name == "local" else _consensus_on_shards


def _consensus(desk: Desk, day: date) -> Made:
    from label_pipeline.consensus.majority import Majority
    from label_pipeline.consensus.selection import fit_consensus

    project, items = desk.project, desk.items(day)
    heard = voices(desk, day)
    votes = desk.votes(heard.annotations, items)
    gold = in_force(desk.frame(GOLD_SET, day), day)
    truth = known_truth(votes, gold)
    ordered = project.labels.type == "ordinal"
    fit = partial(
        fit_consensus,
        method=project.consensus.method,
        ordered=ordered,
        probabilities=aligned(desk, day, items),
        gold=truth,
        seed=0,
    )
    fitted = heard.fit(votes, fit, ordered=ordered)
    # An item whose truth the consensus was told has no say of its own: there, annotations alone are a majority.
    voted = np.where(truth >= 0, Majority().fit(votes).labels_, fitted.labels_)
    table = consensus_table(
        votes,
        labels=fitted.labels_,
        probabilities=fitted.probabilities_,
        voted=voted,
        method=fitted.method_,
        gold=gold,
        policy=Policy(project.consensus.accept_at, project.consensus.annotations.min),
        previous=desk.before(CONSENSUS_LABELS, day),
        day=day,
    )
    statuses = table["status"].value_counts().to_dict()
    evidence = _evidence(fitted.method_, fitted.why_, fitted.evidence_)
    return Made(
        rows={"consensus_labels": table, "consensus_evidence": evidence},
        figures={
            "annotations": float(votes.n),
            "mean_confidence": float(np.nan_to_num(table["confidence"].mean())),
            **{str(name): float(n) for name, n in sorted(statuses.items())},
        },
        words=fitted.why_,
        plot=partial(histogram, table["confidence"].dropna().to_numpy(), CONFIDENCE),
    )


def _consensus_on_shards(desk: Desk, day: date) -> Made:
    from label_pipeline.shards.table import middles

    method = desk.project.consensus.method
    settled = assets_shards.consensus(desk, day)
    return Made(
        rows={"consensus_labels": settled.rows, "consensus_evidence": _evidence(method, settled.why, [])},
        figures=settled.figures,
        words=settled.why,
        plot=partial(histogram, middles(), CONFIDENCE, weights=settled.seen.histogram),
    )


def _evidence(method: str, why: str, records: list[dict[str, Any]]) -> pd.DataFrame:
    """One row a method compared; a method that was asked for by name stands alone."""
    return pd.DataFrame(records or [{"method": method}]).reindex(columns=CONSENSUS_EVIDENCE.names).assign(words=why)


# --- annotators


def _annotators(desk: Desk, day: date) -> Made:
    figures = _figures if desk.project.labels.has_one_class else assets_typed.annotators
    frame = figures(desk, day)
    people = desk.people.set_index("annotator_id").reindex(frame["annotator_id"])
    frame = frame.assign(
        group=people["group"].fillna("unknown").to_numpy(), role=people["role"].fillna("annotator").to_numpy()
    )
    flagged = frame["flags"].map(len) > 0
    return Made(
        rows={"annotator_quality": frame},
        figures={
            "annotators": float(len(frame)),
            "flagged": float(flagged.sum()),
            "median_quality": float(np.nan_to_num(frame["quality"].median())),
        },
        words="\n".join(f"- {r['annotator_id']}: {', '.join(r['flags'])}" for r in frame[flagged].to_dict("records")),
        plot=partial(histogram, frame["quality"].to_numpy(), "Quality of annotators"),
    )


def _figures(desk: Desk, day: date) -> pd.DataFrame:
    """The table annotator_quality without group and role, where labels are one class."""
    import pyarrow as pa

    from label_pipeline.annotators.table import annotator_report

    annotations = desk.annotations(day)
    votes = desk.votes(annotations, desk.items(day))
    assert votes.n == len(annotations)  # one an item and annotator, in the order of the votes
    times = annotations["annotated_at"].cast(pa.timestamp("us"))  # UTC, as numbers the kernels can compare
    report = annotator_report(
        votes,
        _posterior(desk, day, votes),
        gold=known_truth(votes, in_force(desk.frame(GOLD_SET, day), day)),
        durations=annotations["duration_s"].to_numpy(),
        times=times.to_numpy(),
    )
    frame = report.table.rename(columns={"gold_accuracy_low": "gold_low", "gold_accuracy_high": "gold_high"})
    flat: list[Any] = [None] * len(frame)
    if report.confusion is not None:
        flat = [matrix.ravel() for matrix in report.confusion]
    return frame.assign(confusion=pd.Series(flat, dtype=object, index=frame.index))


def _posterior(desk: Desk, day: date, votes: Any) -> Any:
    """The day's class probabilities aligned to `votes`; an item without any gets equal ones."""
    return matrix_of(
        desk.lake.read(CONSENSUS_LABELS, day)["probabilities"], votes.n_classes, otherwise=1.0 / votes.n_classes
    )


# --- noise


def _issues(desk: Desk, day: date) -> Made:
    from label_pipeline.noise.table import label_issues

    items, consensus = desk.items(day), desk.labels(day)
    probabilities = aligned(desk, day, items)
    if probabilities is None:
        return Made(rows={"label_issues": LABEL_ISSUES.empty()}, words="No model to compare labels with.")
    classes = list(desk.project.labels.classes)
    labels = pd.Categorical(consensus["label"], categories=classes).codes.astype(np.int64)
    report = label_issues(
        consensus["item_id"].to_numpy(), labels, probabilities, classes, features=neighbourhood(desk, items)
    )
    frame = report.table.assign(
        # An outlier is worth a look, but says nothing against its label.
        is_issue=report.table["kind"].isin(["label", "near duplicate"]),
        duplicate_set=report.table["duplicate_set"].astype("Int64").replace(-1, pd.NA),
        outlier_score=report.table["outlier_score"] if report.neighbours else np.nan,
    )
    found = frame[frame["is_issue"]].sort_values("label_quality").head(10).to_dict("records")
    listed = [f"- {r['item_id']}: {r['given_label']}, perhaps {r['suggested_label']} ({r['kind']})" for r in found]
    return Made(
        rows={"label_issues": frame},
        figures={
            "labelled": float(len(frame)),
            "issues": float(frame["is_issue"].sum()),
            "near_duplicates": float((frame["kind"] == "near duplicate").sum()),
            "outliers": float((frame["kind"] == "outlier").sum()),
        },
        words="\n".join([*report.notes, *listed]),
        plot=partial(histogram, frame["label_quality"].dropna().to_numpy(), "Label quality scores"),
    )
