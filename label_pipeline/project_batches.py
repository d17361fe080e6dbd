"""The `batches` part of the project file: what a night's batch is made of, and what is expected back.

How a batch is composed from it is `batches.compose`'s.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from label_pipeline.project_base import Names, Part, wrong

Weight = Annotated[float, Field(ge=0)]


class Shares(Part):
    """What a batch is made of, relative to each other: items never labelled, items to label again, gold checks."""

    new: Weight = 0.5
    relabel: Weight = 0.4
    gold: Weight = 0.1

    @model_validator(mode="after")
    def _some(self) -> Shares:
        if self.new + self.relabel <= 0:
            raise wrong("gold checks need other items to hide among: give new or relabel a share")
        if self.gold > self.new + self.relabel:
            raise wrong("gold checks would be most of every batch, and be recognised by that", "gold")
        return self


class Batches(Part):
    """What goes out: `size` rows at most, by `shares`, a new item to `people` at once (default: as many as it needs).

    Nobody sees a gold item more than `gold_exposure` times. With `prelabel` some new items carry the model's label.
    What has not come back `due_days` after it was sent may be sent again. Adjudicators are asked for `rechecks`
    decisions because of gold, at most, within the night's budget. From the landing day `require_from` on, answers on
    items that were never sent are quarantined. People are not sent the fields in `hide` (default: when an item arrived,
    which would tell a gold check by its age).
    """

    size: int = Field(100, ge=1, le=100_000)
    shares: Shares = Shares()
    people: int | None = Field(None, ge=1, le=100)
    gold_exposure: int = Field(3, ge=1)
    prelabel: bool = False
    due_days: int = Field(14, ge=1)
    rechecks: int = Field(20, ge=0)
    require_from: date | None = None
    hide: Names | None = None
