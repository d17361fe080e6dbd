"""Gold and a model's probabilities as people hand them in, put in the order of the votes.

Here belong the reading of these two frames and the errors in them that a user can mend. Annotations are read by
`votes` and `label_sets`; what the arrays are used for stands in `selection`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from label_pipeline.coding import AnyArray, code_column, code_labels, column_reader
from label_pipeline.errors import UserError, nearest
from label_pipeline.label_sets import LabelSets
from label_pipeline.votes import FloatArray, IntArray, Votes


def class_columns(probabilities: Any) -> tuple[str, ...]:
    """The classes that a frame of probabilities names, in its order. Raises UserError for anything but a frame."""
    import pandas as pd

    if not isinstance(probabilities, pd.DataFrame):
        raise UserError(
            f"probabilities are a {type(probabilities).__name__}",
            where="probabilities",
            do="Pass a DataFrame indexed by item_id with one column a class.",
        )
    return tuple(str(int(c)) if isinstance(c, float) and c.is_integer() else str(c) for c in probabilities.columns)


def align_model(probabilities: Any, votes: Votes) -> tuple[FloatArray, int]:
    """Probabilities (n_items, n_classes) in the order of the votes, and how many rows are of other items.

    Raises UserError where classes or items are missing, unknown or named twice, or where a value is no number.
    What the numbers must be is checked by the method that takes them.
    """
    import pandas as pd

    named = class_columns(probabilities)
    _once(pd.Index(named), "class")
    known, given = set(votes.classes), set(named)
    for name in named:
        if name not in known:
            raise UserError(f"column '{name}' is no class", where="probabilities", do=nearest(name, votes.classes))
    missing = [name for name in votes.classes if name not in given]
    if missing:
        raise UserError(
            f"there is no column for class '{missing[0]}'"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
            where="probabilities",
            rule="one column a class",
            do=nearest(missing[0], named) if len(named) < len(votes.classes) else "",
        )
    try:
        values = probabilities.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"not all values are numbers ({error})", where="probabilities") from error
    if named != votes.classes:
        values = values[:, pd.Index(named).get_indexer(pd.Index(votes.classes))]
    if np.array_equal(probabilities.index.to_numpy(), votes.items):
        return np.ascontiguousarray(values), 0
    _once(probabilities.index, "item")
    rows = probabilities.index.get_indexer(pd.Index(votes.items))
    absent = np.flatnonzero(rows < 0)
    if len(absent):
        raise UserError(
            f"{len(absent)} of {votes.n_items} items have no probabilities, first '{votes.items[absent[0]]}'",
            where="probabilities",
            rule="a row for every item, indexed by item_id",
            do=_kinds(probabilities.index.to_numpy(), votes.items),
        )
    return np.ascontiguousarray(values[rows]), len(values) - len(rows)


def read_gold(gold: Any) -> tuple[AnyArray, AnyArray]:
    """Item ids and class names of a frame of gold, one row an item. Raises UserError where an item has two labels."""
    read = column_reader(gold, ("item_id", "label"), "")
    code, ids = code_column(read("item_id"), "item_id")
    label, names = code_labels(read("label"), "label", None)
    rows = np.unique(np.stack([code, label], axis=1), axis=0)
    twice = np.flatnonzero(rows[1:, 0] == rows[:-1, 0])
    if len(twice):
        first = rows[twice[0]]
        raise UserError(
            f"{len(twice)} contradictions, first item '{ids[first[0]]}': '{names[first[1]]}' and another label",
            where="gold",
            rule="one label an item",
        )
    return ids[rows[:, 0]], np.array(names, dtype=object)[rows[:, 1]]


def gold_codes(ids: AnyArray, labels: AnyArray, votes: Votes) -> tuple[IntArray, int]:
    """Gold as class codes int32 (n_items,), -1 where unknown, and how many rows are of other items.

    Raises UserError for a label that is no class, and where ids are of another kind than those of the votes.
    """
    import pandas as pd

    code = pd.Index(votes.classes).get_indexer(pd.Index(labels))
    unknown = np.flatnonzero(code < 0)
    if len(unknown):
        name = str(labels[unknown[0]])
        raise UserError(f"label '{name}' is no class", where="gold", do=nearest(name, votes.classes))
    where = _positions(ids, votes.items)
    truth = np.full(votes.n_items, -1, dtype=np.int32)
    truth[where[where >= 0]] = code[where >= 0]
    return truth, int((where < 0).sum())


def gold_sets(gold: Any, sets: LabelSets) -> tuple[IntArray, int]:
    """Gold sets as int32 (n_items, n_classes), 1 or 0, -1 where unknown, and how many are of other items."""
    named = read_gold_sets(gold)
    place = {name: k for k, name in enumerate(sets.classes)}
    code = np.array([place.get(name, -1) for name in named.classes], dtype=np.int64)
    if (code < 0).any():
        name = named.classes[int(np.argmax(code < 0))]
        raise UserError(f"label '{name}' is no class", where="gold", do=nearest(name, sets.classes))
    where = _positions(named.items, sets.items)
    owner = np.repeat(np.arange(named.n), np.diff(named.set_offsets))
    truth = np.full((sets.n_items, sets.n_classes), -1, dtype=np.int32)
    truth[where[where >= 0]] = 0
    here = where[owner] >= 0
    truth[where[owner][here], code[named.chosen][here]] = 1
    return truth, int((where < 0).sum())


def read_gold_sets(gold: Any) -> LabelSets:
    """A frame of gold sets, read as one annotator's."""
    import pandas as pd

    read = column_reader(gold, ("item_id", "label"), "")
    columns = {name: pd.Series(read(name)).reset_index(drop=True) for name in ("item_id", "label")}
    return LabelSets.build(pd.DataFrame(columns).assign(annotator_id="gold"))


def _positions(ids: AnyArray, items: AnyArray) -> IntArray:
    """Where each id stands among `items`, -1 for nowhere. Raises UserError where text meets numbers."""
    import pandas as pd

    if len(ids) and len(items) and (ids.dtype == object) != (items.dtype == object):
        raise UserError("ids are of another kind than those annotated", where="gold", do=_kinds(ids, items))
    return np.asarray(pd.Index(items).get_indexer(pd.Index(ids)))


def _kinds(theirs: AnyArray, items: AnyArray) -> str:
    if (theirs.dtype == object) == (items.dtype == object):
        return ""
    kind = {True: "text", False: "numbers"}
    return f"Annotated items have {kind[items.dtype == object]} as ids, these have {kind[theirs.dtype == object]}."


def _once(names: Any, what: str) -> None:
    if not names.is_unique:
        raise UserError(f"{what} '{names[names.duplicated()][0]}' is named twice", where="probabilities")
