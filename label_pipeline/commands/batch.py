"""`batch`: what the night would have labelled, shown, written to files, or pushed to a running Label Studio."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from label_pipeline import audit
from label_pipeline.batches.compose import ADJUDICATION
from label_pipeline.batches.payload import Control, Shown, shown_rows
from label_pipeline.batches.push import Target
from label_pipeline.batches.send import Outgoing, outgoing, send
from label_pipeline.batches.written import READ_BY, written
from label_pipeline.clock import now, parse_day
from label_pipeline.commands.columns import print_columns
from label_pipeline.contracts.tables import BATCHES
from label_pipeline.errors import UserError, nearest
from label_pipeline.files import replacing
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.project import Project, load_project
from label_pipeline.state import current_items

if TYPE_CHECKING:
    import pandas as pd


def run(arguments: argparse.Namespace) -> int:
    """Show the batches of a night; with --out or --push, send them."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    day = parse_day(arguments.day) if arguments.day else _newest(folder, project)
    composed = [b for b in outgoing(folder, project, day) if len(b.rows)]
    batches = [b for b in composed if _wanted(b, arguments.purpose)]
    if arguments.out is None and not arguments.push:
        _show(batches if arguments.purpose else composed, project, day, arguments.purpose)
        return 0
    if not batches:
        print(f"Nothing to send of {day}{_for(arguments.purpose)}.")
    items = current_items(Lake(folder, project.project), project, day)
    payloads = dict(zip(items["item_id"].to_pylist(), items["payload"].to_pylist(), strict=True))
    for batch in batches:
        send_out(folder, project, batch, shown_rows(batch.rows, payloads), arguments)
    return 0


def send_out(
    folder: DataFolder, project: Project, batch: Outgoing, rows: list[Shown], arguments: argparse.Namespace
) -> None:
    """One batch into files, a tool, or both; it counts as sent before anything of it leaves."""
    files: dict[str, bytes] = {}
    target = None
    if arguments.push:
        target = Target(project, _source(project, arguments.source, ("label_studio_json",), pulled=True))
        target.control(rows)  # what is wrong with the tool or the token is told while nothing is out
    if arguments.out is not None:
        source = project.sources[_source(project, arguments.source, READ_BY[arguments.format])]
        control = Control(source.label[0], arguments.to_name) if arguments.to_name else None
        files = written(rows, project, source, arguments.format, control=control, per_hit=arguments.per_hit)
    sent = send(folder, project, batch)
    if sent.left_out:
        print(f"{sent.batch_id}: {sent.left_out} row(s) left out, their items went out with another batch.")
    for name, content in files.items():
        path = Path(arguments.out) / name
        with replacing(path) as beside:
            beside.write_bytes(content)
        print(f"{sent.batch_id}: {path}")
    if target is not None:
        pushed = target.push(rows)
        duplicates = f", {pushed.removed} duplicate(s) removed" if pushed.removed else ""
        print(f"{sent.batch_id}: {pushed.created} task(s) created, {pushed.present} there before{duplicates}.")
    where = " and ".join([*files, *(["pushed"] if target else [])])
    audit.record(
        folder,
        project.project,
        at=now(),
        actor=audit.person(),
        action="send batch",
        subject=sent.batch_id,
        reason=f"{len(rows)} rows, {where}",
        once=True,
    )


def _newest(folder: DataFolder, project: Project) -> date:
    days = Lake(folder, project.project).days(BATCHES)
    if not days:
        raise UserError(
            "no night has composed a batch yet",
            where=f"project {project.project}",
            do=f"Run: label-pipeline nightly --project {project.project}",
        )
    return days[-1]


def _wanted(batch: Outgoing, purpose: str | None) -> bool:
    """A batch is sent whole, since gold checks need company. Adjudicators' are sent when asked for by their purpose."""
    purposes = set(batch.rows["purpose"])
    return purpose in purposes if purpose else ADJUDICATION not in purposes


def _source(project: Project, name: str | None, formats: Iterable[str], *, pulled: bool = False) -> str:
    """The source by which the answers will come back: the one that was named, or the only fitting one."""
    fitting = [
        known
        for known, its in project.sources.items()
        if its.format in formats and (its.pull is not None or not pulled)
    ]
    what = "that is pulled" if pulled else f"of format {' or '.join(formats)}"
    if name is not None and name not in fitting:
        raise UserError(f"'{name}' is no source {what}", rule="--source", do=nearest(name, fitting))
    if name is None and len(fitting) != 1:
        raise UserError(
            f"{len(fitting)} sources {what}: {', '.join(fitting)}" if fitting else f"the project has no source {what}",
            rule="sources",
            do="Name one with --source."
            if fitting
            else "Answers would not come back: declare one, or take another format.",
        )
    return name or fitting[0]


def _show(batches: list[Outgoing], project: Project, day: date, purpose: str | None) -> None:
    """Each batch with its rows by purpose, how many answers it asks for, and whether it is out."""
    if not batches:
        print(f"Nothing to label as of {day}{_for(purpose)}.")
        return
    lines = [["batch", "rows", "answers", "of which", "sent"]]
    for batch in batches:
        state = str(batch.sent_on or "not yet")
        lines.append(
            [batch.batch_id, str(len(batch.rows)), str(int(batch.rows["people"].sum())), _purposes(batch.rows), state]
        )
    print_columns(lines)
    asked = {
        f" --purpose {ADJUDICATION}" if not _wanted(batch, None) else f" --purpose {purpose}" if purpose else ""
        for batch in batches
    }
    for words in sorted(asked):
        print(f"Send with --out DIR or --push: label-pipeline batch {project.project} --day {day}{words} ...")


def _for(purpose: str | None) -> str:
    return f" for {purpose}" if purpose else ""


def _purposes(rows: pd.DataFrame) -> str:
    counts = rows["purpose"].value_counts().sort_index()
    return ", ".join(f"{n} {purpose}" for purpose, n in counts.items())
