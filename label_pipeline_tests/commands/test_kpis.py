"""`kpis`: the lake's figures as they are, on a screen and for programs."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from label_pipeline.cli import main
from label_pipeline.contracts.tables import KPIS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline_tests.orchestration.runs import PETS, pets, write

D1, D2 = date(2026, 10, 5), date(2026, 10, 6)


def figure(kpi: str, value: float | None, low: float | None = None, high: float | None = None, **more: Any) -> Any:
    return {
        "kpi": kpi, "dimension": "all", "member": "", "value": value, "ci_low": low, "ci_high": high,
        "n": 40 if value is not None else 0, "target": None, "status": "no target" if value is not None else "no data",
        **more,
    }  # fmt: skip


NIGHTS = {
    D1: [figure("alpha", 0.5, 0.4, 0.6), figure("label_accuracy", None)],
    D2: [
        figure("alpha", 0.71234, 0.6, 0.8, target=0.67, status="met"),
        figure("alpha", 0.4, 0.3, 0.5, dimension="class", member="c\x1b[2Jat"),
        figure("label_accuracy", None, target=0.9),
        figure("queue_size", 12.0),
        figure("recall", 0.25, 0.0, 1.0, dimension="class", member="cat"),
        figure("turnaround_p90", 30.0, 20.5, None),
    ],
}


@pytest.fixture
def lake(folder: DataFolder) -> DataFolder:
    pets(folder.root, days=0)
    for day, rows in NIGHTS.items():
        Lake(folder, "pets").write(KPIS, day, {name: [row[name] for row in rows] for name in KPIS.names})
    return folder


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["kpis", *arguments]) == code
    captured = capsys.readouterr()
    return captured.err if code else captured.out


def test_the_newest_night(lake: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a figure beside another's interval, or no data that looks like a zero."""
    assert (
        said(capsys, "pets")
        == """\
day         kpi             of         value   95% interval  n   target  status
2026-10-06  label_accuracy             –                     0   0.9     no data
2026-10-06  recall          class cat  0.25    0 to 1        40          no target
2026-10-06  alpha                      0.7123  0.6 to 0.8    40  0.67    met
2026-10-06  turnaround_p90             30      20.5 to …     40          no target
2026-10-06  queue_size                 12                    40          no target
label_accuracy has no data: no evaluation gold item has an annotation.
"""
    )


def test_one_kpi_over_days(lake: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a range that misses its first or last day; a class name that steers the terminal."""
    assert (
        said(capsys, "pets", "--kpi", "alpha", "--from", "2026-10-05")
        == """\
day         kpi    of             value   95% interval  n   target  status
2026-10-05  alpha                 0.5     0.4 to 0.6    40          no target
2026-10-06  alpha                 0.7123  0.6 to 0.8    40  0.67    met
2026-10-06  alpha  class c?[2Jat  0.4     0.3 to 0.5    40          no target
"""
    )
    first = said(capsys, "pets", "--kpi", "alpha", "--to", "2026-10-05").splitlines()
    assert [line.split()[:2] for line in first[1:]] == [["2026-10-05", "alpha"]]


def test_json_lines_are_the_lakes_rows(lake: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a program that reads rounded figures, or NaN where there is nothing."""
    rows = [json.loads(line) for line in said(capsys, "pets", "--json", "--from", "2026-10-05").splitlines()]
    assert rows[1] == {"day": "2026-10-05"} | NIGHTS[D1][0]
    assert rows[0]["value"] is None
    assert {row["day"] for row in rows} == {"2026-10-05", "2026-10-06"}
    assert rows[4]["value"] == 0.71234


def test_a_kpi_that_was_not_computed(lake: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: an empty screen is taken for a broken command, or for a zero."""
    words = "skip_rate was not computed on these days. It has no data when no answer in the last 7 local days.\n"
    assert said(capsys, "pets", "--kpi", "skip_rate") == words
    assert main(["kpis", "pets", "--kpi", "skip_rate", "--json"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kpi", "alhpa"], "there is no KPI 'alhpa' [kpis]. Did you mean 'alpha'?"),
        (
            ["--kpi", "mean_absolute_error"],
            "project pets, labels.type single_choice: 'mean_absolute_error' is a KPI of other labels: number with"
            " tolerance, number [kpis]",
        ),
        (["--from", "2026-10-06", "--to", "2026-10-05"], "--from 2026-10-06 is after --to 2026-10-05"),
        (["--to", "5.10.2026"], "'5.10.2026' is not a day"),
        (["--from", "2026-11-01"], "no night of these days was computed. There are 2026-10-05 to 2026-10-06."),
    ],
)
def test_mistakes(lake: DataFolder, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a mistyped name that prints nothing and exits 0."""
    assert words in said(capsys, "pets", *arguments, code=2)


def test_before_the_first_night_and_without_a_consensus(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a project that has no KPIs yet, or never, looks like one whose figures are lost."""
    pets(folder.root, days=0)
    words = "no night has been computed. Run: label-pipeline nightly --project pets"
    assert words in said(capsys, "pets", code=2)
    head = PETS[: PETS.index("gold:")].replace("{classes: [cat, dog]}", "{type: text}")
    write(folder.project_file("pets"), head)
    assert "there are no KPIs: labels of type 'text' have no consensus yet" in said(capsys, "pets", code=2)
