"""The label schema of a project file: the type of its labels, its classes, and what written labels stand for.

Here stands what the fields are and must keep; how labels are read by them is `ingest.meaning`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from label_pipeline.errors import nearest
from label_pipeline.project_base import Names, Part, wrong

if TYPE_CHECKING:
    from label_pipeline.label_meaning import Meaning

LabelType = Literal["single_choice", "ordinal", "multi_label", "number", "spans", "boxes", "pairwise", "text"]
ONE_CLASS = ("single_choice", "ordinal")
WITH_CLASSES = (*ONE_CLASS, "multi_label")
SETTLED_TYPES = (*WITH_CLASSES, "number")  # the others are kept and counted
BETWEEN_CLASSES = "|"  # joins the classes of a multi-label answer


class Range(Part):
    """The numbers that are answers, both ends included."""

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a range needs at_least or at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least:g} is above at_most {self.at_most:g}")
        return self

    def holds(self, value: float) -> bool:
        """Whether a number is in it."""
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)


class AliasChange(Part):
    """What words stood for in one part of the answers: those that keep all of the conditions that are given.

    `since` and `until` are the first and the last day on which the answer was given, in the project's timezone.
    """

    since: date | None = None
    until: date | None = None
    source: Names = ()
    batch: Names = ()
    file: Names = ()
    aliases: dict[str, str]

    @model_validator(mode="after")
    def _some(self) -> AliasChange:
        if not self.aliases:
            raise wrong("it changes nothing", "aliases")
        if not (self.since or self.until or self.source or self.batch or self.file):
            raise ValueError("it needs since, until, source, batch or file; else it belongs in labels.aliases")
        if self.since and self.until and self.until < self.since:
            raise wrong(f"{self.until} is before since {self.since}", "until")
        return self

    def may_meet(self, other: AliasChange) -> bool:
        """Whether one answer could keep the conditions of both."""
        if max(self.since or date.min, other.since or date.min) > min(self.until or date.max, other.until or date.max):
            return False
        pairs = ((self.source, other.source), (self.batch, other.batch), (self.file, other.file))
        return all(not mine or not its or set(mine) & set(its) for mine, its in pairs)


class Labels(Part):
    """The label schema. `aliases` maps what a tool wrote to a class; matching ignores case and outer spaces.

    `tolerance`: how far a number may be from the truth and still be right.
    """

    type: LabelType = "single_choice"
    classes: tuple[str, ...] = ()
    aliases: dict[str, str] = Field({})
    alias_changes: tuple[AliasChange, ...] = ()
    range: Range | None = None
    tolerance: float | None = Field(None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _consistent(self) -> Labels:
        if self.tolerance is not None and self.type != "number":
            raise wrong(f"labels of type '{self.type}' have no tolerance", "tolerance")
        if self.range and self.type != "number":
            raise wrong(f"labels of type '{self.type}' have no range", "range")
        if self.type in WITH_CLASSES:
            self._check_classes()
            self._check_changes()
            return self
        for field in ("classes", "aliases", "alias_changes"):
            if getattr(self, field):
                raise wrong(f"labels of type '{self.type}' have none", field)
        return self

    def _check_classes(self) -> None:
        if not self.classes:
            raise wrong("this field is missing", "classes")
        if len(self.classes) < 2:
            raise ValueError("a label schema needs at least two classes")
        folded: dict[str, str] = {}
        for name in self.classes:
            if not name.strip():
                raise wrong("a class has no name", "classes")
            if self.type == "multi_label" and BETWEEN_CLASSES in name:
                raise wrong(f"class '{name}' holds '{BETWEEN_CLASSES}', which joins classes", "classes")
            if folded.setdefault(fold(name), name) != name:
                raise wrong(f"classes '{folded[fold(name)]}' and '{name}' differ only in case or spaces", "classes")
        if len(set(self.classes)) != len(self.classes):
            raise wrong("a class is listed twice", "classes")
        self._check_aliases(self.aliases, folded, "aliases")

    def _check_aliases(self, aliases: Mapping[str, str], folded: dict[str, str], *at: str | int) -> None:
        """Every alias stands for one class, and for no other than `folded` says already."""
        for alias, target in aliases.items():
            if target not in self.classes:
                words = f"alias '{alias}' stands for '{target}', which is not a class. {nearest(target, self.classes)}"
                raise wrong(words, *at, alias)
            if self.type == "multi_label" and BETWEEN_CLASSES in alias:
                raise wrong(f"alias '{alias}' holds '{BETWEEN_CLASSES}', which joins classes", *at, alias)
            if (other := folded.setdefault(fold(alias), target)) != target:
                raise wrong(f"alias '{alias}' stands for '{target}' and for '{other}'", *at, alias)

    def _check_changes(self) -> None:
        """No answer is told two things by two changes; a set, whose words may meet several, by one change only."""
        for k, change in enumerate(self.alias_changes):
            self._check_aliases(change.aliases, {}, "alias_changes", k, "aliases")  # a class may have been another
        for (j, one), (k, two) in combinations(enumerate(self.alias_changes), 2):
            first, second = words(one.aliases), words(two.aliases)
            clash = [word for word, name in second.items() if first.get(word, name) != name]
            if one.may_meet(two) and (clash or self.type == "multi_label"):
                what = f": '{clash[0]}' is '{second[clash[0]]}' here and '{first[clash[0]]}' there" if clash else ""
                raise wrong(f"it may hold for the same answers as change {j + 1}{what}", "alias_changes", k)

    @property
    def by_word(self) -> dict[str, str]:
        """The class of every word that stands for one: its own name or an alias, folded; changes are not among them."""
        return words({name: name for name in self.classes} | self.aliases)

    @property
    def has_consensus(self) -> bool:
        """Whether the pipeline settles labels of this type; others it keeps and counts."""
        return self.type in SETTLED_TYPES

    @property
    def meaning(self) -> Meaning:
        """Which labels mean the same, and what classes they hold."""
        from label_pipeline.label_meaning import meaning_of

        return meaning_of(self.type, self.classes, self.tolerance)

    @property
    def has_one_class(self) -> bool:
        """Whether a label is one class, for which there are models and a choice of consensus methods."""
        return self.type in ONE_CLASS


def fold(word: str) -> str:
    """A written label as it is compared: trimmed and casefolded."""
    return word.strip().casefold()


def words(aliases: Mapping[str, str]) -> dict[str, str]:
    """The class of every word of `aliases`, folded."""
    return {fold(word): name for word, name in aliases.items()}
