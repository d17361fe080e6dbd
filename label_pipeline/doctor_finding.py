"""What `doctor` says: one thing that was looked at. Looking is `doctor`'s and `doctor_privacy`'s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was seen, and what to do where it is not `ok`: `bad` keeps nights from running."""

    level: Level
    about: str
    words: str
    do: str = ""
