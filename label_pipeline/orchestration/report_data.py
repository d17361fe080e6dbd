"""The report's data, gathered from a project's partitions. How it is drawn is `report`'s."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import (
    ANNOTATOR_QUALITY,
    ANNOTATOR_STANDING,
    CONSENSUS_EVIDENCE,
    CONSENSUS_LABELS,
    GATES,
    GOLD_ASKS,
    GOLD_PLAN,
    GOLD_SET,
    GUIDELINE_CHANGES,
    GUIDELINE_CONFUSIONS,
    GUIDELINE_VERSIONS,
    KPIS,
    LABEL_ISSUES,
    LANDINGS,
    QUARANTINE,
    RELABEL_QUEUE,
    Table,
)
from label_pipeline.kpis.catalogue import KPIS as CATALOGUE
from label_pipeline.kpis.kpi import Kpi
from label_pipeline.orchestration.desk import Desk
from label_pipeline.publish.verdict import GateResult, Verdict
from label_pipeline.report.data import KpiText, ReportData, Unit
from label_pipeline.report.figures import NIGHTS
from label_pipeline.report.items import Look

if TYPE_CHECKING:
    import pyarrow as pa

    from label_pipeline.votes import Votes

GUIDELINES = (GUIDELINE_VERSIONS, GUIDELINE_CONFUSIONS, GUIDELINE_CHANGES)
LARGEST_PICTURE = 200_000  # bytes; a report shows a few dozen
COUNTED = (
    "annotations",
    "items",
    "annotators",
    "gaps",
    "annotations a day",
    "annotations in 7 days",
    "items a day",
    "days",
)


def verdict_of(desk: Desk, day: date) -> Verdict:
    """The verdict on a day's candidate, as the gates' table holds it."""
    rows = desk.lake.read(GATES, day).to_pylist()
    named: list[dict[str, Any]] = [r | {"name": r["gate"], "overridden": r["overridden"] or ""} for r in rows]
    return Verdict.of([GateResult(**{k: v for k, v in r.items() if k != "gate"}) for r in named])


def report_data(desk: Desk, day: date, accepted: Mapping[date, str]) -> ReportData:
    """What the report of a day shows; `accepted` are the versions of the days up to it."""
    project, read = desk.project, desk.lake.read
    items = desk.items(day)
    return ReportData(
        project=project.project,
        description=project.description,
        day=day,
        classes=project.labels.classes,
        kpis=read(KPIS, day),
        kpi_history=_history(desk, day),
        consensus=read(CONSENSUS_LABELS, day),
        evidence=read(CONSENSUS_EVIDENCE, day),
        annotator_quality=read(ANNOTATOR_QUALITY, day),
        label_issues=read(LABEL_ISSUES, day),
        relabel_queue=read(RELABEL_QUEUE, day),
        gold_set=read(GOLD_SET, day),
        landings=read(LANDINGS, day),
        quarantine=read(QUARANTINE, day),
        votes=_votes(desk, day, items),
        verdict=verdict_of(desk, day),
        version=accepted.get(day),
        latest=accepted[max(accepted)] if accepted else None,
        previous=read(CONSENSUS_LABELS, day - timedelta(days=1)) if day > project.start else None,
        gold_plan=_where_there(desk, GOLD_PLAN, day),
        gold_asks=_where_there(desk, GOLD_ASKS, day),
        standing=_where_there(desk, ANNOTATOR_STANDING, day),
        guidelines={table.name: read(table, day) for table in GUIDELINES if desk.lake.has(table, day)},
        kpi_texts=kpi_texts(),
        payloads=partial(_payloads, items),
        picture=partial(_picture, desk, items),
        text_field=project.items.text or "",
        picture_field=project.items.image or "",
        meaning=project.labels.meaning,
    )


def _votes(desk: Desk, day: date, items: pa.Table) -> Votes:
    """The votes as of `day`: of classes where a label is one, else of the different answers."""
    from label_pipeline.votes import Votes

    if desk.project.labels.has_one_class:
        return desk.votes(desk.annotations(day), items)
    return Votes.build(desk.annotations(day), items=items["item_id"])


def _where_there(desk: Desk, table: Table, day: date) -> pa.Table | None:
    return desk.lake.read(table, day) if desk.lake.has(table, day) else None


def kpi_texts() -> dict[str, KpiText]:
    """How every KPI is shown, in the order of the definitions."""
    return {name: _kpi_text(kpi) for name, kpi in CATALOGUE.items()}


def _kpi_text(kpi: Kpi) -> KpiText:
    units: dict[str, Unit] = {"share": "share", "difference of shares": "points", "hours": "hours"}
    unit = units.get(kpi.unit, "count" if kpi.unit in COUNTED else "number")
    better = "" if kpi.better == "neither" else kpi.better
    return KpiText(kpi.name.replace("_", " ").capitalize(), unit, kpi.meaning, better, kpi.no_data, kpi.family)


def _history(desk: Desk, day: date) -> pa.Table:
    """The overall figures of the nights up to `day` that a report draws, with the day."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = []
    for past in [d for d in desk.lake.days(KPIS) if d <= day][-NIGHTS:]:
        rows = desk.lake.read(KPIS, past)
        rows = rows.filter(pc.equal(rows["dimension"], "all"))
        parts.append(rows.append_column("day", pa.array([past] * len(rows), pa.date32())))
    return pa.concat_tables(parts)


def look(desk: Desk, items: pa.Table) -> Look:
    """How `items` of a project are looked at."""
    fields = desk.project.items
    return Look(partial(_payloads, items), partial(_picture, desk, items), fields.text or "", fields.image or "")


def _payloads(items: pa.Table, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The declared fields of a few items."""
    import pyarrow as pa
    import pyarrow.compute as pc

    few = items.filter(pc.is_in(items["item_id"], pa.array(list(ids), pa.string())))
    return {r["item_id"]: json.loads(r["payload"]) for r in few.select(["item_id", "payload"]).to_pylist()}


def _picture(desk: Desk, items: pa.Table, item_id: str) -> bytes | None:
    """The bytes of an item's picture, when its field names a file below the project's `items` folder."""
    field = desk.project.items.image
    name = _payloads(items, [item_id]).get(item_id, {}).get(field) if field else None
    home = (desk.folder.project(desk.project.project) / "items").resolve()
    path = (home / str(name)).resolve()
    # An item's field comes from outside: it must not lead out of the folder.
    if name is None or not path.is_relative_to(home) or not path.is_file() or path.stat().st_size > LARGEST_PICTURE:
        return None
    return path.read_bytes()
