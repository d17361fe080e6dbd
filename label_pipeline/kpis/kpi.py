"""What a KPI's definition consists of; the definitions stand in `catalogue`, their figures in `definition`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Labels = Literal["single_choice", "ordinal", "multi_label", "number with tolerance", "number"]
"""What labels a KPI is of: the project file's types, numbers with a tolerance, which can be right, apart."""

ONE_CLASS: tuple[Labels, ...] = ("single_choice", "ordinal")
CLASSES: tuple[Labels, ...] = (*ONE_CLASS, "multi_label")
JUDGED: tuple[Labels, ...] = (*CLASSES, "number with tolerance")
NUMBERS: tuple[Labels, ...] = ("number with tolerance", "number")
ANY: tuple[Labels, ...] = (*JUDGED, "number")


@dataclass(frozen=True, slots=True)
class Kpi:
    """The definition of one KPI, in words that stand in the UI and the report.

    `interval` names the method of the 95% interval. `no_data` says when there is no figure. A project's target is
    held against the figures of the dimension `headline`; those of other dimensions explain it. Only projects whose
    labels it `fits` have it at all.
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
    fits: tuple[Labels, ...] = ANY
