"""The first step of a night whose project pulls: what changed in the running labelling tool, into landing.

Only a run that is asked to pull does so: the schedule's, `nightly --pull`, and the asset run alone. A backfill, or the
landing sensor's run, computes days from what landed; a pull would put something new into days that are over.

What follows does not depend on this step but where the project says so: it goes first by its priority, and a tool that
does not answer fails this asset and leaves the night to what has landed.
"""

from datetime import date
from typing import Any

import dagster as dg

from label_pipeline.clock import last_night, today
from label_pipeline.contracts.tables import LANDINGS
from label_pipeline.errors import UserError
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.table_assets import asset_key, days_of, op_name, partitions, pool_name
from label_pipeline.pull import pull_source, pulled_sources, said

PULL = "pulled"
ASKED = {"label_pipeline/pull": "true"}
"""The run's tag that asks for a pull."""
FIRST = {"dagster/priority": "10"}


def build(desk: Desk) -> list[dg.AssetsDefinition]:
    """The asset `pulled`; none where no source is pulled."""
    project = desk.project
    if not pulled_sources(project):
        return []

    @dg.multi_asset(
        name=op_name(project.project, PULL),
        specs=[
            dg.AssetSpec(
                asset_key(project.project, PULL),
                description="What changed in the running Label Studio since the last pull, landed as files. Only where "
                "the run is asked to: by the schedule, by `nightly --pull`, or run alone.",
                group_name="intake",
                owners=[project.owner],
                kinds={"python"},
            )
        ],
        partitions_def=partitions(desk),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=pool_name(project.project),
        op_tags=FIRST,
    )
    def pulled(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        alone = context.run.asset_selection == frozenset({asset_key(project.project, PULL)})
        if not alone and not ASKED.items() <= context.run.tags.items():
            return dg.MaterializeResult(metadata={"in words": dg.MetadataValue.md("This run was not asked to pull.")})
        day = landing_day(desk, days_of(context)[-1])
        words, failed = [], []
        for name in pulled_sources(project):
            try:
                words.append(said(name, pull_source(desk.folder, project, name, day=day)))
            except UserError as error:
                failed.append(f"Source '{name}' was not pulled. {error.text()}")
        for line in words:
            context.log.info("%s: %s", project.project, line)
        if failed:
            raise dg.Failure("\n".join(failed), allow_retries=False)
        return dg.MaterializeResult(metadata={"in words": dg.MetadataValue.md("\n".join(words)), "day": str(day)})

    return [pulled]


def stops_nights(desk: Desk) -> bool:
    """Whether a night waits for its pull to succeed."""
    pulls = (source.pull for source in desk.project.sources.values())
    return any(pull is not None and pull.otherwise == "block" for pull in pulls)


def landing_day(desk: Desk, last: date) -> date:
    """Where a night whose last day is `last` lands what it pulls.

    On its own day, while that is last night and not computed yet: what was done until the pull belongs to the night.
    Else today: a day that was computed, or is longer over, gets nothing new.
    """
    zone, end = desk.project.timezone, desk.project.end
    if last == last_night(zone, end) and not desk.lake.has(LANDINGS, last):
        return last
    return today(zone)
