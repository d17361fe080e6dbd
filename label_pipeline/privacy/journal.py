"""The journal of an erasure or a rotation under way: what was asked, what is done, and how to go on after a kill.

One file a project, written before anything else changes and removed last. It names pseudonyms and never an identity.
Every step may be done twice: who goes on begins with the step that was not finished.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from label_pipeline import remote
from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder


@dataclass(frozen=True, slots=True)
class Journal:
    """What is under way: its `name`, what it does, for which projects (that share one landing), asked by whom, when and
    why; the steps `done`, and `told`, what they found and did, by project."""

    name: str
    kind: str
    projects: tuple[str, ...]
    by: str
    at: str
    reason: str
    annotators: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def with_step(self, step: str, project: str = "", told: dict[str, Any] | None = None) -> Journal:
        """With a step done, and what it told of a project."""
        more = dict(self.told) | ({project: self.told.get(project, {}) | told} if told else {})
        return replace(self, done=(*self.done, f"{step} {project}".strip()), told=more)

    def has(self, step: str, project: str = "") -> bool:
        """Whether a step is done."""
        return f"{step} {project}".strip() in self.done


def journal_file(folder: DataFolder, project: str) -> Path:
    """Where the journal of what is under way in a project is."""
    return folder.erasures(project) / "under_way.json"


def read_journal(folder: DataFolder, project: str) -> Journal | None:
    """What is under way in a project; None where nothing is.

    Raises:
        UserError: the journal was changed or damaged.
    """
    path = journal_file(folder, project)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        lists = {name: tuple(told[name]) for name in ("projects", "annotators", "items", "done")}
        return Journal(**(told | lists))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise UserError(
            "the journal of an erasure cannot be read",
            where=f"{path.parent.parent.name}/{path.parent.name}/{path.name}",
            do="Take it away and ask for the erasure again.",
        ) from None


def write_journal(folder: DataFolder, journal: Journal) -> None:
    """Replace the journal in each of its projects; the last one counts where a kill left them different."""
    for project in journal.projects:
        write_text(journal_file(folder, project), json.dumps(asdict(journal), indent=1, ensure_ascii=False) + "\n")
    for project in journal.projects:
        remote.settle(folder, project)


def close_journal(folder: DataFolder, journal: Journal) -> None:
    """All is done: nothing is under way any more."""
    for project in journal.projects:
        journal_file(folder, project).unlink(missing_ok=True)


def resuming(journal: Journal, project: str) -> str:
    """The command that goes on with it."""
    return "rotate-key --resume" if journal.kind == "rotation" else f"erase {project} --resume"


def require_none(folder: DataFolder, project: str) -> None:
    """Refuse to write a project while an erasure or a rotation of it was broken off.

    Raises:
        UserError: says how to go on with it.
    """
    journal = read_journal(folder, project)
    if journal is not None:
        raise UserError(
            f"{journal.name} was broken off, and half of it is done",
            where=f"project {project}",
            rule="nothing is written over it",
            do=f"Run: label-pipeline {resuming(journal, project)}",
        )
