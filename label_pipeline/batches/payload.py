"""What people get to see of a row, in the words of the source by which their answers come back.

Nothing here is told the purpose of a row: what a gold check shows cannot differ from what the same item would show for
any other reason. File formats stand in `written`, a running Label Studio in `push`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from label_pipeline.errors import UserError
from label_pipeline.project import Project
from label_pipeline.project_sources import Source

KEY = "dispatch_key"
"""The field of a task's data by which a row that was pushed is found again."""
MODEL = "label-pipeline"


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as people see it: the item's declared fields, how many of them are asked, and maybe the model's label."""

    batch_id: str
    item_id: str
    fields: Mapping[str, Any]
    people: int
    suggested_label: str | None

    @property
    def key(self) -> str:
        """The same for ever for this item in this batch, and nobody can tell anything from it."""
        return batch_key(self.batch_id) + _digest(f"{self.batch_id}\x1f{self.item_id}")


@dataclass(frozen=True, slots=True)
class Control:
    """The part of a Label Studio labelling interface that takes the label: its name, what it labels, its kind (choices
    or rating), and its words for classes where they are others."""

    name: str
    to_name: str
    kind: str = "choices"
    words: Mapping[str, str] = field(default_factory=dict)

    def prediction(self, label: str) -> dict[str, Any]:
        """A label of the model, as the tool shows it before anybody has answered."""
        word = self.words.get(label, label)
        value: dict[str, Any] = {"rating": int(word)} if self.kind == "rating" else {"choices": [word]}
        result = {"from_name": self.name, "to_name": self.to_name, "type": self.kind, "value": value}
        return {"model_version": MODEL, "result": [result]}


def batch_key(batch_id: str) -> str:
    """What the keys of all rows of a batch begin with."""
    return _digest(batch_id) + "-"


def shown_rows(rows: pd.DataFrame, payloads: Mapping[str, str]) -> list[Shown]:
    """The rows of one batch, in their order; `payloads` has the declared fields of items as JSON."""
    ordered = rows.sort_values("position")
    columns = (ordered[name] for name in ("batch_id", "item_id", "people", "suggested_label"))
    return [
        Shown(batch, item, json.loads(payloads.get(item, "{}")), int(people), None if pd.isna(label) else str(label))
        for batch, item, people, label in zip(*columns, strict=True)
    ]


def task(row: Shown, project: Project, source: Source, control: Control | None) -> dict[str, Any]:
    """A task of Label Studio; without a `control` the model's label cannot be shown and is left out."""
    label = None if control is None else row.suggested_label
    return {
        "data": columns_of(row, project, source) | {KEY: row.key},
        "meta": {"batch_id": row.batch_id},
        "predictions": [] if control is None or label is None else [control.prediction(label)],
    }


def columns_of(row: Shown, project: Project, source: Source, slot: str = "") -> dict[str, Any]:
    """The item and its fields, but hidden ones, by the names under which the source reads them back; `slot` stands
    for `<n>`.

    Raises:
        UserError: two of them would have one name.
    """
    named = {source.item[0].replace("<n>", slot): row.item_id}
    for one in (name for name in project.items.fields if name not in project.hidden):
        name = source.fields.get(one, one).replace("<n>", slot)
        if name in named and one in row.fields and named[name] != row.fields[one]:
            raise UserError(f"'{name}' would hold both the item and its field '{one}'", rule="sources.fields")
        if one in row.fields:
            named[name] = row.fields[one]
    return named


def word_for(project: Project, label: str, words: Sequence[str]) -> str | None:
    """The word of a tool that knows only `words` for a class: the class, or an alias of it; None where it has none."""
    means = project.labels.by_word
    return next((word for word in (label, *words) if word in words and means.get(word.casefold()) == label), None)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
