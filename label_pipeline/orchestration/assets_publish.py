"""Write, audit, publish: the candidate and its gates, then the training set, and the mart and report people read.

The mart and the report follow the tables, not the gate: on a night that is stopped, they are what people need to
mend it. What training jobs read moves only when every blocking gate holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from label_pipeline.clock import end_of_day
from label_pipeline.contracts.tables import (
    CONSENSUS_LABELS,
    CONSENSUS_NUMBERS,
    GATES,
    GOLD_SET,
    KPIS,
    LABEL_ISSUES,
    LANDINGS,
    RELABEL_QUEUE,
    SPLITS,
)
from label_pipeline.files import write_text
from label_pipeline.mart import EVERY_DAY, NEWEST
from label_pipeline.orchestration import assets_guidelines
from label_pipeline.orchestration.assets_kpis import families
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.held import drawn_items
from label_pipeline.orchestration.marts import build_marts
from label_pipeline.orchestration.outcome import measured, told_as_failure
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
from label_pipeline.orchestration.version_facts import version_facts
from label_pipeline.publish.acceptance import Policy, judge
from label_pipeline.publish.candidate import candidate, place
from label_pipeline.publish.decisions import overrides, with_overrides
from label_pipeline.publish.latest import accept, advance
from label_pipeline.publish.manifest import accepted_versions, latest
from label_pipeline.publish.profile import Profile, profile
from label_pipeline.publish.typed import typed
from label_pipeline.publish.verdict import GateResult
from label_pipeline.publish.version import publish, reject

if TYPE_CHECKING:
    import pyarrow as pa


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The last stage of a project's graph."""
    return [
        table_step(
            desk,
            [Output("candidate", GATES), Output("splits", SPLITS)],
            _candidate,
            group="publish",
            after=["consensus_labels", "items", "label_issues", "relabel_queue", "gold_set", "landings"]
            + [f"kpis_{family}" for family in families(desk.project)],
            checks=[
                CheckSpec(
                    "accepted", "candidate", "All blocking gates hold; Great Expectations judges them.", blocking=False
                )
            ],
            kinds=frozenset({"python", "parquet"}),
        ),
        _training_set(desk),
        last_day_asset(
            desk,
            "mart",
            "The DuckDB file people and BI tools open.",
            {"duckdb"},
            _mart,
            after=("candidate", "quarantine", "batches", "gold_plan", *assets_guidelines.names(desk)),
        ),
        last_day_asset(
            desk,
            "report",
            "The night's report: one HTML file that opens offline.",
            {"html"},
            _report,
            after=("candidate", "quarantine", "gold_plan", *assets_guidelines.names(desk)),
        ),
    ]


# --- the candidate and its gates


def _candidate(desk: Desk, day: date) -> Made:
    project, placed = desk.project, _placed(desk, day)
    table = _candidate_table(desk, day, placed)
    seen = _profile(desk, day, table, placed)
    policy = Policy(
        classes=project.labels.classes,
        min_coverage=project.publish.min_coverage,
        max_quarantined=project.publish.max_quarantined,
        missing_class=project.publish.missing_class,
        min_gold_per_class=1 if project.labels.has_one_class else 0,
        budget=project.queue.budget.annotations,
        kpis={name: target.otherwise for name, target in project.kpis.items()},
    )
    frames = {name: desk.frame(t, day) for name, t in {"gold": GOLD_SET, "queue": RELABEL_QUEUE, "kpis": KPIS}.items()}
    verdict = judge(policy, profile=seen, day=day, **frames)
    verdict = with_overrides(verdict, overrides(desk.folder, project.project, day))
    folder = desk.folder.published(project.project)
    if verdict.accepted:
        # A version that LATEST does not name is there for nobody yet: `training_set` publishes it.
        numbers = desk.lake.read(CONSENSUS_NUMBERS, day) if project.labels.type == "number" else None
        rows_typed = typed(table, project.labels.meaning, numbers)
        accept(folder, day, publish(folder, day, rows_typed, version_facts(desk, day), seen, verdict).name)
    else:
        reject(folder, day, seen, verdict)
        accept(folder, day, None)
    rows = [asdict(r) | {"gate": r.name, "overridden": r.overridden or None} for r in verdict.results]
    totals = {k: float(v) for k, v in seen.totals.iloc[0].items()}
    return Made(
        rows={"candidate": {name: [r[name] for r in rows] for name in GATES.names}, "splits": placed},
        figures={k: totals[k] for k in ("rows", "coverage", "mean_confidence", "issue_share", "evaluation_gold")},
        words="\n".join(f"- {'✓' if r.passed else '✗'} {r.words}" for r in verdict.results),
        plot=partial(_split_plot, table),
        checks={"accepted": Check(verdict.accepted, _why(day, verdict.failed("block")))},
    )


def _placed(desk: Desk, day: date) -> "pa.Table":
    """Where every learning item belongs, as the day before has it and today adds."""
    eve, read = day - timedelta(days=1), desk.lake.read
    return place(
        read(CONSENSUS_LABELS, day),
        desk.items(day),
        read(LABEL_ISSUES, day),
        read(GOLD_SET, day),
        read(SPLITS, eve) if day > desk.project.start else SPLITS.empty(),
        splits=_splits(desk),
        day=day,
        group=desk.project.publish.group,
        drawn=drawn_items(desk, day),
    )


def _candidate_table(desk: Desk, day: date, placed: "pa.Table") -> "pa.Table":
    read, project = desk.lake.read, desk.project
    return candidate(
        read(CONSENSUS_LABELS, day),
        desk.items(day),
        read(LABEL_ISSUES, day),
        read(GOLD_SET, day),
        placed,
        classes=project.labels.classes,
        splits=_splits(desk),
        day=day,
        fields=project.items.fields,
    )


def _profile(desk: Desk, day: date, table: "pa.Table", placed: "pa.Table") -> Profile:
    read = desk.lake.read
    return profile(
        table,
        consensus=read(CONSENSUS_LABELS, day),
        issues=read(LABEL_ISSUES, day),
        placed=placed,
        gold=read(GOLD_SET, day),
        landings=read(LANDINGS, day),
        classes=desk.project.labels.classes,
        splits=_splits(desk),
        day=day,
        meaning=desk.project.labels.meaning,
        drawn=drawn_items(desk, day),
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
        with told_as_failure(desk), measured() as took:
            metadata = _publish_days(context, desk)
        return dg.MaterializeResult(metadata=metadata | took)

    return training_set


def _publish_days(context: dg.AssetExecutionContext, desk: Desk) -> dict[str, Any]:
    """Let LATEST name the newest accepted version; the run fails when the gates stopped its last day."""
    project = desk.project.project
    folder = desk.folder.published(project)
    stopped, said = "", ""
    for day in days_of(context):
        verdict, version = verdict_of(desk, day), accepted_versions(folder, day).get(day)
        stopped = "" if verdict.accepted else _why(day, verdict.failed("block"))
        said = f"not published: {stopped}"
        if verdict.accepted and version:
            signed = [f"{r.name} overridden by {r.overridden}" for r in verdict.results if r.overridden]
            words = "; ".join(signed) or "all blocking gates hold"
            said = advance(desk.folder, project, version, at=end_of_day(day, desk.project.timezone), words=words)
        context.log.info("%s %s: %s", project, day, said)
    newest = latest(folder) if folder.is_dir() else None
    if stopped:
        raise dg.Failure(
            f"a gate stopped the night; training jobs keep {newest or 'nothing yet'}.\n{stopped}",
            metadata={"kind": "gate"},
            allow_retries=False,
        )
    return {"LATEST": newest or "", "in words": said, "days": len(days_of(context))}


# --- what people read


def last_day_asset(
    desk: Desk,
    name: str,
    words: str,
    kinds: set[str],
    make: Callable[[Desk, list[date]], dict[str, Any]],
    *,
    after: Sequence[str] = ("candidate", "quarantine"),
    priority: int = 0,
) -> dg.AssetsDefinition:
    """An asset that is made once a run, for its last day; of those that can run, that of highest `priority` first."""
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
        op_tags={"dagster/priority": str(priority)},
    )
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        with told_as_failure(desk), measured() as took:
            desk.require_there()
            metadata = make(desk, days_of(context))
        context.log.info("%s: %s", project.project, name)
        return dg.MaterializeResult(metadata=metadata | took)

    return made


def _mart(desk: Desk, walked: list[date]) -> dict[str, Any]:
    """The mart is always of the newest day computed, so that a backfill of old days does not turn it back."""
    newest = desk.lake.days(GATES)[-1]
    tables = (*NEWEST, CONSENSUS_NUMBERS) if desk.project.labels.type == "number" else NEWEST
    rows = build_marts(desk, newest, tables, EVERY_DAY)
    return {"day": str(newest), "dagster/row_count": sum(rows.values()), **rows}


def _report(desk: Desk, walked: list[date]) -> dict[str, Any]:
    from label_pipeline.orchestration.report_index import write_indexes
    from label_pipeline.report.build import build_report

    folder = desk.folder.published(desk.project.project)
    for day in walked:
        write_text(
            desk.folder.report(desk.project.project, day),
            build_report(report_data(desk, day, accepted_versions(folder, day))),
        )
    write_indexes(desk.folder, desk.project.project)
    return {"reports": len(walked), "newest": f"{desk.project.project}/{walked[-1]}.html"}
