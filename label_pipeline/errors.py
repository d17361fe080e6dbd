"""The one place for errors a user can act on.

Every error that is somebody's input, configuration or data is a `UserError`: it says what is wrong, where,
by which rule, and what to do. The command line prints it as it is and exits with 2; Dagster shows it as a
failure without a retry. What the machine refuses (a full disk, a closed folder, no memory) is a `MachineError`, with
exit code 3: nobody's data is wrong. A bug is any other exception and keeps its traceback.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class UserError(Exception):
    """Something a user can mend: `what` is wrong, `where`, by which `rule`, and what to `do`."""

    def __init__(self, what: str, *, where: str = "", rule: str = "", do: str = "") -> None:
        self.what, self.where, self.rule, self.do = what, where, rule, do
        super().__init__(self.text())

    def text(self) -> str:
        """The message in one paragraph: `where: what (rule). do`."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        rule = f" [{self.rule}]" if self.rule else ""
        return f"{head}{rule}." + (f" {self.do}" if self.do else "")


class MachineError(UserError):
    """The machine refused: no room, no permission, no memory, a disk that is gone. The same night runs again later."""


AGAIN = "Then run the same again: what was computed stays."
REFUSALS = {
    r"no space left|disk is full|database or disk|disk quota|not enough (disk )?space|File too large": (
        "there is no room left on the disk",
        f"Make room, `label-pipeline prune` may help. {AGAIN}",
    ),
    r"permission denied|operation not permitted": (
        "it may not be read or written",
        f"Give the account that runs the nights read and write permission. {AGAIN}",
    ),
    r"read-?only (file system|database)|readonly database": (
        "it may only be read",
        f"Mount it so that it can be written. {AGAIN}",
    ),
    r"stale file handle|transport endpoint|input/output error|disk i/o error|no such device|host is down": (
        "the disk does not answer",
        f"Is it still mounted? {AGAIN}",
    ),
    r"out ?of ?memory|cannot allocate|unable to allocate|failed to allocate|malloc of size|bad_alloc|MemoryError": (
        "there is not enough memory",
        f"Give it more, or end what else runs here. {AGAIN}",
    ),
    r"too many open files": ("too many files are open", f"Raise the limit (`ulimit -n`). {AGAIN}"),
}
"""What the machine refuses, by the words of Python, Arrow, DuckDB and SQLite for it; what to say, and what to do."""


def refused(error: BaseException) -> MachineError | None:
    """What the machine refused, where `error` or one it came from is such a refusal; None where it is anything else."""
    seen: BaseException | None = error
    while seen is not None:
        # DuckDB's and SQLite's errors are no OSError, and are known by their modules, not by importing them.
        if isinstance(seen, OSError | MemoryError) or type(seen).__module__.partition(".")[0] in LIBRARIES:
            told = f"{type(seen).__name__} {seen}"
            for words, (what, do) in REFUSALS.items():
                if re.search(words, told, re.IGNORECASE):
                    place = getattr(seen, "filename2", None) or getattr(seen, "filename", None)
                    return MachineError(what, where=str(place or ""), rule=_short(str(seen)), do=do)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return None


LIBRARIES = ("_duckdb", "duckdb", "sqlite3", "sqlalchemy", "pyarrow", "numpy")


def _short(text: str) -> str:
    """The library's own words, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:199] + "…"


def nearest(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'?` for the closest known name, else the list of known names."""
    names = [str(n) for n in known]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    return "Known: " + ", ".join(sorted(names)[:20]) + "." if names else ""
