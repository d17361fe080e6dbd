"""The guidelines' texts: Markdown beside the project file, one file a version, and what is there of those named.

Here belong finding and checking them. A version that is named and has no text is a warning, never an error: labels
are what they are, and a night does not stop because a text is missing. What people agreed on under a version is
`agreement`'s.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.project import Project, shown

FOLDER = "guidelines"


@dataclass(frozen=True, slots=True)
class Document:
    """A guideline version: where its text is, since when it is in force and for which batches.

    `file` and `sha256` are empty where no text is there, `title` is the text's first heading. `since` is None for a
    version without a first day: `named` tells whether the project file names it at all; if not, it is a draft.
    """

    version: str
    file: str
    sha256: str
    title: str
    since: date | None
    batches: tuple[str, ...]
    named: bool

    @property
    def warning(self) -> str:
        """What is wrong with it, in words; empty where nothing is."""
        if self.named and not self.sha256:
            return f"guideline '{self.version}' has no text: write {FOLDER}/{self.version}.md beside the project file"
        return ""


def documents(folder: DataFolder, project: Project) -> list[Document]:
    """Every version that the project file names, in the order in which they came into force, then drafts by name.

    Raises:
        UserError: a text is empty or not UTF-8, or a version's name would lead out of the folder.
    """
    parts = project.guidelines
    batches: dict[str, list[str]] = {}
    for batch, version in parts.batches.items():
        batches.setdefault(version, []).append(batch)
    named = {*parts.since, *batches, parts.current}
    order = sorted(named, key=lambda version: (parts.since.get(version, date.min), version))
    home = folder.project(project.project) / FOLDER
    drafts = sorted(path.stem for path in home.glob("*.md") if path.stem not in named)
    return [
        _document(folder, home, version, parts.since.get(version), tuple(batches.get(version, ())), version in named)
        for version in (*order, *drafts)
    ]


def guideline_sha256(folder: DataFolder, project: Project, version: str) -> str:
    """The checksum of a version's text; empty where it has none. Raises as `documents` does."""
    return next((d.sha256 for d in documents(folder, project) if d.version == version), "")


def _document(
    folder: DataFolder, home: Path, version: str, since: date | None, batches: tuple[str, ...], named: bool
) -> Document:
    path = home / f"{version}.md"
    if not path.resolve().is_relative_to(home.resolve()) or path.parent != home:
        raise UserError(
            f"guideline version '{version}' cannot be the name of a file",
            where=shown(folder, folder.project_file(home.parent.name)),
            rule="guidelines",
            do="Use letters, digits, '.', '-' and '_'.",
        )
    if not path.is_file():
        return Document(version, "", "", "", since, batches, named)
    content, where = path.read_bytes(), shown(folder, path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("the file is not UTF-8 text", where=where, do="Save it as UTF-8.") from None
    if not text.strip():
        raise UserError("the guideline is empty", where=where, rule="guidelines", do="Write it, or remove the file.")
    title = next((line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#")), "")
    sha256 = hashlib.sha256(content).hexdigest()
    return Document(version, f"{FOLDER}/{version}.md", sha256, title, since, batches, named)
