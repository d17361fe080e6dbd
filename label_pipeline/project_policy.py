"""What a project file asks of its labels: models, consensus, gold, queue, targets, and when a night is stopped."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from label_pipeline.project_base import Part

Share = Annotated[float, Field(ge=0, le=1)]


class Baseline(Part):
    """The built-in model for out-of-fold probabilities: item `text` or numeric `features` (a list of numbers)."""

    text: str | None = None
    features: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Baseline:
        if (self.text is None) == (self.features is None):
            raise ValueError("give one of 'text' and 'features'")
        return self


class Predictions(Part):
    """Where class probabilities come from when no source of format `predictions` has landed any."""

    baseline: Baseline | None = None

    @field_validator("baseline", mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value


class Annotations(Part):
    """How many annotations an item gets."""

    min: int = Field(2, ge=1)
    max: int = Field(5, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Annotations:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Consensus(Part):
    """How labels are aggregated, and from which confidence an item is settled."""

    method: Literal["auto", "majority", "wawa", "one_coin", "dawid_skene", "crowdlab", "ordinal"] = "auto"
    accept_at: Share = 0.9
    annotations: Annotations = Annotations()


class Gold(Part):
    """Where settled truth comes from: CSV files beside the project file with item_id, label and maybe role."""

    seeds: str | None = None


class Budget(Part):
    """What a night may spend on relabelling."""

    annotations: int = Field(100, ge=0)


class Queue(Part):
    """Policy of the relabel queue."""

    budget: Budget = Budget()
    adjudicate_after: int = Field(4, ge=1)


class Rate(Part):
    """What a group's work costs: `per_annotation` for each submitted answer, or `per_hour` of work."""

    per_annotation: float | None = Field(None, ge=0, allow_inf_nan=False)
    per_hour: float | None = Field(None, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one(self) -> Rate:
        if (self.per_annotation is None) == (self.per_hour is None):
            raise ValueError("give one of 'per_annotation' and 'per_hour'")
        return self


class Target(Part):
    """A KPI's target and what happens when it is missed."""

    at_least: float | None = None
    at_most: float | None = None
    otherwise: Literal["warn", "block"] = "warn"

    @model_validator(mode="after")
    def _some(self) -> Target:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a target needs at_least or at_most")
        return self


class Splits(Part):
    """Shares of the training set; the test set is the evaluation gold."""

    train: Share = 0.8
    validation: Share = 0.2
    test: Literal["gold"] = "gold"


class Quarantine(Part):
    """How large a share of a day's answers in quarantine stops the night, and the days on which it may be larger."""

    limit: Share = 0.5
    let_pass: tuple[date, ...] = ()


class Publish(Part):
    """What may be published."""

    splits: Splits = Splits()
    min_coverage: Share = 0.5
    max_quarantined: Share = 0.2
