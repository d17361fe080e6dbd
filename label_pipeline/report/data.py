"""What a report is drawn from: tables as of the day, and how to look at an item.

Tables are Arrow tables in the shapes of `contracts.tables`; the big ones are never turned into pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from label_pipeline.label_meaning import Meaning
from label_pipeline.publish.verdict import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

    from label_pipeline.votes import Votes

Unit = Literal["share", "points", "number", "count", "seconds", "hours"]


@dataclass(frozen=True)
class KpiText:
    """How a KPI is shown: its title, unit, meaning in one sentence, which way is better, when there is no figure.

    `family` is the heading it stands under where it is none of the headlines.
    """

    title: str
    unit: Unit = "number"
    meaning: str = ""
    better: Literal["higher", "lower", ""] = ""
    no_data: str = ""
    family: str = ""


def no_payloads(_: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """For projects whose items have no declared fields."""
    return {}


def no_picture(_: str) -> bytes | None:
    """For projects whose items are no pictures."""
    return None


@dataclass(frozen=True)
class ReportData:
    """All that a report shows.

    `verdict` is None when the night ended before a candidate was judged; `version` what tonight published,
    `latest` what training jobs get. `kpi_history` is the table kpis with a column `day`, `day` included or not.
    `previous` is consensus_labels of the day before, None on the first; `gold_plan`, `gold_asks` and `standing` (the
    table annotator_standing) are None where a night was computed before there were such tables. `guidelines` are the
    tables guideline_versions, guideline_confusions and guideline_changes, by name; empty where there are none.
    `votes` are the annotations that count, coded by `classes` where a label is one of them (`meaning`), else by the
    different answers. `payloads` gives the declared fields of the few items shown, `picture` the bytes of an item's
    picture; `text_field` names the field shown first, `picture_field` the one that a picture stands for.
    """

    project: str
    description: str
    day: date
    classes: tuple[str, ...]
    kpis: pa.Table
    kpi_history: pa.Table
    consensus: pa.Table
    evidence: pa.Table
    annotator_quality: pa.Table
    label_issues: pa.Table
    relabel_queue: pa.Table
    gold_set: pa.Table
    landings: pa.Table
    quarantine: pa.Table
    votes: Votes
    verdict: Verdict | None = None
    version: str | None = None
    latest: str | None = None
    previous: pa.Table | None = None
    gold_plan: pa.Table | None = None
    gold_asks: pa.Table | None = None
    standing: pa.Table | None = None
    guidelines: Mapping[str, pa.Table] = field(default_factory=dict)
    kpi_texts: Mapping[str, KpiText] = field(default_factory=dict)
    payloads: Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]] = no_payloads
    picture: Callable[[str], bytes | None] = no_picture
    text_field: str = ""
    picture_field: str = ""
    meaning: Meaning = field(default_factory=Meaning)

    def text_of(self, kpi: str) -> KpiText:
        """How a KPI is shown; one without a text is shown under its name."""
        return self.kpi_texts.get(kpi) or KpiText(kpi.replace("_", " ").capitalize())
