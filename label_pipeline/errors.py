"""The one place for errors a user can act on.

Every error that is somebody's input, configuration or data is a `UserError`: it says what is wrong, where,
by which rule, and what to do. The command line prints it as it is and exits with 2; Dagster shows it as a
failure without a retry. A bug is any other exception and keeps its traceback.
"""

from __future__ import annotations

import difflib
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


def nearest(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'?` for the closest known name, else the list of known names."""
    names = [str(n) for n in known]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    return "Known: " + ", ".join(sorted(names)[:20]) + "." if names else ""
