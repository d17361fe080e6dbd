"""Everything that is held about a person, place by place: logins, roster, landing, lake, audit log. Reads only.

What is held about others is left out: of a record with several people's answers the person's part is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from os import devnull
from pathlib import Path
from typing import Any

from label_pipeline import audit
from label_pipeline.contracts.tables import TABLES
from label_pipeline.errors import UserError
from label_pipeline.ingest.read import read_file
from label_pipeline.privacy import identity_map
from label_pipeline.privacy.containers import Change, rewrite
from label_pipeline.privacy.erasure import House, find_in_landing, is_theirs
from label_pipeline.privacy.records import RULES, Record
from label_pipeline.privacy.redact import Found
from label_pipeline.privacy.without import Without
from label_pipeline.project_files import roster_rows
from label_pipeline.sources.text import strip
from label_pipeline.sql import connect, file_list, identifier, scratch


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that is held: the place, the day it is of or landed on, and what it says."""

    place: str
    day: date | None
    says: dict[str, Any]


def held_about(house: House, names: frozenset[str], words: Iterable[str]) -> Iterator[Held]:
    """All that is held about the person with these pseudonyms."""
    without = Without(annotators=names)
    yield from _logins(house, names)
    landed, _ = find_in_landing([house], without, words)
    for one in sorted(landed, key=lambda one: (one.day, one.found.file.name)):
        place = f"landing/{one.found.file.name}"
        yield from (Held(place, one.day, says) for says in _in_file(house, one.found))
    yield from _rows(house, without)
    for entry in audit.entries(house.folder, house.name):
        if any(without.text(text) != text for text in (entry.act.actor, entry.act.subject, entry.act.reason)):
            yield Held("audit log", entry.at.date(), entry.plain())


def _logins(house: House, names: frozenset[str]) -> Iterator[Held]:
    for name in sorted(names):
        for known in identity_map.known(house.name, pseudonym=name):
            met = known.met
            if name == met.annotator_id:
                says = {"source": met.source, "identity": met.identity, "pseudonym": name, "key": known.key}
                yield Held("re-identification map", known.first_day, says)
    for where, row in roster_rows(house.folder, house.project):
        met = house.persons.met(row["source"], row["identity"])
        if {met.login, met.annotator_id} & names:
            yield Held(where, None, dict(row))


def _in_file(house: House, found: Found) -> list[dict[str, Any]]:
    """The person's records in a landed file: as they are written, else the answers as they are read."""
    source = house.project.sources.get(found.file.source)
    records: list[dict[str, Any]] = []
    if source is None or found.unreadable:
        return [{"mentioned": "in a file that cannot be read"}]

    def collect(record: Record) -> Record:
        rest = RULES[source.format](record, found.erased, source)
        if rest is not record:
            records.append(record if rest is None else _part(record, rest))
        return record

    change = Change(
        keeps=lambda text: not any(name in text for name in found.erased.people),
        record=collect,
        broken=lambda text: True,
        swept=lambda text: text,
        person=lambda name: False,
        item=lambda name: False,
    )
    rewrite(found.file.path, Path(devnull), source, change)
    return records or _answers(house, found)


def _part(record: Any, rest: Any) -> Any:
    """What of a record is not in the rest of it."""
    if isinstance(record, dict) and isinstance(rest, dict):
        return {k: v if k not in rest else _part(v, rest[k]) for k, v in record.items() if rest.get(k) is not v}
    if isinstance(record, list) and isinstance(rest, list):
        return [value for value in record if value not in rest]
    return record


def _answers(house: House, found: Found) -> list[dict[str, Any]]:
    with connect() as con, scratch(con):
        read = read_file(con, house.project, found.file)
        if isinstance(read, UserError):
            return []
        rows = con.sql("FROM answers").to_arrow_table().to_pylist()
    return [row for row in rows if strip(row["annotator"] or "") in found.erased.people]


def _rows(house: House, without: Without) -> Iterator[Held]:
    """Rows of the lake: of what landed all, of the state of a day the newest."""
    lake = house.lake
    with connect() as con:
        for table in TABLES.values():
            condition, values = is_theirs(table, without)
            days: Sequence[date] = lake.days(table)
            if not condition or not days:
                continue
            files = lake.files(table, date.max)
            asked = f"({condition}) AND day::DATE >= DATE '{days[-1] if table.as_of else days[0]}'"
            rows = con.sql(
                f"SELECT day::DATE AS of_day, {', '.join(map(identifier, table.names))} "
                f"FROM read_parquet({file_list(files)}, hive_partitioning = true, union_by_name = true) "
                f"WHERE {asked} ORDER BY ALL",
                params=values,
            ).to_arrow_table()
            for row in rows.to_pylist():
                day = row.pop("of_day")
                yield Held(f"lake/{table.name}", day, row)
