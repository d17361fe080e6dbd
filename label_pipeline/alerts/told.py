"""What each sender has told already: a small file beside the mart. Only the difference to it is news.

Lost or broken, everything that holds is told once more. A sender that failed has told nothing, and tries again with
the next night's news.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from label_pipeline.alerts.standing import Measured, Standing
from label_pipeline.files import write_text
from label_pipeline.kpis.change import beyond_interval


@dataclass(frozen=True, slots=True)
class News:
    """One line of a message: its `kind` (of the condition, or change), `state` (new, over, changed), and words."""

    kind: str
    state: str
    words: str


@dataclass(frozen=True)
class Told:
    """What one sender has told: conditions that hold, by key their kind; and the figures last told of, by KPI."""

    holds: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Measured] = field(default_factory=dict)

    def news(self, now: Standing) -> tuple[list[News], Told]:
        """What has not been told of `now`, and what will have been once it is."""
        found = [News(c.kind, "new", c.words) for key, c in now.holds.items() if key not in self.holds]
        found += [News(kind, "over", now.over[key]) for key, kind in self.holds.items() if key in now.over]
        holds = {key: condition.kind for key, condition in now.holds.items()}
        holds |= {key: kind for key, kind in self.holds.items() if key in now.undecided}
        # Held against the night last told of, not the night before: many small steps in one direction are a change
        # too, and a change is told once.
        figures = dict(self.figures)
        for kpi, measured in now.figures.items():
            before = self.figures.get(kpi, measured)
            if beyond_interval(measured.ends, before.ends):
                words = f"{kpi} changed beyond its interval, from {before.value:.3g} to {measured.value:.3g}."
                found.append(News("change", "changed", words))
                before = measured
            figures[kpi] = before
        return found, Told(holds, figures)


def read_told(path: Path) -> dict[str, Told]:
    """What every sender has told, by its name; nothing where there is no such file, or none that can be read."""
    try:
        senders: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {
            sender: Told(
                {str(key): str(kind) for key, kind in told["holds"].items()},
                {str(kpi): Measured(**numbers) for kpi, numbers in told["figures"].items()},
            )
            for sender, told in senders.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write_told(path: Path, told: dict[str, Told]) -> None:
    """Replace the file."""
    senders = {sender: {"holds": t.holds, "figures": _plain(t)} for sender, t in told.items()}
    write_text(path, json.dumps(senders, indent=1, sort_keys=True) + "\n")


def _plain(told: Told) -> dict[str, dict[str, float | None]]:
    return {kpi: asdict(measured) for kpi, measured in told.figures.items()}
