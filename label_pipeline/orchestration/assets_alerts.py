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
    return [last_day_asset(desk, "alerts", words, {"python"}, _tell, after=after)]


def hooks(desk: Desk) -> set[dg.HookDefinition]:
    """What the project's job does when a step fails: nothing where nobody is to be told."""
    if not asks(desk):
        return set()
    project = desk.project.project

    @dg.failure_hook(name=op_name(project, "tell_of_failure"))
    def tell_of_failure(context: dg.HookContext) -> None:
        step = context.step_key.removeprefix(op_name(project, ""))
        if step != "training_set" or not _is_gate(context.op_exception):  # a gate leaves the asset to tell of it
            for words in tell(desk.folder, desk.project, failed_at=step)[1]:
                context.log.warning(words)

    return {tell_of_failure}


def asks(desk: Desk) -> bool:
    """Whether the project wants anybody told."""
    return bool(desk.project.alerts.webhook_env or desk.project.alerts.email)


def _tell(desk: Desk, _: list[date]) -> dict[str, Any]:
    told, warnings = tell(desk.folder, desk.project)
    for words in warnings:
        dg.get_dagster_logger().warning(words)
    return {"told": told, "warnings": len(warnings)}


def _is_gate(error: BaseException | None) -> bool:
    """Whether a step failed because a gate stopped the night."""
    return isinstance(error, dg.Failure) and "kind" in error.metadata and error.metadata["kind"].value == "gate"
