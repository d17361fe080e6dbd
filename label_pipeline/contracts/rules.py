"""The rules rows must keep, as pandera schemas on Arrow tables, and how their failures become rows.

`answer_rules` judge landed answers one by one: what breaks one is quarantined. `table_schema` judges a whole
table before it is written: a failure there is a fault of the pipeline, and the night stops.

pandera's Arrow backend reports which rule failed but not which row (index is always null), so the rows are
found by evaluating the failed check's own expression once more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import Table
from label_pipeline.label_meaning import Meaning

if TYPE_CHECKING:
    import pyarrow as pa

    from label_pipeline.project import Project
    from label_pipeline.project_labels import Labels

STATUSES = ("submitted", "skipped", "rejected", "deleted")
ITEM_STATUSES = ("unlabelled", "open", "accepted", "disputed", "adjudicated", "gold")
LABELS = ("label", "given_label", "suggested_label", "voted_label")  # columns that hold labels of the project
HASH_WIDTH = 32  # signs of an event id
PIECE = 1 << 20  # rows of a large table checked at once
# A landing folder's name is a local day: a clock a day ahead of it is still plausible, two days are not.
FUTURE_SLACK = timedelta(days=1)


@dataclass(frozen=True)
class Rule:
    """One rule on landed answers: its name, the column it is about, and what it says."""

    name: str
    column: str
    words: str
    holds: Callable[[Any], Any]


@dataclass(frozen=True)
class Failure:
    """The rows of a table that break one rule (boolean Arrow array, true where broken)."""

    rule: Rule
    rows: pa.Array


def answer_rules(project: Project, day_end: datetime) -> list[Rule]:
    """The rules an answer must keep, the first broken one is the reason it is quarantined."""
    limit = day_end + FUTURE_SLACK
    return [
        Rule(
            "value_damaged",
            "item_id",
            "the item, the annotator or the annotation id holds a NUL byte",
            lambda nw: ~nw.col("damaged"),
        ),
        Rule("item_missing", "item_id", "the item is empty", lambda nw: ~nw.col("item_id").is_null()),
        Rule(
            "annotator_missing", "annotator_id", "the annotator is empty", lambda nw: ~nw.col("annotator_id").is_null()
        ),
        Rule(
            "status_known",
            "status",
            f"the status is not one of {', '.join(STATUSES)}",
            lambda nw: nw.col("status").is_in(list(STATUSES)).fill_null(False),
        ),
        *_label_rules(project.labels),
        Rule("time_unreadable", "time_unread", "the time cannot be read", lambda nw: ~nw.col("unread")),
        Rule(
            "in_the_future",
            "annotated_at",
            f"the time is after {limit:%Y-%m-%d %H:%M} UTC, a day after it landed",
            lambda nw: ~(nw.coalesce("annotated_at", "started_at") > nw.lit(limit)).fill_null(False),
        ),
        Rule(
            "times_in_order",
            "started_at",
            "it was started after it was finished",
            lambda nw: (
                nw.col("started_at").is_null()
                | nw.col("annotated_at").is_null()
                | (nw.col("started_at") <= nw.col("annotated_at"))
            ),
        ),
        Rule(
            "duration_negative",
            "duration_s",
            "the duration is negative or not a number",
            lambda nw: nw.col("duration_s").is_null() | (nw.col("duration_s") >= 0),
        ),
        *_reference_rules(project),
    ]


def _label_rules(labels: Labels) -> list[Rule]:
    """What the label of a submitted or rejected answer must be in the project's schema."""
    classes = f"{', '.join(labels.classes[:12])}{', ...' if len(labels.classes) > 12 else ''}"
    unknown = ("label_unknown", f"the label is none of the classes {classes}")
    means = {
        "single_choice": unknown,
        "ordinal": unknown,
        "multi_label": ("label_unknown", f"the label holds something that is none of the classes {classes}"),
        "number": ("label_no_number", "the label is no finite number, written like 3 or 2.5"),
    }  # labels of other types mean what was written

    def labelled(nw: Any) -> Any:
        return nw.col("status").is_in(["submitted", "rejected"])

    rules = [
        Rule(
            "label_missing",
            "label_raw",
            "the answer is empty",
            lambda nw: ~(nw.col("label_empty") & labelled(nw)),
        ),
    ]
    if labels.type in means:
        name, words = means[labels.type]
        rules.append(Rule(name, "label_raw", words, lambda nw: ~(nw.col("label").is_null() & labelled(nw))))
    if labels.range:
        ends = {"at least": labels.range.at_least, "at most": labels.range.at_most}
        said = " and ".join(f"{word} {end:g}" for word, end in ends.items() if end is not None)
        within = Rule(
            "label_out_of_range",
            "label_raw",
            f"the number is not {said}",
            lambda nw: ~(nw.col("out_of_range") & labelled(nw)),
        )
        rules.append(within)
    return rules


def _reference_rules(project: Project) -> list[Rule]:
    """What an answer refers to is known, where the project says who knows it."""
    rules = []
    if project.items.sources:
        rules.append(
            Rule(
                "item_unknown",
                "item_id",
                f"the item is none that {', '.join(project.items.sources)} delivered",
                lambda nw: nw.col("item_listed") | nw.col("item_id").is_null(),
            )
        )
    if project.people.unknown == "quarantine":
        rules.append(
            Rule(
                "annotator_unknown",
                "annotator_id",
                "the annotator is not in the roster",
                lambda nw: nw.col("annotator_listed") | nw.col("annotator_id").is_null(),
            )
        )
    if project.people.roster is not None:
        rules.append(
            Rule(
                "adjudicator_only",
                "annotator_id",
                "the batch is for adjudicators, and the roster gives this annotator another role or none",
                lambda nw: ~nw.col("decides_without_role"),
            )
        )
    if project.batches.require_from is not None:
        rules.append(
            Rule(
                "item_not_sent",
                "item_id",
                "the item was in no batch that was sent, or not in the one that the answer names",
                lambda nw: nw.col("item_sent") | nw.col("item_id").is_null(),
            )
        )
    return rules


def failures(table: pa.Table, rules: Sequence[Rule]) -> list[Failure]:
    """Which rows break which rule, in the order of `rules`. Nothing is copied when all hold."""
    import narwhals.stable.v1 as nw

    pandera = _pandera()
    by_name = {rule.name: rule for rule in rules}
    checks = [pandera.Check(lambda _, rule=rule: rule.holds(nw), native=False, name=rule.name) for rule in rules]
    try:
        pandera.DataFrameSchema(checks=checks).validate(table, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        frame = nw.from_native(table, eager_only=True)
        broken = {}
        for error in errors.schema_errors:
            if not isinstance(error.check_output, nw.Expr):  # the check itself failed: a fault of ours, not of the row
                raise
            holds = frame.select(error.check_output.fill_null(True).alias("holds"))["holds"]
            broken[error.check.name] = (~holds).to_arrow()
        return [Failure(by_name[name], broken[name]) for name in by_name if name in broken]
    return []


def _pandera() -> Any:
    """pandera for Arrow tables.

    Where the variable is unset, importing pandera makes pyarrow drop the offset of every time that comes later.
    """
    os.environ.setdefault("PYARROW_IGNORE_TIMEZONE", "")
    import pandera.pyarrow

    return pandera.pyarrow


def table_schema(table: Table, classes: Sequence[str] = (), *, ordered: bool = False, vouched: bool = False) -> Any:
    """The pandera schema of a table: columns, types, keys, and the values its columns may have.

    Keys of a table known to be `ordered` are not compared once more, and where Arrow has `vouched` for columns, types
    and nulls, only those are looked at whose values matter: pandera takes milliseconds a column, of any size.
    """
    from label_pipeline.contracts.table import arrow_types

    pandera = _pandera()
    check = pandera.Check
    share = {"confidence", "voted_confidence", "agreement", "label_quality", "quality", "gold_accuracy", "weight",
             "too_fast_share"}  # fmt: skip
    if table.name == "consensus_evidence":
        share -= {"agreement"}  # beyond chance: below 0 where annotators agree less than chance would
    within: dict[str, list[Any]] = {
        "status": [check.isin(list(_statuses(table)))] if _statuses(table) else [],
        **{name: [check.isin(list(classes))] if classes else [] for name in LABELS},
    }
    columns = {
        c.name: pandera.Column(
            arrow_types()[c.kind],
            [*within.get(c.name, []), *([check.in_range(0, 1)] if c.name in share else [])],
            nullable=c.nullable,
        )
        for c in table.columns
        if not vouched or within.get(c.name) or c.name in share or (c.kind == "float" and not c.nullable)
    }
    return pandera.DataFrameSchema(
        columns, strict=not vouched, unique=None if ordered else list(table.key), name=table.name
    )


def _statuses(table: Table) -> tuple[str, ...]:
    return {"annotation_events": STATUSES, "consensus_labels": ITEM_STATUSES}.get(table.name, ())


def broken_contract(table: Table, rows: pa.Table, labels: Meaning | Sequence[str] = ()) -> list[str]:
    """What a table breaks of its contract, in words; empty when it holds. `labels` are those of the project."""
    import pyarrow.compute as pc

    broken: dict[str, None] = {}
    meaning = labels if isinstance(labels, Meaning) else Meaning(tuple(labels))
    ordered = table.as_given or (set(table.key) <= set(rows.column_names) and table.in_order(rows))
    schema = table_schema(table, _allowed(rows, meaning), ordered=ordered, vouched=_vouched(table, rows))
    for start in range(0, max(len(rows), 1), PIECE if table.as_given else max(len(rows), 1)):
        try:
            schema.validate(_decoded(rows.slice(start, PIECE) if table.as_given else rows), lazy=True)
        except _pandera().errors.SchemaErrors as errors:
            broken |= dict.fromkeys(
                f"{table.name}.{e.schema.name or ''}: {e.check or e.reason_code}: {str(e)[:200]}"
                for e in errors.schema_errors
            )
    if table.as_given and any(_repeats(rows[name]) for name in table.key if name in rows.column_names):
        broken[f"{table.name}.{', '.join(table.key)}: a key stands twice"] = None
    if "probabilities" in rows.column_names and len(rows) and meaning.one_class:
        lists = rows["probabilities"].drop_null().combine_chunks()
        sums = _list_sums(lists)
        if len(lists) and not pc.all(pc.less_equal(pc.abs(pc.subtract(sums, 1.0)), 1e-6)).as_py():
            broken[f"{table.name}.probabilities: a row does not sum to one"] = None
    return list(broken)


def _vouched(table: Table, rows: pa.Table) -> bool:
    """Whether Arrow knows, without reading a value, that columns, types and nulls are as they should be."""
    import pyarrow.types as types

    plain = [f.type.value_type if types.is_dictionary(f.type) else f.type for f in rows.schema]
    return (
        rows.column_names == table.names
        and plain == table.schema.types
        and all(c.nullable or not rows[c.name].null_count for c in table.columns)
    )


def _decoded(rows: pa.Table) -> pa.Table:
    """With text where columns are held as codes."""
    import pyarrow as pa

    plain = [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in rows.schema]
    return rows.cast(pa.schema(plain))


def _repeats(keys: pa.ChunkedArray) -> bool:
    """Whether a value stands twice among keys.

    Of keys that are hashes a number is made of each and sorted, which is a fifth of the work of comparing text.
    """
    import numpy as np
    import pyarrow.compute as pc

    numbers = []
    for chunk in keys.chunks:
        if not len(chunk):
            continue
        _, ends, text = chunk.buffers()
        offsets = np.frombuffer(ends, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        if (np.diff(offsets) != HASH_WIDTH).any():
            break
        words = np.frombuffer(text, np.uint8)[offsets[0] : offsets[-1]].view(np.uint64).reshape(len(chunk), -1)
        numbers.append(words[:, 0] * np.uint64(0x9E3779B97F4A7C15) + words[:, 1])
    else:
        sorted_numbers = np.sort(np.concatenate([np.empty(0, np.uint64), *numbers]))
        if (sorted_numbers[1:] != sorted_numbers[:-1]).all():
            return False
    return bool(pc.count_distinct(keys).as_py() < len(keys))


def _allowed(rows: pa.Table, meaning: Meaning) -> Sequence[str]:
    """What a label may be: a class, or of sets and numbers those that stand in the table and are sound."""
    if meaning.one_class:
        return meaning.classes
    import pyarrow.compute as pc

    columns = [rows[name] for name in LABELS if name in rows.column_names]
    found = {text for column in columns for text in pc.unique(column.drop_null()).to_pylist()}
    return meaning.allowed(sorted(found)) or [""]


def _list_sums(lists: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    values, offsets = lists.flatten().to_numpy(zero_copy_only=False), lists.offsets.to_numpy()
    total = np.concatenate([[0.0], np.cumsum(values)])
    start = offsets - offsets[0]
    return pa.array(total[start[1:]] - total[start[:-1]])
