"""Another pseudonym key: the same history under new names, and each step that gives them.

Who is who is known to the re-identification map, the roster and landing; of whom none of them tells, no new name can
be made, and nothing is begun. Ids of answers end with the pseudonym's digits, so that the lake is renamed without
landing. The audit log keeps the old names, which the map still tells.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from label_pipeline.contracts.tables import ANNOTATION_EVENTS, LOGINS, TABLES
from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.landing import landed_days, project_files, sent_files
from label_pipeline.privacy import identity_map
from label_pipeline.privacy.erasure import House
from label_pipeline.privacy.persons import Login, Persons
from label_pipeline.privacy.pseudonyms import SHORTEST_KEY, key_file
from label_pipeline.privacy.storage import change_texts, texts_below
from label_pipeline.privacy.tombstones import read_tombstones, write_tombstones
from label_pipeline.privacy.without import Renaming
from label_pipeline.sources.text import strip
from label_pipeline.sql import connect, file_list, scratch

NEW_KEY = "LABEL_PIPELINE_NEW_KEY"
"""Holds the new key where the old one is held by the environment too."""


# --- the new key


def new_key() -> bytes:
    """The key to come: of the environment where the old one is, else of a file beside the old one, drawn once.

    Raises:
        UserError: the environment holds the old key alone, or a new one that is too short or the old one again.
    """
    if os.environ.get("LABEL_PIPELINE_KEY"):
        given = os.environ.get(NEW_KEY, "").encode()
        if len(given) < SHORTEST_KEY or given == os.environ["LABEL_PIPELINE_KEY"].encode():
            raise UserError(
                f"the pseudonym key is in LABEL_PIPELINE_KEY, and {NEW_KEY} holds no other one",
                rule=f"at least {SHORTEST_KEY} characters",
                do=f"Set {NEW_KEY} to a random one, run this again, and give it to all nights as LABEL_PIPELINE_KEY.",
            )
        return given
    path = _drawn_file()
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_hex(32).encode())
            file.flush()
            os.fsync(file.fileno())
    return path.read_bytes().strip()


def switch_key(old: str) -> str:
    """Let the new key take the old one's place, which stays beside it under its id; returns what is left to do."""
    if os.environ.get("LABEL_PIPELINE_KEY"):
        os.environ["LABEL_PIPELINE_KEY"] = os.environ[NEW_KEY]  # for what this process does next
        return f"Give the key in {NEW_KEY} to all nights as LABEL_PIPELINE_KEY from now on."
    path, kept = key_file(), key_file().with_name(f"{key_file().name}.{old}")
    if not kept.exists():
        os.link(path, kept)
    os.replace(_drawn_file(), path)
    return f"The old key is kept as {kept}: remove it once no other data folder was made with it."


def _drawn_file() -> Path:
    return key_file().with_name(f"{key_file().name}.new")


# --- the new names


def new_names(house: House, coming: Persons) -> dict[str, str]:
    """The new pseudonym of everybody the lake names, by the old one.

    Raises:
        UserError: of some neither the map nor the roster nor landing tells who they are.
    """
    logins: set[Login] = {(k.met.source, k.met.identity) for k in identity_map.known(house.name)}
    logins |= set(house.persons.named)
    names = _renamed(house, coming, logins)
    missing = _in_lake(house) - names.keys()
    if missing:
        names |= _renamed(house, coming, _in_landing(house))
        missing -= names.keys()
    if missing:
        shown = ", ".join(sorted(missing)[:3])
        raise UserError(
            f"neither map nor roster nor landing tells who {len(missing)} annotators are: {shown}",
            where=f"project {house.name}",
            rule="the same history under the new names",
            do="Restore the re-identification map from its copy; nothing was changed.",
        )
    return names


def _renamed(house: House, coming: Persons, logins: set[Login]) -> dict[str, str]:
    names: dict[str, str] = {}
    for login in logins:
        old, new = house.persons.met(*login), coming.met(*login)
        names |= {old.login: new.login, old.annotator_id: new.annotator_id}
    return names


def _in_lake(house: House) -> set[str]:
    """Every pseudonym that answered."""
    found: set[str] = set()
    with connect() as con:
        for table, column in ((LOGINS, "login"), (LOGINS, "annotator_id"), (ANNOTATION_EVENTS, "annotator_id")):
            files = house.lake.files(table, date.max)
            if files:
                rows = con.execute(f"SELECT DISTINCT {column} FROM read_parquet({file_list(files)})").fetchall()
                found |= {name for (name,) in rows}
    return found


def _in_landing(house: House) -> set[Login]:
    from label_pipeline.ingest.read import read_file

    found: set[Login] = set()
    with connect() as con:
        for day in landed_days(house.folder, house.project.landing_of):
            for file in project_files(house.folder, house.project, day):
                with scratch(con):
                    if not isinstance(read_file(con, house.project, file), UserError):
                        rows = con.execute("SELECT DISTINCT annotator FROM answers WHERE annotator IS NOT NULL")
                        found |= {(file.source, strip(name)) for (name,) in rows.fetchall()}
    return found


# --- the steps


def reseal(house: House, coming: bytes) -> None:
    """Seal the tombstones with the new key; nobody has to know who they are of."""
    path = house.folder.tombstones(house.name)
    try:
        tombstones = read_tombstones(path, house.persons.secret)
    except UserError:
        read_tombstones(path, coming)  # done before a kill
        return
    if tombstones.key:
        write_tombstones(path, tombstones, coming)


def rename_lake(house: House, names: Mapping[str, str], key: str) -> int:
    """Rewrite every partition under the new names and the id of the new `key`; returns how many."""
    import pyarrow as pa

    renaming, lake, changed = Renaming.of(names), house.lake, 0
    for table in TABLES.values():
        for day in lake.days(table):
            for part, rows in lake.parts(table, day):
                new = renaming.table(table, rows)
                if table is LOGINS and rows["key"].to_pylist() != [key] * len(rows):
                    new = new.set_column(new.column_names.index("key"), "key", pa.array([key] * len(new), pa.string()))
                if new is not rows:
                    lake.write(table, day, new, part)
                    changed += 1
    return changed


def rename_texts(house: House, names: Mapping[str, str]) -> int:
    """The new names in batches that were sent, reports and what alerts remember; returns how many files."""
    folder, name, renaming = house.folder, house.name, Renaming.of(names)
    places = [folder.report_index(name).parent, folder.report_index(), folder.alerts(name)]
    places += [folder.published(name) / "rejected"]
    changed = change_texts(texts_below(places), renaming.text)
    for path in sent_files(folder, name, date.max):
        text = path.read_text(encoding="utf-8")
        if (new := renaming.text(text)) != text:
            write_text(path, new)
            changed += 1
    return changed


def remember_new_names(house: House, coming: Persons) -> int:
    """Every login of the map under the new key beside the old; returns how many."""
    known = identity_map.known(house.name)
    days: dict[Login, date] = {}
    for one in known:
        login = (one.met.source, one.met.identity)
        days[login] = min(one.first_day, days.get(login, one.first_day))
    for login, day in days.items():
        identity_map.remember(house.name, day, coming.key, [coming.met(*login)])
    return len(days)


def with_key(persons: Persons, secret: bytes) -> Persons:
    """The same people under another key."""
    return replace(persons, secret=secret)
