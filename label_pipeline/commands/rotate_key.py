"""`rotate-key`: a new pseudonym key for all projects of the data folder; the history stays, under new names."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from label_pipeline import audit
from label_pipeline.cli import OK
from label_pipeline.clock import now
from label_pipeline.commands.home import dagster_home, home_of
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.kept import last_table
from label_pipeline.locks import alone
from label_pipeline.privacy import rotation
from label_pipeline.privacy.erasure import House
from label_pipeline.privacy.journal import Journal, close_journal, read_journal, write_journal
from label_pipeline.privacy.persons import key_id
from label_pipeline.privacy.pseudonyms import key
from label_pipeline.privacy.without import Renaming
from label_pipeline.project import load_project, project_names
from label_pipeline.project_files import persons

ROTATE = "rotate key"


def run(arguments: argparse.Namespace) -> int:
    """Rotate, or go on with a rotation that was broken off."""
    folder = DataFolder.choose(arguments.data)
    names = project_names(folder)
    if arguments.resume:
        return go_on(folder, names[0]) if names else OK
    if not arguments.reason:
        raise UserError("say why: --reason R", rule="rotate-key", do="It is kept in the audit log.")
    if not names:
        raise UserError(f"there is no project in {folder.projects}", do="There is nothing to rename.")
    with ExitStack() as held:
        for name in names:
            held.enter_context(alone(folder, name, "label-pipeline rotate-key"))
        houses = _houses(folder, names, key(make=False))
        secret = rotation.new_key()
        plan: dict[str, dict[str, Any]] = {
            house.name: {"names": rotation.new_names(house, rotation.with_key(house.persons, secret))}
            for house in houses
        }
        journal = Journal(
            name=f"rotation {now():%Y-%m-%d %H:%M:%S}",
            kind="rotation",
            projects=tuple(names),
            by=arguments.by or audit.person(),
            at=now().isoformat(),
            reason=arguments.reason,
            told=plan | {"keys": {"old": houses[0].persons.key, "new": key_id(secret)}},
        )
        write_journal(folder, journal)
        return _carry_out(folder, journal, houses, secret)


def go_on(folder: DataFolder, project: str) -> int:
    """Go on with the rotation that was broken off, if one was; returns the exit code."""
    journal = read_journal(folder, project)
    if journal is None or journal.kind != "rotation":
        return OK
    print(f"going on with {journal.name}", file=sys.stderr)
    with ExitStack() as held:
        for name in journal.projects:
            held.enter_context(alone(folder, name, "label-pipeline rotate-key", unfinished=True))
        journals = [j for j in (read_journal(folder, name) for name in journal.projects) if j is not None]
        journal = max(journals, key=lambda j: len(j.done))
        now_is, told = key(make=False), journal.told["keys"]
        # Once the new key is in its place, that of the environment or the file is the new one.
        secret = now_is if key_id(now_is) == told["new"] else rotation.new_key()
        if key_id(secret) != told["new"]:
            raise UserError(
                f"the new key is not the one that {journal.name} began with, which is {told['new']}",
                rule="one pseudonym key",
                do=f"Put it back: in {rotation.NEW_KEY}, or in the file that ends with .new beside the old key.",
            )
        return _carry_out(folder, journal, _houses(folder, journal.projects, now_is), secret)


def _houses(folder: DataFolder, names: Sequence[str], secret: bytes) -> list[House]:
    known = [load_project(folder, name) for name in names]
    return [House(folder, project, persons(folder, project, secret)) for project in known]


def _carry_out(folder: DataFolder, journal: Journal, houses: Sequence[House], secret: bytes) -> int:
    """Do what is not done yet, step by step; the key changes when all is renamed."""
    told = journal.told["keys"]

    def step(name: str, house: House | None = None, said: dict[str, Any] | None = None) -> None:
        nonlocal journal
        journal = journal.with_step(name, house.name if house else "", said)
        write_journal(folder, journal)

    for house in houses:
        names = journal.told[house.name]["names"]
        if not journal.has("tombstones", house.name):
            rotation.reseal(house, secret)
            step("tombstones", house)
        if not journal.has("lake", house.name):
            step("lake", house, {"partitions": rotation.rename_lake(house, names, told["new"])})
        if not journal.has("texts", house.name):
            step("texts", house, {"texts": rotation.rename_texts(house, names)})
        if not journal.has("map", house.name):
            step("map", house, {"logins": rotation.remember_new_names(house, rotation.with_key(house.persons, secret))})
    if not journal.has("storage"):
        from label_pipeline.orchestration.stored import change_stored

        renaming = Renaming.of({o: n for h in houses for o, n in journal.told[h.name]["names"].items()})
        change_stored(home_of(folder), folder.dagster, renaming.text)
        step("storage")
    left = ""
    if not journal.has("key"):
        left = rotation.switch_key(told["old"]) if key_id(key(make=False)) == told["old"] else ""
        step("key")
    for house in houses:
        if not journal.has("mart", house.name):
            _mart_again(house)
            step("mart", house)
        if not journal.has("audit", house.name):
            audit.record(
                folder, house.name, at=datetime.fromisoformat(journal.at), actor=journal.by, action=ROTATE,
                subject="pseudonym key", reason=journal.reason, before=told["old"], after=told["new"], once=True,
            )  # fmt: skip
            step("audit", house)
    close_journal(folder, journal)
    for house in houses:
        print(f"{house.name}: {len(journal.told[house.name]['names'])} pseudonyms are new ones of key {told['new']}.")
    print(left or "The new key is in its place.")
    return OK


def _mart_again(house: House) -> None:
    """Build the marts anew from the renamed lake."""
    from label_pipeline.orchestration.again import run_again

    days = house.lake.days(last_table(house.project))
    if days:
        home = str(dagster_home(house.folder))
        run_again(house.folder, house.name, days[-1], days[-1], home=home, wanted=lambda name: name == "mart")
