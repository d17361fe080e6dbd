"""The bias audit and the KPIs that moved, on hand-made figures."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from label_pipeline.contracts.tables import TABLES
from label_pipeline.report.audit import audit
from label_pipeline.report.build import build_report
from label_pipeline.report.data import KpiText
from label_pipeline.report.figures import cards, families
from label_pipeline_tests.report.synthetic import DAY, night

FIGURES = [
    ("accuracy_gap", "group", "crowd", -0.1234, -0.2, -0.05, 90, "no target"),
    ("accuracy_gap_p", "group", "crowd", 0.004, None, None, 90, "no target"),
    ("acceptance_gap", "group", "crowd", 0.01, -0.03, 0.05, 120, "no target"),
    ("acceptance_gap_p", "group", "crowd", 0.6, None, None, 120, "no target"),
    ("accuracy_gap", "slice", "shop=<b>x</b>", None, None, None, 12, "withheld"),
    ("accuracy_gap_p", "slice", "shop=<b>x</b>", None, None, None, 12, "withheld"),
    ("cost_per_settled_label", "group", "crowd", 0.25, 0.2, 0.3, 40, "no target"),
    ("spend_last_7_days", "group", "crowd", 12.5, None, None, 50, "no target"),
    ("alpha", "group", "crowd", 0.7, 0.6, 0.8, 50, "no target"),
]


def table(rows: list[tuple[Any, ...]]) -> pa.Table:
    names = ["kpi", "dimension", "member", "value", "ci_low", "ci_high", "n", "status"]
    return TABLES["kpis"].conform(pd.DataFrame(rows, columns=names).assign(target=None))


def test_gaps_by_hand() -> None:
    """Loss: a gap that holds is overlooked, a small cell is shown, or chance is called unfair."""
    found = audit(night(20, kpis=table(FIGURES)))
    assert [(kind, member) for kind, member, _ in found.rows] == [("group", "crowd"), ("slice", "shop=<b>x</b>")]
    assert found.rows[0][2] == [
        {"text": "−12.3", "interval": "−20.0 to −5.0", "tone": "warn"},
        {"text": "–", "interval": "", "tone": "soft"},
        {"text": "–", "interval": "", "tone": "soft"},
        {"text": "+1.0", "interval": "−3.0 to +5.0", "tone": ""},
    ]
    assert found.rows[1][2][0] == {"text": "withheld", "interval": "", "tone": "soft"}
    assert found.compared == 2
    assert found.costs == [("crowd", "0.25", "0.2 to 0.3", "12.5")]
    page = build_report(night(20, kpis=table(FIGURES)))
    assert "shop=&lt;b&gt;x&lt;/b&gt;" in page
    assert "withheld" in page
    assert audit(night(20, kpis=table(FIGURES[-1:]))).rows == []


def test_what_moved_is_called_out() -> None:
    """Loss: a fall that the data prove stands among thirty numbers that only tremble."""

    def all_of(value: float, low: float, high: float) -> pa.Table:
        return table([("alpha", "all", "", value, low, high, 50, "no target")])

    past = [(1, 0.70, 0.66, 0.74), (7, 0.60, 0.57, 0.63)]
    history = pa.concat_tables(
        [all_of(*figure).append_column("day", pa.array([DAY - timedelta(days=back)])) for back, *figure in past]
    )
    texts = {"alpha": KpiText("Alpha", "share")}
    (card,) = cards(night(20, kpis=all_of(0.72, 0.68, 0.76), kpi_history=history, kpi_texts=texts))
    assert card.moved == "a week ago (60.0\N{NO-BREAK SPACE}%)"
    data = night(20, kpis=all_of(0.50, 0.46, 0.54), kpi_history=history, kpi_texts=texts)
    assert cards(data)[0].moved.startswith("yesterday (70.0\N{NO-BREAK SPACE}%) and a week ago")
    assert "Moved beyond its interval</b> since yesterday (70.0" in build_report(data)


def test_every_figure_is_shown_once() -> None:
    """Loss: a KPI is neither among the cards nor in the table below them; or the page is a wall of forty cards."""
    rows = [("alpha", "all", "", 0.7, 0.6, 0.8, 50, "no target"), 
            ("skip_rate", "all", "", None, None, None, 0, "no data"),
            ("active_annotators", "all", "", 9.0, None, None, 99, "no target"),
            ("f2", "all", "", 0.5, 0.4, 0.6, 9, "no target")]  # fmt: skip
    text = KpiText("", family="throughput", no_data="nobody came")
    texts = dict.fromkeys(("skip_rate", "active_annotators"), text)
    found = cards(night(20, kpis=table(rows), kpi_texts=texts))
    assert [card.kpi for card in found if card.headline] == ["alpha"]
    assert [(family, [card.kpi for card in each]) for family, each in families(found)] == [
        ("throughput", ["active_annotators", "skip_rate"]),
        ("others", ["f2"]),
    ]
    page = build_report(night(20, kpis=table(rows), kpi_texts=texts))
    assert "no data: nobody came" in page
    asked = table(rows).to_pandas()
    asked.loc[asked["kpi"] == "skip_rate", "target"] = 0.1
    (card, *_) = cards(night(20, kpis=TABLES["kpis"].conform(asked), kpi_texts=texts))
    assert (card.kpi, card.headline) == ("skip_rate", True), "what a project asks for has a card"


def test_a_test_is_shown_with_what_it_tests() -> None:
    """Loss: a p-value on a card of its own is read as a quality."""
    rows = [("label_drift", "all", "", 0.01, 0.0, 0.04, 50, "no target"),
            ("label_drift_p", "all", "", 0.0312, None, None, 50, "no target")]  # fmt: skip
    (card,) = cards(night(20, kpis=table(rows)))
    assert (card.kpi, card.chance) == ("label_drift", "0.0312")
