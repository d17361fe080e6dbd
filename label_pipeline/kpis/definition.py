"""What a figure and a target are, the verdict of one against the other, and the rows of the table kpis they make.

What each KPI means stands in `catalogue`, how its figures are computed in the file of its family.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self

from label_pipeline.kpis.catalogue import KPIS

if TYPE_CHECKING:
    import pandas as pd

    from label_pipeline.estimates import Estimate

Status = Literal["met", "missed", "unsure", "no data", "no target", "withheld"]
_WORST_FIRST: tuple[Status, ...] = ("missed", "unsure", "met")


class Target(Protocol):
    """What a project asks of a KPI: one bound or both."""

    @property
    def at_least(self) -> float | None:
        """The lowest value that meets it."""

    @property
    def at_most(self) -> float | None:
        """The highest value that meets it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One KPI of one night for one member of a dimension (`all` has the empty member); no data is a value of None.

    `withheld`: there are data, n of them, too few to give a number that is not one about a person or by chance.
    """

    kpi: str
    dimension: str
    member: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    withheld: bool = False

    @classmethod
    def of(cls, kpi: str, estimate: Estimate, dimension: str = "all", member: str = "") -> Self:
        """The figure that an estimate gives."""
        return cls(kpi, dimension, member, estimate.value, estimate.ci_low, estimate.ci_high, estimate.n)

    @classmethod
    def counted(cls, kpi: str, value: float | None, n: int, dimension: str = "all", member: str = "") -> Self:
        """A figure that was counted, not estimated: it has no interval."""
        return cls(kpi, dimension, member, value, None, None, n)


def status(figure: Figure, target: Target | None) -> Status:
    """The verdict of a figure.

    met: the value meets the target. missed: the value does not, nor does any of its interval (without an interval
    the value decides). unsure: the value does not, but its interval reaches the target; an end that the data cannot
    bound reaches everything. With two bounds the worse verdict counts. no data and withheld come before no target.
    """
    if figure.value is None:
        return "withheld" if figure.withheld else "no data"
    verdicts: set[Status] = set()
    open_ended = (figure.ci_low is None) != (figure.ci_high is None)
    if target is not None and target.at_least is not None:
        best = figure.ci_high if figure.ci_high is not None or open_ended else figure.value
        verdicts.add(_verdict(figure.value >= target.at_least, best is None or best >= target.at_least))
    if target is not None and target.at_most is not None:
        best = figure.ci_low if figure.ci_low is not None or open_ended else figure.value
        verdicts.add(_verdict(figure.value <= target.at_most, best is None or best <= target.at_most))
    return next((verdict for verdict in _WORST_FIRST if verdict in verdicts), "no target")


def to_frame(figures: Iterable[Figure], targets: Mapping[str, Target]) -> pd.DataFrame:
    """The figures as a frame of kpis, sorted by its key.

    A target is held against the figures of its KPI's headline dimension; the others have none. That targets name
    KPIs is the project file's check.
    """
    import pandas as pd

    rows = []
    for figure in figures:
        at_headline = figure.dimension == KPIS[figure.kpi].headline
        target = targets.get(figure.kpi) if at_headline else None
        rows.append(
            {
                "kpi": figure.kpi,
                "dimension": figure.dimension,
                "member": figure.member,
                "value": figure.value,
                "ci_low": figure.ci_low,
                "ci_high": figure.ci_high,
                "n": figure.n,
                "target": _bound(figure, target) if target is not None else None,
                "status": status(figure, target),
            }
        )
    columns = ["kpi", "dimension", "member", "value", "ci_low", "ci_high", "n", "target", "status"]
    numbers = dict.fromkeys(["value", "ci_low", "ci_high", "target"], "float64") | {"n": "int64"}
    frame = pd.DataFrame(rows, columns=columns).astype(numbers)
    return frame.sort_values(["kpi", "dimension", "member"], ignore_index=True)


def _bound(figure: Figure, target: Target) -> float | None:
    """The bound of a target that a figure is nearest to missing."""
    if target.at_least is None or target.at_most is None or figure.value is None:
        return target.at_most if target.at_least is None else target.at_least
    return min((target.at_least, target.at_most), key=lambda edge: _slack(figure, target, edge))


def _verdict(met: bool, reached: bool) -> Status:
    if met:
        return "met"
    return "unsure" if reached else "missed"


def _slack(figure: Figure, target: Target, edge: float) -> float:
    assert figure.value is not None
    return figure.value - edge if edge == target.at_least else edge - figure.value
