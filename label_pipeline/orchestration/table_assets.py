"""One way to make an asset that writes tables: walk the days in order, compute, check the contract, write, report.

What a day's rows are is the `compute` function's; everything that is the same for every table stands here.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import dagster as dg

from label_pipeline.clock import days
from label_pipeline.contracts.tables import Table
from label_pipeline.orchestration.desk import ContractError, Desk, Written
from label_pipeline.orchestration.lineage import column_lineage
from label_pipeline.orchestration.outcome import measured, told_as_failure


@dataclass(frozen=True)
class Output:
    """One asset of a step: its name within the project, and the table (or the part of one) it writes.

    `words` are its description where the table's meaning says too little.
    """

    name: str
    table: Table
    part: str = "part"
    words: str = ""


@dataclass(frozen=True)
class Check:
    """The outcome of a check: whether it holds, what was seen, what to do."""

    passed: bool
    words: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """A day's result: rows by asset name, key figures, one small plot, and the outcome of the step's own checks.

    Figures, plot and words are shown on the step's first asset; a step of several that each have their own gives
    them in `about`, by asset name.
    """

    rows: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    plot: Callable[[], bytes] | None = None
    words: str = ""
    checks: Mapping[str, Check] = field(default_factory=dict)
    about: "Mapping[str, Made]" = field(default_factory=dict)


@dataclass(frozen=True)
class CheckSpec:
    """A check a step makes beside the contract: on which asset, blocking or only warning.

    One that is a gate ends the run at the day on which it fails, once the day's tables are written for people to see.
    """

    name: str
    asset: str
    words: str
    blocking: bool = True
    gate: bool = False


Compute = Callable[[Desk, date], Made]


def asset_key(project: str, name: str) -> dg.AssetKey:
    """The key of a project's asset."""
    return dg.AssetKey([project, name])


def op_name(project: str, name: str) -> str:
    """The name of what makes a project's asset: Dagster's own would be one for `a-b` and `a_b`."""
    return f"{project}__{name}".replace("-", "__")


def pool_name(project: str) -> str:
    """The pool of a project's steps: two runs of it never write together."""
    return f"project_{project}"


def partitions(desk: Desk) -> dg.DailyPartitionsDefinition:
    """The project's landing days. Today counts too: whoever cannot wait for the night may run it."""
    project = desk.project
    return dg.DailyPartitionsDefinition(
        start_date=project.start.isoformat(),
        end_date=None if project.end is None else (project.end + timedelta(days=1)).isoformat(),
        timezone=project.timezone,
        end_offset=0 if project.end else 1,
    )


def table_step(
    desk: Desk,
    outputs: Sequence[Output],
    compute: Compute,
    *,
    group: str,
    after: Sequence[str] = (),
    checks: Sequence[CheckSpec] = (),
    kinds: frozenset[str] = frozenset({"python", "parquet"}),
) -> dg.AssetsDefinition:
    """An asset, or several made in one pass, of a project."""
    project = desk.project.project

    @dg.multi_asset(
        name=op_name(project, outputs[0].name),
        specs=[_spec(desk, output, group, after, kinds) for output in outputs],
        check_specs=[
            *(_contract_spec(project, output) for output in outputs),
            *(
                dg.AssetCheckSpec(c.name, asset=asset_key(project, c.asset), blocking=c.blocking, description=c.words)
                for c in checks
            ),
        ],
        partitions_def=partitions(desk),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=pool_name(project),
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from _run(context, desk, outputs, compute, checks, tuple(after))

    return step


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """The days of this run, in order."""
    keys = context.partition_key_range
    return days(date.fromisoformat(keys.start), date.fromisoformat(keys.end))


def _run(
    context: dg.AssetExecutionContext,
    desk: Desk,
    outputs: Sequence[Output],
    compute: Compute,
    checks: Sequence[CheckSpec],
    after: tuple[str, ...],
) -> Iterator[Any]:
    project = desk.project.project
    walked = days_of(context)
    rows = dict.fromkeys((o.name for o in outputs), 0)
    took = {"seconds": 0.0, "cpu_seconds": 0.0, "peak_memory_mb": 0.0}
    outcome: dict[str, Check] = {}
    made, stored = Made(), {}
    for day in walked:
        try:
            with told_as_failure(desk), measured() as spent:
                made = compute(desk, day)
                stored = {o.name: _stored(desk, o, day, made.rows[o.name]) for o in outputs}
        except ContractError as broken:
            broken_key = next(asset_key(project, o.name) for o in outputs if o.table.name == broken.table)
            yield dg.AssetCheckResult(
                asset_key=broken_key, check_name="contract", passed=False, metadata={"broken": "\n".join(broken.broken)}
            )
            raise dg.Failure(f"{day}: {broken}", allow_retries=False) from broken
        took = {n: max(v, spent[n]) if n == "peak_memory_mb" else v + spent[n] for n, v in took.items()}
        for output in outputs:
            rows[output.name] += len(stored[output.name])
            about = made.about.get(output.name, made if output is outputs[0] else Made())
            # A range has one result; what is true of a day belongs to its partition, or the UI would chart a flat line.
            context.add_asset_metadata(
                {"dagster/partition_row_count": len(stored[output.name])} | _shown(about, day, last=day == walked[-1]),
                asset_key(project, output.name),
                str(day),
            )
        # A check of a range fails when it failed on any of its days; the first one is told.
        outcome |= {n: c for n, c in made.checks.items() if n not in outcome or outcome[n].passed}
        context.log.info("%s %s: %s", project, day, ", ".join(f"{n} {len(t)} rows" for n, t in stored.items()))
        for gate in [c for c in checks if c.gate and not made.checks[c.name].passed]:
            yield _check_result(asset_key(project, gate.asset), gate.name, made.checks[gate.name], checks)
            raise dg.Failure(made.checks[gate.name].words, metadata={"kind": "gate"}, allow_retries=False)
    for output in outputs:
        key, own = asset_key(project, output.name), [c.name for c in checks if c.asset == output.name]
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={"dagster/row_count": rows[output.name], "days": len(walked)}
            | _lineage(project, output, after)
            | ({n: round(v, 3) for n, v in took.items()} if output is outputs[0] else {}),
            check_results=[
                dg.AssetCheckResult(asset_key=key, check_name="contract", passed=True, metadata={"days": len(walked)}),
                *(_check_result(key, name, outcome[name], checks) for name in own),
            ],
        )


def _stored(desk: Desk, output: Output, day: date, rows: Any) -> Any:
    return rows if isinstance(rows, Written) else desk.store(output.table, day, rows, output.part)


def _check_result(key: dg.AssetKey, name: str, check: Check, specs: Sequence[CheckSpec]) -> dg.AssetCheckResult:
    blocking = next(s.blocking for s in specs if s.name == name)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=check.passed,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description=check.words,
        metadata=dict(check.facts),
    )


def _lineage(project: str, output: Output, after: tuple[str, ...]) -> dict[str, Any]:
    lineage = column_lineage(project, output.name, output.table, after)
    return {"dagster/column_lineage": lineage} if lineage else {}


def _shown(made: Made, day: date, *, last: bool) -> dict[str, Any]:
    """A day's key figures as floats, which the UI charts over partitions, its words, and the plot of the last day."""
    shown: dict[str, Any] = {name: float(value) for name, value in made.figures.items()}
    if made.words:
        shown["in words"] = dg.MetadataValue.md(made.words)
    if made.plot and last:
        picture = base64.b64encode(made.plot()).decode()
        shown["plot"] = dg.MetadataValue.md(f"![{day}](data:image/png;base64,{picture})")
    return shown


def _spec(desk: Desk, output: Output, group: str, after: Sequence[str], kinds: frozenset[str]) -> dg.AssetSpec:
    project = desk.project
    types = {"text": "string", "integer": "int", "flag": "bool", "time": "timestamp", "day": "date"}
    columns = [
        dg.TableColumn(
            c.name, types.get(c.kind, c.kind), c.meaning, constraints=dg.TableColumnConstraints(nullable=c.nullable)
        )
        for c in output.table.columns
    ]
    return dg.AssetSpec(
        asset_key(project.project, output.name),
        deps=[asset_key(project.project, name) for name in after],
        description=output.words or output.table.meaning,
        group_name=group,
        owners=[project.owner],
        kinds=set(kinds),
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns), "key": ", ".join(output.table.key)},
    )


def _contract_spec(project: str, output: Output) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        "contract",
        asset=asset_key(project, output.name),
        blocking=True,
        description="Columns, types, keys and values are what contracts/ says; checked before anything is written.",
    )
