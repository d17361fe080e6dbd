"""The consensus of a night where the project's engine is shards or Spark: the lake in, the partition out.

Here belongs what the asset consensus_labels does then: shards from the lake, the method fitted, each shard's rows
settled, all written in order. Nothing of it holds more than a shard; what is computed is `shards`'.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.rules import ITEM_STATUSES
from label_pipeline.contracts.tables import CONSENSUS_LABELS, GOLD_SET, PREDICTIONS
from label_pipeline.gold.life import in_force
from label_pipeline.orchestration.desk import Desk, Written
from label_pipeline.project_engine import require_engine
from label_pipeline.settle import Policy, known_checks

if TYPE_CHECKING:
    import pandas as pd

    from label_pipeline.shards.base import Shards
    from label_pipeline.shards.build import Facts
    from label_pipeline.shards.fits import ShardFit
    from label_pipeline.shards.runners import Runner
    from label_pipeline.shards.table import Seen


@dataclass(frozen=True)
class Settled:
    """What a night wrote of consensus_labels: how many rows, what is seen of them, and what decided, in words."""

    rows: Written
    seen: Seen
    why: str

    @property
    def figures(self) -> dict[str, float]:
        """What the UI charts, as where all is in memory."""
        statuses = zip(ITEM_STATUSES, self.seen.statuses.tolist(), strict=True)
        return {
            "annotations": float(self.seen.annotations),
            "mean_confidence": self.seen.confidence / max(self.seen.confident, 1),
            **{name: float(n) for name, n in sorted(statuses) if n},
        }


def consensus(desk: Desk, day: date) -> Settled:
    """Make and write the day's consensus_labels by the project's engine."""
    from label_pipeline.files import temporary_folder
    from label_pipeline.shards.build import lake_shards
    from label_pipeline.shards.table import Settling, in_order, settled, unaided_majority

    project, lake = desk.project, desk.lake
    desk.require_same_people(day)
    gold = in_force(desk.frame(GOLD_SET, day), day)
    facts, place = _facts(desk, day, gold), lake.path(CONSENSUS_LABELS, day).parent.parent
    size, method = project.engine.annotations, project.consensus.method
    with (
        _runner(desk) as runner,
        lake_shards(lake, day, project.labels.classes, facts, size=size, runner=runner) as shards,
        temporary_folder(place, "rows") as folder,
    ):
        fit = _fit(shards, method)
        unaided = unaided_majority(shards) if facts.truth else None
        policy = Policy(project.consensus.accept_at, project.consensus.annotations.min)
        seen = settled(shards, Settling(fit, unaided, method, gold, policy, day, folder))
        rows = desk.store_pieces(CONSENSUS_LABELS, day, in_order(folder))
    return Settled(rows, seen, f"{method}, as asked for.")


def _fit(shards: Shards, method: str) -> ShardFit:
    from label_pipeline.shards.crowdlab import fit_crowdlab
    from label_pipeline.shards.dawid_skene import fit_dawid_skene, fit_one_coin
    from label_pipeline.shards.majority import fit_majority

    fits: dict[str, Any] = {
        "majority": fit_majority,
        "one_coin": fit_one_coin,
        "dawid_skene": fit_dawid_skene,
        "crowdlab": fit_crowdlab,
    }
    fit: ShardFit = fits[method](shards)
    return fit


def _facts(desk: Desk, day: date, gold: pd.DataFrame) -> Facts:
    """What votes depend on beside events, as `Desk.annotations` and `assets_predictions.aligned` have it."""
    from label_pipeline.shards.build import Facts

    before = day - timedelta(days=1)
    return Facts(
        desk.people,
        truth={str(item): str(label) for item, label in known_checks(gold).items()},
        checks=desk.gold_items(day, "check"),
        evaluation=desk.gold_items(day, "evaluation"),
        test_sources=desk.test_sources,
        predictions=desk.lake.files_of(PREDICTIONS, day),
        previous=desk.lake.files_of(CONSENSUS_LABELS, before) if day > desk.project.start else (),
    )


@contextmanager
def _runner(desk: Desk) -> Iterator[Runner]:
    from label_pipeline.shards.runners import InProcess
    from label_pipeline.shards.spark import spark

    engine = desk.project.engine
    if engine.name != "spark":
        yield InProcess()
        return
    require_engine(desk.project, desk.folder)
    with spark(engine.spark_master, name=f"label-pipeline {desk.project.project}") as runner:
        yield runner
