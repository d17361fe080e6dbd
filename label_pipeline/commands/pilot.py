"""`pilot`: before, the items of a first batch and how sure it will leave us; afterwards, whether to go on."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from label_pipeline.batches.payload import shown_rows
from label_pipeline.batches.send import Outgoing
from label_pipeline.batches.sent import sent_path, sent_rows
from label_pipeline.clock import parse_day
from label_pipeline.commands.batch import send_out
from label_pipeline.commands.columns import print_columns
from label_pipeline.contracts.tables import BATCHES
from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder
from label_pipeline.held_codes import plain
from label_pipeline.project import load_project

if TYPE_CHECKING:
    from label_pipeline.orchestration.desk import Desk
    from label_pipeline.orchestration.pilot_data import Drawn
    from label_pipeline.pilot.plan import Plan

USUAL_SIZE = 200
WIDTH = 110
ALPHA_AIM = 0.05
"""Half width of alpha's interval for which a size is named."""


def run(arguments: argparse.Namespace) -> int:
    """Plan a pilot, send it with --out or --push, or tell with --report what came back of it."""
    from label_pipeline.orchestration import pilot_data
    from label_pipeline.orchestration.desk import Desk

    folder = DataFolder.choose(arguments.data)
    desk = Desk(folder, load_project(folder, arguments.project))
    _check(arguments)
    pilot_data.require_one_class(desk)
    day = pilot_data.newest_day(desk, parse_day(arguments.day) if arguments.day else None)
    return _report(desk, day, arguments) if arguments.report else _before(desk, day, arguments)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what would be ignored.

    Raises:
        UserError: an argument of the report without --report, or of the plan with it.
    """
    before = {"--size": arguments.size, "--people": arguments.people, "--out": arguments.out, "--push": arguments.push}
    after = {"--batch": arguments.batch, "--all": arguments.all, "--write": arguments.write}
    wrong = [name for name, value in (before if arguments.report else after).items() if value]
    if wrong:
        when = "goes before the pilot, not with --report" if arguments.report else "goes with --report"
        raise UserError(f"{', '.join(wrong)} {when}", rule="pilot")
    if arguments.all and arguments.batch:
        raise UserError("--all and --batch exclude each other", rule="pilot")
    if arguments.write and Path(arguments.write).suffix not in (".html", ".md"):
        raise UserError(f"'{arguments.write}' is neither .html nor .md", rule="--write", do="Name it like pilot.html.")


# --- before


def _before(desk: Desk, day: date, arguments: argparse.Namespace) -> int:
    from label_pipeline.orchestration import pilot_data
    from label_pipeline.pilot.draw import check_size
    from label_pipeline.pilot.plan import plan
    from label_pipeline.pilot.written import as_json

    size = USUAL_SIZE if arguments.size is None else arguments.size
    people = arguments.people or pilot_data.people_asked(desk)
    check_size(size)
    name = pilot_data.batch_name(desk, day, size)
    path = sent_path(desk.folder, desk.project.project, name)
    sent = None if path is None else sent_rows([path])
    if sent is None:
        drawn = pilot_data.drawn(desk, day, size, out=pilot_data.out_now(desk, day))
    else:
        drawn = pilot_data.sent_before(desk, day, frozenset(sent["item_id"]))
        people = int(sent["people"].max())
    planned = plan(len(drawn.items), pilot_data.assumptions(desk, day, drawn.items, people))
    if sent is None:
        batch = Outgoing(name, pilot_data.pilot_batch(desk, day, drawn.items, size, people), None)
    else:
        batch = Outgoing(name, sent[BATCHES.names], sent["sent_on"].iloc[0])
    if arguments.json:
        facts = {"project": desk.project.project, "day": str(day), "batch_id": name}
        print(as_json(planned, **facts, items=list(drawn.items["item_id"]), notes=list(drawn.notes)))
    else:
        _show(desk, day, drawn, planned, batch, sending=bool(arguments.out or arguments.push))
    if arguments.out is None and not arguments.push:
        return 0
    look_up = dict(zip(*(desk.items(day)[column].to_pylist() for column in ("item_id", "payload")), strict=True))
    send_out(desk.folder, desk.project, batch, shown_rows(batch.rows, look_up), arguments)
    return 0


def _show(desk: Desk, day: date, drawn: Drawn, planned: Plan, batch: Outgoing, *, sending: bool) -> None:
    project, n = desk.project.project, len(drawn.items)
    print(f"A pilot of {n:,} of {drawn.known:,} items of {project}, drawn from the night of {day}.")
    near = "near duplicate" if drawn.near == 1 else "near duplicates"
    left = {"gold": drawn.gold, "out to be labelled": drawn.out, near: drawn.near}
    if any(left.values()):
        print(f"Left out: {', '.join(f'{number:,} {what}' for what, number in left.items() if number)}.")
    shares = " and each ".join(drawn.strata)
    print(f"Drawn so that each {shares} keeps its share." if shares else "Drawn by chance.")
    for note in drawn.notes:
        print(f"Note: {note}.")
    expected, needed = planned.expected, planned.size_for_alpha(ALPHA_AIM)
    print(
        f"\nHow sure it will leave us (half of each 95% interval), with {planned.assumptions.answers} answers an item:"
    )
    print_columns(list(_widths(planned)))
    if needed is not None:
        print(f"Half an interval takes four times the items; alpha ±{ALPHA_AIM:g} takes about {needed:,}.")
    print(f"Expected: alpha {expected['alpha']:.2f}, {expected['agreement']:.0%} of pairs of answers equal, and the")
    print(
        f"majority right on {expected['label_accuracy']:.0%} of items. Label accuracy and recall can be measured only"
    )
    print("where an adjudicator decides the pilot's items too.\n")
    print_columns(list(_classes(planned)))
    if len(planned.classes) < len(planned.assumptions.classes):
        print(f"Shown are {len(planned.classes)} of {len(planned.assumptions.classes)} classes.")
    print("\nAssumed:")
    for words in planned.assumptions.words:
        print(f"- {words}")
    _show_price(desk, day, planned)
    if batch.sent_on is None and sending:
        print()
    elif batch.sent_on is None:
        print("Nothing has been sent. To send it, add --out DIR or --push:")
        print(f"  label-pipeline pilot {project} --size {n} --day {day} --out DIR")
    else:
        print(f"It was sent as {batch.batch_id} on {batch.sent_on}. What came back of it:")
        print(f"  label-pipeline pilot {project} --report")


def _widths(planned: Plan) -> Iterable[list[str]]:
    yield ["items", "answers", "alpha", "agreement", "label accuracy", ""]
    for width in planned.widths:
        figures = [f"±{value:.3f}" for value in (width.alpha, width.agreement, width.label_accuracy)]
        mark = "<- asked for" if width.size == planned.size else ""
        yield [f"{width.size:,}", f"{width.size * planned.assumptions.answers:,}", *figures, mark]


def _classes(planned: Plan) -> Iterable[list[str]]:
    yield ["class", "share", "items expected", "its alpha", "its recall", "items of pilot for recall ±0.1"]
    for one in planned.classes:
        alpha = f"±{one.alpha:.3f}" if one.alpha == one.alpha else "undefined"
        needed = "-" if one.size_for_aim is None else f"{one.size_for_aim:,}"
        yield [one.name, f"{one.share:.1%}", f"{one.items:.0f}", alpha, f"±{one.recall:.3f}", needed]


def _show_price(desk: Desk, day: date, planned: Plan) -> None:
    """What the pilot itself costs each group with a rate; by the hour only where times are known."""
    from label_pipeline.estimates import Estimate
    from label_pipeline.pilot.cost import group_costs

    if not desk.project.costs:
        return
    given = plain(desk.annotations(day), ["group", "duration_s"])
    exact = Estimate(*(float(planned.annotations),) * 3, planned.annotations)
    prices = [
        f"{cost.group} {cost.money.value:,.2f}"
        for cost in group_costs(exact, given, desk.project.costs)
        if cost.money.value is not None
    ]
    if prices:
        print(f"Its {planned.annotations:,} answers cost, by who gives them all: {', '.join(prices)}.")


# --- afterwards


def _report(desk: Desk, day: date, arguments: argparse.Namespace) -> int:
    from label_pipeline.orchestration import pilot_data
    from label_pipeline.orchestration.report_data import look
    from label_pipeline.pilot.outcome import outcome
    from label_pipeline.pilot.written import About, as_json, markdown, page, text

    batches = () if arguments.all else tuple(arguments.batch) or (_last_pilot(desk, day),)
    told = outcome(pilot_data.returned(desk, day, batches))
    about = About(desk.project.project, day, batches, desk.project.guideline_on(day))
    if arguments.write:
        path = Path(arguments.write)
        whole = markdown(told, about) if path.suffix == ".md" else page(told, about, look(desk, desk.items(day)))
        write_text(path, whole)
    if arguments.json:
        print(as_json(told, project=about.project, day=str(day), batches=list(batches), guideline=about.guideline))
        return 0
    for part in text(told, about):
        if isinstance(part, str):
            print(fill(part, WIDTH, subsequent_indent="  " if part.startswith(("-", " ")) else ""))
        else:
            print_columns(part)
    if arguments.write:
        print(f"\nWritten: {arguments.write}")
    return 0


def _last_pilot(desk: Desk, day: date) -> str:
    """The pilot that was sent last.

    Raises:
        UserError: none was.
    """
    from label_pipeline.orchestration.pilot_data import sent_pilots

    sent, project = sent_pilots(desk, day), desk.project.project
    if not len(sent):
        raise UserError(
            f"no pilot was sent by the end of {day}",
            where=f"project {project}",
            do=f"Send one: label-pipeline pilot {project} --size 200 --out DIR. For answers that came by another way"
            " name their batch with --batch ID, or take --all.",
        )
    return str(sent.sort_values(["sent_on", "batch_id"])["batch_id"].iloc[-1])
