"""SQL for text as files hold it: keys of any spelling, and values with white space around them."""

from __future__ import annotations

from label_pipeline.sql import literal

_SPACE = r"[\s\x{A0}\x{FEFF}]+"  # with the no-break space, and the byte order mark of glued files


def json_key(name: str) -> str:
    """The right-hand side of `->` and `->>`: the key of an object, whatever signs it holds."""
    return literal("/" + name.replace("~", "~0").replace("/", "~1"))


def trimmed(value: str) -> str:
    """A text without the white space around it; null where nothing is left."""
    return f"nullif(regexp_replace({value}, '^{_SPACE}|{_SPACE}$', '', 'g'), '')"
