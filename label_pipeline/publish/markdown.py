"""Text of people and figures in the Markdown files of a version: cards and datasheet."""

from __future__ import annotations

from typing import Any


def cell(text: Any) -> str:
    """Text from people in one cell of a Markdown table or one line, with no markup of its own."""
    line = " ".join(str("" if text is None else text).split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in line)


def share(value: float | None) -> str:
    """A share of 0 to 1 in percent."""
    return f"{100 * (value or 0):.1f} %"


def number(value: float | None) -> str:
    """A figure to four digits; a dash where there is none."""
    return "-" if value is None else f"{value:,.4g}"


def render(template: str, **facts: Any) -> str:
    """A template of this package, with the filters `cell`, `number` and `share`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("label_pipeline.publish"),
        autoescape=False,  # noqa: S701  Markdown, not HTML; text from people passes through the filters
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"cell": cell, "number": number, "share": share}
    return environment.get_template(template).render(facts)
