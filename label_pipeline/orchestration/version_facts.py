"""What a version tells beside its rows: read from the project's files and partitions, told by `publish`."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date
from importlib.metadata import version as code_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import ANNOTATOR_QUALITY, CONSENSUS_EVIDENCE, KPIS, LANDINGS, PREDICTIONS
from label_pipeline.guidelines.documents import FOLDER
from label_pipeline.noise.out_of_fold import FOLDS
from label_pipeline.orchestration.assets_predictions import BASELINE
from label_pipeline.orchestration.desk import Desk
from label_pipeline.project_policy import Rate
from label_pipeline.publish.candidate import INCLUDED
from label_pipeline.publish.datasheet import ANSWERS
from label_pipeline.publish.version import Facts
from label_pipeline.questions import read_answers

if TYPE_CHECKING:
    import pyarrow as pa


def version_facts(desk: Desk, day: date) -> Facts:
    """The facts of a day's version."""
    project, read = desk.project, desk.lake.read
    home = desk.folder.project(project.project)
    evidence = read(CONSENSUS_EVIDENCE, day).to_pylist()
    guideline = project.guideline_on(day)
    return Facts(
        project=project.project,
        description=project.description,
        owner=project.owner,
        classes=project.labels.classes,
        splits=project.publish.splits.model_dump(),
        statuses=INCLUDED,
        code_version=code_version("label-pipeline"),
        project_file_sha256=_sha256(desk.folder.project_file(project.project)),
        guideline_version=guideline,
        guideline_sha256=_sha256(home / FOLDER / f"{guideline}.md"),
        landings=_landings(desk, day),
        kpis=read(KPIS, day),
        consensus_words=next((r["words"] for r in evidence if r["words"]), ""),
        license=project.publish.license,
        group=project.publish.group or "",
        slices=project.items.slices,
        reference=project.items.image or "",
        sources={name: source.format for name, source in project.sources.items()},
        annotators=dict(sorted(Counter(read(ANNOTATOR_QUALITY, day)["group"].to_pylist()).items())),
        pay={group: _pay(rate) for group, rate in sorted(project.costs.items())},
        jobs=tuple(project.publish.jobs),
        keep=project.publish.keep,
        answers=read_answers(home / ANSWERS),
        model=_model(desk, day),
    )


def _pay(rate: Rate) -> str:
    """A rate in words; the project file names no currency."""
    if rate.per_hour is not None:
        return f"{rate.per_hour:g} an hour"
    return f"{rate.per_annotation:g} an annotation"


def _sha256(path: Path) -> str:
    """The checksum of a file; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _model(desk: Desk, day: date) -> dict[str, Any] | None:
    """What the card of the built-in baseline tells; None where probabilities landed, or there are none."""
    base, predictions = desk.project.predictions.baseline, desk.lake.read(PREDICTIONS, day)
    if base is None or predictions["model"].unique().to_pylist() != [BASELINE]:
        return None
    rows = [r for r in desk.lake.read(KPIS, day).to_pylist() if r["dimension"] == "trained_on"]
    shown = ("kpi", "member", "value", "ci_low", "ci_high", "n")
    return {
        "reads": base.text or base.features,
        "kind": "text" if base.text else "features",
        "n_items": len(predictions),
        "folds": FOLDS,
        "trained_on": [{name: r[name] for name in shown} for r in rows if r["value"] is not None],
    }


def _landings(desk: Desk, day: date) -> pa.Table:
    """All files the state of `day` rests on, with the day each landed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = []
    for file in desk.lake.files(LANDINGS, day):
        table = pq.read_table(file, schema=LANDINGS.schema, partitioning=None)
        landed = date.fromisoformat(file.parent.name.removeprefix("day="))
        parts.append(table.append_column("day", pa.array([landed] * len(table), pa.date32())))
    return pa.concat_tables(parts)
