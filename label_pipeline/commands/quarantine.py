"""`quarantine`: which landed answers broke which rule; and, once the project file is mended, their days run again."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.cli import OK
from label_pipeline.clock import parse_day
from label_pipeline.commands.columns import print_columns
from label_pipeline.contracts.tables import LANDINGS, QUARANTINE
from label_pipeline.errors import UserError, nearest
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.landing import project_gone
from label_pipeline.project import Project, load_project
from label_pipeline.sql import connect, file_list, identifier

if TYPE_CHECKING:
    from label_pipeline.orchestration.desk import Desk

GROUPS = {"rule": "rule", "file": "landed_file", "column": "column"}


def run(arguments: argparse.Namespace) -> int:
    """List or group the rows asked for, or replay; the exit code of a replay is the nightly's."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    lake = Lake(folder, project.project)
    if arguments.limit < 1:
        raise UserError(f"--limit {arguments.limit} shows nothing", rule="quarantine")
    with connect() as con:
        rows = _load(con, lake, arguments)
        if not arguments.replay:
            _print(con, rows, arguments)
            return OK
        wanted: dict[date, set[tuple[Any, ...]]] = {}
        for day, *row in con.execute("SELECT day, landed_file, landed_row, answer FROM set_aside").fetchall():
            wanted.setdefault(day, set()).add(tuple(row))
    return _replay(folder, project, lake, wanted)


def _load(con: Any, lake: Lake, arguments: argparse.Namespace) -> int:
    """Table `set_aside`: what is in quarantine of the days and the rule asked for, and how many there are."""
    if arguments.day and (arguments.first or arguments.last):
        raise UserError("--day goes without --from and --to", rule="quarantine")
    first, last = (parse_day(text) if text else None for text in (arguments.first, arguments.last))
    if arguments.day:
        first = last = parse_day(arguments.day)
    files = lake.files(QUARANTINE, last or date.max)
    if not files:
        raise UserError(
            "no such day has been computed",
            where=f"project {lake.project}",
            do=f"Run: label-pipeline nightly --project {lake.project}",
        )
    source = f"read_parquet({file_list(files)}, hive_partitioning = true)"
    con.execute(
        f"CREATE TEMP TABLE set_aside AS SELECT day::DATE AS day, * EXCLUDE (day, project) FROM {source} "
        "WHERE day >= ?",
        [first or date.min],
    )
    if arguments.rule:
        rules = [rule for (rule,) in con.execute("SELECT DISTINCT rule FROM set_aside ORDER BY rule").fetchall()]
        if rules and arguments.rule not in rules:
            raise UserError(f"no row broke '{arguments.rule}'", do=nearest(arguments.rule, rules))
        con.execute("DELETE FROM set_aside WHERE rule <> ?", [arguments.rule])
    ((count,),) = con.execute("SELECT count(*) FROM set_aside").fetchall()
    return int(count)


def _print(con: Any, total: int, arguments: argparse.Namespace) -> None:
    """The rows, or their groups, largest first; at most `--limit` lines."""
    if arguments.by:
        column = identifier(GROUPS[arguments.by])
        head = (arguments.by, "rows", "first day", "last day", "for example")
        found = con.execute(
            f"SELECT {column}, count(*) AS n, min(day), max(day), "
            "arg_min(reason, (day, landed_file, landed_row, answer)) "
            f"FROM set_aside GROUP BY {column} ORDER BY n DESC, {column}"
        ).fetchall()
    else:
        head = ("day", "file", "row", "rule", "reason")
        found = con.execute(
            "SELECT day, landed_file, landed_row, rule, reason FROM set_aside "
            f"ORDER BY day, landed_file, landed_row, answer LIMIT {int(arguments.limit) + 1}"
        ).fetchall()
    if found:
        print_columns([head, *found[: arguments.limit]])
    more = len(found) > arguments.limit
    print(f"{total} in quarantine" + (f"; the first {arguments.limit} are shown, --limit N for more" if more else ""))


# --- replay


def _replay(folder: DataFolder, project: Project, lake: Lake, wanted: Mapping[date, set[tuple[Any, ...]]]) -> int:
    """Run again from the first day of which the project file as it is now takes a row that is in quarantine."""
    from label_pipeline.commands.nightly import Asked, run_project
    from label_pipeline.orchestration.desk import Desk
    from label_pipeline.orchestration.triggers import first_missing

    desk = Desk(folder, project)
    gone = [day for day in wanted if project_gone(folder, project, day)]
    if gone:
        wanted = {day: rows for day, rows in wanted.items() if day not in gone}
        words = f"{len(gone)} days, {min(gone)} to {max(gone)}, cannot be taken in again: landed files were deleted."
        print(words, file=sys.stderr)
    first = next((day for day in sorted(wanted) if _takes(desk, day, wanted[day])), None)
    if first is None:
        rows = sum(map(len, wanted.values()))
        print(f"None of {rows} rows would be accepted by the project file as it is; nothing was run.")
        return OK
    before = _by_rule(lake)
    print(f"{first} is the first day of which rows would now be accepted.", file=sys.stderr)
    code = run_project(folder, project, Asked(min(first, first_missing(desk)), lake.days(LANDINGS)[-1]))
    after = _by_rule(lake)
    lines = [(rule, before[rule], after[rule]) for rule in sorted(before | after)]
    print_columns([("rule", "before", "after"), *lines, ("all", before.total(), after.total())])
    return code


def _takes(desk: Desk, day: date, wanted: set[tuple[Any, ...]]) -> bool:
    """Whether one of `wanted` (file, row, answer) would not be in the day's quarantine if it were run now.

    Nothing is written.
    """
    from label_pipeline.ingest import ingest_day
    from label_pipeline.landing import project_files

    files = project_files(desk.folder, desk.project, day)
    found = ingest_day(desk.project, day, files, desk.known_before(day), desk.persons).quarantine
    still = set(zip(*(found[name].to_pylist() for name in QUARANTINE.key), strict=True))
    return not wanted <= still


def _by_rule(lake: Lake) -> Counter[str]:
    """How many rows of each rule are in quarantine, all days together."""
    return Counter(rule for day in lake.days(QUARANTINE) for rule in lake.read(QUARANTINE, day)["rule"].to_pylist())
