"""The indexes of the reports, gathered from the reports' folder and the lake. How they are drawn is `report`'s."""

from __future__ import annotations

from datetime import date
from typing import Any

from label_pipeline.contracts.tables import GATES, KPIS, Table
from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.locks import changing
from label_pipeline.orchestration.report_data import kpi_texts
from label_pipeline.publish.manifest import accepted_versions
from label_pipeline.report.figures import NIGHTS
from label_pipeline.report.index import NIGHTS_LISTED, Nights, project_index, projects_index
from label_pipeline.sql import connect, file_list


def write_indexes(folder: DataFolder, project: str) -> None:
    """Write the page of a project, and the one over all projects that have a report."""
    if own := _nights(folder, project, NIGHTS_LISTED + NIGHTS):
        write_text(folder.report_index(project), project_index(own))
    # Nights of other projects end meanwhile: whoever writes last has seen them all.
    with changing(folder.index_lock):
        names = sorted(path.name for path in folder.reports.iterdir())
        if found := [nights for name in names if (nights := _nights(folder, name, NIGHTS))]:
            write_text(folder.report_index(), projects_index(found))


def _nights(folder: DataFolder, project: str, told: int) -> Nights | None:
    """The nights of a project whose report is there, the newest `told` of them with what is told; None without any."""
    lake = Lake(folder, project)
    days = [day for day in lake.days(KPIS) if folder.report(project, day).is_file()]
    if not days:
        return None
    newest = days[-told:] if _ours(lake) else []
    stopped: dict[date, list[str]] = {}
    for gate in _rows(lake, GATES, newest, "gate", "severity = 'block' AND NOT passed AND overridden IS NULL"):
        stopped.setdefault(gate["day"], []).append(gate["gate"])
    kpis = _rows(lake, KPIS, newest, "kpi, value, ci_low, ci_high, target, status", "dimension = 'all'")
    accepted = accepted_versions(folder.published(project), days[-1])
    return Nights(project, days, kpis, accepted, stopped, kpi_texts())


def _ours(lake: Lake) -> bool:
    """Whether this code can read the tables: another project may not have had its first night after an upgrade."""
    try:
        return lake.is_ours(KPIS) and lake.is_ours(GATES)
    except UserError:
        return False


def _rows(lake: Lake, table: Table, days: list[date], columns: str, where: str) -> list[dict[str, Any]]:
    """The rows of some days, with their day, in order of day and key."""
    wanted = {f"day={day}" for day in days}
    if not wanted:
        return []
    files = [path for path in lake.files(table, days[-1]) if path.parent.name in wanted]
    query = f"""
        SELECT day::DATE AS day, {columns} FROM read_parquet({file_list(files)}, hive_partitioning = true)
        WHERE {where} ORDER BY day, {", ".join(table.key)}
    """
    with connect() as con:
        found = con.execute(query)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
