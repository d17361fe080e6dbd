"""The project file: the one thing every user writes, typed, with a careful default for every field.

Here stand its fields, their meaning and what they must keep (`docs/project-file.md` is the reader's view). How
mistakes are told is `project_mistakes`'; what the fields do is elsewhere.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from label_pipeline.errors import UserError, nearest
from label_pipeline.folders import DataFolder
from label_pipeline.kpis.catalogue import KPIS
from label_pipeline.project_cron import checked_cron
from label_pipeline.project_mistakes import message
from label_pipeline.yaml_lines import parse

NAME = re.compile(r"(?=.{1,63}$)[a-z0-9]+([_-][a-z0-9]+)*")
OWNER = re.compile(r"team:[\w-]+|[^@\s]+@[^@\s]+\.[^@\s]+")
SourceFormat = Literal["csv", "jsonl", "parquet", "mturk_csv", "label_studio_json", "predictions"]
Names = Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)]
Share = Annotated[float, Field(ge=0, le=1)]
MOST_MISTAKES = 8  # told at once
INTEGER_ID = r"^([0-9]+)\.0+$"  # how a program that took an id for a number writes it


def _wrong(words: str, *at: str) -> PydanticCustomError:
    """A mistake in the field `at`, below the part that is being checked."""
    return PydanticCustomError("mistake", "{words}", {"words": words, "at": at})


def _timezone(value: str) -> str:
    known = available_timezones() - {"localtime"}  # the machine's own, which no other machine knows
    if value not in known:
        raise ValueError(f"'{value}' is not a timezone. {nearest(value, known)}")
    return value


Timezone = Annotated[str, AfterValidator(_timezone)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Schedule(_Part):
    """When the nightly run starts; a day ends at midnight of this timezone."""

    cron: Annotated[str, AfterValidator(checked_cron)] = "30 2 * * *"
    timezone: Timezone = "UTC"


class Labels(_Part):
    """The label schema. `aliases` maps what a tool wrote to a class; matching ignores case and outer spaces."""

    type: Literal["single_choice", "ordinal"] = "single_choice"
    classes: tuple[str, ...]
    aliases: dict[str, str] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Labels:
        if len(self.classes) < 2:
            raise ValueError("a label schema needs at least two classes")
        folded: dict[str, str] = {}
        for name in self.classes:
            if not name.strip():
                raise _wrong("a class has no name", "classes")
            if folded.setdefault(name.strip().casefold(), name) != name:
                raise _wrong(
                    f"classes '{folded[name.strip().casefold()]}' and '{name}' differ only in case or spaces", "classes"
                )
        if len(set(self.classes)) != len(self.classes):
            raise _wrong("a class is listed twice", "classes")
        for alias, target in self.aliases.items():
            if target not in self.classes:
                raise _wrong(
                    f"alias '{alias}' stands for '{target}', which is not a class. {nearest(target, self.classes)}",
                    "aliases",
                    alias,
                )
            if (other := folded.setdefault(alias.strip().casefold(), target)) != target:
                raise _wrong(f"alias '{alias}' stands for '{target}' and for '{other}'", "aliases", alias)
        return self

    @property
    def by_word(self) -> dict[str, str]:
        """The class of every word that stands for one: its own name or an alias, trimmed and casefolded."""
        words = {name: name for name in self.classes} | self.aliases
        return {word.strip().casefold(): name for word, name in words.items()}


class Items(_Part):
    """What is kept of an item: nothing but `fields` is read."""

    fields: Names = ()
    slices: Names = ()
    arrived_at: str | None = None
    text: str | None = None
    image: str | None = None
    ids: Literal["text", "integer"] = "text"

    @model_validator(mode="after")
    def _declared(self) -> Items:
        uses: list[tuple[str, str | None]] = [("slices", name) for name in self.slices]
        uses += [("arrived_at", self.arrived_at), ("text", self.text), ("image", self.image)]
        for field, name in uses:
            if name is not None and name not in self.fields:
                raise _wrong(f"'{name}' is used but not among items.fields. {nearest(name, self.fields)}", field)
        return self


class Source(_Part):
    """One place annotations come from. Column names may hold `<n>` for several answers in one row."""

    format: SourceFormat
    mode: Literal["increment", "snapshot"] = "increment"
    item: Names = ("item_id",)
    label: Names = ("label",)
    annotator: str = "annotator_id"
    annotation_id: str | None = None
    annotated_at: str | None = None
    started_at: str | None = None
    duration_s: str | None = None
    status: str | None = None
    fields: dict[str, str] = {}
    timezone: Timezone = "UTC"
    encoding: Literal["utf-8", "utf-16", "latin-1"] = "utf-8"
    delimiter: str = ","
    model: str = "landed"

    @field_validator("delimiter")
    @classmethod
    def _one_sign(cls, value: str) -> str:
        if len(value) != 1 or value in '"\r\n\0\1':
            raise ValueError(f"'{value}' is not one sign, like ',' or ';' or \"\\t\" in double quotes")
        return value


class People(_Part):
    """The roster: a CSV beside the project file with source, identity, group, role, rate_per_hour."""

    roster: str | None = None


class Guidelines(_Part):
    """Guideline versions: `current`, and the first day of each in `since`."""

    current: str = "v1"
    since: dict[str, date] = {}

    @model_validator(mode="after")
    def _listed(self) -> Guidelines:
        if self.since and self.current not in self.since:
            raise _wrong(f"'{self.current}' has no first day in since. {nearest(self.current, self.since)}", "current")
        return self


class Baseline(_Part):
    """The built-in model for out-of-fold probabilities: item `text` or numeric `features` (a list of numbers)."""

    text: str | None = None
    features: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Baseline:
        if (self.text is None) == (self.features is None):
            raise ValueError("give one of 'text' and 'features'")
        return self


class Predictions(_Part):
    """Where class probabilities come from when no source of format `predictions` has landed any."""

    baseline: Baseline | None = None

    @field_validator("baseline", mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value


class Annotations(_Part):
    """How many annotations an item gets."""

    min: int = Field(2, ge=1)
    max: int = Field(5, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Annotations:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Consensus(_Part):
    """How labels are aggregated, and from which confidence an item is settled."""

    method: Literal["auto", "majority", "wawa", "one_coin", "dawid_skene", "crowdlab", "ordinal"] = "auto"
    accept_at: Share = 0.9
    annotations: Annotations = Annotations()


class Gold(_Part):
    """Where settled truth comes from: CSV files beside the project file with item_id, label and maybe role."""

    seeds: str | None = None


class Budget(_Part):
    """What a night may spend on relabelling."""

    annotations: int = Field(100, ge=0)


class Queue(_Part):
    """Policy of the relabel queue."""

    budget: Budget = Budget()
    adjudicate_after: int = Field(4, ge=1)


class Target(_Part):
    """A KPI's target and what happens when it is missed."""

    at_least: float | None = None
    at_most: float | None = None
    otherwise: Literal["warn", "block"] = "warn"

    @model_validator(mode="after")
    def _some(self) -> Target:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a target needs at_least or at_most")
        return self


class Splits(_Part):
    """Shares of the training set; the test set is the evaluation gold."""

    train: Share = 0.8
    validation: Share = 0.2
    test: Literal["gold"] = "gold"


class Publish(_Part):
    """What may be published."""

    splits: Splits = Splits()
    min_coverage: Share = 0.5
    max_quarantined: Share = 0.2


class Project(_Part):
    """A whole project file."""

    project: str
    description: str = ""
    owner: str = "team:labels"
    start: date
    end: date | None = None
    schedule: Schedule = Schedule()
    labels: Labels
    items: Items = Items()
    sources: dict[str, Source]
    people: People = People()
    guidelines: Guidelines = Guidelines()
    predictions: Predictions = Predictions()
    consensus: Consensus = Consensus()
    gold: Gold = Gold()
    queue: Queue = Queue()
    kpis: dict[str, Target] = {}
    publish: Publish = Publish()

    @model_validator(mode="after")
    def _consistent(self) -> Project:
        if not NAME.fullmatch(self.project):
            raise _wrong(
                f"'{self.project}' is not a project name: small letters, digits, '-' and '_', at most 63", "project"
            )
        for name in self.sources:
            if not NAME.fullmatch(name):
                raise _wrong(
                    f"'{name}' is not a source name: small letters, digits, '-' and '_', at most 63", "sources", name
                )
        if not OWNER.fullmatch(self.owner):
            raise _wrong(f"'{self.owner}' is neither 'team:NAME' nor an e-mail address", "owner")
        if not self.sources:
            raise _wrong("a project needs at least one source", "sources")
        if self.end and self.end < self.start:
            raise _wrong(f"{self.end} is before start {self.start}", "end")
        for name in self.kpis:
            if name not in KPIS:
                raise _wrong(f"'{name}' is no KPI. {nearest(name, KPIS)}", "kpis", name)
        base = self.predictions.baseline
        for field in (base.text, base.features) if base else ():
            if field and field not in self.items.fields:
                raise _wrong(
                    f"'{field}' is used but not among items.fields. {nearest(field, self.items.fields)}",
                    "predictions",
                    "baseline",
                )
        return self

    @property
    def timezone(self) -> str:
        """The timezone in which the project's days end."""
        return self.schedule.timezone

    @property
    def zone(self) -> ZoneInfo:
        """The same as a ZoneInfo."""
        return ZoneInfo(self.timezone)

    def guideline_on(self, day: date) -> str:
        """The guideline version in force on `day`."""
        begun = [(first, name) for name, first in self.guidelines.since.items() if first <= day]
        return max(begun)[1] if begun else self.guidelines.current


def load_project(folder: DataFolder, name: str) -> Project:
    """Read and check one project file.

    Raises:
        UserError: no such project, or a mistake in the file; the message names file, line, field, what to write.
    """
    path = folder.project_file(name)
    if not NAME.fullmatch(name) or not path.is_file():
        raise UserError(
            f"there is no project '{name}'", where=str(folder.projects), do=nearest(name, project_names(folder))
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        where = f"{shown(folder, path)}:{line}"
        raise UserError("the file is not UTF-8 text", where=where, do="Save it as UTF-8.") from None
    project = parse_project(text, shown(folder, path))
    if project.project != name:
        raise UserError(
            f"the file says project '{project.project}' but stands in folder '{name}'",
            where=shown(folder, path),
            rule="project",
            do="Make them equal.",
        )
    return project


def parse_project(text: str, where: str) -> Project:
    """A project from the text of its file; `where` is how messages name the file."""
    document = parse(text, where)
    if not isinstance(document.value, dict):
        raise UserError("the file is empty or not a mapping", where=where, do="Start with 'project: NAME'.")
    try:
        return Project.model_validate(document.value)
    except ValidationError as error:
        names = [where] + [where.rsplit("/", 1)[-1]] * (MOST_MISTAKES - 1)
        found = zip(error.errors(include_url=False), names, strict=False)
        raise UserError(
            "\n".join(message(problem, document, Project, name) for problem, name in found),
            rule="project file",
            do="docs/project-file.md lists every field.",
        ) from None


def project_names(folder: DataFolder) -> list[str]:
    """Names of all projects in the data folder, sorted; a broken file still counts."""
    return sorted(p.parent.name for p in folder.projects.glob("*/project.yaml") if NAME.fullmatch(p.parent.name))


def shown(folder: DataFolder, path: Path) -> str:
    """A path as people should see it: below the data folder, never the machine's."""
    try:
        return str(path.relative_to(folder.root))
    except ValueError:
        return path.name
