"""Lines in columns on a terminal; what stands in them is the command's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def print_columns(lines: Sequence[Sequence[Any]]) -> None:
    """Print lines in columns. What stood in a file is shown, but no sign of it steers the terminal."""
    shown = [["".join(c if c.isprintable() else "?" for c in str(value)) for value in line] for line in lines]
    widths = [max(len(line[k]) for line in shown) for k in range(len(shown[0]))]
    for line in shown:
        print("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())
