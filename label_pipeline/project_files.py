"""Files that stand beside a project file: the roster of people, the gold seeds and the names to scrub."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from label_pipeline.errors import UserError, nearest
from label_pipeline.folders import DataFolder
from label_pipeline.ingest.meaning import meanings
from label_pipeline.label_meaning import NumberMeaning
from label_pipeline.privacy.persons import Login, Persons
from label_pipeline.privacy.scrub import PATTERNS, Names, Recogniser, Scrubber
from label_pipeline.project import INTEGER_ID, Project, shown
from label_pipeline.project_labels import Labels

if TYPE_CHECKING:
    import pandas as pd

ANNOTATOR_ROLES = ("annotator", "adjudicator", "model")


def persons(folder: DataFolder, project: Project, secret: bytes) -> Persons:
    """Who is who under the key `secret`: logins of one person in the roster have one pseudonym.

    Raises:
        UserError: the file or a column is missing.
    """
    rows = roster_rows(folder, project)
    return Persons(secret, {(r["source"], r["identity"]): r["person"] for _, r in rows if r.get("person")})


def roster(folder: DataFolder, project: Project, secret: bytes) -> pd.DataFrame:
    """Who labels: annotator_id (pseudonym), group, role; a person of several logins once. Identities stay in the file.

    Raises:
        UserError: the file or a column is missing, a role is unknown, a login is listed twice, or a person has two
            groups or roles.
    """
    import pandas as pd

    who = persons(folder, project, secret)
    logins: set[Login] = set()
    found: dict[str, tuple[str, str]] = {}
    for where, row in roster_rows(folder, project):
        login, is_now = (row["source"], row["identity"]), (row["group"] or "unknown", row["role"])
        if row["role"] not in ANNOTATOR_ROLES:
            raise _unknown("role", row["role"], ANNOTATOR_ROLES, where)
        if row["source"] not in project.sources:
            raise _unknown("source", row["source"], project.sources, where)
        if login in logins:
            raise UserError("this person is listed twice", where=where, do="Keep one row.")
        logins.add(login)
        if found.setdefault(who.annotator(*login), is_now) != is_now:
            words = "this person has another group or role in a row above"
            raise UserError(words, where=where, do="A person has one of each: write the same in all rows.")
    groups, roles = ([is_now[k] for is_now in found.values()] for k in (0, 1))
    return pd.DataFrame({"annotator_id": list(found), "group": groups, "role": roles}, dtype=object)


def _unknown(what: str, name: str, known: Iterable[str], where: str) -> UserError:
    """A mistake of the roster; the value is shown only where it is nearly one of the `known`: where columns are mixed
    up, it is who somebody is."""
    do = nearest(name, known)
    words = f"unknown {what} '{name}'" if do.startswith("Did you mean") else f"unknown {what}"
    return UserError(words, where=where, do=do)


def roster_file(folder: DataFolder, project: Project) -> Path | None:
    """The project's roster; None where it has none.

    Raises:
        UserError: it is not there.
    """
    return None if project.people.roster is None else _inside(folder, project, project.people.roster)


def roster_rows(folder: DataFolder, project: Project) -> list[tuple[str, dict[str, str]]]:
    """The rows of the roster, each with its place in words; none where the project has no roster."""
    path = roster_file(folder, project)
    if path is None:
        return []
    where = shown(folder, path)
    return [(f"{where}:{line}", row) for line, row in _rows(path, where, ("source", "identity", "group", "role"))]


def gold_seeds(folder: DataFolder, project: Project) -> pd.DataFrame:
    """Settled truths a person wrote down: item_id, label (a class), role ('' where not said), evidence (file and row).

    Raises:
        UserError: a column is missing, a label is no class of the project, or an item is empty.
    """
    import pandas as pd

    seeds: dict[str, list[str]] = {"item_id": [], "label": [], "role": [], "evidence": []}
    home = folder.project(project.project)
    for path in seed_files(folder, project):
        for line, row in _rows(path, shown(folder, path), ("item_id", "label")):
            where = f"{shown(folder, path)}:{line}"
            label = _label_of(project.labels, row["label"])
            if not row["item_id"]:
                raise UserError("the item is empty", where=where, rule="gold.seeds")
            if label is None:
                raise UserError(
                    f"'{row['label']}' is not a {'number' if project.labels.type == 'number' else 'class'}",
                    where=where,
                    rule="gold.seeds",
                    do=nearest(row["label"], project.labels.classes),
                )
            integer = project.items.ids == "integer"
            seeds["item_id"].append(re.sub(INTEGER_ID, r"\1", row["item_id"]) if integer else row["item_id"])
            seeds["label"].append(label)
            seeds["role"].append(row.get("role", ""))
            seeds["evidence"].append(f"{path.relative_to(home)}:{line}")
    return pd.DataFrame(seeds, dtype=object)


def seed_files(folder: DataFolder, project: Project) -> list[Path]:
    """The files of gold seeds, by name.

    Raises:
        UserError: none matches what the project file says, or it leads out of the project.
    """
    home = folder.project(project.project)
    pattern = Path(project.gold.seeds or "")
    if pattern.is_absolute() or ".." in pattern.parts:
        raise UserError(f"'{pattern}' leads out of the project", where=shown(folder, home), rule="gold.seeds")
    paths = sorted(home.glob(project.gold.seeds)) if project.gold.seeds else []
    if project.gold.seeds and not paths:
        raise UserError(f"no file matches '{project.gold.seeds}'", where=shown(folder, home), rule="gold.seeds")
    return paths


def scrubber(folder: DataFolder, project: Project) -> Scrubber | None:
    """What the project takes out of items' texts; None where it asks for nothing.

    Raises:
        UserError: the file of names is missing or no text, or Presidio is asked for and not there.
    """
    asked = project.privacy.scrub
    if asked is None:
        return None
    recognisers: list[Recogniser] = [PATTERNS[kind] for kind in asked.kinds]
    if asked.names is not None:
        path = _inside(folder, project, asked.names)
        recognisers.append(Names(_utf8(path, shown(folder, path)).splitlines()))
    if asked.presidio is not None:
        from label_pipeline.privacy.presidio import Presidio

        told = asked.presidio
        stronger = Presidio(told.language, told.model, told.at_least, told.entities)
        _ = stronger.analyzer  # what is missing is told now, and not with the first item
        recognisers.append(stronger)
    return Scrubber(asked.fields, recognisers)


def _label_of(labels: Labels, written: str) -> str | None:
    """The label that a person wrote, as it is stored; None where it is none of the project."""
    if labels.type != "number":
        found = meanings(labels, [written])["class"]
        return found[0] if found else None
    text = NumberMeaning().canonical(written)
    within = text is not None and (labels.range is None or labels.range.holds(float(text)))
    return text if within else None


def _inside(folder: DataFolder, project: Project, name: str) -> Path:
    home = folder.project(project.project).resolve()
    path = (home / name).resolve()
    if not path.is_relative_to(home) or not path.is_file():
        raise UserError(
            f"there is no file '{name}' beside the project file",
            where=shown(folder, folder.project_file(project.project)),
        )
    return path


def _rows(path: Path, where: str, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Rows of a small CSV with their line numbers, all values trimmed."""
    reader = csv.DictReader(io.StringIO(_utf8(path, where), newline=""))
    try:
        missing = [n for n in needed if n not in (reader.fieldnames or ())]
        if missing:
            raise UserError(
                f"column '{missing[0]}' is missing", where=where, do=nearest(missing[0], reader.fieldnames or ())
            )
        return [(reader.line_num, {k: (v or "").strip() for k, v in row.items() if k}) for row in reader]
    except csv.Error as error:
        raise UserError(f"the line cannot be read: {error}", where=f"{where}:{reader.line_num + 1}") from None


def _utf8(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("the file is not UTF-8 text", where=where, do="Save it as UTF-8.") from None
