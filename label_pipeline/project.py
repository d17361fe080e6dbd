"""The project file: the one thing every user writes, typed, with a careful default for every field.

Here stand its fields, their meaning and what they must keep (`docs/project-file.md` is the reader's view). How
mistakes are told is `project_mistakes`'; what the fields do is elsewhere.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    model_validator,
)

from label_pipeline.errors import UserError, nearest
from label_pipeline.folders import DataFolder
from label_pipeline.kpis.catalogue import KPIS, fitting
from label_pipeline.project_alerts import Alerts
from label_pipeline.project_base import Names, Part, wrong
from label_pipeline.project_batches import Batches
from label_pipeline.project_cron import checked_cron
from label_pipeline.project_engine import Engine, unfit
from label_pipeline.project_labels import Labels
from label_pipeline.project_mistakes import message
from label_pipeline.project_policy import (
    ALL_SOURCES,
    Consensus,
    Gold,
    Predictions,
    Publish,
    Quarantine,
    Queue,
    Rate,
    Retention,
    Target,
)
from label_pipeline.project_privacy import Privacy
from label_pipeline.project_sources import Source, Timezone
from label_pipeline.yaml_lines import parse

NAME = re.compile(r"(?=.{1,63}$)[a-z0-9]+([_-][a-z0-9]+)*")
OWNER = re.compile(r"team:[\w-]+|[^@\s]+@[^@\s]+\.[^@\s]+")
MOST_MISTAKES = 8  # told at once
INTEGER_ID = r"^([0-9]+)\.0+$"  # how a program that took an id for a number writes it


class Schedule(Part):
    """When the nightly run starts; a day ends at midnight of this timezone."""

    cron: Annotated[str, AfterValidator(checked_cron)] = "30 2 * * *"
    timezone: Timezone = "UTC"


class Items(Part):
    """What is kept of an item: nothing but `fields` is read. `sources` say what items there are, where not all do."""

    fields: Names = ()
    sources: Names = ()
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
                raise wrong(f"'{name}' is used but not among items.fields. {nearest(name, self.fields)}", field)
        return self


class GoldChecks(Part):
    """The share of gold checks a person is to get right, and what becomes of votes of people surely below it."""

    at_least: float = Field(gt=0, lt=1)
    otherwise: Literal["weigh", "exclude"] = "weigh"


class People(Part):
    """The roster: a CSV beside the project file with source, identity, group, role, and person where one has several.

    `unknown` says what becomes of answers of people who are not in it, `gold_checks` when somebody's votes lose weight.
    """

    roster: str | None = None
    unknown: Literal["accept", "quarantine"] = "accept"
    gold_checks: GoldChecks | None = None

    @model_validator(mode="after")
    def _listed(self) -> People:
        if self.unknown == "quarantine" and self.roster is None:
            raise wrong("without a roster everybody is unknown", "unknown")
        return self


class Guidelines(Part):
    """Guideline versions: `current`, the first day of each in `since`, and of batches that kept to one of their own."""

    current: str = "v1"
    since: dict[str, date] = Field({})
    batches: dict[str, str] = Field({})

    @model_validator(mode="after")
    def _listed(self) -> Guidelines:
        if self.since and self.current not in self.since:
            raise wrong(f"'{self.current}' has no first day in since. {nearest(self.current, self.since)}", "current")
        for batch, name in self.batches.items():
            if self.since and name not in self.since:
                raise wrong(f"'{name}' has no first day in since. {nearest(name, self.since)}", "batches", batch)
        return self


class Project(Part):
    """A whole project file."""

    project: str
    description: str = ""
    owner: str = "team:labels"
    start: date
    end: date | None = None
    schedule: Schedule = Schedule()
    landing: str | None = None
    labels: Labels
    items: Items = Items()
    sources: dict[str, Source]
    people: People = People()
    guidelines: Guidelines = Guidelines()
    predictions: Predictions = Predictions()
    consensus: Consensus = Consensus()
    engine: Engine = Engine()
    gold: Gold = Gold()
    queue: Queue = Queue()
    batches: Batches = Batches()
    kpis: dict[str, Target] = Field({})
    costs: dict[str, Rate] = Field({})
    quarantine: Quarantine = Quarantine()
    publish: Publish = Publish()
    alerts: Alerts = Alerts()
    retention: Retention = Retention()
    privacy: Privacy = Privacy()

    @model_validator(mode="after")
    def _consistent(self) -> Project:
        if not NAME.fullmatch(self.project):
            raise wrong(
                f"'{self.project}' is not a project name: small letters, digits, '-' and '_', at most 63", "project"
            )
        for name in self.sources:
            if not NAME.fullmatch(name):
                raise wrong(
                    f"'{name}' is not a source name: small letters, digits, '-' and '_', at most 63", "sources", name
                )
        if not OWNER.fullmatch(self.owner):
            raise wrong(f"'{self.owner}' is neither 'team:NAME' nor an e-mail address", "owner")
        if not self.sources:
            raise wrong("a project needs at least one source", "sources")
        if self.end and self.end < self.start:
            raise wrong(f"{self.end} is before start {self.start}", "end")
        for name in self.kpis:
            if name not in KPIS:
                raise wrong(f"'{name}' is no KPI. {nearest(name, KPIS)}", "kpis", name)
            if self.labels.has_consensus and name not in fitting(self.labels.type, self.labels.tolerance):
                raise wrong(f"'{name}' is a KPI of other labels: {', '.join(KPIS[name].fits)}", "kpis", name)
        for name in self.batches.hide or ():
            if name not in self.items.fields:
                known = nearest(name, self.items.fields)
                raise wrong(f"'{name}' is not among items.fields. {known}", "batches", "hide")
        self._check_sources()
        self._check_retention()
        self._check_uses()
        self._check_gold()
        self._check_queue()
        if words := unfit(self):
            raise wrong(words, "engine")
        if self.publish.group and self.publish.group not in self.items.fields:
            raise wrong(
                f"'{self.publish.group}' is used but not among items.fields. "
                f"{nearest(self.publish.group, self.items.fields)}",
                "publish",
                "group",
            )
        for name in self.privacy.scrub.fields if self.privacy.scrub else ():
            if name not in self.items.fields:
                words = f"'{name}' is used but not among items.fields. {nearest(name, self.items.fields)}"
                raise wrong(words, "privacy", "scrub", "fields")
        base = self.predictions.baseline
        for field in (base.text, base.features) if base else ():
            if field and field not in self.items.fields:
                raise wrong(
                    f"'{field}' is used but not among items.fields. {nearest(field, self.items.fields)}",
                    "predictions",
                    "baseline",
                )
        return self

    def _check_sources(self) -> None:
        """Every source that is named somewhere is one."""
        named: list[tuple[tuple[str | int, ...], tuple[str, ...]]] = [(("items", "sources"), self.items.sources)]
        for name, source in self.sources.items():
            if self.landing and source.pull:
                raise wrong(f"'{self.landing}' lands the files: pull them there", "sources", name, "pull")
        named += [(("labels", "alias_changes", k, "source"), c.source) for k, c in enumerate(self.labels.alias_changes)]
        for at, names in named:
            for name in names:
                if name not in self.sources:
                    raise wrong(f"'{name}' is no source. {nearest(name, self.sources)}", *at)

    def _check_retention(self) -> None:
        """What goes may go: tables that nothing rests on for good, and files that no pull is told by."""
        from label_pipeline.contracts.tables import PRUNABLE

        for name in self.retention.tables:
            if name not in PRUNABLE:
                words = f"'{name}' is no table that may go. {nearest(name, PRUNABLE)}"
                raise wrong(words, "retention", "tables", name)
        for name in self.retention.landing:
            if self.landing:
                raise wrong(f"'{self.landing}' lands the files: say it there", "retention", "landing")
            if name != ALL_SOURCES and name not in self.sources:
                raise wrong(f"'{name}' is no source. {nearest(name, self.sources)}", "retention", "landing", name)
            if name in self.sources and self.sources[name].pull:
                words = f"'{name}' is pulled: its landed files tell what was pulled before"
                raise wrong(words, "retention", "landing", name)

    def _check_uses(self) -> None:
        """Nothing is asked for that labels of the project's type cannot give."""
        if self.labels.has_one_class:
            return
        asked: list[tuple[tuple[str, ...], object]] = [
            (("predictions", "baseline"), self.predictions.baseline),
            (("gold", "promote"), self.gold.promote),
            *((("sources", name, "format"), s.format == "predictions") for name, s in self.sources.items()),
        ]
        if self.labels.has_consensus:
            asked.append((("consensus", "method"), self.consensus.method != "auto"))
            words = "have one consensus method and no model"
        else:
            asked += [(("gold", "seeds"), self.gold.seeds), (("kpis",), self.kpis), (("costs",), self.costs)]
            asked += [(("gold", "draw"), self.gold.draw), (("people", "gold_checks"), self.people.gold_checks)]
            words = "are kept and counted, and have no consensus yet"
        for at, value in asked:
            if value:
                raise wrong(f"labels of type '{self.labels.type}' {words}", *at)

    def _check_queue(self) -> None:
        """What the queue weighs by is there, and money is spent only at a known price."""
        weighs = self.queue.importance
        named: list[tuple[str, tuple[str, ...], tuple[str, ...], str]] = [
            ("classes", tuple(weighs.classes), self.labels.classes, "is no class"),
            ("slices", tuple(weighs.slices), self.items.slices, "is not among items.slices"),
            ("field", (weighs.field,) if weighs.field else (), self.items.fields, "is not among items.fields"),
        ]
        for at, names, known, words in named:
            for name in names:
                if name not in known:
                    raise wrong(f"'{name}' {words}. {nearest(name, known)}", "queue", "importance", at)
        if self.queue.budget.has_money and not self.costs:
            raise wrong("money can be budgeted only where 'costs' says what answers cost", "queue", "budget")

    def _check_gold(self) -> None:
        """Re-checks name guideline versions and classes that there are."""
        for version, names in self.gold.recheck.items():
            if version not in self.guidelines.since:
                known = nearest(version, self.guidelines.since)
                raise wrong(f"'{version}' has no first day in guidelines.since. {known}", "gold", "recheck", version)
            for name in names:
                if name not in self.labels.classes:
                    known = nearest(name, self.labels.classes)
                    raise wrong(f"'{name}' is not a class. {known}", "gold", "recheck", version)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The item fields that are not sent out with a batch."""
        if self.batches.hide is not None:
            return self.batches.hide
        return (self.items.arrived_at,) if self.items.arrived_at else ()

    @property
    def landing_of(self) -> str:
        """The project in whose landing folder the files are: another's where several questions share one form."""
        return self.landing or self.project

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
    text = _text(folder, path)
    project = parse_project(text, shown(folder, path))
    if project.project != name:
        raise UserError(
            f"the file says project '{project.project}' but stands in folder '{name}'",
            where=shown(folder, path),
            rule="project",
            do="Make them equal.",
        )
    if project.landing is not None:
        line = parse(text, "").line(("landing",))
        _check_landing(folder, project, project.landing, f"{shown(folder, path)}:{line}: landing")
    return project


def _text(folder: DataFolder, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        where = f"{shown(folder, path)}:{line}"
        raise UserError("the file is not UTF-8 text", where=where, do="Save it as UTF-8.") from None


def _check_landing(folder: DataFolder, project: Project, owner: str, where: str) -> None:
    """The project whose landed files are read too exists, and is the one for which they land.

    Raises:
        UserError: it does not, or itself reads what lands for another.
    """
    others = [name for name in project_names(folder) if name != project.project]
    if owner not in others:
        raise UserError(f"there is no other project '{owner}'", where=where, do=nearest(owner, others))
    try:
        theirs = parse_project(_text(folder, folder.project_file(owner)), "").landing
    except UserError:
        return  # its own mistakes are told where it is loaded
    if theirs is not None:
        raise UserError(
            f"project '{owner}' itself reads what lands for '{theirs}'", where=where, do=f"Write '{theirs}'."
        )


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
