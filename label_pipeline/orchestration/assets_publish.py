"""Write, audit, publish: the candidate and its gates, then the training set, and the mart and report people read.

The mart and the report follow the tables, not the gate: on a night that is stopped, they are what people need to
mend it. What training jobs read moves only when every blocking gate holds.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from importlib.metadata import version as code_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from label_pipeline.contracts.tables import (
    CONSENSUS_EVIDENCE,
    CONSENSUS_LABELS,
    GATES,
    GOLD_SET,
    KPIS,
    LABEL_ISSUES,
    LANDINGS,
    RELABEL_QUEUE,
)
from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.mart import build_mart
from label_pipeline.orchestration.assets_kpis import FAMILIES
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.report_data import report_data, verdict_of
from label_pipeline.orchestration.table_assets import (
    Check,
    CheckSpec,
    Made,
    Output,
    asset_key,
    days_of,
    op_name,
    partitions,
    pool_name,
    table_step,
)
from label_pipeline.publish.acceptance import GateResult, Policy, judge
from label_pipeline.publish.candidate import INCLUDED, candidate
from label_pipeline.publish.manifest import latest
from label_pipeline.publish.profile import Profile, profile
from label_pipeline.publish.version import Facts, point_latest, publish, reject

if TYPE_CHECKING:
    import pyarrow as pa


ACCEPTED = "accepted"  # folder beside the versions: which one was accepted on which day


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The last stage of a project's graph."""
    return [
        table_step(
            desk,
            [Output("candidate", GATES)],
            _candidate,
            group="publish",
            after=["consensus_labels", "items", "label_issues", "relabel_queue", "gold_set", "landings"]
            + [f"kpis_{family}" for family in FAMILIES],
            checks=[
                CheckSpec(
                    "accepted", "candidate", "All blocking gates hold; Great Expectations judges them.", blocking=False
                )
            ],
            kinds=frozenset({"python", "parquet"}),
        ),
        _training_set(desk),
        last_day_asset(desk, "mart", "The DuckDB file people and BI tools open.", {"duckdb"}, _mart),
        last_day_asset(desk, "report", "The night's report: one HTML file that opens offline.", {"html"}, _report),
    ]


# --- the candidate and its gates


def _candidate(desk: Desk, day: date) -> Made:
    project, table = desk.project, _candidate_table(desk, day)
    seen = _profile(desk, day, table)
    policy = Policy(
        classes=project.labels.classes,
        min_coverage=project.publish.min_coverage,
        max_quarantined=project.publish.max_quarantined,
        budget=project.queue.budget.annotations,
        kpis={name: target.otherwise for name, target in project.kpis.items()},
    )
    frames = {name: desk.frame(t, day) for name, t in {"gold": GOLD_SET, "queue": RELABEL_QUEUE, "kpis": KPIS}.items()}
    verdict = judge(policy, profile=seen, day=day, **frames)
    folder = desk.folder.published(project.project)
    if verdict.accepted:
        # A version that LATEST does not name is there for nobody yet: `training_set` publishes it.
        version = publish(folder, day, table, _facts(desk, day), seen, verdict)
        write_text(folder / ACCEPTED / str(day), version.name + "\n")
    else:
        reject(folder, day, seen, verdict)
        (folder / ACCEPTED / str(day)).unlink(missing_ok=True)
    rows = [{"gate" if k == "name" else k: v for k, v in asdict(r).items()} for r in verdict.results]
    totals = {k: float(v) for k, v in seen.totals.iloc[0].items()}
    return Made(
        rows={"candidate": {name: [r[name] for r in rows] for name in GATES.names}},
        figures={k: totals[k] for k in ("rows", "coverage", "mean_confidence", "issue_share", "evaluation_gold")},
        words="\n".join(f"- {'✓' if r.passed else '✗'} {r.words}" for r in verdict.results),
        plot=partial(_split_plot, table),
        checks={"accepted": Check(verdict.accepted, _why(day, verdict.failed("block")))},
    )


def _candidate_table(desk: Desk, day: date) -> "pa.Table":
    read, project = desk.lake.read, desk.project
    return candidate(
        read(CONSENSUS_LABELS, day),
        desk.items(day),
        read(LABEL_ISSUES, day),
        read(GOLD_SET, day),
        classes=project.labels.classes,
        splits=_splits(desk),
        day=day,
        fields=project.items.fields,
    )


def _profile(desk: Desk, day: date, table: "pa.Table") -> Profile:
    read = desk.lake.read
    return profile(
        table,
        consensus=read(CONSENSUS_LABELS, day),
        gold=read(GOLD_SET, day),
        landings=read(LANDINGS, day),
        classes=desk.project.labels.classes,
        splits=_splits(desk),
        day=day,
    )


def _splits(desk: Desk) -> dict[str, Any]:
    return desk.project.publish.splits.model_dump()


def _why(day: date, failed: list[GateResult]) -> str:
    return "\n".join(f"{day}: {r.words}" for r in failed)


def _split_plot(table: "pa.Table") -> bytes:
    from label_pipeline.report.plots import bar

    splits = table["split"].to_pylist()
    names = sorted(set(splits))
    return bar(names, [splits.count(n) for n in names], "Candidate rows by split")


# --- the training set


def _training_set(desk: Desk) -> dg.AssetsDefinition:
    project = desk.project

    @dg.multi_asset(
        name=op_name(project.project, "training_set"),
        specs=[
            dg.AssetSpec(
                asset_key(project.project, "training_set"),
                deps=[asset_key(project.project, "candidate")],
                description="What training jobs read: an immutable version a night, and LATEST, which moves only if "
                "the gates hold.",
                group_name="publish",
                owners=[project.owner],
                kinds={"parquet"},
            )
        ],
        partitions_def=partitions(desk),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=pool_name(project.project),
    )
    def training_set(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        try:
            return _publish_days(context, desk)
        except UserError as error:
            raise dg.Failure(error.text(), allow_retries=False) from error

    return training_set


def _publish_days(context: dg.AssetExecutionContext, desk: Desk) -> dg.MaterializeResult[Any]:
    """Let LATEST name the newest accepted version; the run fails when the gates stopped its last day."""
    folder = desk.folder.published(desk.project.project)
    stopped = ""
    for day in days_of(context):
        verdict, version = verdict_of(desk, day), version_of(folder, day)
        stopped = "" if verdict.accepted else _why(day, verdict.failed("block"))
        if verdict.accepted and version:
            point_latest(folder, version)
        said = f"not published: {stopped}" if stopped else f"published {version}"
        context.log.info("%s %s: %s", desk.project.project, day, said)
    newest = latest(folder) if folder.is_dir() else None
    if stopped:
        raise dg.Failure(
            f"a gate stopped the night; training jobs keep {newest or 'nothing yet'}.\n{stopped}",
            metadata={"kind": "gate"},
            allow_retries=False,
        )
    return dg.MaterializeResult(metadata={"LATEST": newest or "", "days": len(days_of(context))})


def version_of(folder: Path, day: date) -> str | None:
    """The version that was accepted for `day`; None on a day that was stopped."""
    return accepted_versions(folder, day).get(day)


def accepted_versions(folder: Path, until: date) -> dict[date, str]:
    """The accepted version of every day up to `until`, in order of days; a stopped day has none."""
    notes = sorted(p for p in (folder / ACCEPTED).glob("????-??-??") if p.name <= str(until))
    return {date.fromisoformat(p.name): p.read_text(encoding="utf-8").strip() for p in notes}


def _facts(desk: Desk, day: date) -> Facts:
    project = desk.project
    evidence = desk.lake.read(CONSENSUS_EVIDENCE, day).to_pylist()
    return Facts(
        project=project.project,
        description=project.description,
        owner=project.owner,
        classes=project.labels.classes,
        splits=_splits(desk),
        statuses=INCLUDED,
        code_version=code_version("label-pipeline"),
        project_file_sha256=hashlib.sha256(desk.folder.project_file(project.project).read_bytes()).hexdigest(),
        guideline_version=project.guideline_on(day),
        landings=_landings(desk, day),
        kpis=desk.lake.read(KPIS, day),
        consensus_words=next((r["words"] for r in evidence if r["words"]), ""),
    )


def _landings(desk: Desk, day: date) -> "pa.Table":
    """All files the state of `day` rests on, with the day each landed."""
    import pyarrow as pa

    parts = []
    for past in [d for d in desk.lake.days(LANDINGS) if d <= day]:
        table = desk.lake.read(LANDINGS, past)
        parts.append(table.append_column("day", pa.array([past] * len(table), pa.date32())))
    return pa.concat_tables(parts)


# --- what people read


def last_day_asset(
    desk: Desk,
    name: str,
    words: str,
    kinds: set[str],
    make: Callable[[Desk, list[date]], dict[str, Any]],
    *,
    after: Sequence[str] = ("candidate", "quarantine"),
) -> dg.AssetsDefinition:
    """An asset that is made once a run, for its last day."""
    project = desk.project

    @dg.multi_asset(
        name=op_name(project.project, name),
        specs=[
            dg.AssetSpec(
                asset_key(project.project, name),
                deps=[asset_key(project.project, before) for before in after],
                description=words,
                group_name="publish",
                owners=[project.owner],
                kinds=kinds,
            )
        ],
        partitions_def=partitions(desk),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=pool_name(project.project),
    )
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        try:
            metadata = make(desk, days_of(context))
        except UserError as error:
            raise dg.Failure(error.text(), allow_retries=False) from error
        context.log.info("%s: %s", project.project, name)
        return dg.MaterializeResult(metadata=metadata)

    return made


def _mart(desk: Desk, walked: list[date]) -> dict[str, Any]:
    """The mart is always of the newest day computed, so that a backfill of old days does not turn it back."""
    newest = desk.lake.days(GATES)[-1]
    rows = build_mart(desk.lake, desk.folder.mart(desk.project.project), newest)
    return {"day": str(newest), "dagster/row_count": sum(rows.values()), **rows}


def _report(desk: Desk, walked: list[date]) -> dict[str, Any]:
    from label_pipeline.report.build import build_report

    folder = desk.folder.published(desk.project.project)
    for day in walked:
        write_text(
            desk.folder.report(desk.project.project, day),
            build_report(report_data(desk, day, accepted_versions(folder, day))),
        )
    return {"reports": len(walked), "newest": f"{desk.project.project}/{walked[-1]}.html"}
