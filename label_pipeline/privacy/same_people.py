"""Whether a lake's pseudonyms are those that key and roster give now: else one person would be two, without a word.

Looked at before anything is read from the lake or added to it. What has to be done is told; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from label_pipeline.contracts.tables import LOGINS
from label_pipeline.errors import UserError
from label_pipeline.lake import Lake
from label_pipeline.privacy.persons import Persons
from label_pipeline.privacy.pseudonyms import key_place
from label_pipeline.project import Project
from label_pipeline.sql import connect, file_list

MOST_SHOWN = 3


def require_same_people(
    lake: Lake, project: Project, persons: Persons, until: date, *, checked: Collection[Path] = ()
) -> list[Path]:
    """Refuse a lake whose logins up to and including `until` have other pseudonyms now; returns the files looked at.

    Partitions in `checked` were found well before.

    Raises:
        UserError: another key made them, or the roster says of somebody who has answered that it is somebody else.
    """
    import pyarrow as pa

    files = [path for path in lake.files(LOGINS, until) if path not in checked]
    if not files:
        return []
    named = persons.named_pseudonyms()
    with connect() as con:
        columns = pa.schema([("login", pa.string()), ("now", pa.string())])
        con.register("named", pa.table({"login": list(named), "now": list(named.values())}, columns))
        con.execute(
            f"""
            CREATE TEMP TABLE logins AS SELECT login, annotator_id, key, min(day) AS first_day
            FROM read_parquet({file_list(files)}, hive_partitioning = true, hive_types = {{'day': DATE}})
            GROUP BY ALL
            """
        )
        _require_key(con, project, persons)
        _require_roster(con, project, max([until, *lake.days(LOGINS)]))
    return files


def _require_key(con: Any, project: Project, persons: Persons) -> None:
    found = con.execute(
        "SELECT key, min(first_day), max(first_day) FROM logins WHERE key <> ? GROUP BY key", [persons.key]
    ).fetchall()
    for key, first, last in found:
        raise UserError(
            f"who answered from {first} to {last} has pseudonyms of key {key}, and the key in {key_place()} is "
            f"{persons.key}",
            where=f"project {project.project}",
            rule="one pseudonym key",
            do="Put that key back. docs/privacy.md says what to do where it is lost.",
        )


def _require_roster(con: Any, project: Project, last: date) -> None:
    stale = """FROM logins LEFT JOIN named USING (login) WHERE annotator_id <> coalesce(now, login)"""
    ((first, logins),) = con.execute(f"SELECT min(first_day), count(DISTINCT login) {stale}").fetchall()
    if first is None:
        return
    names = con.execute(f"SELECT DISTINCT annotator_id {stale} ORDER BY annotator_id LIMIT {MOST_SHOWN}").fetchall()
    name = project.project
    raise UserError(
        f"the roster says of {logins} login(s) that have answered that they are somebody else than before: "
        f"{', '.join(who for (who,) in names)}",
        where=f"project {name}",
        rule="people.roster: person",
        do=f"Run: label-pipeline nightly --project {name} --from {first} --to {last}. "
        "It takes their answers in again, each person's under one pseudonym.",
    )
