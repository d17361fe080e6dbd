import re
from pathlib import Path

import pytest

from label_pipeline.contracts.tables import KPIS as TABLE
from label_pipeline.kpis import accuracy, agreement, cost, drift, fairness, lift, noise, queue, throughput, turnaround
from label_pipeline.kpis.catalogue import KPIS, fitting
from label_pipeline.kpis.definition import Figure, Status, status, to_frame
from label_pipeline.kpis.kpi import ANY
from label_pipeline_tests.kpis.nights import Asked, night

FAMILIES = {
    "accuracy": accuracy,
    "agreement": agreement,
    "throughput": throughput,
    "turnaround": turnaround,
    "noise": noise,
    "queue": queue,
    "drift": drift,
    "cost": cost,
    "fairness": fairness,
    "lift": lift,
}


@pytest.mark.parametrize(
    ("value", "low", "high", "target", "verdict"),
    [
        (0.96, 0.90, 0.99, Asked(at_least=0.95), "met"),
        (0.95, 0.90, 0.99, Asked(at_least=0.95), "met"),
        (0.94, 0.90, 0.95, Asked(at_least=0.95), "unsure"),
        (0.94, 0.90, 0.949, Asked(at_least=0.95), "missed"),
        (0.94, None, None, Asked(at_least=0.95), "missed"),
        (0.94, 0.90, None, Asked(at_least=0.95), "unsure"),
        (0.94, None, 0.945, Asked(at_least=0.95), "missed"),
        (3.0, 2.0, 4.0, Asked(at_most=3.0), "met"),
        (3.1, 3.0, 4.0, Asked(at_most=3.0), "unsure"),
        (3.2, 3.1, 4.0, Asked(at_most=3.0), "missed"),
        (3.2, None, 4.0, Asked(at_most=3.0), "unsure"),
        (3.2, None, None, Asked(at_most=3.0), "missed"),
        (0.5, 0.4, 0.6, Asked(0.2, 0.55), "met"),
        (0.58, 0.4, 0.6, Asked(0.2, 0.55), "unsure"),
        (0.1, 0.05, 0.15, Asked(0.2, 0.55), "missed"),
        (0.5, 0.4, 0.6, None, "no target"),
        (None, None, None, Asked(at_least=0.9), "no data"),
        (None, None, None, None, "no data"),
    ],
)
def test_verdicts_by_hand(
    value: float | None, low: float | None, high: float | None, target: Asked | None, verdict: Status
) -> None:
    """Guards against a night that is stopped, or let through, by chance."""
    assert status(Figure("alpha", "all", "", value, low, high, 7), target) == verdict


def test_a_target_is_held_against_the_headline_only() -> None:
    """Guards against a project stopped by one small group."""
    figures = [
        Figure("recall", "class", "cat", 0.5, 0.4, 0.6, 9),
        Figure("alpha", "slice", "a=b", 0.1, 0.0, 0.2, 9),
        Figure("alpha", "all", "", 0.8, 0.7, 0.9, 9),
        Figure("class_share", "class", "cat", None, None, None, 0),
    ]
    targets = {"alpha": Asked(0.67), "recall": Asked(at_least=0.9), "class_share": Asked(0.05, 0.4)}
    table = to_frame(figures, targets)
    TABLE.conform(table)
    assert table[["kpi", "dimension", "status"]].to_numpy().tolist() == [
        ["alpha", "all", "met"],
        ["alpha", "slice", "no target"],
        ["class_share", "class", "no data"],
        ["recall", "class", "missed"],
    ]
    assert table["target"].fillna(-1).tolist() == [0.67, -1, 0.05, 0.9]
    high = to_frame([Figure("class_share", "class", "cat", 0.39, 0.3, 0.4, 9)], targets)
    assert high["target"].tolist() == [0.4]


def test_an_empty_project_has_every_kpi_and_no_data() -> None:
    """Guards against a zero that stands for nothing, and against a definition nobody computes."""
    figures = [figure for family in FAMILIES.values() for figure in family.figures(night(slices=("shop",)))]
    assert {f.kpi for f in figures} == set(KPIS)
    for figure in figures:
        assert (figure.value, figure.ci_low, figure.ci_high, figure.n) == (None, None, None, 0), figure
    table = to_frame(figures, {"alpha": Asked(at_least=0.67)})
    assert set(table["status"]) == {"no data"}
    TABLE.conform(table)


def test_each_family_computes_its_own_kpis() -> None:
    """Guards against a figure that stands in two families or in the wrong one."""
    for name, family in FAMILIES.items():
        assert {f.kpi for f in family.figures(night())} == {kpi.name for kpi in KPIS.values() if kpi.family == name}
    assert all(
        f.dimension in {"all", "class", "route"} for family in FAMILIES.values() for f in family.figures(night())
    )


def test_the_documentation_is_the_catalogue() -> None:
    """Guards against a page that explains other numbers than the ones shown."""
    rows = [cells for cells in _table_rows() if len(cells) == 7 and cells[0].startswith("`")]
    assert rows == [
        [f"`{k.name}`", k.meaning, k.formula, k.unit, k.interval, k.better, k.no_data] for k in KPIS.values()
    ]


def test_the_documentation_says_which_labels_have_which_kpi() -> None:
    """Guards against a project that waits for a figure its labels can never have."""
    head, *rows = [cells for cells in _table_rows() if len(cells) == 6]
    assert head == ["KPI of some labels only", *ANY]
    told = {name: cells[1:] for cells in rows for name in re.findall(r"`(\w+)`", cells[0])}
    assert told == {
        k.name: ["yes" if labels in k.fits else "–" for labels in ANY] for k in KPIS.values() if k.fits != ANY
    }


def _table_rows() -> list[list[str]]:
    page = Path(__file__).parents[2] / "docs" / "statistics-kpis.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in lines
        if re.match(r"\| (`|KPI of)", line)
    ]


@pytest.mark.parametrize(
    ("label_type", "tolerance", "has", "has_not"),
    [
        ("single_choice", None, {"label_accuracy", "noise_rate", "model_lift", "label_drift"}, {"mean_absolute_error"}),
        ("multi_label", None, {"label_accuracy", "recall"}, {"noise_rate", "model_lift", "mean_absolute_error"}),
        ("number", None, {"mean_absolute_error", "alpha"}, {"label_accuracy", "recall", "label_drift", "accuracy_gap"}),
        ("number", 0.5, {"mean_absolute_error", "label_accuracy"}, {"recall", "raw_agreement", "noise_gap_p"}),
    ],
)
def test_labels_have_the_kpis_that_fit_them(
    label_type: str, tolerance: float | None, has: set[str], has_not: set[str]
) -> None:
    """Guards against 'Mean absolute error: no data' in a project of classes, for ever."""
    fit = set(fitting(label_type, tolerance))
    assert has <= fit
    assert not has_not & fit


def test_a_kpi_that_does_not_fit_is_never_computed() -> None:
    """Guards against a definition that hides a figure which its family can give."""
    votes = [
        {"item_id": f"i{k}", "annotator_id": who, "label": str(k), "role": "annotator", "group": group}
        for k in range(8)
        for group in ("in-house", "vendor")
        for who in (f"{group} {n}" for n in range(5))
    ]
    labels = [{"item_id": f"i{k}", "label": str(k), "voted_label": str(k), "voted_confidence": 0.9, "confidence": 0.9,
               "status": "accepted"} for k in range(8)]  # fmt: skip
    gold = [{"item_id": f"i{k}", "label": str(k), "role": "evaluation", "origin": "seed"} for k in range(8)]
    events = [vote | {"status": "submitted"} for vote in votes]
    of_numbers = night(
        classes=(), kind="number", annotations=votes, events=events, consensus=labels, gold=gold,
        items=[{"item_id": f"i{k}"} for k in range(8)],
    )  # fmt: skip
    fit = fitting("number")
    for name, family in FAMILIES.items():
        known = {f.kpi for f in family.figures(of_numbers) if f.value is not None and not f.kpi.endswith("_p")}
        assert known <= set(fit), name
