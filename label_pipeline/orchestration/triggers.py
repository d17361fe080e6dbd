"""What starts a project's run: the nightly schedule, the landing sensor, and the job both start.

A run covers a range of days and walks them in order. A tick after days off starts at the first day that was
missed, so nothing is skipped and no day runs before the one it rests on.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from label_pipeline.clock import last_night, now
from label_pipeline.contracts.tables import LANDINGS
from label_pipeline.kept import last_table
from label_pipeline.landing import landed_days, project_files, project_gone
from label_pipeline.orchestration.assets_pull import ASKED
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.progress import RUN_CONFIG
from label_pipeline.orchestration.running import executor_alone
from label_pipeline.orchestration.standing_checks import check_keys
from label_pipeline.orchestration.table_assets import partitions
from label_pipeline.pull import pulled_sources
from label_pipeline.remote import up_to_date
from label_pipeline.renewal import stale
from label_pipeline.retention import rebuilt_from

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def job_name(project: str) -> str:
    """The name of a project's nightly job."""
    return "nightly__" + project.replace("-", "__")


def range_tags(first: date, last: date) -> dict[str, str]:
    """Tags that make one run of the days from `first` to `last`."""
    return {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}


def nightly_job(desk: Desk, assets: Sequence[dg.AssetsDefinition]) -> UnresolvedAssetJobDefinition:
    """All assets of a project in one run, one after another in one process."""
    return dg.define_asset_job(
        job_name(desk.project.project),
        selection=dg.AssetSelection.assets(*(key for asset in assets for key in asset.keys))
        - dg.AssetSelection.checks(*check_keys(desk)),
        partitions_def=partitions(desk),
        executor_def=executor_alone(desk.folder),
        description=f"The night of project {desk.project.project}: landing to published.",
        tags={"project": desk.project.project},
    )


def first_missing(desk: Desk) -> date:
    """The first day of the project that was never computed to the end; its start where other code wrote the lake."""
    day = desk.project.start
    if not stale(desk.lake):
        done = set(desk.lake.days(last_table(desk.project)))
        while day in done:
            day += timedelta(days=1)
    return day


def nightly_schedule(desk: Desk, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Runs last night and every night before it that was missed, after a pull where the project has one."""
    project = desk.project
    asked = ASKED if pulled_sources(project) else {}

    @dg.schedule(
        name=f"{job_name(project.project)}__schedule",
        job=job,
        cron_schedule=project.schedule.cron,
        execution_timezone=project.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    @up_to_date(desk)
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        tick = (context.scheduled_execution_time or now()).astimezone(project.zone).date()
        last = min(tick - timedelta(days=1), project.end or date.max)
        if last < project.start:
            return dg.SkipReason(f"project {project.project} starts on {project.start}")
        first = min(first_missing(desk), last)
        if project.end and tick > project.end + timedelta(days=1) and first_missing(desk) > project.end:
            return dg.SkipReason(f"project {project.project} ended on {project.end}, and all its days were run")
        return dg.RunRequest(f"{project.project}-{tick}", RUN_CONFIG, tags=range_tags(first, last) | asked)

    return nightly


def landing_sensor(desk: Desk, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Runs days that are over again when files landed in them afterwards; today and last night are the schedule's."""
    project = desk.project

    @dg.sensor(
        name=f"{job_name(project.project)}__landing",
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    @up_to_date(desk)
    def landing(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        last = last_night(project.timezone, project.end)
        changed = [
            day
            for day in landed_days(desk.folder, project.landing_of)
            if project.start <= day <= last and _changed(desk, day, last)
        ]
        if not changed:
            return dg.SkipReason("nothing landed in a day that is over")
        listing = "\n".join(
            f"{d}/{f.name}/{f.path.stat().st_size}" for d in changed for f in project_files(desk.folder, project, d)
        )
        digest = hashlib.sha256(listing.encode()).hexdigest()[:16]
        first = rebuilt_from(desk.lake, project, min(changed[0], first_missing(desk)))
        return dg.RunRequest(f"{project.project}-{last}-{digest}", RUN_CONFIG, tags=range_tags(first, last))

    return landing


def _changed(desk: Desk, day: date, last: date) -> bool:
    """Whether a day's landing folder holds other files than its computed partition tells of.

    The newest day that is over is not missing yet: the schedule waits until the tools have delivered it.
    """
    if not desk.lake.has(LANDINGS, day):
        return day < last
    table = desk.lake.read(LANDINGS, day)
    computed = dict(zip(table["landed_file"].to_pylist(), table["bytes"].to_pylist(), strict=True))
    for name in project_gone(desk.folder, desk.project, day):
        computed.pop(name, None)
    return computed != {f.name: f.path.stat().st_size for f in project_files(desk.folder, desk.project, day)}
