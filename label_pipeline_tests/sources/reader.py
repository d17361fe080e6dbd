"""Reading one file the way a night does, without the night."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.ingest.read import read_file
from label_pipeline.landing import LandedFile
from label_pipeline.project import parse_project
from label_pipeline.sql import connect


@dataclass(frozen=True)
class Found:
    """A reading with its answers and items fetched (Arrow tables)."""

    answers: Any
    items: Any
    broken: Any
    predictions: Any


def outcome(folder: Path, content: Any, source: str, *, fields: str = "[]", name: str = "x") -> Found | UserError:
    """What comes of a file in a source `s` (YAML of its settings): its reading, or its problem."""
    project = parse_project(
        f"project: p\nstart: 2026-10-01\nlabels: {{classes: [a, b]}}\nitems: {{fields: {fields}}}\n"
        f"sources: {{s: {{{source}}}}}\n",
        "project.yaml",
    )
    path = folder / name
    if not isinstance(content, str | bytes):
        content = json.dumps(content, ensure_ascii=False)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with connect() as con:
        read = read_file(con, project, LandedFile("s", path, f"s/{name}"))
        if isinstance(read, UserError):
            return read
        answers, items = (con.sql(f"FROM {view}").to_arrow_table() for view in ("answers", "items_written"))
        return Found(answers, items, read.reading.broken, read.reading.predictions)


def read(folder: Path, content: Any, source: str, *, fields: str = "[]", name: str = "x") -> Found:
    found = outcome(folder, content, source, fields=fields, name=name)
    assert isinstance(found, Found), found
    return found


def problem(folder: Path, content: Any, source: str, *, fields: str = "[]", name: str = "x") -> str:
    """The words of a file-level problem with its rule."""
    found = outcome(folder, content, source, fields=fields, name=name)
    assert isinstance(found, UserError), found
    assert str(folder) not in str(found)
    return f"{found.rule}: {found.what}"


def column(table: Any, *names: str) -> list[Any]:
    """One column as a list, or several as tuples."""
    values = [table[name].to_pylist() for name in names]
    return values[0] if len(names) == 1 else list(zip(*values, strict=True))
