"""Telling people after a night: the last asset of a project that asks for it, and a hook for runs that broke off.

An asset, not a sensor: it runs in whatever process runs the night, `label-pipeline nightly` as well as the daemon. It
waits for what people read and not for the training set, so that a stopped night is told; a run that breaks off before
that, by a flood or a fault, never comes to it, and is told by the hook.
"""

from datetime import date
from typing import Any

import dagster as dg

from label_pipeline.alerts.tell import tell
from label_pipeline.orchestration.assets_publish import last_day_asset
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.table_assets import op_name


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The asset `alerts`; none where nobody is to be told."""
    if not asks(desk):
        return []
    words = "What is new since it was last told, by webhook and e-mail: stopped nights, targets, changes, bad files."
    after = ("mart", "report") if desk.project.labels.has_consensus else ("mart",)
    # Last of all that can run: whether the training set failed by a fault is told too.
    return [last_day_asset(desk, "alerts", words, {"python"}, _tell, after=after, priority=-1)]


def told_of_failures(desk: Desk, assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The project's assets, with somebody told when one fails, whatever run it belongs to; as they are if nobody asks.

    The hook belongs to the assets and not to the job: a single asset run from the UI is no run of the job.
    """
    if not asks(desk):
        return assets
    project = desk.project.project

    @dg.failure_hook(name=op_name(project, "tell_of_failure"))
    def tell_of_failure(context: dg.HookContext) -> None:
        step = context.step_key.removeprefix(op_name(project, ""))
        if step != "training_set" or not _is_gate(context.op_exception):  # a gate leaves the asset to tell of it
            for words in tell(desk.folder, desk.project, failed_at=step)[1]:
                context.log.warning(words)

    return [asset.with_hooks({tell_of_failure}) for asset in assets]


def asks(desk: Desk) -> bool:
    """Whether the project wants anybody told."""
    return bool(desk.project.alerts.webhook_env or desk.project.alerts.email)


def _tell(desk: Desk, _: list[date]) -> dict[str, Any]:
    told, warnings = tell(desk.folder, desk.project, failed_at=_failed_at(desk, dg.AssetExecutionContext.get()))
    for words in warnings:
        dg.get_dagster_logger().warning(words)
    return {"told": told, "warnings": len(warnings)}


def _failed_at(desk: Desk, context: dg.AssetExecutionContext) -> str | None:
    """The step that failed in this run by a fault; empty where the night came to its end, None where it is not whole.

    A gate is an end of a night, and tells of itself.
    """
    last = "training_set" if desk.project.labels.has_consensus else "mart"
    of_type = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.STEP_SUCCESS}
    ended = False
    for entry in context.instance.all_logs(context.run_id, of_type=of_type):
        event = entry.get_dagster_event()
        step = (event.step_key or "").removeprefix(op_name(desk.project.project, ""))
        ended = ended or step == last
        if event.is_step_failure:
            failure = event.step_failure_data.user_failure_data
            if failure is None or "kind" not in failure.metadata or failure.metadata["kind"].value != "gate":
                return step
    return "" if ended else None


def _is_gate(error: BaseException | None) -> bool:
    """Whether a step failed because a gate stopped the night."""
    return isinstance(error, dg.Failure) and "kind" in error.metadata and error.metadata["kind"].value == "gate"
