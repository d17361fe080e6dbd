"""What a project file asks of its labels: models, consensus, gold, queue, targets, and when a night is stopped."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from label_pipeline.project_base import Names, Part, wrong
from label_pipeline.publish.manifest import LATEST_VERSION
from label_pipeline.publish.manifest import NAME as VERSION

Share = Annotated[float, Field(ge=0, le=1)]


def _days(value: Any) -> int:
    text = str(value).strip()
    if not (text.endswith("d") and text[:-1].isdecimal()):
        raise ValueError(f"'{text}' is no number of days, like 180d")
    return int(text[:-1])


Days = Annotated[int, BeforeValidator(_days), Field(ge=1)]


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


class Promote(Part):
    """What is beyond doubt and becomes check gold, at most `at_most` items a night; see `gold.promote`."""

    independent: int = Field(3, ge=2)
    confidence: Share = 0.99
    model_agrees: bool = True
    wait_days: int = Field(7, ge=0)
    at_most: int = Field(5, ge=1)


class Draw(Part):
    """The share of items that arrive from `since` on which adjudicators decide, whatever annotators say of them."""

    share: Share
    since: date


class Gold(Part):
    """Where settled truth comes from, and when it is looked at again.

    `seeds`: CSV files beside the project file with item_id, label and maybe role. `recheck`: guideline version: the
    classes whose gold it puts in doubt (a version that is not named concerns all of them). Without `promote` nothing is
    promoted, without `draw` no evaluation gold is drawn, without `expire_after` nothing expires.
    """

    seeds: str | None = None
    promote: Promote | None = None
    draw: Draw | None = None
    expire_after: Days | None = None
    recheck: dict[str, Names] = Field({})
    while_due: Literal["keep", "suspend"] = "keep"
    challenge_after: int = Field(3, ge=2)


class Spend(Part):
    """What may be spent at most: answers, hours of work, money in the coin of `costs`. All that are given hold."""

    annotations: int | None = Field(None, ge=0)
    hours: float | None = Field(None, ge=0)
    money: float | None = Field(None, ge=0)


class Budget(Spend):
    """What a night may spend on relabelling, in all and by route."""

    annotations: int = Field(100, ge=0)
    routes: dict[Literal["annotator", "adjudicator", "guideline"], Spend] = Field({})

    @property
    def has_money(self) -> bool:
        """Whether any part of it is money."""
        return self.money is not None or any(each.money is not None for each in self.routes.values())


Weight = Annotated[float, Field(ge=0)]


class Importance(Part):
    """What counts for more or less than 1: wrong labels by true class, items by slice, a number that the item has."""

    classes: dict[str, Weight] = Field({})
    slices: dict[str, dict[str, Weight]] = Field({})
    field: str | None = None


class Queue(Part):
    """Policy of the relabel queue.

    `examples` of each pair of classes that good annotators confuse go to the guideline owner. Nobody is named first for
    more than `load` times the mean number of items a person. An answer takes `seconds` until some were measured.
    """

    budget: Budget = Budget()
    importance: Importance = Importance()
    adjudicate_after: int = Field(4, ge=1)
    examples: int = Field(5, ge=0)
    load: float = Field(2.0, ge=1)
    seconds: float = Field(30.0, gt=0)


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


ALL_SOURCES = "*"


class Retention(Part):
    """For how many days `prune` keeps as-of tables, reports, the runs in Dagster's storage, and what people ask for.

    `tables` names tables that are kept shorter; `landing` the sources whose landed files go, `*` all, after which what
    was taken in of them cannot be made again.
    """

    as_of: Days = 90
    reports: Days = 400
    runs: Days = 180
    tables: dict[str, Days] = Field({})
    landing: Annotated[dict[str, Days], BeforeValidator(lambda v: v if isinstance(v, dict) else {ALL_SOURCES: v})] = (
        Field({})
    )


class Publish(Part):
    """What may be published, who uses it, and how many versions are kept.

    `group` is an item field whose equal values stay in one split; `jobs` names each training job and the version it
    uses; `keep` is how many versions `prune` keeps, beside those in use.
    """

    splits: Splits = Splits()
    group: str | None = None
    min_coverage: Share = 0.5
    max_quarantined: Share = 0.2
    missing_class: Literal["warn", "block"] = "block"
    license: str = ""
    jobs: dict[str, str] = Field({})
    keep: int = Field(60, ge=1)

    @model_validator(mode="after")
    def _versions(self) -> Publish:
        for job, version in self.jobs.items():
            if version != LATEST_VERSION and not VERSION.fullmatch(version):
                raise wrong(
                    f"'{version}' is neither '{LATEST_VERSION}' nor a version like 2026-10-05-1a2b3c4d", "jobs", job
                )
        return self
