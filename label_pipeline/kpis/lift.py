"""Lift: what our labels are worth to a model that is trained on them.

The built-in model is trained four times on the same items, only their labels differ, and is judged on evaluation gold,
which it never saw. Here belong the four sets of labels and the comparison; the model is `noise.out_of_fold`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.agreement.bootstrap import REPLICATES
from label_pipeline.estimates import Estimate, bootstrap, wilson
from label_pipeline.kpis.definition import Figure
from label_pipeline.kpis.night import BoolArray, Night

MOST_TRAINED = 2_000
"""The most items a model is trained on: four trainings of the built-in model are for a night, not for a day."""

MAJORITY, BEST = "majority", "our labels weighted"
TRAINED_ON = ("one annotation", MAJORITY, "our labels", BEST)

Codes = npt.NDArray[np.int64]


def figures(night: Night) -> list[Figure]:
    """model_accuracy and model_lift: of our labels weighted, and of each of `TRAINED_ON`."""
    right = judged(night)
    nothing = Estimate(None, None, None, 0)
    if right is None:
        return [Figure.of("model_accuracy", nothing), Figure.of("model_lift", nothing)]
    n = len(right[BEST])
    accuracy = {name: wilson(int(right[name].sum()), n) for name in TRAINED_ON}
    lift = {name: paired(right[name], right[MAJORITY], seed=night.seed) for name in TRAINED_ON if name != MAJORITY}
    found = [Figure.of("model_accuracy", accuracy[BEST]), Figure.of("model_lift", lift[BEST])]
    found += [Figure.of("model_accuracy", accuracy[name], "trained_on", name) for name in accuracy]
    return found + [Figure.of("model_lift", lift[name], "trained_on", name) for name in lift]


def paired(right: BoolArray, other: BoolArray, *, seed: int = 0) -> Estimate:
    """How much oftener `right` (n,) holds than `other` (n,), with a paired bootstrap interval over the n items.

    One more item is drawn from, which half the time only the first gets right and half the time only the other:
    without it two models that differ on no item would be equal for certain, however few the items, and few that
    differ would cover too seldom (`benchmarks/lift.py`). The value is without it.
    """
    n = len(right)
    if n == 0:
        return Estimate(None, None, None, 0)
    wins, losses = int((right & ~other).sum()), int((other & ~right).sum())
    chances = np.array([wins + 0.5, losses + 0.5, n - wins - losses]) / (n + 1)
    drawn = np.random.default_rng(seed).multinomial(n + 1, chances, size=REPLICATES)
    value = (wins - losses) / n
    estimate = bootstrap(value, (drawn[:, 0] - drawn[:, 1]) / (n + 1), n)
    assert estimate.ci_low is not None
    assert estimate.ci_high is not None
    return Estimate(value, min(estimate.ci_low, value), max(estimate.ci_high, value), n)


def judged(night: Night) -> Mapping[str, BoolArray] | None:
    """For each of `TRAINED_ON`, which evaluation gold items (n,) the model then gets right.

    None where nothing can be said: no evaluation gold, no input for the built-in model, too few labels to learn from.
    """
    if night.inputs is None:
        return None
    truth = _codes(night, night.gold[night.gold["role"] == "evaluation"])
    twin, usable = _twins(night.inputs)
    truth[~usable] = -1
    labels = {name: _codes(night, rows) for name, rows in _labels(night).items()}
    # Who learns from an item that is judged, or from one just like it, is judged on what it knows.
    own = usable & (truth < 0) & ~np.isin(twin, twin[truth >= 0])
    own &= (labels["one annotation"] >= 0) & (labels["our labels"] >= 0)
    trained = _drawn(night, np.flatnonzero(own))
    gold = np.flatnonzero(truth >= 0)
    if not len(gold) or not len(trained):
        return None
    rows = np.concatenate([trained, gold])
    weights = _confidence(night)[rows]
    right = {}
    for name, codes in labels.items():
        asked = np.where(np.arange(len(rows)) < len(trained), codes[rows], -1)
        learnt = _learn(night, rows, asked, weights if name == BEST else None)
        if learnt is None:
            return None
        right[name] = np.asarray(learnt[len(trained) :].argmax(axis=1) == truth[gold])
    return right


def _labels(night: Night) -> dict[str, pd.DataFrame]:
    """The four sets of labels: item_id (unique) and label.

    What is left to chance is decided by a hash of the ids: the next night decides the same, and the course of the
    figures shows the labels and not the draw.
    """
    votes = night.independent[["item_id", "annotator_id", "label"]]
    one = (
        votes.assign(draw=_hash(night, votes[["item_id", "annotator_id"]]))
        .sort_values("draw")
        .drop_duplicates("item_id")
    )
    counts = votes.groupby(["item_id", "label"], as_index=False, observed=True).agg(n=("annotator_id", "size"))
    counts = counts.assign(draw=_hash(night, counts[["item_id", "label"]]))
    majority = counts.sort_values(["n", "draw"], ascending=[False, True]).drop_duplicates("item_id")
    issues = night.issues.loc[night.issues["is_issue"].astype(bool), "item_id"]
    ours = night.labelled
    return dict(zip(TRAINED_ON, (one, majority, ours, ours[~ours["item_id"].isin(issues)]), strict=True))


def _codes(night: Night, rows: pd.DataFrame) -> Codes:
    """The label of each of the night's items as a class code; -1 for none."""
    label = rows.set_index("item_id")["label"].reindex(night.items["item_id"])
    return np.array(pd.Categorical(label, categories=night.classes).codes, dtype=np.int64)


def _confidence(night: Night) -> npt.NDArray[np.float64]:
    known = night.consensus.set_index("item_id")["confidence"].reindex(night.items["item_id"])
    return known.fillna(0.0).to_numpy(np.float64)


def _twins(inputs: Sequence[str | None] | npt.NDArray[Any]) -> tuple[Codes, BoolArray]:
    """A number for each item that equal inputs share, and which inputs say anything at all."""
    if isinstance(inputs, np.ndarray):
        keys: list[Any] = [row.tobytes() for row in inputs]
        usable = np.isfinite(inputs).any(axis=1)
    else:
        keys = list(inputs)
        usable = np.array([isinstance(text, str) and bool(text.strip()) for text in inputs], dtype=np.bool_)
    codes, _ = pd.factorize(pd.Series(keys, dtype=object))
    return np.asarray(codes, dtype=np.int64), usable


def _drawn(night: Night, items: Codes) -> Codes:
    """At most `MOST_TRAINED` of the items, by the hash of their ids."""
    draw = _hash(night, night.items.iloc[items][["item_id"]])
    return items[np.sort(np.argsort(draw, kind="stable")[:MOST_TRAINED])]


def _hash(night: Night, columns: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Of the ids themselves: their numbers are others when there are more items."""
    columns = columns.assign(**{str(n): night.ids[str(n)][columns[n]] for n in columns if n in night.ids})
    return np.asarray(pd.util.hash_pandas_object(columns.astype(str), index=False), dtype=np.uint64)


def _learn(
    night: Night, rows: Codes, labels: Codes, weights: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64] | None:
    """Class probabilities of `rows` from a model of those with a label; None where there is too little to learn."""
    from label_pipeline.noise.out_of_fold import from_features, from_text

    inputs = night.inputs
    assert inputs is not None
    if isinstance(inputs, np.ndarray):
        learnt = from_features(inputs[rows], labels, len(night.classes), weights=weights)
    else:
        learnt = from_text([inputs[k] for k in rows], labels, len(night.classes), weights=weights)
    return None if "why" in learnt.description else learnt.probabilities
