"""Erasing a person or an item from everything a project holds: what is held, and each step that takes it away.

The order is `commands.erase`'s, which runs the nights again between the steps. Every step may be done twice, so that a
kill costs nothing but time: tombstones come first, so that no night brings anybody back meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from label_pipeline.contracts.tables import (
    ANNOTATION_EVENTS,
    LANDED_PREDICTIONS,
    LANDINGS,
    QUARANTINE,
    TABLES,
    Table,
)
from label_pipeline.errors import UserError
from label_pipeline.files import sha256, write_text
from label_pipeline.folders import DataFolder
from label_pipeline.ingest.read import read_file
from label_pipeline.lake import Lake
from label_pipeline.landing import LandedFile, landed_days, landed_files, project_files, sent_files
from label_pipeline.privacy import identity_map
from label_pipeline.privacy.persons import PSEUDONYM, ROSTER, Login, Persons
from label_pipeline.privacy.pseudonyms import pseudonym
from label_pipeline.privacy.records import Erased
from label_pipeline.privacy.redact import Found, Redacted, Wanted, find, redact, telling
from label_pipeline.privacy.storage import change_texts, texts_below
from label_pipeline.privacy.tombstones import read_tombstones, write_tombstones
from label_pipeline.privacy.without import Without
from label_pipeline.project import Project
from label_pipeline.project_files import roster_file, seed_files
from label_pipeline.publish import manifest as manifests
from label_pipeline.sql import connect, file_list, scratch

MADE_AGAIN = ("landings", "annotation_events", "items", "quarantine", "landed_predictions", "logins")
"""The tables of the intake."""


@dataclass(frozen=True, slots=True)
class House:
    """One project of those that read one landing, and who is who in it."""

    folder: DataFolder
    project: Project
    persons: Persons

    @property
    def name(self) -> str:
        """The project's name."""
        return self.project.project

    @property
    def lake(self) -> Lake:
        """The project's partitions."""
        return Lake(self.folder, self.name)


# --- whom and what


def pseudonyms_of(house: House, asked: str) -> frozenset[str]:
    """The pseudonyms, old ones too, of whom a person at the command line means: by a pseudonym, by a login at any
    source, or by the name that the roster has for a person. Whoever has several logins is meant with all of them."""
    name, persons = house.name, house.persons
    if PSEUDONYM.fullmatch(asked):
        found = {asked}
    else:
        mets = [persons.met(source, asked) for source in house.project.sources]
        found = {p for m in mets for p in (m.login, m.annotator_id)} | {pseudonym(persons.secret, ROSTER, asked)}
    linked = [{m.login, m.annotator_id} for m in (persons.met(*login) for login in persons.named)] + _pairs_in_lake(
        house
    )
    for known in identity_map.known(name):  # what an older key called somebody stands beside what this one does
        now = persons.met(known.met.source, known.met.identity)
        linked.append({known.met.login, known.met.annotator_id, now.login, now.annotator_id})
    before: set[str] = set()
    while found != before:
        before = set(found)
        found |= {p for names in linked if names & found for p in names}
    return frozenset(found)


def _pairs_in_lake(house: House) -> list[set[str]]:
    """The pseudonyms of each login and of whose it is, by the table logins."""
    files = house.lake.files(TABLES["logins"], date.max)
    if not files:
        return []
    with connect() as con:
        pairs = con.execute(f"SELECT DISTINCT login, annotator_id FROM read_parquet({file_list(files)})").fetchall()
    return [set(pair) for pair in pairs]


def logins_of(house: House, names: frozenset[str]) -> set[Login]:
    """The logins, as identities, that map and roster know of pseudonyms."""
    found = {(k.met.source, k.met.identity) for p in sorted(names) for k in identity_map.known(house.name, pseudonym=p)}
    for login in house.persons.named:
        met = house.persons.met(*login)
        if {met.login, met.annotator_id} & names:
            found.add(login)
    return found


def wanted_of(house: House, without: Without, words: Iterable[str] = ()) -> Wanted:
    """What files are searched for."""

    def login(source: str, identity: str) -> bool:
        if not without.annotators:
            return False
        met = house.persons.met(source, identity)
        return bool({met.login, met.annotator_id} & without.annotators)

    return Wanted(login, without.items.__contains__, telling(words))


# --- what is held


@dataclass(frozen=True, slots=True)
class Landed:
    """A landed file that holds them, on which day, and the project that can read it."""

    day: date
    house: House
    found: Found


def find_in_landing(
    houses: Sequence[House], without: Without, words: Iterable[str]
) -> tuple[list[Landed], frozenset[str]]:
    """The landed files that hold or mention them, in the order in which they are to go, and words that tell who it is.

    `houses` read one landing. Files that only mention somebody go first: the others tell who it is, should the erasure
    be broken off between.
    """
    told = telling(words)
    landed: list[Landed] = []
    others: list[tuple[date, House, LandedFile]] = []
    with connect() as con:
        for day in landed_days(houses[0].folder, houses[0].project.landing_of):
            for file in landed_files(houses[0].folder, houses[0].project.landing_of, day):
                house = next((h for h in houses if file.source in h.project.sources), houses[0])
                found = find(con, house.project, file, wanted_of(house, without))
                if found is None:
                    others.append((day, house, file))
                else:
                    landed.append(Landed(day, house, found))
                    told |= found.words | telling(found.erased.people)
                    told |= telling(found.erased.items)
        for day, house, file in others:
            wanted = wanted_of(house, without, told)
            if wanted.told_by(file.path) and (found := find(con, house.project, file, wanted)):
                landed.append(Landed(day, house, found))
    return sorted(landed, key=lambda one: (one.found.erased != Erased(), one.day, one.found.file.name)), told


def held_in_lake(house: House, without: Without) -> tuple[dict[str, int], date | None]:
    """Rows by table that are theirs or name them in a list, and the first day on which there is one."""
    rows: Counter[str] = Counter()
    first: list[date] = []
    with connect() as con:
        for table in TABLES.values():
            condition, values = is_theirs(table, without)
            files = house.lake.files(table, date.max)
            if not files or not condition:
                continue
            counted = con.execute(
                f"SELECT day::DATE, count(*) FROM read_parquet({file_list(files)}, hive_partitioning = true, "
                f"union_by_name = true) WHERE {condition} GROUP BY 1",
                values,
            ).fetchall()
            rows[table.name] += sum(n for _, n in counted)
            first += [day for day, _ in counted]
    return {name: n for name, n in rows.items() if n}, min(first, default=None)


def is_theirs(table: Table, without: Without) -> tuple[str, list[list[str]]]:
    """SQL for whether a row of a table is theirs or names them in a list, and its values; empty where none can be."""
    parts: list[tuple[str, frozenset[str]]] = []
    for column in table.columns:
        if column.name in ("annotator_id", "login"):
            parts.append((f"list_contains(?, {column.name})", without.annotators))
        elif column.name == "item_id":
            parts.append(("list_contains(?, item_id)", without.items))
        elif column.kind == "texts":
            parts.append((f"list_has_any(?, {column.name})", without.annotators))
    if table is QUARANTINE:
        parts += [
            ("list_contains(?, raw ->> 'annotator_id')", without.annotators),
            ("list_contains(?, raw ->> 'item_id')", without.items),
        ]
    asked = [(words, sorted(names)) for words, names in parts if names]
    return " OR ".join(words for words, _ in asked), [names for _, names in asked]


def versions_since(house: House, first: date | None) -> tuple[str, ...]:
    """The versions of the training set that rest on days from `first` on."""
    published = house.folder.published(house.name)
    return tuple(v for v in manifests.versions(published) if first is not None and v[:10] >= str(first))


# --- the steps


def bury(house: House, without: Without, logins: Iterable[Login]) -> None:
    """Write the tombstones: of logins where they are known, and of the pseudonyms in any case."""
    path, secret = house.folder.tombstones(house.name), house.persons.secret
    before = read_tombstones(path, secret)
    marked = before.with_marks(logins=logins, annotators=without.annotators, items=without.items)
    if marked != before:
        write_tombstones(path, marked, secret)


def clear_landing(landed: Iterable[Landed], without: Without, words: Iterable[str]) -> list[Redacted]:
    """Rewrite the landed files that hold them; returns what became of each. What cannot be rewritten is there still."""
    done = []
    with connect() as con:
        for one in landed:
            outcome = redact(con, one.house.project, one.found, wanted_of(one.house, without, words))
            done.append(replace(outcome, name=f"{one.day}/{outcome.name}"))
    return done


def clear_sent(house: House, without: Without, *, dry_run: bool = False) -> int:
    """Take them out of the batches that were sent, as landing keeps them; returns how many files had them."""
    import json

    changed = 0
    for path in sent_files(house.folder, house.name, date.max):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        new = [
            row | {"exclude_annotators": [a for a in row["exclude_annotators"] if a not in without.annotators]}
            for row in rows
            if row["item_id"] not in without.items
        ]
        if new != rows:
            changed += 1
            if not dry_run:
                write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in new))
    return changed


def clear_project_files(house: House, without: Without, *, dry_run: bool = False) -> int:
    """Take their rows out of the roster and the gold seeds; returns how many rows."""
    gone = 0
    roster = roster_file(house.folder, house.project)
    if roster is not None and without.annotators:

        def theirs(row: Mapping[str, str]) -> bool:
            met = house.persons.met(row["source"], row["identity"])
            return bool({met.login, met.annotator_id} & without.annotators)

        gone += _rows_without(roster, theirs, dry_run=dry_run)
    for seeds in seed_files(house.folder, house.project) if without.items else []:
        gone += _rows_without(seeds, lambda row: row["item_id"] in without.items, dry_run=dry_run)
    return gone


def _rows_without(path: Path, gone: Any, *, dry_run: bool) -> int:
    """Leave out rows of a small CSV; what stays keeps its bytes."""
    import csv
    import io

    lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    reader = csv.DictReader(io.StringIO("".join(lines), newline=""))
    cut: set[int] = set()
    last = reader.line_num
    for row in reader:
        if last == 0:
            last = 1
        if gone({k: (v or "").strip() for k, v in row.items() if k}):
            cut |= {*range(max(last, 1), reader.line_num)}
        last = reader.line_num
    if cut and not dry_run:
        write_text(path, "".join(line for k, line in enumerate(lines) if k not in cut))
    return len(cut)


def clear_lake(house: House, without: Without, *, landing_gone: Iterable[date]) -> int:
    """Rewrite every partition that holds them; returns how many. `landing_gone` are days whose files are not all there:
    they cannot be taken in again, so their account is set right here."""
    lake, changed = house.lake, 0
    for table in TABLES.values():
        for day in lake.days(table):
            for part, rows in lake.parts(table, day):
                new = without.table(table, rows)
                if new is not rows:
                    lake.write(table, day, new, part)
                    changed += 1
    for day in landing_gone:
        _set_account_right(house, day)
    return changed


def days_with_gaps(house: House) -> list[date]:
    """The computed days of which a landed file is no longer there."""
    found = []
    for day in house.lake.days(LANDINGS):
        there = {file.name for file in project_files(house.folder, house.project, day)}
        if not there.issuperset(house.lake.read(LANDINGS, day)["landed_file"].to_pylist()):
            found.append(day)
    return found


def _set_account_right(house: House, day: date) -> None:
    """The account of a day from what is left: of files that are there as they are now, of others by their rows."""
    lake = house.lake
    counts = {
        table.name: Counter(_landed(table, lake.read(table, day)))
        for table in (ANNOTATION_EVENTS, QUARANTINE, LANDED_PREDICTIONS)
    }
    there = {file.name: file for file in project_files(house.folder, house.project, day)}
    rows = []
    for row in lake.read(LANDINGS, day).to_pylist():
        name = row["landed_file"]
        accepted = counts[ANNOTATION_EVENTS.name][name] + counts[LANDED_PREDICTIONS.name][name]
        known: dict[str, Any] = {"accepted": accepted, "quarantined": counts[QUARANTINE.name][name]}
        file = there.get(name)
        if file is not None and sha256(file.path) != row["sha256"]:
            landed = _count(house, file)
            known |= {"sha256": sha256(file.path), "bytes": file.path.stat().st_size}
            known["duplicates"] = landed - known["accepted"] - known["quarantined"]
        rows.append(row | known)
    for row in rows:
        row["landed"] = row["accepted"] + row["quarantined"] + row["duplicates"]
    lake.write(LANDINGS, day, {name: [row[name] for row in rows] for name in LANDINGS.names})


def _landed(table: Table, rows: Any) -> list[str]:
    import pyarrow.compute as pc

    if table is ANNOTATION_EVENTS:  # row 0 is what has vanished: no row of the file
        rows = rows.filter(pc.greater(rows["landed_row"], 0))
    names: list[str] = rows["landed_file"].to_pylist()
    return names


def _count(house: House, file: LandedFile) -> int:
    with connect() as con, scratch(con):
        read = read_file(con, house.project, file)
        if isinstance(read, UserError):
            return 1
        predictions = read.reading.predictions
        return read.answers + len(read.reading.broken) + (0 if predictions is None else len(predictions))


def clear_texts(house: House, without: Without, wanted: Wanted, *, dry_run: bool = False) -> int:
    """Take their names out of reports, notes of rejected sets and what alerts remember; returns how many files."""
    folder, name = house.folder, house.name
    places = [folder.report_index(name).parent, folder.report_index(), folder.alerts(name)]
    places += [folder.published(name) / manifests.LATEST, folder.published(name) / "rejected"]
    return change_texts(texts_below(places), lambda text: wanted.swept(without.text(text)), dry_run=dry_run)


def mentions(house: House, wanted: Wanted) -> list[str]:
    """The project's own files that name them still, which only a person can mend."""
    home = house.folder.project(house.name)
    return [str(path.relative_to(home)) for path in texts_below([home]) if wanted.told_by(path)]


def forget_people(house: House, without: Without) -> int:
    """Take them out of the re-identification map; returns how many rows went."""
    logins = sorted({*logins_of(house, without.annotators)})
    return identity_map.forget(house.name, logins) if logins else 0
