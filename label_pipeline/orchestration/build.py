"""Definitions from project files. A broken project file is one failing asset with its message; the others run."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.orchestration import (
    assets_alerts,
    assets_batches,
    assets_gold,
    assets_guidelines,
    assets_ingest,
    assets_kept,
    assets_kpis,
    assets_labels,
    assets_predictions,
    assets_publish,
    assets_pull,
    assets_queue,
    standing_checks,
)
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.progress import progress_logger
from label_pipeline.orchestration.running import executor_alone, killed_runs
from label_pipeline.orchestration.table_assets import asset_key, op_name
from label_pipeline.orchestration.triggers import landing_sensor, nightly_job, nightly_schedule
from label_pipeline.project import Project, load_project, project_names


def build_definitions(folder: DataFolder, given: Mapping[str, Project] = MappingProxyType({})) -> dg.Definitions:
    """Everything Dagster needs for the projects of a data folder; those `given` are not what their file says."""
    # Single-run backfills are marked beta by Dagster; we rely on them, and they are tested here.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    parts = [_Project.of(folder, name, given.get(name)) for name in project_names(folder)]
    return dg.Definitions(
        assets=[asset for part in parts for asset in part.assets],
        asset_checks=[check for part in parts for desk, _ in part.running for check in standing_checks.build(desk)],
        jobs=[job for part in parts for job in part.jobs],
        schedules=[nightly_schedule(desk, job) for part in parts for desk, job in part.running],
        sensors=[
            killed_runs,
            *(landing_sensor(desk, job) for part in parts for desk, job in part.running),
            *(standing_checks.sensor(desk) for part in parts for desk, _ in part.running),
        ],
        executor=executor_alone(folder),
        loggers={"console": progress_logger},
    )


@dataclass(frozen=True)
class _Project:
    """One project's part of the definitions; a broken one has its failing asset and nothing else."""

    assets: list[dg.AssetsDefinition]
    running: list[tuple[Desk, UnresolvedAssetJobDefinition]]

    @classmethod
    def of(cls, folder: DataFolder, name: str, given: Project | None = None) -> "_Project":
        try:
            desk = Desk(folder, given or load_project(folder, name))
        except UserError as error:
            return cls([_broken(name, error.text())], [])
        judged = (
            assets_gold.build,
            assets_predictions.build,
            assets_labels.build,
            assets_guidelines.build,
            assets_queue.build,
            assets_batches.build,
            assets_kpis.build,
            assets_publish.build,
        )
        middle = judged if desk.project.labels.has_consensus else (assets_kept.build,)
        stages = (assets_pull.build, assets_ingest.build, *middle, assets_alerts.build)
        assets = assets_alerts.told_of_failures(desk, [asset for build in stages for asset in build(desk)])
        return cls(assets, [(desk, nightly_job(desk, assets))])

    @property
    def jobs(self) -> list[UnresolvedAssetJobDefinition]:
        return [job for _, job in self.running]


def _broken(name: str, message: str) -> dg.AssetsDefinition:
    """The stand-in for a project whose file cannot be read: it says what is wrong, and fails when run."""

    @dg.multi_asset(
        name=op_name(name, "project_file"),
        specs=[
            dg.AssetSpec(
                asset_key(name, "project_file"),
                description=f"This project does not run: its file has a mistake.\n\n{message}",
                group_name="broken_projects",
                kinds={"yaml"},
            )
        ],
    )
    def project_file() -> None:
        raise dg.Failure(message, allow_retries=False)

    return project_file
