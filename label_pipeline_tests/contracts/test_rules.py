"""Contracts: each rule fails for exactly the rows it should, and a table that breaks its contract says how."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from label_pipeline.contracts.rules import answer_rules, broken_contract, failures
from label_pipeline.contracts.tables import ANNOTATION_EVENTS, CONSENSUS_LABELS, ITEMS, PREDICTIONS, TABLES
from label_pipeline.project import Project, parse_project

END = datetime(2026, 10, 6, tzinfo=UTC)
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "damaged": False,
    "item_id": "i",
    "annotator_id": "a",
    "status": "submitted",
    "label_empty": False,
    "label": "cat",
    "unread": False,
    "annotated_at": NOON,
    "started_at": NOON - timedelta(seconds=5),
    "duration_s": 5.0,
}
NOTHING: dict[str, Any] = dict.fromkeys(("label", "annotated_at", "started_at", "duration_s")) | {"label_empty": True}
HOLDS: list[dict[str, Any]] = [
    {},
    NOTHING | {"status": "skipped"},
    NOTHING | {"status": "deleted"},
    {"label": None, "status": "skipped"},
    {"status": "rejected"},
    {"started_at": NOON},
    {"started_at": None},
    {"annotated_at": None},
    {"annotated_at": None, "started_at": None, "duration_s": 0.0},
    {"annotated_at": END + timedelta(days=1)},  # a clock may be a day ahead
]
BREAKS: list[tuple[dict[str, Any], list[str]]] = [
    ({"damaged": True}, ["value_damaged"]),
    ({"item_id": None}, ["item_missing"]),
    ({"annotator_id": None}, ["annotator_missing"]),
    ({"status": "draft"}, ["status_known"]),
    ({"status": None}, ["status_known"]),
    ({"label_empty": True, "label": None}, ["label_missing", "label_unknown"]),
    ({"label_empty": True, "label": None, "status": "rejected"}, ["label_missing", "label_unknown"]),
    ({"label": None}, ["label_unknown"]),
    ({"unread": True, "annotated_at": None}, ["time_unreadable"]),
    ({"annotated_at": END + timedelta(days=1, microseconds=1)}, ["in_the_future"]),
    ({"annotated_at": None, "started_at": END + timedelta(days=2)}, ["in_the_future"]),
    ({"started_at": NOON + timedelta(microseconds=1)}, ["times_in_order"]),
    ({"duration_s": -0.001}, ["duration_negative"]),
    ({"duration_s": float("nan")}, ["duration_negative"]),
    ({"item_id": None, "status": "draft", "duration_s": -1.0}, ["item_missing", "status_known", "duration_negative"]),
]
SCHEMA = pa.schema(
    [
        *((name, pa.bool_()) for name in ("damaged", "label_empty", "unread")),
        *((name, pa.string()) for name in ("item_id", "annotator_id", "status", "label")),
        *((name, pa.timestamp("us", tz="UTC")) for name in ("annotated_at", "started_at")),
        ("duration_s", pa.float64()),
    ]
)


def project_of(labels: str, more: str = "") -> Project:
    """A project with this label schema."""
    text = f"project: p\nstart: 2026-10-01\nlabels: {{{labels}}}\nsources: {{s: {{format: csv}}}}\n{more}"
    return parse_project(text, "project.yaml")


def project(classes: Sequence[str]) -> Project:
    return project_of(f"classes: [{', '.join(classes)}]")


def broken(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The names of the rules each row breaks, in order."""
    table = pa.Table.from_pylist([GOOD | row for row in rows], SCHEMA)
    found: list[list[str]] = [[] for _ in rows]
    for failure in failures(table, answer_rules(project(["cat", "dog"]), END)):
        for k, fails in enumerate(failure.rows.to_pylist()):
            if fails:
                found[k].append(failure.rule.name)
    return found


def test_each_rule_fails_for_exactly_its_rows() -> None:
    """Loss: a rule that lets nulls pass, or fails its neighbours, sends the wrong rows to quarantine."""
    rows = [row for pair in zip(HOLDS, (bad for bad, _ in BREAKS), strict=False) for row in pair]
    rows += [bad for bad, _ in BREAKS[len(HOLDS) :]]
    expected = {id(bad): names for bad, names in BREAKS}
    assert broken(rows) == [expected.get(id(row), []) for row in rows]
    assert {name for _, names in BREAKS for name in names} == {
        r.name for r in answer_rules(project(["cat", "dog"]), END)
    }


def test_good_rows_break_nothing_and_no_rows_neither() -> None:
    """Loss: an empty night is a night."""
    assert broken(HOLDS) == [[] for _ in HOLDS]
    assert failures(SCHEMA.empty_table(), answer_rules(project(["cat", "dog"]), END)) == []


def test_a_rule_names_its_classes_and_its_limit() -> None:
    """Loss: a reason that does not say what would be right sends people to the code."""
    words = {rule.name: rule.words for rule in answer_rules(project([f"c{k}" for k in range(20)]), END)}
    assert words["label_unknown"] == f"the label is none of the classes {', '.join(f'c{k}' for k in range(12))}, ..."
    assert "2026-10-07 00:00 UTC" in words["in_the_future"]


def test_the_documents_table_lists_every_rule() -> None:
    """Loss: a rule that stands in quarantine and nowhere else leaves people guessing."""
    root = Path(__file__).resolve().parents[2]
    listed = re.findall(
        r"^\| (\w+) \|", (root / "docs" / "formats.md").read_text("utf-8").split("## Quarantine")[1], re.M
    )
    opted = "items: {sources: s}\npeople: {roster: p.csv, unknown: quarantine}\n"
    opted += "batches: {require_from: 2026-10-05}\n"
    schemas = ("classes: [a, b]", "type: number, range: {at_least: 0}")
    rules = [rule for schema in schemas for rule in answer_rules(project_of(schema, opted), END)]
    known = {rule.name for rule in rules} | {"id_reused", "line_unreadable", "probabilities"}
    for folder in ("sources", "ingest"):
        for module in (root / "label_pipeline" / folder).glob("*.py"):
            known |= set(re.findall(r'rule="(\w+)"', module.read_text("utf-8")))
    assert sorted(listed) == sorted({"rule"} | known)


# Tables


def labels(**changes: Any) -> pa.Table:
    row = {
        "item_id": "i",
        "label": "cat",
        "voted_label": "cat",
        "probabilities": [0.25, 0.75],
        "confidence": 0.75,
        "agreement": 1.0,
        "n_annotations": 2,
        "method": "majority",
        "status": "open",
    } | changes
    names = CONSENSUS_LABELS.names
    return CONSENSUS_LABELS.conform({name: [row.get(name)] for name in names})


def test_a_table_that_holds_breaks_nothing() -> None:
    """Loss: a contract that fails a good table stops every night."""
    assert broken_contract(CONSENSUS_LABELS, labels(), ["cat", "dog"]) == []
    empty = {"label": None, "voted_label": None, "probabilities": None, "confidence": None, "agreement": None}
    assert broken_contract(CONSENSUS_LABELS, labels(**empty), ["cat", "dog"]) == []
    for table in TABLES.values():
        assert broken_contract(table, table.empty()) == []


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"label": "wolf"}, "label"),
        ({"voted_label": "wolf"}, "voted_label"),
        ({"status": "done"}, "status"),
        ({"confidence": 1.01}, "confidence"),
        ({"agreement": -0.1}, "agreement"),
        ({"probabilities": [0.5, 0.6]}, "probabilities"),
        ({"probabilities": [0.5, float("nan")]}, "probabilities"),
        ({"probabilities": []}, "probabilities"),
    ],
)
def test_a_value_that_breaks_the_contract_is_named(changes: dict[str, Any], column: str) -> None:
    """Loss: a fault of ours that reaches a consumer is worse than a night without an answer."""
    words = broken_contract(CONSENSUS_LABELS, labels(**changes), ["cat", "dog"])
    assert len(words) == 1
    assert words[0].startswith(f"consensus_labels.{column}: ")


def test_keys_columns_and_nulls() -> None:
    """Loss: two rows for one key are joined into four."""
    twice = pa.concat_tables([labels(), labels(label="dog")])
    assert broken_contract(CONSENSUS_LABELS, twice, ["cat", "dog"])
    assert broken_contract(CONSENSUS_LABELS, labels().append_column("more", pa.array([1])))
    assert broken_contract(CONSENSUS_LABELS, labels().drop_columns(["status"]))
    assert broken_contract(CONSENSUS_LABELS, labels().set_column(0, "item_id", pa.array([None], pa.string())))


def test_sums_are_checked_row_by_row() -> None:
    """Loss: one row of 1.1 beside one of 0.9 sums to two."""
    rows = {"item_id": ["a", "b", "c"], "model": ["m"] * 3}
    good = PREDICTIONS.conform(rows | {"probabilities": [[0.1, 0.9], [1.0, 0.0], [0.5, 0.5]]})
    bad = PREDICTIONS.conform(rows | {"probabilities": [[0.1, 0.9], [1.0, 0.1], [0.5, 0.4]]})
    assert broken_contract(PREDICTIONS, good) == []
    assert broken_contract(PREDICTIONS, good.slice(1)) == []
    assert broken_contract(PREDICTIONS, bad) == ["predictions.probabilities: a row does not sum to one"]
    assert broken_contract(PREDICTIONS, bad.slice(0, 1)) == []


def test_conform_makes_one_shape_of_everything() -> None:
    """Loss: a column too many or in another place makes another file of the same rows."""
    import pandas as pd

    rows = {"item_id": ["b", "a"], "payload": ["{}"] * 2, "arrived_at": [None, NOON], "content_hash": ["h"] * 2}
    rows["landed_file"] = ["f"] * 2
    tables = [ITEMS.conform(rows), ITEMS.conform(pd.DataFrame(rows | {"more": [1, 2]})), ITEMS.conform(pa.table(rows))]
    assert all(table.equals(tables[0]) and table.schema == ITEMS.schema for table in tables)
    assert tables[0]["item_id"].to_pylist() == ["a", "b"]
    assert tables[0]["arrived_at"].to_pylist() == [NOON, None]
    with pytest.raises(ValueError, match="payload"):
        ITEMS.conform(rows | {"payload": ["{}", None]})
    assert ANNOTATION_EVENTS.conform(ANNOTATION_EVENTS.empty()).equals(ANNOTATION_EVENTS.empty())


def test_validating_does_not_change_how_times_are_read() -> None:
    """Loss: importing pandera alone makes pyarrow drop the offset of every later time, silently."""
    program = """
from datetime import datetime, timedelta, timezone
import pyarrow as pa
from label_pipeline.contracts.rules import broken_contract
from label_pipeline.contracts.tables import ITEMS
broken_contract(ITEMS, ITEMS.empty())
time = datetime(2026, 10, 5, 1, tzinfo=timezone(timedelta(hours=2)))
assert pa.array([time], pa.timestamp("us", tz="UTC"))[0].as_py() == time
"""
    subprocess.run([sys.executable, "-c", program], check=True)
