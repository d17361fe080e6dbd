"""The guidelines' texts: Markdown beside the project file, one file a version, and what is there of those named.

Here belong finding and checking them. A version whose text is missing or cannot be read is a warning, never an error:
labels are what they are, and a night does not stop because a text is missing. What people agreed on under a version
is `agreement`'s.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from label_pipeline.folders import DataFolder
from label_pipeline.project import Project

FOLDER = "guidelines"


@dataclass(frozen=True, slots=True)
class Document:
    """A guideline version: its text, since when it is in force, and for which batches.

    `text`, `sha256` and `title` (the text's first heading) are empty where no text can be read. `since` is None for a
    version without a first day; one that is not `named` in the project file is a draft. `warning` is what is wrong
    with it, in words; empty where nothing is.
    """

    version: str
    text: str
    sha256: str
    title: str
    since: date | None
    batches: tuple[str, ...]
    named: bool
    warning: str


def documents(folder: DataFolder, project: Project) -> list[Document]:
    """Every version that the project file names, in the order in which they came into force, then drafts by name."""
    parts = project.guidelines
    batches: dict[str, list[str]] = {}
    for batch, version in parts.batches.items():
        batches.setdefault(version, []).append(batch)
    named = {*parts.since, *batches, parts.current}
    order = sorted(named, key=lambda version: (parts.since.get(version, date.min), version))
    home = folder.project(project.project) / FOLDER
    drafts = sorted(path.stem for path in home.glob("*.md") if path.stem not in named)
    return [_document(home, version, project, tuple(batches.get(version, ()))) for version in order] + [
        _document(home, version, project, (), named=False) for version in drafts
    ]


def _document(home: Path, version: str, project: Project, batches: tuple[str, ...], *, named: bool = True) -> Document:
    text, sha256, warning = _read(home, version)
    # A project that says nothing of guidelines has one by default, and is not asked for its text.
    if not text and not warning and named and project.guidelines.model_fields_set:
        warning = f"there is no text: write {FOLDER}/{version}.md beside the project file"
    title = next((line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#")), "")
    return Document(version, text, sha256, title, project.guidelines.since.get(version), batches, named, warning)


def _read(home: Path, version: str) -> tuple[str, str, str]:
    """A version's text, its checksum, and why it cannot be read; all empty where there is no file."""
    path = home / f"{version}.md"
    if not path.resolve().is_relative_to(home.resolve()) or path.parent != home:
        return "", "", "its name cannot be that of a file: use letters, digits, '.', '-' and '_'"
    if not path.is_file():
        return "", "", ""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "", "", f"{FOLDER}/{path.name} is not UTF-8 text: save it as UTF-8"
    if not text.strip():
        return "", "", f"{FOLDER}/{path.name} is empty: write it"
    return text, hashlib.sha256(content).hexdigest(), ""
