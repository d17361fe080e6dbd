"""Landed class probabilities: which rows can be used, and what is wrong with the others.

Reading the files is `sources.predictions`; the built-in model is `noise.out_of_fold`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import QUARANTINE
from label_pipeline.landing import LandedFile
from label_pipeline.matrices import lists_of
from label_pipeline.project import INTEGER_ID, Project

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUM_SLACK = 1e-3  # probabilities printed with few digits still sum to nearly one


def split_predictions(
    project: Project, landed: Sequence[tuple[LandedFile, pa.Table]]
) -> tuple[pd.DataFrame, dict[str, list[Any]]]:
    """Usable predictions (item_id, model, probabilities, landed_file) and the quarantined rows of the others.

    A row is usable when it has a finite, non-negative number for every class and they sum to one within 0.001;
    they are then scaled to sum to one exactly.
    """
    import numpy as np
    import pandas as pd

    good: list[pd.DataFrame] = []
    bad: dict[str, list[Any]] = {name: [] for name in QUARANTINE.names}
    for file, table in landed:
        rows, items, *others = table.columns
        landed_row = rows.to_numpy()
        item = items.to_pandas().astype(object).fillna("").str.strip()
        if project.items.ids == "integer":
            item = item.str.replace(INTEGER_ID, r"\1", regex=True)
        columns = dict(zip((n.strip().casefold() for n in table.column_names[2:]), others, strict=True))
        numbers = np.full((len(item), len(project.labels.classes)), np.nan)
        for k, name in enumerate(project.labels.classes):
            if (column := columns.get(name.strip().casefold())) is not None:
                numbers[:, k] = column.to_pandas()
        total = numbers.sum(axis=1)
        proper = np.isfinite(numbers) & (numbers >= 0)
        usable = proper.all(axis=1) & (np.abs(total - 1) <= SUM_SLACK) & (item != "").to_numpy()
        good.append(
            pd.DataFrame(
                {
                    "item_id": item[usable].to_numpy(),
                    "model": project.sources[file.source].model,
                    "probabilities": lists_of(numbers[usable] / total[usable, None], int(usable.sum())),
                    "landed_file": file.name,
                }
            )
        )
        for row in np.flatnonzero(~usable):
            words = f"the probabilities sum to {total[row]:.4g}"
            if not proper[row].all():
                words = f"class '{project.labels.classes[int(proper[row].argmin())]}' has no number from 0 to 1"
            if not item.iloc[row]:
                words = "the item is empty"
            values: dict[str, Any] = {
                "landed_file": file.name,
                "landed_row": int(landed_row[row]),
                "answer": 1,
            }
            values |= {
                "source": file.source,
                "rule": "probabilities",
                "column": "probabilities",
                "reason": words,
                "raw": "{}",
            }
            for name in bad:
                bad[name].append(values[name])
    if not good:
        good = [pd.DataFrame({"item_id": [], "model": [], "probabilities": [], "landed_file": []}, dtype=object)]
    return pd.concat(good, ignore_index=True), bad
