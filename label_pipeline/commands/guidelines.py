"""`guidelines`: how far people agree under each version, what a change moved, and what to put into the next one."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.cli import OK
from label_pipeline.clock import parse_day
from label_pipeline.commands.columns import print_columns
from label_pipeline.contracts.tables import (
    GUIDELINE_AGREEMENT,
    GUIDELINE_CHANGES,
    GUIDELINE_CONFUSIONS,
    GUIDELINE_EXAMPLES,
    GUIDELINE_VERSIONS,
    Table,
)
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.project import Project, load_project

if TYPE_CHECKING:
    from label_pipeline.orchestration.desk import Desk

Row = dict[str, Any]
TABLES = (GUIDELINE_VERSIONS, GUIDELINE_AGREEMENT, GUIDELINE_CONFUSIONS, GUIDELINE_CHANGES, GUIDELINE_EXAMPLES)
PAIRS_SHOWN = 5


def run(arguments: argparse.Namespace) -> int:
    """Print what the newest night, or the one asked for, knows of the project's guidelines."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    lake = Lake(folder, project.project)
    day = _day(lake, project, parse_day(arguments.day) if arguments.day else None)
    tables: dict[str, list[Row]] = {table.name: _in_order(lake, table, day) for table in TABLES}
    if arguments.examples:
        print(_examples(folder, project, day, tables["guideline_examples"]), end="")
    elif arguments.json:
        print(json.dumps({"project": project.project, "day": str(day)} | tables, default=str, ensure_ascii=False))
    else:
        _show(project, day, tables)
    return OK


def _day(lake: Lake, project: Project, asked: date | None) -> date:
    """The night asked for, or the newest that looked at the guidelines.

    Raises:
        UserError: there is none.
    """
    known, where = lake.days(GUIDELINE_VERSIONS), f"project {project.project}"
    if not project.labels.has_one_class:
        raise UserError(
            f"labels of type '{project.labels.type}' have no agreement by class",
            where=where,
            do=f"See: label-pipeline kpis {project.project} --kpi alpha, which tells it by guideline_version.",
        )
    if not known:
        do = f"Run: label-pipeline nightly --project {project.project}"
        raise UserError("no night has looked at the guidelines yet", where=where, do=do)
    if asked is not None and asked not in known:
        raise UserError(f"{asked} has not been computed", where=where, do=f"There are {known[0]} to {known[-1]}.")
    return asked or known[-1]


def _in_order(lake: Lake, table: Table, day: date) -> list[Row]:
    rows: list[Row] = lake.read(table, day).to_pylist() if lake.has(table, day) else []
    return sorted(rows, key=lambda row: row["place"]) if table is GUIDELINE_VERSIONS else rows


# --- for people


def _show(project: Project, day: date, tables: dict[str, list[Row]]) -> None:
    print(f"Guidelines of {project.project} as of {day}\n")
    overall = {(r["version"], r["figure"]): r for r in tables["guideline_agreement"] if not r["member"]}
    print_columns(list(_versions(tables["guideline_versions"], overall)))
    for row in tables["guideline_versions"]:
        if row["warning"]:
            print(f"{row['version']}: {row['warning']}.")
    for version in (r["version"] for r in tables["guideline_versions"]):
        _show_pairs(version, [r for r in tables["guideline_confusions"] if r["version"] == version])
    order = {row["version"]: row["place"] for row in tables["guideline_versions"]}
    pairs = {(r["before"], r["after"]) for r in tables["guideline_changes"]}
    for pair in sorted(pairs, key=lambda names: order.get(names[0], 0)):
        _show_change(*pair, [r for r in tables["guideline_changes"] if (r["before"], r["after"]) == pair])
    if tables["guideline_examples"]:
        n = len(tables["guideline_examples"])
        print(f"\n{n} items are proposed as examples: label-pipeline guidelines {project.project} --examples")


def _versions(rows: Sequence[Row], overall: dict[tuple[str, str], Row]) -> Iterable[list[str]]:
    yield ["version", "since", "answers", "people", "items", "alpha", "95% interval", "equal pairs", "title"]
    for row in rows:
        alpha, raw = (overall.get((row["version"], name), {}) for name in ("alpha", "raw_agreement"))
        yield [
            row["version"] + (" (in force)" if row["in_force"] else ""),
            str(row["since"] or "-"),
            *(f"{row[name]:,}" for name in ("annotations", "annotators", "items")),
            _number(alpha.get("value")),
            _between(alpha),
            _percent(raw.get("value")),
            row["title"] or "(no text)",
        ]


def _show_pairs(version: str, rows: Sequence[Row]) -> None:
    worst = sorted(rows, key=lambda r: -r["both"])
    if not worst:
        return
    shown = [r for r in worst if r["ambiguous"]] + [r for r in worst if not r["ambiguous"]]
    print(f"\nConfused under {version}:")
    lines = [["pair", "items with both", "of items with either", "95% interval", "people", "most by one", "unclear"]]
    for r in shown[:PAIRS_SHOWN]:
        interval = f"{_percent(r['ci_low'])} to {_percent(r['ci_high'])}"
        flag = "yes" if r["ambiguous"] else "no"
        lines.append(
            [f"{r['first']} or {r['second']}", str(r["both"]), f"{_percent(r['share'])} of {r['n']}", interval,
             str(r["people"]), _percent(r["largest"]), flag]
        )  # fmt: skip
    print_columns(lines)


def _show_change(before: str, after: str, rows: Sequence[Row]) -> None:
    known = [r for r in rows if r["difference"] is not None]
    sure = [r for r in known if _moved(r)]
    shown = [r for r in known if not r["member"]] + [r for r in sure if r["member"]]
    print(f"\nFrom {before} to {after}:")
    if not shown:
        print("nothing can be compared yet: it takes items with two answers under each.")
        return
    lines = [["figure", "on", "before", "after", "moved by", "95% interval", ""]]
    for r in shown:
        name = {"alpha": "alpha", "raw_agreement": "equal pairs", "confusion": "confused"}[r["figure"]]
        interval = "" if r["ci_low"] is None else f"{r['ci_low']:+.3f} to {r['ci_high']:+.3f}"
        lines.append(
            [f"{name} {r['member']}".strip(), f"{r['items']} items", f"{_number(r['value_before'])} ({r['n_before']})",
             f"{_number(r['value_after'])} ({r['n_after']})", f"{r['difference']:+.3f}", interval,
             _meaning(r) if _moved(r) else "within chance"]
        )  # fmt: skip
    print_columns(lines)
    single = [r for r in known if r["member"]]
    if single:
        hidden = len(single) - sum(1 for r in sure if r["member"])
        print(
            f"{hidden} more classes and pairs moved within chance. Of {len(single)}, one in twenty leaves it by chance."
        )
    hands = {r["items"]: r["same_hands"] for r in known if r["same_hands"] is not None}
    said = [f"on {items} items {share:.0%}" for items, share in hands.items()]
    print(
        f"Given by the same people in the same shares: {' and '.join(said)}. The less, the more it is they who changed."
    )


def _moved(row: Row) -> bool:
    """Whether the whole interval of a difference is on one side of nothing."""
    return row["ci_low"] is not None and (row["ci_low"] > 0 or row["ci_high"] < 0)


def _meaning(row: Row) -> str:
    good = (row["difference"] > 0) != (row["figure"] == "confusion")
    return "better" if good else "worse"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _between(row: Row) -> str:
    return "" if row.get("ci_low") is None else f"{row['ci_low']:.3f} to {_number(row['ci_high'])}"


# --- for the next version


def _examples(folder: DataFolder, project: Project, day: date, rows: Sequence[Row]) -> str:
    """The proposed items as Markdown to edit: by class clear ones, then those that people read two ways."""
    from label_pipeline.orchestration.desk import Desk
    from label_pipeline.publish.markdown import cell

    shown = _shown_items(Desk(folder, project), day, [row["item_id"] for row in rows])
    lines = [
        "## Examples",
        "",
        f"Proposed from the labels of {day}. Look at each, say why, drop what does not help.",
        "",
    ]
    for name in project.labels.classes:
        own = sorted((r for r in rows if r["class"] == name), key=lambda r: (r["kind"] == "borderline", r["place"]))
        if own:
            lines += [f"### {cell(name)}", ""]
        for r in own:
            what = f"**{cell(name)}**" if r["kind"] == "clear" else f"**{cell(name)} or {cell(r['rival'])}?**"
            why = "" if r["kind"] == "clear" else " Which is it, and by what?"
            text = f": {cell(shown[r['item_id']])}" if shown.get(r["item_id"]) else ""
            lines.append(f"- {what} {cell(r['item_id'])}{text} (said {cell(r['said'])}).{why}")
        if own:
            lines.append("")
    return "\n".join(lines) if rows else "No item is settled or disputed enough to be proposed.\n"


def _shown_items(desk: Desk, day: date, ids: Sequence[str]) -> dict[str, str]:
    """What the report would show of each item, in a line."""
    from label_pipeline.orchestration.report_data import look
    from label_pipeline.report.items import clean

    seen = look(desk, desk.items(day))
    field = seen.text_field or seen.picture_field
    payloads = seen.payloads(sorted(set(ids))) if field and ids else {}
    return {item: clean(fields.get(field, ""), 200) for item, fields in payloads.items()}
