"""The pages that lead to the reports."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.contracts.tables import GATES, KPIS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import COLUMNS, Lake
from label_pipeline.locks import changing
from label_pipeline.orchestration.report_index import write_indexes
from label_pipeline.report.data import KpiText
from label_pipeline.report.index import NIGHTS_LISTED, Nights, project_index, projects_index
from label_pipeline_tests.alerts.lakes import figure, gate, write
from label_pipeline_tests.report.synthetic import DAY
from label_pipeline_tests.report.test_build import Page

TEXTS = {
    "alpha": KpiText("Alpha", "number"),
    "skip_rate": KpiText("Skip rate", "share"),
    "turnaround_p50": KpiText("Turnaround p50", "hours"),
}


def row(day: date, kpi: str, value: float | None, **other: Any) -> dict[str, Any]:
    ends = {"ci_low": None if value is None else value - 0.1, "ci_high": None if value is None else value + 0.1}
    return {"day": day, "kpi": kpi, "value": value, **ends, "target": None, "status": "no target", **other}


def nights(n: int = 3, project: str = "digits") -> Nights:
    days = [DAY - timedelta(days=n - 1 - k) for k in range(n)]
    kpis = [row(day, "alpha", 0.5 + k / (10 * n)) for k, day in enumerate(days)]
    kpis += [row(days[-1], "skip_rate", 0.2, target=0.1, status="missed"), row(days[-1], "turnaround_p50", 3.0)]
    return Nights(project, days, kpis, {days[0]: "v-first"}, {days[-1]: ["gold_classes", "coverage"]}, TEXTS)


def test_nights_of_a_project() -> None:
    """Loss: a night nobody finds; a stopped night that looks like a good one; a target that the page does not show."""
    page = Page(project_index(nights()))
    assert [link["href"] for link in page.all("a") if link.get("class") == "day"] == [
        f"{DAY - timedelta(days=back)}.html" for back in range(3)
    ]
    assert "no gold classes, coverage" in page.text
    assert page.text.count("yes") == 1
    assert "Skip rate ✕ missed" in page.text
    assert "Turnaround" not in page.text, "no headline, and nobody asks for it"
    assert [mark["aria-label"] for mark in page.all("svg")] == ["Alpha over 3 nights, from 0.5 to 0.567"]


def test_all_projects() -> None:
    """Loss: the project that nobody looked at for a week stands behind the name of another."""
    stale = Nights("b & c", [DAY - timedelta(days=9)], [row(DAY - timedelta(days=9), "alpha", 0.3)], {}, {}, TEXTS)
    page = Page(projects_index([nights(), stale]))
    links = [link["href"] for link in page.all("a") if not link["href"].startswith("#")]
    assert links == [
        "b%20%26%20c/index.html", f"b%20%26%20c/{DAY - timedelta(days=9)}.html",
        "digits/index.html", f"digits/{DAY}.html",
    ]  # fmt: skip
    assert len(page.all("svg")) == 1, "one night is no trend"
    assert "Skip rate" in page.text
    assert "Queue size" not in page.text, "a column that no project fills"


def test_years_of_nights_stay_small() -> None:
    """Loss: an index of five years that no phone opens."""
    page = project_index(nights(5 * 365))
    assert len(page.encode()) < 1_000_000
    assert Page(page).text.count("older ones lie beside this page") == 1
    assert sum(link.get("class") == "day" for link in Page(page).all("a")) == NIGHTS_LISTED


def test_what_is_not_there_is_not_linked(tmp_path: Path) -> None:
    """Loss: a link to a report that retention has deleted; or a project without one that breaks the page of all."""
    folder = DataFolder(tmp_path)
    lake = Lake(folder, "pets")
    days = [date(2026, 10, day) for day in (5, 6, 7)]
    for day in days:
        write(lake, KPIS, day, [figure("alpha", 0.5, 0.4, 0.6)])
        write(lake, GATES, day, [gate("coverage", passed=day != days[2])])
    for day in days[1:]:
        folder.report("pets", day).parent.mkdir(parents=True, exist_ok=True)
        folder.report("pets", day).write_text("a report", encoding="utf-8")
    (folder.reports / "empty").mkdir()
    write_indexes(folder, "pets")
    page = Page(folder.report_index("pets").read_text(encoding="utf-8"))
    assert [link["href"] for link in page.all("a") if link.get("class") == "day"] == [f"{d}.html" for d in days[:0:-1]]
    assert "coverage" in page.text
    assert "empty" not in folder.report_index().read_text(encoding="utf-8")
    before = folder.report_index().read_bytes(), folder.report_index("pets").read_bytes()
    write_indexes(folder, "pets")
    assert before == (folder.report_index().read_bytes(), folder.report_index("pets").read_bytes())


def test_another_project_of_before_an_upgrade_stops_no_night(tmp_path: Path) -> None:
    """Loss: after an upgrade the first project's night fails, because the second one's tables have other columns."""
    folder = DataFolder(tmp_path)
    for project in ("pets", "toys"):
        lake = Lake(folder, project)
        write(lake, KPIS, DAY, [figure("alpha", 0.5, 0.4, 0.6)])
        write(lake, GATES, DAY, [gate("coverage", passed=True)])
        folder.report(project, DAY).parent.mkdir(parents=True)
        folder.report(project, DAY).write_text("a report", encoding="utf-8")
    told = lake.path(KPIS, DAY).parent.parent / COLUMNS
    told.write_text(told.read_text().replace('"columns": "', '"columns": "other'), encoding="utf-8")
    assert not lake.is_ours(KPIS)
    write_indexes(folder, "pets")
    shown = folder.report_index().read_text(encoding="utf-8")
    assert f'href="pets/{DAY}.html"' in shown
    assert f'href="toys/{DAY}.html"' in shown


def test_nights_that_end_together_are_all_in_the_index(tmp_path: Path) -> None:
    """Loss: of two nights that write the page of all projects at once, the one that read first overwrites the other."""
    folder = DataFolder(tmp_path)
    for project in ("pets", "toys"):
        write(Lake(folder, project), KPIS, DAY, [figure("alpha", 0.5, 0.4, 0.6)])
        write(Lake(folder, project), GATES, DAY, [gate("coverage", passed=True)])
    folder.report("pets", DAY).parent.mkdir(parents=True)
    folder.report("pets", DAY).write_text("a report", encoding="utf-8")
    with ThreadPoolExecutor(1) as other:
        with changing(folder.index_lock):  # as a night of `toys` does that is about to write what it has read
            begun = other.submit(write_indexes, folder, "pets")
            with pytest.raises(TimeoutError):
                begun.result(timeout=1.0)
            folder.report("toys", DAY).parent.mkdir()
            folder.report("toys", DAY).write_text("a report", encoding="utf-8")
        begun.result(timeout=30)
    assert "toys" in folder.report_index().read_text(encoding="utf-8")


@pytest.mark.parametrize("build", [lambda n: project_index(n), lambda n: projects_index([n])])
def test_names_with_markup_are_text(build: Any) -> None:
    """Loss: a project's name or a gate's that runs code in the reader's browser."""
    bad = "<script>alert(1)</script>"
    given = nights(project=bad)
    page = Page(build(Nights(**{**vars(given), "stopped": {DAY: [bad]}})))
    assert not page.all("script")
    assert bad in page.text
