"""What is believed of each item before another answer is bought: the consensus, and the model where it was not heard.

Here belong lining up labels, issues, the model and weights, and the belief they make. What an answer would change
stands in `value`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.errors import UserError
from label_pipeline.matrices import matrix_of
from label_pipeline.relabel.people import typical_accuracy
from label_pipeline.relabel.value import combine, model_trust

FloatArray = npt.NDArray[np.float64]
SAMPLE = 100_000
"""The most items from which class frequencies and the trust in the model are read."""
AT_ONCE = 1 << 17
"""Items whose belief is made at once: of millions the parts of it would be as much memory again, several times."""
HEARD = "crowdlab"
"""A consensus by this method has heard the model already."""


@dataclass(frozen=True, slots=True)
class Background:
    """What the whole project says about an item before the item is looked at."""

    classes: FloatArray
    accuracy: float
    trust: float

    @classmethod
    def of(cls, rows: pd.DataFrame, model: FloatArray | None, n_classes: int) -> Background:
        """Read off `rows` and the model (n, K), None without one."""
        labelled = np.flatnonzero(rows["probabilities"].notna())
        sample = labelled[:: max(1, -(-len(labelled) // SAMPLE))]
        posterior = _rows_of(rows["probabilities"], sample, n_classes)
        frequency = (posterior.sum(axis=0) + 1.0 / n_classes) / (len(sample) + 1.0)
        trust = model_trust(posterior, model[sample]) if model is not None else 0.0
        return cls(frequency, typical_accuracy(rows), trust)

    def belief(self, rows: pd.DataFrame, model: FloatArray) -> FloatArray:
        """What is believed of each of `rows`: (n, K)."""
        belief = np.empty((len(rows), len(self.classes)))
        for start in range(0, len(rows), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            belief[part] = self._belief(rows.iloc[part], model[part])
        return belief

    def _belief(self, rows: pd.DataFrame, model: FloatArray) -> FloatArray:
        posterior = matrix_of(rows["probabilities"], len(self.classes))
        known = np.isfinite(posterior).all(axis=1)
        posterior[~known] = self.classes
        heard = known & rows["method"].map(lambda name: HEARD in str(name)).to_numpy(bool)
        belief = combine(posterior, model, self.trust)
        belief[heard] = posterior[heard]
        return belief


def aligned(
    consensus: pd.DataFrame,
    issues: pd.DataFrame,
    probabilities: npt.NDArray[Any] | None,
    importance: npt.NDArray[Any] | None,
    n_classes: int,
) -> tuple[pd.DataFrame, FloatArray | None, FloatArray]:
    """The consensus by item id with what is known of issues, the model's opinion and the weights beside it."""
    if probabilities is not None and probabilities.shape != (len(consensus), n_classes):
        raise UserError(
            f"the model's probabilities have the shape {probabilities.shape}",
            where="relabel queue",
            rule=f"a row an item and a column a class: {(len(consensus), n_classes)}",
        )
    weight = np.ones(len(consensus)) if importance is None else np.asarray(importance, dtype=np.float64)
    if weight.shape != (len(consensus),) or not (np.isfinite(weight) & (weight >= 0)).all():
        raise UserError("importance must be one number of 0 or more an item", where="relabel queue")
    model = None if probabilities is None else np.asarray(probabilities, dtype=np.float64)
    if not consensus["item_id"].is_monotonic_increasing:
        order = np.argsort(consensus["item_id"].to_numpy(), kind="stable")
        consensus, weight = consensus.iloc[order], weight[order]
        model = None if model is None else model[order]
    rows = consensus.copy(deep=False)  # columns are added to it, and none is changed
    rows.index = pd.RangeIndex(len(rows))
    same = np.array_equal(issues["item_id"].to_numpy(), rows["item_id"].to_numpy())
    known = None if same else pd.Index(issues["item_id"]).get_indexer(pd.Index(rows["item_id"]))
    for name in ("suggested_label", "label_quality", "is_issue", "kind", "duplicate_set"):
        column = issues[name].reset_index(drop=True)
        rows[name] = column if known is None else column.astype(object).reindex(known).to_numpy()
    return rows.assign(is_issue=rows["is_issue"].eq(True)), model, weight


def costs_of(class_costs: npt.NDArray[Any] | None, n_classes: int) -> FloatArray | None:
    """What a wrong label costs by true class, (K,); None where none is given. Raises UserError for other shapes."""
    if class_costs is None:
        return None
    costs = np.asarray(class_costs, dtype=np.float64)
    if costs.shape != (n_classes,) or not (np.isfinite(costs) & (costs >= 0)).all():
        raise UserError("class costs must be one number of 0 or more a class", where="relabel queue")
    return costs


def _rows_of(lists: pd.Series[Any], chosen: npt.NDArray[np.int64], width: int) -> FloatArray:
    """The chosen ones of many lists, in order: taken from all at once Arrow would copy them all."""
    found = [np.empty((0, width))]
    for start in range(0, len(lists), AT_ONCE):
        here = chosen[(chosen >= start) & (chosen < start + AT_ONCE)] - start
        found.append(matrix_of(lists.iloc[start : start + AT_ONCE], width)[here])
    return np.concatenate(found)
