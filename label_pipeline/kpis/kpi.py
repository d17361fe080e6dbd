"""What a KPI's definition consists of; the definitions stand in `catalogue`, their figures in `definition`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Kpi:
    """The definition of one KPI, in words that stand in the UI and the report.

    `interval` names the method of the 95% interval. `no_data` says when there is no figure. A project's target is
    held against the figures of the dimension `headline`; those of other dimensions explain it.
    """

    name: str
    family: str
    meaning: str
    formula: str
    unit: str
    interval: str
    better: Literal["higher", "lower", "neither"]
    no_data: str
    headline: str = "all"
