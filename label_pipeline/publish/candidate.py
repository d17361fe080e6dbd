"""The candidate training set: a pure function of consensus, items, noise scores, gold and the day.

Which rows may enter, with which label, weight and split, is decided here and nowhere else. Whether the
candidate is good enough stands in `acceptance`; how it is stored in `version`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from label_pipeline.gold.holdout import held_out
from label_pipeline.gold.life import in_force
from label_pipeline.publish.placement import placement
from label_pipeline.publish.split import Splits, gold_split

if TYPE_CHECKING:
    import pyarrow as pa

INCLUDED = ("open", "accepted", "adjudicated", "gold")
"""Statuses that enter a training set unless the project says otherwise: a disputed label teaches a coin flip."""

COLUMNS = {
    "item_id": "the thing labelled",
    "label": "the label to learn; in the gold split the settled truth",
    "probabilities": "class probabilities in the manifest's class order; they sum to one",
    "confidence": "probability of the label, 0 to 1",
    "sample_weight": "confidence above chance, 0 to 1, lowered by label_quality where is_issue",
    "agreement": "share of the annotations that gave this label, 0 to 1",
    "n_annotations": "annotations that count",
    "label_quality": "how likely the label is right by a model that has not seen it, 0 to 1; empty without a model",
    "is_issue": "confident learning finds the label wrong",
    "status": "open, accepted, disputed, adjudicated or gold",
    "split": "where the item belongs for good; evaluation gold has its own split",
}
"""The set's own columns and their meaning; the declared item fields stand after `item_id`."""

VOTED = ("label", "probabilities", "confidence", "agreement", "n_annotations", "status")
AT_ONCE = 4096  # payloads


def evaluation_truth(gold: pa.Table, day: date) -> pa.Table:
    """Evaluation gold in force on `day`: item_id and label, one row an item."""
    import pyarrow as pa

    settled = in_force(gold.to_pandas(), day)
    settled = settled[settled["role"] == "evaluation"].drop_duplicates("item_id", keep="last")
    return pa.table({name: pa.array(settled[name], pa.string()) for name in ("item_id", "label")})


def learnable(consensus: pa.Table, truth: pa.Table, statuses: Sequence[str] = INCLUDED) -> pa.Array:
    """The ids, in order, of the items that may be learnt from: labelled, of one of `statuses`, no evaluation gold."""
    import pyarrow as pa
    import pyarrow.compute as pc

    included = pc.is_in(consensus["status"], pa.array(statuses, pa.string()))
    labelled = pc.and_(included, pc.is_valid(consensus["label"]))
    ids = _values(consensus["item_id"].filter(pc.and_not(labelled, pc.is_in(consensus["item_id"], truth["item_id"]))))
    return ids.take(pc.array_sort_indices(ids))


def place(
    consensus: pa.Table,
    items: pa.Table,
    issues: pa.Table,
    gold: pa.Table,
    previous: pa.Table,
    *,
    splits: Splits,
    day: date,
    group: str | None = None,
    include_statuses: Sequence[str] = INCLUDED,
    drawn: Collection[str] = (),
) -> pa.Table:
    """The table splits as of `day`: see `placement` for its rule, and `candidate` for the tables.

    `previous` is the table of the day before; items with an equal value in the declared field `group` stay together.
    `drawn` are the items that are drawn for evaluation.
    """
    import pyarrow as pa

    truth = evaluation_truth(gold, day)
    ids = learnable(consensus, truth, include_statuses)
    groups = None if group is None else _parsed(_rows(items, ids, "payload")["payload"], [group])[0]
    return placement(
        ids,
        pa.array(held_out(gold.to_pandas(), drawn=drawn).index, pa.string()),
        known=_values(consensus["item_id"]),
        duplicates=issues,
        groups=groups,
        previous=previous,
        splits=splits,
    )


def candidate(
    consensus: pa.Table,
    items: pa.Table,
    issues: pa.Table,
    gold: pa.Table,
    placed: pa.Table,
    *,
    classes: Sequence[str],
    splits: Splits,
    day: date,
    fields: Sequence[str] = (),
    include_statuses: Sequence[str] = INCLUDED,
) -> pa.Table:
    """The training set as of `day`, one row an item, sorted by item_id, with the columns of `COLUMNS`.

    Takes the tables consensus_labels, items (the newest version of each item), label_issues, gold_set, and splits as
    from `place`. Evaluation gold in force is in the split declared `gold` with the truth as its label, and nowhere
    else; without such a split it is held back. Other items enter when they have a label and one of
    `include_statuses` and are not held back in `placed`. `fields` become columns (numbers, text, flags or lists by
    what they hold, else their JSON text); one that bears the name of an own column is called `item_<name>`.

    `sample_weight` is max(0, (K·confidence - 1) / (K - 1)) for K classes, the factor by which symmetric label
    noise shrinks a loss's signal (Natarajan et al. 2013), times `label_quality` where the label is an issue.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    truth = evaluation_truth(gold, day)
    test = gold_split(splits)
    ids = learnable(consensus, truth, include_statuses)
    here = _rows(placed, ids, "split", "held_back")
    ids = ids.filter(_values(pc.and_(pc.is_valid(here["split"]), pc.is_null(here["held_back"]))))
    if test:
        known = pa.concat_arrays([_values(consensus["item_id"]), _values(items["item_id"])])
        ids = pa.concat_arrays([ids, _values(truth["item_id"].filter(pc.is_in(truth["item_id"], known)))])
    ids = ids.take(pc.array_sort_indices(ids))

    own_split = _rows(placed, ids, "split")["split"]
    voted = _rows(consensus, ids, *VOTED)
    noise = _rows(issues, ids, "given_label", "label_quality", "is_issue")
    true_label = _rows(truth, ids, "label")["label"]
    is_test = pc.is_valid(true_label)
    label = pc.if_else(is_test, true_label, voted["label"])
    confidence = pc.if_else(is_test, 1.0, voted["confidence"])
    # A score belongs to the label it was computed for; the truth may be another one.
    scored = pc.fill_null(pc.equal(noise["given_label"], label), False)
    quality = pc.if_else(scored, noise["label_quality"], pa.scalar(None, pa.float64()))
    is_issue = pc.and_(scored, pc.fill_null(noise["is_issue"], False))
    columns = {
        "item_id": ids,
        **_payload(_rows(items, ids, "payload")["payload"], fields),
        "label": label,
        "probabilities": _certain_where(is_test, label, voted["probabilities"], classes),
        "confidence": confidence,
        "sample_weight": pa.array(_weights(confidence, quality, is_issue, len(classes))),
        "agreement": voted["agreement"],
        "n_annotations": pc.fill_null(voted["n_annotations"], 0),
        "label_quality": quality,
        "is_issue": is_issue,
        "status": pc.if_else(is_test, "gold", voted["status"]),
        "split": pc.if_else(is_test, test or "", own_split),
    }
    return pa.table(columns)


def _values(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _rows(table: pa.Table, ids: pa.Array, *columns: str) -> pa.Table:
    """The rows of `table` for `ids`, in their order; all empty where an id is unknown."""
    import pyarrow.compute as pc

    return table.select(columns).take(pc.index_in(ids, _values(table["item_id"])))


def _weights(confidence: Any, quality: Any, is_issue: Any, k: int) -> npt.NDArray[np.float64]:
    """The sample weight of each row; see `candidate`."""
    import pyarrow.compute as pc

    sure = np.nan_to_num(confidence.to_numpy().astype(np.float64))
    above_chance = np.clip((k * sure - 1) / (k - 1), 0, 1) if k > 1 else np.ones_like(sure)
    lowered = pc.if_else(is_issue, quality, 1.0).to_numpy().astype(np.float64)
    return np.asarray(above_chance * lowered)


def _certain_where(certain: Any, label: Any, probabilities: Any, classes: Sequence[str]) -> Any:
    """Class probabilities: all on the label where `certain`, else as given."""
    import pyarrow as pa
    import pyarrow.compute as pc

    one_hot = pa.array(np.eye(len(classes)).tolist(), pa.list_(pa.float64()))
    # if_else knows no lists: what a certain label looks like is laid behind all rows, and each row picks its own.
    both = pa.concat_arrays([_values(probabilities.cast(one_hot.type)), one_hot])
    sure = pc.add(pc.index_in(label, pa.array(classes, pa.string())), len(label))
    return both.take(_values(pc.if_else(certain, sure, pa.array(np.arange(len(label)), pa.int32()))))


def _payload(payload: pa.ChunkedArray, fields: Sequence[str]) -> dict[str, Any]:
    """The declared fields of each item as columns."""
    columns = zip(fields, _parsed(payload, fields), strict=True)
    return {own_name(name): _typed(column) for name, column in columns}


def own_name(field: str) -> str:
    """The name an item field has in the set, whose own columns keep theirs."""
    return f"item_{field}" if field in COLUMNS else field


def _parsed(payload: pa.ChunkedArray, fields: Sequence[str]) -> list[list[Any]]:
    """The values of each of `fields`, one a payload; None where it is absent."""
    columns: list[list[Any]] = [[] for _ in fields]
    for start in range(0, len(payload) if fields else 0, AT_ONCE):
        # One call for many payloads: calls would cost more than parsing.
        texts = payload.slice(start, AT_ONCE).to_pylist()
        rows = json.loads(f"[{','.join(text or '{}' for text in texts)}]")
        for name, column in zip(fields, columns, strict=True):
            column += [row.get(name) for row in rows]
    return columns


def _typed(values: list[Any]) -> Any:
    """An Arrow column of what the values are: flags, numbers, text or lists of them; else their JSON as text."""
    import pyarrow as pa

    try:
        column = pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeError):
        return pa.array([_as_text(value) for value in values], pa.string())
    held = column.type.value_type if pa.types.is_list(column.type) else column.type
    if pa.types.is_nested(held) or pa.types.is_null(held):
        return pa.array([_as_text(value) for value in values], pa.string())
    return column


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text.encode("utf-8", "replace").decode()
