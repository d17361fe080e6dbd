"""Guidelines in the report: versions, what a change moved, what is left unclear."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from label_pipeline.contracts.tables import TABLES
from label_pipeline.report.build import build_report
from label_pipeline.report.guidelines import guidelines
from label_pipeline.report.labels import on_gold
from label_pipeline_tests.report.synthetic import night, table

PERCENT = "\N{NO-BREAK SPACE}%"


def kpis(rows: list[tuple[str, str, str, float | None, float | None, float | None, int]]) -> pa.Table:
    names = ["kpi", "dimension", "member", "value", "ci_low", "ci_high", "n"]
    return TABLES["kpis"].conform(pd.DataFrame(rows, columns=names).assign(target=None, status="no target"))


KPIS = kpis(
    [
        ("alpha", "guideline_version", "v1", 0.7, 0.6, 0.8, 40),
        ("raw_agreement", "guideline_version", "v1", 0.8, 0.7, 0.9, 40),
        ("alpha", "guideline_version", "v2", None, None, None, 0),
    ]
)
VERSIONS = table(
    "guideline_versions",
    {
        "version": ["v2", "v1"], "place": [2, 1], "title": [None, "Digits <b>"], "in_force": [True, False],
        "annotations": [0, 90], "annotators": [0, 7], "items": [0, 40], "warning": ["it has no text", None],
    },
)  # fmt: skip
CHANGES = table(
    "guideline_changes",
    {
        "before": ["v1"] * 5, "after": ["v2"] * 5, "items": ["same", "other", "other", "other", "same"],
        "figure": ["raw_agreement", "alpha", "alpha", "confusion", "alpha"], "member": ["", "", "4", "4 / 9", ""],
        "value_before": [0.8, 0.7, 0.5, 0.3, None], "n_before": [9, 9, 9, 9, 0],
        "value_after": [0.9, 0.69, 0.56, 0.1, 0.5], "n_after": [9, 9, 9, 9, 9],
        "difference": [0.1, -0.01, 0.06, -0.2, None], "ci_low": [0.02, -0.1, -0.1, -0.3, None],
        "ci_high": [0.18, 0.08, 0.2, -0.1, None],
    },
)  # fmt: skip
CONFUSIONS = table(
    "guideline_confusions",
    {
        "version": ["v1", "v2", "v2"], "first": ["4", "4", "1"], "second": ["9", "9", "7"], "both": [30, 23, 8],
        "n": [100, 110, 90], "share": [0.3, 23 / 110, 8 / 90], "ci_low": [0.2, 0.14, 0.04], "ci_high": [0.4, 0.3, 0.16],
        "people": [6, 6, 1], "largest": [0.3, 0.3, 1.0], "ambiguous": [True, True, False],
    },
)  # fmt: skip
TABLES_OF = {"guideline_versions": VERSIONS, "guideline_changes": CHANGES, "guideline_confusions": CONFUSIONS}


def test_guidelines_by_hand() -> None:
    """Loss: a guideline that made agreement worse looks like one that helped; or what chance moved is called out."""
    data = night(20, kpis=KPIS, guidelines=TABLES_OF)
    found = guidelines(data)
    assert [(v["version"], v["cells"]) for v in found.versions] == [
        ("v1", [("0.7", "0.6 to 0.8"), ("0.8", "0.7 to 0.9")]),
        ("v2", [("–", ""), ("–", "")]),
    ]
    (change,) = found.changes
    assert (change.before, change.after) == ("v1", "v2")
    assert change.rows == [
        ("Raw agreement", "items answered under both", f"80.0{PERCENT}", f"90.0{PERCENT}", "+10.0", "+2.0 to +18.0",
         "passed"),
        ("Alpha", "items answered under one", "0.7", "0.69", "−0.01", "−0.1 to +0.08", ""),
        ("Confusion of 4 / 9", "items answered under one", f"30.0{PERCENT}", f"10.0{PERCENT}", "−20.0",
         "−30.0 to −10.0", "passed"),
    ]  # fmt: skip
    assert found.unclear == [("4", "9", f"both are said of 23 of 110 items (14.0 to 30.0{PERCENT}), by 6 people")]
    page = build_report(data)
    assert "Digits &lt;b&gt;" in page
    assert "it has no text" in page


def test_without_tables_the_versions_of_the_figures_are_shown() -> None:
    """Loss: labels that are sets or numbers, whose guidelines are not compared, lose agreement by version too."""
    found = guidelines(night(20, kpis=KPIS))
    assert [v["version"] for v in found.versions] == ["v1", "v2"]
    assert (found.changes, found.unclear) == ([], [])
    assert "No answer names a guideline version." in build_report(night(20))


def test_classes_on_gold_by_hand() -> None:
    """Loss: the class that gold says is labelled worst stands last, or one without gold stands first as a zero."""
    rows = kpis(
        [
            ("recall", "class", "0", 0.9, 0.8, 0.95, 20), ("f1", "class", "0", 0.8, 0.7, 0.9, 25),
            ("recall", "class", "1", 0.5, 0.2, 0.8, 4), ("f1", "class", "1", 0.4, 0.2, 0.7, 8),
            ("recall", "class", "2", None, None, None, 0),
        ]
    )  # fmt: skip
    found = on_gold(night(20, kpis=rows))
    assert [name for name, _ in found] == ["1", "0"]
    assert found[0][1] == [
        ("–", "", "–"),
        (f"50.0{PERCENT}", f"20.0 to 80.0{PERCENT}", "4"),
        (f"40.0{PERCENT}", f"20.0 to 70.0{PERCENT}", "8"),
    ]
