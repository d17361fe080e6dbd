"""What is broken now: two checks of a project that need no run of its night, kept up to date by a sensor.

`up_to_date` asks whether the partition of every day that is due is there, `nothing_broken` whether the newest one is
whole and well. Both stand on the mart, which every project has, and say what to do. A night that never came says
nothing by itself; so the sensor looks every few minutes, and tells the checks' outcome when it has changed. What
conditions there are is `alerts.standing`'s, as for those who are told by webhook and e-mail.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
from dagster._utils.schedules import get_latest_completed_cron_tick

from label_pipeline.alerts.standing import standing
from label_pipeline.clock import days, now
from label_pipeline.contracts.tables import TABLES
from label_pipeline.errors import UserError
from label_pipeline.kept import last_table
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.running import projects_of
from label_pipeline.orchestration.table_assets import asset_key, op_name, pool_name
from label_pipeline.remote import up_to_date

UP_TO_DATE, WELL = "up_to_date", "nothing_broken"
GRACE = timedelta(hours=2)
"""How long a night may take before its day is overdue."""
MOST_SHOWN = 20
LOOK_SECONDS = 300
RUNS_SEEN = 100
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]

_ABOUT = {
    UP_TO_DATE: "Every day that is due has been computed to its end. A day is due two hours after the nightly"
    " schedule's tick that runs it.",
    WELL: "The newest computed day is whole: no table of it is missing, no gate stopped it, no target is missed, every"
    " file could be read, and the last run came to its end.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Broken:
    """One thing that is broken: what, where, in a sentence, and what to do."""

    what: str
    where: str
    words: str
    do: str


def check_keys(desk: Desk) -> list[dg.AssetCheckKey]:
    """The checks of this module, for jobs that leave them out: a night does not judge whether it is late."""
    return [dg.AssetCheckKey(asset_key(desk.project.project, "mart"), name) for name in _ABOUT]


def build(desk: Desk) -> list[dg.AssetChecksDefinition]:
    """The two checks, which the UI can also execute at any time."""
    key = asset_key(desk.project.project, "mart")

    @dg.multi_asset_check(
        name=op_name(desk.project.project, "standing"),
        specs=[dg.AssetCheckSpec(name, asset=key, blocking=False, description=words) for name, words in _ABOUT.items()],
        pool=pool_name(desk.project.project),
        can_subset=True,
    )
    def standing_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        asked = {check.name for check in context.selected_asset_check_keys}
        for name, broken in found(desk, context.instance, now()).items():
            if name in asked:
                yield dg.AssetCheckResult(asset_key=key, check_name=name, **_told(broken))

    return [standing_checks]


def sensor(desk: Desk) -> dg.SensorDefinition:
    """Tells the outcome of the checks whenever it has changed. Starts nothing."""
    project, key = desk.project.project, asset_key(desk.project.project, "mart")

    @dg.sensor(
        name=f"standing__{project.replace('-', '__')}",
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks whether days are overdue and the newest one is well, and tells the checks of the mart.",
    )
    @up_to_date(desk)
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        outcome = found(desk, context.instance, now())
        digest = hashlib.sha256(repr(outcome).encode()).hexdigest()
        if context.cursor == digest:
            return dg.SkipReason("nothing has changed")
        events = [dg.AssetCheckEvaluation(key, name, **_told(broken)) for name, broken in outcome.items()]
        return dg.SensorResult(asset_events=events, cursor=digest)

    return look


def found(desk: Desk, instance: dg.DagsterInstance, at: datetime) -> dict[str, list[Broken]]:
    """What each check finds at an instant."""
    try:
        well = [*_holes(desk), *_conditions(desk)]
    except UserError as error:  # the lake was written by other code, or cannot be read
        well = [Broken("lake", desk.project.project, error.what, error.do or "See `label-pipeline doctor`.")]
    return {UP_TO_DATE: _overdue(desk, at), WELL: [*well, *_last_run(desk, instance)]}


def due(desk: Desk, at: datetime) -> date | None:
    """The newest day whose night should be over at an instant; None before the first."""
    project = desk.project
    tick = get_latest_completed_cron_tick(project.schedule.cron, at - GRACE, project.timezone)
    day = min(tick.astimezone(project.zone).date() - timedelta(days=1), project.end or date.max)
    return day if day >= project.start else None


def _overdue(desk: Desk, at: datetime) -> list[Broken]:
    last = due(desk, at)
    if last is None:
        return []
    computed = set(desk.lake.days(last_table(desk.project)))
    missing = [day for day in days(desk.project.start, last) if day not in computed]
    again = f"label-pipeline nightly --project {desk.project.project}"
    return [
        Broken("day", str(day), f"{day} is due and was not computed to its end.", f"Run `{again}`: it starts there.")
        for day in missing
    ]


def _holes(desk: Desk) -> list[Broken]:
    """What a night leaves behind and the newest computed day lacks."""
    project = desk.project.project
    computed = desk.lake.days(last_table(desk.project))
    if not computed:
        return []
    day = computed[-1]
    # A table is the project's when any day has it: which there are depends on the type of its labels.
    tables = [table for table in TABLES.values() if desk.lake.days(table) and not desk.lake.has(table, day)]
    again = f"Run `label-pipeline nightly --project {project} --day {day}`."
    holes = [
        Broken("partition", f"{table.name} {day}", f"{table.name} of {day} is missing.", again) for table in tables
    ]
    if not desk.folder.mart(project).is_file():
        holes.append(Broken("mart", project, "There is no mart.", again))
    if desk.project.labels.has_consensus and not desk.folder.report(project, day).is_file():
        holes.append(Broken("report", str(day), f"There is no report of {day}.", again))
    return holes


def _conditions(desk: Desk) -> list[Broken]:
    project = desk.project.project
    now_known = standing(desk.lake, desk.project, failed_at=None)
    if now_known is None:
        return []
    todo = {
        "gate": "The check `accepted` of the candidate says what to look at; `label-pipeline override` lets the day"
        " pass, signed and with a reason.",
        "target": "Look at the figure by class, slice and group in the night's report.",
        "flood": f"Look with `label-pipeline quarantine {project}`, mend the source or the project file, and run the"
        " day.",
        "files": "The report and the table landings name each file and its problem; land it whole again, and the"
        " sensor runs it.",
    }
    return [
        Broken(condition.kind, key, condition.words, todo[condition.kind]) for key, condition in now_known.holds.items()
    ]


def _last_run(desk: Desk, instance: dg.DagsterInstance) -> list[Broken]:
    """The project's newest run where it failed by a fault; a gate or a flood is a condition by itself."""
    ended = instance.get_runs(dg.RunsFilter(statuses=ENDED), limit=RUNS_SEEN)
    run = next((run for run in ended if desk.project.project in projects_of(run)), None)
    if run is None or run.status != dg.DagsterRunStatus.FAILURE:
        return []
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    events = [entry.get_dagster_event() for entry in entries]
    faults = [event for event in events if _kind(event) != "gate"]
    if events and not faults:
        return []
    steps = ", ".join(str(event.step_key).removeprefix(op_name(desk.project.project, "")) for event in faults)
    first = run.tags.get("dagster/asset_partition_range_start") or run.tags.get("dagster/partition") or ""
    last = run.tags.get("dagster/asset_partition_range_end") or first
    words = f"The last run, {run.run_id[:8]} of {first} to {last}, failed{f' at {steps}' if steps else ''}."
    do = "Its failed step says why. Mend that, and run the same days again."
    return [Broken("run", run.run_id[:8], words, do)]


def _kind(event: dg.DagsterEvent) -> Any:
    failure = event.step_failure_data.user_failure_data
    return failure.metadata["kind"].value if failure is not None and "kind" in failure.metadata else None


def _told(broken: Sequence[Broken]) -> dict[str, Any]:
    """The outcome of a check: how many things are broken, the first of them, and what to do."""
    shown = broken[:MOST_SHOWN]
    more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
    rows = [f"| {' | '.join(map(_cell, (b.what, b.where, b.words, b.do)))} |" for b in shown]
    table = "\n".join(["| what | where | what is known | what to do |", "|---|---|---|---|", *rows])
    left = f"\n\nThe first {len(shown)} of {len(broken)}." if len(broken) > len(shown) else ""
    return {
        "passed": not broken,
        "severity": dg.AssetCheckSeverity.WARN,
        "description": f"{broken[0].words} {broken[0].do}{more}" if broken else "All is well.",
        "metadata": {"broken": len(broken)} | ({"in words": dg.MetadataValue.md(table + left)} if broken else {}),
    }


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
