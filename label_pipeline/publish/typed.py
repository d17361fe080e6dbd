"""The training set of labels that are sets or numbers: typed as a training job takes them, and weighed.

Which rows enter stands in `candidate`, which writes labels as they are stored; here they become lists and doubles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from label_pipeline.label_meaning import Meaning, NumberMeaning, SetMeaning, parts

if TYPE_CHECKING:
    import pyarrow as pa


def typed(table: pa.Table, meaning: Meaning, numbers: pa.Table | None = None) -> pa.Table:
    """The candidate `table` with labels of their own type; the same table where a label is one class.

    Sets are lists of classes, `probabilities` the chance of each class to be there (they do not sum to one), and a row
    weighs the mean over classes of |2p − 1|: how far each decision is from a coin's. Numbers are doubles, without
    probabilities but with the ends of their 95% interval, and a row weighs the share of the variance of values that is
    no error, from the table consensus_numbers. Settled truth is certain.
    """
    import pyarrow as pa

    if isinstance(meaning, SetMeaning):
        members = meaning.members(table["label"].to_pylist())
        given = table["probabilities"].to_pylist()
        chances = [held if chance is None else chance for held, chance in zip(members, given, strict=True)]
        weights = [float(np.abs(2.0 * np.asarray(chance) - 1.0).mean()) for chance in chances]
        table = _replaced(
            table, "probabilities", pa.array([list(chance) for chance in chances], pa.list_(pa.float64()))
        )
        table = _replaced(table, "sample_weight", pa.array(weights, pa.float64()))
    if isinstance(meaning, NumberMeaning) and numbers is not None:
        table = _with_intervals(table, meaning, numbers)
    return _replaced(table, "label", meaning.typed(table["label"]))


def _with_intervals(table: pa.Table, meaning: Meaning, numbers: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    rows = numbers.take(pc.index_in(table["item_id"].combine_chunks(), numbers["item_id"].combine_chunks()))
    # A truth may differ from the consensus, whose interval is then none of it; and it is certain.
    certain = pc.equal(table["confidence"], 1.0)
    value = meaning.typed(table["label"])
    at = table.column_names.index("probabilities")
    table = table.remove_column(at)
    for place, name in enumerate(("ci_low", "ci_high")):
        table = table.add_column(at + place, name, pc.if_else(certain, value, rows[name]))
    return _replaced(table, "sample_weight", pc.if_else(certain, 1.0, pc.fill_null(rows["weight"], 1.0)))


def by_class(table: pa.Table, meaning: Meaning) -> pa.Table:
    """The rows of a candidate, or of gold, once for each class in their label; none where labels are numbers."""
    import pyarrow as pa

    if meaning.one_class:
        return table
    if not isinstance(meaning, SetMeaning):
        return table.slice(0, 0)
    held = [parts(text) for text in table["label"].to_pylist()]
    rows = np.repeat(np.arange(len(held)), [len(names) for names in held])
    return _replaced(table.take(pa.array(rows)), "label", pa.array([n for names in held for n in names], pa.string()))


def _replaced(table: pa.Table, name: str, column: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)
