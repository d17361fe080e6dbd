"""Consensus of annotations in a frame: what a notebook calls.

Here belong reading frames and handing frames back, for single labels, ratings and label sets. The nightly run
works on arrays and calls `selection.fit_consensus`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from label_pipeline.coding import AnyArray, BoolArray
from label_pipeline.consensus.frames import (
    align_model,
    class_columns,
    gold_codes,
    gold_sets,
    read_gold,
    read_gold_sets,
)
from label_pipeline.consensus.multilabel import MultiLabel
from label_pipeline.consensus.selection import FittedConsensus, fit_consensus
from label_pipeline.errors import UserError, nearest
from label_pipeline.label_sets import LabelSets
from label_pipeline.votes import FloatArray, IntArray, Votes

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["single_choice", "ordinal", "multi_label"]
KINDS = ("single_choice", "ordinal", "multi_label")

MOST_COLUMNS = 1_000
"""With more classes than this, `Consensus.labels` has no column for each; `Consensus.probabilities` has them."""


@dataclass(frozen=True)
class Consensus:
    """The consensus of a frame of annotations.

    `labels`: one row an item, sorted by id, with item_id, label (None where nothing is known of the item; a tuple
    of classes for label sets), confidence (the probability that the label is right; 0 without a label), agreement
    (the share of the item's annotations that give the label; 0 without annotations), n_annotations, and
    `p_<class>` for each class: probabilities that sum to one, for label sets each the chance that the class is
    there. `annotators`: one row an annotator, sorted by id, with annotator_id, n, quality (the chance that an
    annotation is right) and weight (what a vote counts for, in the method's own unit).

    `method` is what decided; `why` says it in words and `evidence` in figures, one row a method compared (none for
    a method that was asked for); `diagnostics` holds further figures, among them `gold_calibration_error` and
    `gold_accuracy` where there is gold, of items held out. `classes` are the class names in order and
    `probabilities` (n_items, n_classes) what the `p_` columns show.
    """

    labels: pd.DataFrame
    annotators: pd.DataFrame
    method: str
    why: str
    evidence: pd.DataFrame
    diagnostics: dict[str, float]
    classes: tuple[str, ...]
    probabilities: FloatArray
    _confusions: Callable[[], tuple[FloatArray | None, tuple[str, ...]]] = field(repr=False)

    def confusion(self, annotator: Any) -> pd.DataFrame:
        """An annotator's confusion matrix: rows the true class, columns the label given, rows sum to one.

        For label sets the two classes are "absent" and "present", over all classes of a set together. Raises
        UserError for an unknown annotator, or where the matrices of all annotators would be too big.
        """
        import pandas as pd

        found = np.flatnonzero((self.annotators["annotator_id"] == annotator).to_numpy())
        if len(found) == 0:
            known = self.annotators["annotator_id"].astype(str)
            raise UserError(f"no annotator '{annotator}'", where="consensus", do=nearest(str(annotator), known))
        matrices, names = self._confusions()
        if matrices is None:
            raise UserError(
                f"{len(self.annotators):,} confusion matrices of {len(names):,} classes are too big to keep",
                where="consensus",
                do="Use quality and weight, or declare fewer classes.",
            )
        return pd.DataFrame(matrices[found[0]], index=list(names), columns=list(names))


def consensus(
    annotations: Any,
    method: str = "auto",
    probabilities: pd.DataFrame | None = None,
    gold: Any = None,
    *,
    classes: Iterable[str] | None = None,
    items: Any = None,
    kind: Kind = "single_choice",
    seed: int = 0,
    **parameters: Any,
) -> Consensus:
    """The consensus label of every item.

    `annotations` is a pandas DataFrame, a pyarrow Table or a DuckDB relation with item_id, annotator_id, label and,
    where known, annotated_at: of an annotator's several labels on an item the newest counts (`votes.Votes.build`).
    `method` is "auto" or one of `methods.METHODS`, to which `parameters` go. `probabilities` are a model's: indexed
    by item_id, one column a class, rows summing to one. `gold`, with item_id and label, is settled truth. `items`
    names further items that have no annotation.

    `classes` fixes the classes and their order; without it they are the columns of `probabilities`, or the labels
    found and then those found in gold only. `kind` "ordinal" takes classes as rising, and labels are medians;
    "multi_label" takes labels that are lists of classes, or several rows of one class each. Gold and
    probabilities for items that are neither annotated nor in `items` are left out, and counted in diagnostics.

    Raises UserError, naming what and where, for what cannot be read: missing columns, empty ids or labels, unknown
    classes, probabilities that miss items or classes, hold NaN or do not sum to one, gold that contradicts itself.
    """
    if kind not in KINDS:
        raise UserError(f"no kind '{kind}'", where="consensus", do=nearest(str(kind), KINDS))
    if kind == "multi_label":
        if probabilities is not None:
            raise UserError("label sets take no model's probabilities", where="consensus", do="Leave them out.")
        return _of_sets(annotations, method, gold, classes, items, parameters)
    settled = None if gold is None else read_gold(gold)
    votes = Votes.build(
        annotations,
        classes=class_columns(probabilities) if classes is None and probabilities is not None else classes,
        items=items,
    )
    if classes is None and probabilities is None and settled is not None:
        only_gold = sorted(set(settled[1]) - set(votes.classes))
        if only_gold:
            votes = Votes.build(annotations, classes=[*votes.classes, *only_gold], items=items)
    diagnostics: dict[str, float] = {}
    truth = model = None
    if settled is not None:
        truth, diagnostics["gold_elsewhere"] = gold_codes(*settled, votes)
    if probabilities is not None:
        model, diagnostics["probabilities_elsewhere"] = align_model(probabilities, votes)
    fitted = fit_consensus(
        votes,
        method=method,
        probabilities=model,
        gold=truth,
        ordered=kind == "ordinal",
        seed=seed,
        parameters=parameters,
    )
    return _result(fitted, diagnostics)


def _result(fitted: FittedConsensus, diagnostics: dict[str, float]) -> Consensus:
    import pandas as pd

    votes = fitted.votes
    names = np.array([*votes.classes, None], dtype=object)
    annotators = {
        "annotator_id": votes.annotators,
        "n": votes.per_annotator,
        "quality": fitted.annotator_quality_,
        "weight": fitted.annotator_weight_,
    }
    return Consensus(
        _labels_frame(
            votes.items,
            names[fitted.labels_],
            fitted.confidence_,
            fitted.agreement_,
            fitted.n_annotations_,
            fitted.probabilities_,
            votes.classes,
        ),
        pd.DataFrame(annotators),
        fitted.method_,
        fitted.why_,
        pd.DataFrame(fitted.evidence_),
        fitted.diagnostics_ | diagnostics,
        votes.classes,
        fitted.probabilities_,
        lambda: (fitted.confusion_, votes.classes),
    )


def _labels_frame(
    items: AnyArray,
    labels: AnyArray,
    confidence: FloatArray,
    agreement: FloatArray,
    n_annotations: IntArray,
    probabilities: FloatArray,
    classes: tuple[str, ...],
) -> pd.DataFrame:
    import pandas as pd

    shown = len(classes) if len(classes) <= MOST_COLUMNS else 0
    # Inserting columns beside the block of probabilities copies nothing.
    frame = pd.DataFrame(probabilities[:, :shown], columns=[f"p_{name}" for name in classes[:shown]])
    columns = {
        "item_id": items,
        "label": labels,
        "confidence": confidence,
        "agreement": agreement,
        "n_annotations": n_annotations,
    }
    for place, (name, values) in enumerate(columns.items()):
        frame.insert(place, name, values)
    return frame


def _of_sets(
    annotations: Any, method: str, gold: Any, classes: Iterable[str] | None, items: Any, parameters: dict[str, Any]
) -> Consensus:
    import pandas as pd

    if method not in ("auto", "multi_label"):
        raise UserError(f"no method '{method}' for label sets", where="consensus", do=nearest(method, ["multi_label"]))
    unknown = sorted(parameters.keys() - MultiLabel.__dataclass_fields__.keys())
    if unknown:
        known = MultiLabel.__dataclass_fields__
        raise UserError(
            f"label sets have no parameter '{unknown[0]}'", where="consensus", do=nearest(unknown[0], known)
        )
    sets = LabelSets.build(annotations, classes=classes, items=items)
    truth, diagnostics = None, {}
    if gold is not None:
        only_gold = [] if classes is not None else sorted(set(read_gold_sets(gold).classes) - set(sets.classes))
        if only_gold:
            sets = LabelSets.build(annotations, classes=[*sets.classes, *only_gold], items=items)
        truth, elsewhere = gold_sets(gold, sets)
        diagnostics["gold_elsewhere"] = float(elsewhere)
    fitted = MultiLabel(**parameters).fit(sets, gold=truth)
    labels = np.full(sets.n_items, None, dtype=object)
    for i in np.flatnonzero(fitted.labelled_):
        labels[i] = tuple(sets.classes[k] for k in np.flatnonzero(fitted.labels_[i]))
    annotators = {
        "annotator_id": sets.annotators,
        "n": np.bincount(sets.annotator, minlength=sets.n_annotators),
        "quality": fitted.annotator_quality_,
        "weight": fitted.annotator_weight_,
        "sensitivity": fitted.sensitivity_,
        "false_alarms": fitted.false_alarms_,
    }
    rates = np.stack([fitted.false_alarms_, fitted.sensitivity_], axis=1)
    return Consensus(
        _labels_frame(
            sets.items,
            labels,
            np.where(fitted.labelled_, fitted.confidence_, 0.0),
            _set_agreement(sets, fitted.labels_),
            np.diff(sets.offsets),
            fitted.probabilities_,
            sets.classes,
        ),
        pd.DataFrame(annotators),
        "multi_label",
        "multi_label: one decision a class, with annotators' errors shared between classes.",
        pd.DataFrame(),
        fitted.diagnostics_ | diagnostics,
        sets.classes,
        fitted.probabilities_,
        lambda: (np.stack([1.0 - rates, rates], axis=2), ("absent", "present")),
    )


def _set_agreement(sets: LabelSets, labels: BoolArray) -> FloatArray:
    """The share of each item's sets that equal its label, (n_items,); `labels` is bool (n_items, n_classes)."""
    n, size = np.diff(sets.offsets), np.diff(sets.set_offsets)
    item = np.repeat(np.arange(sets.n_items), n)
    owner = np.repeat(np.arange(sets.n), size)
    hits = np.bincount(owner, weights=labels[item[owner], sets.chosen], minlength=sets.n)
    same = (hits == size) & (size == labels.sum(axis=1)[item])
    return np.asarray(np.bincount(item, weights=same, minlength=sets.n_items) / np.maximum(n, 1))
