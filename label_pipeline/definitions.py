"""What Dagster loads: every project of the data folder, as assets, checks, a job, a schedule and a sensor each."""

from label_pipeline.folders import DataFolder
from label_pipeline.orchestration.build import build_definitions

defs = build_definitions(DataFolder.choose())
