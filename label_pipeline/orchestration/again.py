"""Days that are run again in this process with a part of the project's graph: what changed behind them is made anew.

The same assets as a night's; which of them is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import dagster as dg

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.orchestration.build import build_definitions
from label_pipeline.orchestration.progress import RUN_CONFIG
from label_pipeline.orchestration.running import host_tag, require_idle
from label_pipeline.orchestration.triggers import job_name, range_tags


def run_again(
    folder: DataFolder, project: str, first: date, last: date, *, home: str, wanted: Callable[[str], bool]
) -> str:
    """Run the `wanted` assets over the days from `first` to `last`; returns why a gate stopped them, empty if none did.

    `home` is Dagster's, where the run is seen. The caller holds the project.

    Raises:
        UserError: a step failed; says why.
    """
    definitions = build_definitions(folder)
    keys = sorted(k for k in definitions.resolve_asset_graph().get_all_asset_keys() if k.path[0] == project)
    chosen = [key for key in keys if wanted(key.path[1])]
    if not chosen:
        return ""
    with dg.DagsterInstance.from_config(home) as instance:
        require_idle(instance, project)
        result = definitions.resolve_job_def(job_name(project)).execute_in_process(
            instance=instance,
            tags=range_tags(first, last) | host_tag(),
            asset_selection=chosen,
            raise_on_error=False,
            run_config=RUN_CONFIG,
        )
    stopped = ""
    for event in result.all_events:
        if event.is_step_failure:
            told = event.step_failure_data.user_failure_data
            words = str(told.description) if told else event.step_failure_data.error_display_string
            if told is None or "kind" not in told.metadata or told.metadata["kind"].value != "gate":
                raise UserError(words, where=f"project {project}")
            stopped = stopped or words
    return stopped
