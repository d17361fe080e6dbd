"""SQL for text as files hold it: keys of any spelling, and values with white space around them."""

from __future__ import annotations

import re
from collections.abc import Callable

from label_pipeline.sql import literal

_SPACE = r"[\s\x{A0}\x{FEFF}]+"  # with the no-break space, and the byte order mark of glued files
_SIGNS = "BETWEEN 33 AND 126"  # what is printed and in ASCII: no white space of any kind


def json_key(name: str) -> str:
    """The right-hand side of `->` and `->>`: the key of an object, whatever signs it holds."""
    return literal("/" + name.replace("~", "~0").replace("/", "~1"))


def trimmed(value: str) -> str:
    """A text without the white space around it; null where nothing is left."""
    # Looking at both ends is a third of the work of the pattern, which few values need.
    return (
        f"CASE WHEN ascii({value}) {_SIGNS} AND ascii(right({value}, 1)) {_SIGNS} THEN {value} "
        f"ELSE nullif(regexp_replace({value}, '^{_SPACE}|{_SPACE}$', '', 'g'), '') END"
    )


def aside(value: str, body: Callable[[str], str]) -> str:
    """SQL of `body` for a value, to stand where CASE or coalesce seldom asks for it.

    What occurs twice in a statement DuckDB works out once and ahead, for all rows. Not so within a lambda.
    """
    return f"CASE WHEN {value} IS NOT NULL THEN list_transform([{value}], lambda x : {body('x')})[1] END"


def strip(value: str) -> str:
    """The same for a text in Python."""
    return re.sub(r"^[\s\xa0\ufeff]+|[\s\xa0\ufeff]+$", "", value)
