"""Small vector marks: the geometry of sparklines and intervals, drawn by the templates as SVG.

Only coordinates, so that colours follow the reader's light or dark page and no chart needs a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from label_pipeline.report.words import known

WIDTH, HEIGHT = 200.0, 44.0
_MARGIN = 4.0


@dataclass(frozen=True)
class Point:
    """One night of one figure."""

    day: date
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Sparkline:
    """SVG paths in a box of `WIDTH` × `HEIGHT`: the line, its band, the target's height, the last point."""

    line: str
    band: str
    target: float | None
    last: tuple[float, float]


def sparkline(points: Sequence[Point], target: float | None = None) -> Sparkline | None:
    """The trend of a figure over days, which keep their distance; None for fewer than two known values."""
    seen = [p for p in points if known(p.value)]
    if len(seen) < 2:
        return None
    bounds = [v for p in seen for v in (p.value, p.low, p.high) if v is not None and known(v)]
    bounds += [target] if target is not None and known(target) else []
    low, high = min(bounds), max(bounds)
    span = (high - low) or 1.0
    first, days = seen[0].day, (seen[-1].day - seen[0].day).days

    def x(day: date) -> float:
        return round(_MARGIN + (WIDTH - 2 * _MARGIN) * (day - first).days / days, 1)

    def y(value: float) -> float:
        return round(HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * (value - low) / span, 1)

    def path(corners: Sequence[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{a} {b}" for a, b in corners)

    line = [(x(p.day), y(p.value)) for p in seen if p.value is not None]
    upper = [(x(p.day), y(p.high)) for p in seen if p.high is not None and known(p.high)]
    lower = [(x(p.day), y(p.low)) for p in seen if p.low is not None and known(p.low)]
    band = path([*upper, *reversed(lower)]) + "Z" if len(upper) == len(lower) > 1 else ""
    return Sparkline(path(line), band, y(target) if target is not None and known(target) else None, line[-1])


def level(share: float, top: float = 1.0, steps: int = 8) -> int:
    """The shade 0 to `steps` of a share between 0 and `top`; anything above nothing shows at least the first."""
    if top <= 0 or share <= 0:
        return 0
    return max(1, min(steps, round(steps * share / top)))
