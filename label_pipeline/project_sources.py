"""The part of the project file about sources: where annotations come from, and how their columns are named.

How each format is read is `sources`'; what answers mean for the project is `project_labels`'.
"""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, field_validator, model_validator

from label_pipeline.errors import nearest
from label_pipeline.project_base import Names, Part, wrong
from label_pipeline.project_pull import Pull

SourceFormat = Literal[
    "csv",
    "jsonl",
    "parquet",
    "mturk_csv",
    "label_studio_json",
    "label_studio_min",
    "label_studio_csv",
    "argilla",
    "prodigy",
    "doccano",
    "cvat",
    "ground_truth_manifest",
    "ground_truth_responses",
    "labelbox",
    "toloka",
    "appen",
    "items",
    "predictions",
]


def _timezone(value: str) -> str:
    known = available_timezones() - {"localtime"}  # the machine's own, which no other machine knows
    if value not in known:
        raise ValueError(f"'{value}' is not a timezone. {nearest(value, known)}")
    return value


Timezone = Annotated[str, AfterValidator(_timezone)]


class Source(Part):
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
    batch: str | None = None
    fields: dict[str, str] = Field({})
    timezone: Timezone = "UTC"
    encoding: Literal["utf-8", "utf-16", "latin-1"] = "utf-8"
    delimiter: str = ","
    model: str = "landed"
    pull: Pull | None = None

    @field_validator("delimiter")
    @classmethod
    def _one_sign(cls, value: str) -> str:
        if len(value) != 1 or value in '"\r\n\0\1':
            raise ValueError(f"'{value}' is not one sign, like ',' or ';' or \"\\t\" in double quotes")
        return value

    @model_validator(mode="after")
    def _pulled(self) -> Source:
        if self.pull and self.format != "label_studio_json":
            raise wrong("only sources of format label_studio_json are pulled", "pull")
        if self.pull and (self.mode == "snapshot" or self.encoding != "utf-8"):
            field = "mode" if self.mode == "snapshot" else "encoding"
            raise wrong("pull lands increments in UTF-8, deletions among them: leave this field out", field)
        return self
