"""The schedule's cron line: five fields, each within its range. When a run starts is the scheduler's."""

from __future__ import annotations

import re
from collections.abc import Sequence

FIELDS: tuple[tuple[int, int, Sequence[str]], ...] = (  # each field's least and greatest number, and its names
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    (0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)


def checked_cron(line: str) -> str:
    """The line itself. Raises ValueError for one that the scheduler would refuse, and all projects with it."""
    fields = line.split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"'{line}' is not a cron line of five fields, like '30 2 * * *'")
    for text, (least, greatest, names) in zip(fields, FIELDS, strict=True):
        if not all(_within(part, least, greatest, names) for part in text.lower().split(",")):
            raise ValueError(f"'{text}' in '{line}' is no cron field from {least} to {greatest}")
    return line


def _within(text: str, least: int, greatest: int, names: Sequence[str]) -> bool:
    """Whether one part of a field (`*`, `5`, `1-5`, `mon`, with or without `/2`) is in its range."""
    match = re.fullmatch(r"(\*|(\w+)(?:-(\w+))?)(?:/([0-9]+))?", text)
    if not match:
        return False
    ends = [str(names.index(end) + least) if end in names else end for end in match.group(2, 3) if end]
    numbers = [int(end) for end in ends if re.fullmatch("[0-9]+", end)]
    in_range = all(least <= number <= greatest for number in numbers) and numbers == sorted(numbers)
    return len(numbers) == len(ends) and in_range and int(match.group(4) or 1) > 0
