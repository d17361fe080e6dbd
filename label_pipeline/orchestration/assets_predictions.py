"""The asset of a model's class probabilities, landed or out of fold, and what later steps read of the same model."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from label_pipeline.contracts.tables import GOLD_SET, PREDICTIONS
from label_pipeline.gold.life import in_force
from label_pipeline.held_codes import plain
from label_pipeline.matrices import matrix_of
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.table_assets import Made, Output, table_step
from label_pipeline.orchestration.voices import voices
from label_pipeline.report.plots import histogram
from label_pipeline.settle import known_truth
from label_pipeline.state import current_predictions, json_values

BASELINE = "baseline"


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The model's part of a project's graph."""
    return [
        table_step(
            desk,
            [Output("predictions", PREDICTIONS)],
            _predictions,
            group="labels",
            after=["annotation_events", "items", "landed_predictions", "gold_set", "annotator_standing"],
            kinds=frozenset({"python", "parquet", "scikitlearn"}),
        ),
    ]


def _predictions(desk: Desk, day: date) -> Made:
    """Landed probabilities where there are any, else out-of-fold ones of the built-in model, else none; and what models
    answered like annotators."""
    if not desk.project.labels.has_one_class:
        return Made(rows={"predictions": PREDICTIONS.empty()}, words="No model is asked about labels of this type.")
    landed = current_predictions(desk.lake, day)
    witnesses = _witnesses(desk, day)
    if len(landed) or desk.project.predictions.baseline is None:
        rows = pd.concat([landed.to_pandas(), witnesses]) if len(witnesses) else landed
        return Made(rows={"predictions": rows}, figures={"items": float(len(rows))}, words=_heard(witnesses))
    items = desk.items(day)
    probabilities, about = _baseline(desk, day, items)
    if probabilities is None:
        rows = witnesses if len(witnesses) else PREDICTIONS.empty()
        return Made(rows={"predictions": rows}, figures={"items": float(len(rows))}, words=about + _heard(witnesses))
    rows = pd.DataFrame(
        {"item_id": items["item_id"].to_pandas(), "model": BASELINE, "probabilities": list(probabilities)}
    )
    top = probabilities.max(axis=1) if len(probabilities) else np.zeros(0)
    return Made(
        rows={"predictions": pd.concat([rows, witnesses]) if len(witnesses) else rows},
        figures={"items": float(len(rows)), "mean_top_probability": float(top.mean()) if len(top) else 0.0},
        words=f"Out-of-fold probabilities: {about}" + _heard(witnesses),
        plot=partial(histogram, top, "Probability of the model's choice"),
    )


def _witnesses(desk: Desk, day: date) -> pd.DataFrame:
    """The answers of annotators who are models, as probabilities: item_id, model (the pseudonym), probabilities."""
    from label_pipeline.consensus.witness import witness_probabilities

    answers = plain(desk.witnesses(day))
    found = []
    if len(answers):
        items = desk.items(day)
        people = desk.votes(voices(desk, day).annotations, items)
        for model, own in answers[answers["item_id"].isin(people.items)].groupby("annotator_id"):
            answered, table = witness_probabilities(people, desk.votes(own, items))
            found.append(
                pd.DataFrame(
                    {"item_id": people.items[answered], "model": model, "probabilities": list(table[answered])}
                )
            )
    return pd.concat(found) if found else pd.DataFrame(columns=["item_id", "model", "probabilities"], dtype=object)


def _heard(witnesses: pd.DataFrame) -> str:
    """Who of the annotators is a model, in words."""
    models = sorted(witnesses["model"].unique())
    return f"\n\nAnnotators that are models: {', '.join(models)}." if models else ""


def _baseline(desk: Desk, day: date, items: Any) -> tuple[Any, str]:
    """Out-of-fold probabilities, learnt from what annotations alone say, and a description of the model.

    None where no item has the numbers that the project declares as features; the description says so.
    """
    from label_pipeline.consensus.dawid_skene import DawidSkene
    from label_pipeline.noise.out_of_fold import from_features, from_text

    base = desk.project.predictions.baseline
    assert base is not None
    values = json_values(items["payload"], base.text or base.features or "")
    matrix = None if base.text else _matrix(values)
    if matrix is not None and not matrix.size:
        return None, f"No item has a list of numbers in its field '{base.features}': there is no model."
    votes = desk.votes(voices(desk, day).annotations, items)
    truth = known_truth(votes, in_force(desk.frame(GOLD_SET, day), day))
    fitted = DawidSkene().fit(votes, gold=truth)
    weights = fitted.probabilities_.max(axis=1)
    if matrix is None:
        learnt = from_text(values, fitted.labels_, votes.n_classes, weights=weights)
    else:
        learnt = from_features(matrix, fitted.labels_, votes.n_classes, weights=weights)
    return learnt.probabilities, ", ".join(f"{name} {value}" for name, value in learnt.description.items())


def model_inputs(desk: Desk, items: Any) -> Any:
    """What the built-in model reads of each of `items`: texts, or numbers (n_items, n_features); None for neither."""
    base = desk.project.predictions.baseline
    if base is None:
        return None
    values = json_values(items["payload"], base.text or base.features or "")
    return [None if v is None else str(v) for v in values] if base.text else _matrix(values)


def _matrix(values: list[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Feature lists as a matrix; NaN where an item has no usable ones."""
    width = max((len(v) for v in values if isinstance(v, list)), default=0)
    rows = np.full((len(values), width), np.nan)
    for k, value in enumerate(values):
        if isinstance(value, list) and len(value) == width:
            rows[k] = pd.to_numeric(pd.Series(value), errors="coerce")
    return rows


def aligned(desk: Desk, day: date, items: Any) -> Any:
    """The day's probabilities as a matrix aligned to `items`: the mean over models; None when there are none.

    An item no model knows gets the mean of the others, which says nothing about it in particular.
    """
    table = desk.lake.read(PREDICTIONS, day)
    if not len(table):
        return None
    ids, each = table["item_id"], matrix_of(table["probabilities"], len(desk.project.labels.classes))
    del table  # it is as large as the matrix
    if not ids.equals(items["item_id"]):  # not just one model of just these items
        matrix = pd.DataFrame(each, index=ids.to_pandas()).groupby(level=0).mean()
        each = np.ascontiguousarray(matrix.reindex(items["item_id"].to_pandas()).fillna(matrix.mean()))
    each /= each.sum(axis=1, keepdims=True)
    return each


def neighbourhood(desk: Desk, items: Any) -> Any:
    """The baseline's features as points in which near duplicates lie together; None without a baseline or Datalab."""
    from label_pipeline.noise.neighbours import available
    from label_pipeline.noise.out_of_fold import standardised, text_features

    base = desk.project.predictions.baseline
    if base is None or not available():
        return None
    values = json_values(items["payload"], base.text or base.features or "")
    matrix = None if base.text else _matrix(values)
    if matrix is None:
        return text_features(values)
    return standardised(matrix) if matrix.size else None
