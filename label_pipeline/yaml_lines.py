"""YAML with line numbers. Every scalar stays text, so that a class named `no` or `007` is what was written.

Types are made later by the project model, which knows what each field should be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from label_pipeline.errors import UserError

Path = tuple[str | int, ...]
DEEPEST = 20  # levels; an anchor that holds its own alias has no end


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain dicts, lists and strings, and the line each value stands on (from 1)."""

    value: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The line of the value at `path`, or of the nearest thing around it that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(text: str, where: str) -> Document:
    """Parse `text`; an error names file and line. An empty value (`key:`) counts as not given."""
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        raise UserError(
            f"not valid YAML: {error.problem}",
            where=f"{where}:{line}",
            do="Check indentation, quotes and colons there.",
        ) from None
    except yaml.YAMLError as error:
        raise UserError(f"not valid YAML: {error}", where=where, do="Save the file as UTF-8 text.") from None
    except RecursionError:
        raise UserError("nested too deeply", where=where, do="Indent by two spaces a level.") from None
    lines: dict[Path, int] = {}
    return Document(_plain(node, (), lines, where), lines)


def _plain(node: yaml.Node | None, path: Path, lines: dict[Path, int], where: str) -> Any:
    if node is None:
        return None
    lines[path] = node.start_mark.line + 1
    if len(path) > DEEPEST:
        raise UserError("nested too deeply", where=f"{where}:{lines[path]}", do="Does a part contain itself?")
    if isinstance(node, yaml.MappingNode):
        plain: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise UserError("a key is not a word", where=f"{where}:{line}", do="Write it as 'name: value'.")
            key = str(key_node.value)
            if key in plain:
                raise UserError(f"'{key}' is given twice", where=f"{where}:{line}", do="Keep one of them.")
            plain[key] = _plain(value_node, (*path, key), lines, where)
            lines[(*path, key)] = line
        return {k: v for k, v in plain.items() if v is not None}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, k), lines, where) for k, child in enumerate(node.value)]
    quoted = getattr(node, "style", None) is not None
    return node.value if node.value or quoted else None
