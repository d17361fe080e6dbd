"""The candidate's profile: the few numbers by which people and gates judge a training set.

Counting only; what a number should be stands in `acceptance`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from label_pipeline.gold.holdout import held_out
from label_pipeline.label_meaning import Meaning
from label_pipeline.publish.candidate import evaluation_truth
from label_pipeline.publish.rows import broken_rows
from label_pipeline.publish.split import Splits, gold_split, shares_of
from label_pipeline.publish.typed import by_class

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class Profile:
    """`totals` is one row of numbers, never empty; `classes` one row a class. `TOTALS` says what they mean.

    `broken` counts the rows that break each rule of `rows`, by the rule's words; empty when all hold.
    """

    totals: pd.DataFrame
    classes: pd.DataFrame
    broken: Mapping[str, int] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """The profile as plain values for JSON."""
        return {
            "totals": self.totals.to_dict("records")[0],
            "classes": self.classes.to_dict("records"),
            "broken": dict(self.broken),
        }


TOTALS = {
    "items": "items known",
    "labelled": "items with a consensus label",
    "labelled_share": "labelled / items",
    "rows": "rows of the candidate",
    "learning_rows": "rows outside the gold split",
    "coverage": "learning rows / items that are not evaluation gold",
    "empty_splits": "splits with a share above 0 that have no row",
    "missing_classes": "classes no learning row has",
    "min_class_share": "share of the rarest class among learning rows",
    "mean_confidence": "mean confidence of learning rows",
    "issue_share": "share of learning rows whose label confident learning doubts",
    "broken_rows": "rows with a value that its column may not have: see broken in the profile",
    "max_sum_error": "largest |sum(probabilities) - 1|, or distance of one from 0 to 1; 1 without one a class",
    "unlabelled_rows": "rows without a label of the project",
    "repeated_items": "rows beyond the first of an item",
    "evaluation_gold": "evaluation gold items in force",
    "held_back": "labelled items left out because of near duplicates or their group",
    "held_back_share": "held_back / (held_back + learning rows)",
    "gold_leak": "learning rows that are, were or are drawn to be evaluation gold, or near duplicates of it",
    "split_leak": "sets of near duplicates with learning rows in more than one split",
    "false_gold": "rows of the gold split that are not evaluation gold or bear another label than its truth",
    "landed": "answers landed tonight",
    "quarantined_share": "quarantined / landed",
    "unaccounted": "sum over files of |landed - accepted - quarantined - duplicates|",
}


def profile(
    table: pa.Table,
    *,
    consensus: pa.Table,
    issues: pa.Table,
    placed: pa.Table,
    gold: pa.Table,
    landings: pa.Table,
    classes: Sequence[str],
    splits: Splits,
    day: date,
    meaning: Meaning | None = None,
    drawn: Collection[str] = (),
) -> Profile:
    """What there is in a candidate, beside the tables it was made of. `landings` are tonight's files.

    `placed` is the table splits of the day, `issues` label_issues, whose near duplicates are counted once more here, as
    is what evaluates by `gold_set` and the items `drawn` to.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    truth = evaluation_truth(gold, day)
    in_test = pc.equal(table["split"], gold_split(splits) or "")
    learning = table.filter(pc.invert(in_test))
    expected = truth["label"].take(pc.index_in(table["item_id"], truth["item_id"].combine_chunks()))
    true_gold = pc.fill_null(pc.equal(table["label"], expected), False)
    known = pa.chunked_array([*consensus["item_id"].chunks, *table["item_id"].chunks], pa.string())
    items, labelled = pc.count_distinct(known).as_py(), len(consensus) - consensus["label"].null_count
    trained_on = items - _count(pc.is_in(truth["item_id"], known.combine_chunks()))
    meaning = meaning or Meaning(tuple(classes))
    per_class = _per_class(by_class(table, meaning), by_class(learning, meaning), classes, splits, len(learning))
    balance = pc.subtract(
        landings["landed"], pc.add(pc.add(landings["accepted"], landings["quarantined"]), landings["duplicates"])
    )
    landed = pc.sum(landings["landed"]).as_py() or 0
    held_back = len(placed) - placed["held_back"].null_count
    broken, by_rule = broken_rows(table, splits)
    gold_leak, split_leak = _leaks(learning, issues, held_out(gold.to_pandas(), drawn=drawn).index)
    totals = {
        "items": items,
        "labelled": labelled,
        "labelled_share": _share(labelled, items),
        "rows": len(table),
        "learning_rows": len(learning),
        "coverage": _share(len(learning), trained_on),
        "empty_splits": len(
            {name for name, share in shares_of(splits).items() if share > 0}
            - set(pc.unique(table["split"]).to_pylist())
        ),
        "missing_classes": int((per_class["learning_rows"] == 0).sum()),
        "min_class_share": _share(min(per_class["learning_rows"], default=0), len(learning)),
        "mean_confidence": pc.mean(learning["confidence"]).as_py() or 0.0,
        "issue_share": _share(_count(learning["is_issue"]), len(learning)),
        "broken_rows": broken,
        "max_sum_error": _max_sum_error(table["probabilities"], len(classes)) if meaning.one_class else 0.0,
        "unlabelled_rows": len(table)
        - _count(pc.is_in(table["label"], pa.array(_labels(table, meaning), pa.string()))),
        "repeated_items": len(table) - pc.count_distinct(table["item_id"]).as_py(),
        "evaluation_gold": len(truth),
        "held_back": held_back,
        "held_back_share": _share(held_back, held_back + len(learning)),
        "gold_leak": gold_leak,
        "split_leak": split_leak,
        "false_gold": _count(pc.and_(in_test, pc.invert(true_gold))),
        "landed": landed,
        "quarantined_share": _share(pc.sum(landings["quarantined"]).as_py() or 0, landed),
        "unaccounted": pc.sum(pc.abs(balance)).as_py() or 0,
    }
    return Profile(pd.DataFrame([totals]), per_class, by_rule)


def _leaks(learning: pa.Table, issues: pa.Table, held: Iterable[str]) -> tuple[int, int]:
    """Learning rows that are, or are near, what evaluates; sets of near duplicates that are in more than one split."""
    import pyarrow as pa
    import pyarrow.compute as pc

    gold = pa.array(held, pa.string())
    twins = issues.select(["item_id", "duplicate_set"]).filter(pc.is_valid(issues["duplicate_set"]))
    near = twins["duplicate_set"].filter(pc.is_in(twins["item_id"], gold)).combine_chunks()
    at = pc.index_in(learning["item_id"].combine_chunks(), twins["item_id"].combine_chunks())
    number = twins["duplicate_set"].combine_chunks().take(at)
    leaking = pc.or_(pc.is_in(learning["item_id"], gold), pc.and_(pc.is_valid(number), pc.is_in(number, near)))
    rows = pa.table({"number": number, "split": learning["split"]}).filter(pc.is_valid(number))
    spread = rows.group_by("number").aggregate([("split", "count_distinct")])
    return _count(leaking), _count(pc.greater(spread["split_count_distinct"], 1))


def _count(mask: Any) -> int:
    import pyarrow.compute as pc

    return pc.sum(mask).as_py() or 0


def _share(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else 0.0


def _labels(table: pa.Table, meaning: Meaning) -> list[str]:
    """Labels of the project: its classes, or those in the table that are sets or numbers."""
    return list(meaning.classes) if meaning.one_class else meaning.allowed(table["label"].unique().to_pylist())


def _per_class(table: pa.Table, learning: pa.Table, classes: Sequence[str], splits: Splits, n: int) -> pd.DataFrame:
    """Rows, share, rows a split, mean confidence and quality, issues: one row a class, in declared order."""
    import pandas as pd

    index = pd.Index(list(classes), name="class")
    by_split = table.select(["label", "split"]).to_pandas().value_counts().unstack(fill_value=0)
    frame = by_split.reindex(index=index, columns=list(splits), fill_value=0).add_suffix("_rows")
    figures = learning.select(["label", "confidence", "label_quality", "is_issue"]).to_pandas().groupby("label")
    rows = figures.size().reindex(index, fill_value=0)
    per_class: pd.DataFrame = frame.assign(
        learning_rows=rows,
        share=rows / max(n, 1),
        mean_confidence=figures["confidence"].mean().reindex(index, fill_value=0.0),
        mean_label_quality=figures["label_quality"].mean().reindex(index),
        issues=figures["is_issue"].sum().astype("int64").reindex(index, fill_value=0),
    ).reset_index()
    return per_class


def _max_sum_error(probabilities: pa.ChunkedArray, k: int) -> float:
    """The largest distance of a row's sum from one, or of a value from 0 to 1; 1 where a row has not one a class."""
    import pyarrow.compute as pc

    whole = pc.fill_null(pc.equal(pc.list_value_length(probabilities), k), False)
    if len(probabilities) == 0:
        return 0.0
    if not pc.all(whole).as_py():
        return 1.0
    values = pc.list_flatten(probabilities).to_numpy().reshape(-1, k)
    error = float(max(np.abs(values.sum(axis=1) - 1).max(), -values.min(), values.max() - 1))
    return error if np.isfinite(error) else 1.0
