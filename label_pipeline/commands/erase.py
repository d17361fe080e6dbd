"""`erase`: a person or an item goes from everything the project holds, and the days since are made again without."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any

from label_pipeline import audit
from label_pipeline.cli import OK, STOPPED
from label_pipeline.clock import now
from label_pipeline.commands.columns import print_columns
from label_pipeline.commands.home import dagster_home, home_of
from label_pipeline.errors import UserError, nearest
from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder
from label_pipeline.kept import last_table
from label_pipeline.locks import alone
from label_pipeline.privacy import erasure
from label_pipeline.privacy.erasure import House, Landed
from label_pipeline.privacy.journal import Journal, close_journal, read_journal, write_journal
from label_pipeline.privacy.pseudonyms import key
from label_pipeline.privacy.redact import Redacted
from label_pipeline.privacy.without import Without
from label_pipeline.project import load_project, project_names
from label_pipeline.project_files import persons
from label_pipeline.publish import manifest as manifests
from label_pipeline.publish.decisions import RELEASE, hold
from label_pipeline.publish.prune import remove
from label_pipeline.publish.withdrawn import reinstate, withdraw, withdrawn
from label_pipeline.retention import EVERY_DAY, rebuilt_from

OUT_OF_REACH = (
    "copies and backups of the data folder",
    "what was sent to annotation tools or written elsewhere with --out or --write",
    "models that were trained on withdrawn versions",
)
"""What no command here can erase, as every certificate says."""


def run(arguments: argparse.Namespace) -> int:
    """Erase, say what would be erased, or go on with what was broken off; each landing with its projects in turn."""
    folder = DataFolder.choose(arguments.data)
    groups = _groups(folder, arguments.project)
    if arguments.resume:
        return max([go_on(folder, name) for name in {h.name: h for g in groups for h in g}], default=OK)
    if not (arguments.annotator or arguments.item):
        raise UserError("say who or what: --annotator X or --item Y", rule="erase")
    if not arguments.reason:
        raise UserError("say why: --reason R", rule="erase", do="It is kept in the audit log; leave names out of it.")
    if arguments.item and not arguments.project:
        raise UserError("an item is one of a project", rule="erase", do="Name the project.")
    found = 0
    worst = OK
    for houses in groups:
        erased = _erase(houses, arguments)
        found, worst = found + (erased is not None), max(worst, erased or OK)
    if not found:
        # Not repeated: whoever looks for a person has written the person's name.
        what = "this annotator" if arguments.annotator else f"item '{arguments.item}'"
        where = f"project {arguments.project}" if arguments.project else str(folder.root)
        raise UserError(
            f"nothing is held of {what}", where=where, do="Nothing was changed. Is it written as it landed?"
        )
    return worst


def _groups(folder: DataFolder, asked: str | None) -> list[list[House]]:
    """The projects asked for, with those that read the same landing: a file that changes is one of all."""
    names = project_names(folder)
    if asked and asked not in names:
        load_project(folder, asked)  # says what is wrong
        raise UserError(f"there is no project '{asked}'", do=nearest(asked, names))
    secret = key(make=False)
    known = [load_project(folder, name) for name in names]
    houses = [House(folder, project, persons(folder, project, secret)) for project in known]
    owners = {house.project.landing_of for house in houses if asked in (None, house.name)}
    # Whose item is asked for reads the files: another project may have other ids for the same rows.
    houses.sort(key=lambda house: house.name != asked)
    return [[h for h in houses if h.project.landing_of == owner] for owner in sorted(owners)]


def _erase(houses: Sequence[House], arguments: argparse.Namespace) -> int | None:
    """Erase from the projects of one landing; None where nothing is held there."""
    folder = houses[0].folder
    with ExitStack() as held:
        for house in [] if arguments.dry_run else houses:
            held.enter_context(alone(folder, house.name, "label-pipeline erase"))
        without, words = _asked(houses, arguments)
        if not without.annotators and not without.items:
            return None
        landed, words = erasure.find_in_landing(houses, without, words)
        plan = {house.name: _held(house, without, landed) for house in houses}
        if not landed and not any(told["rows"] or told["known"] for told in plan.values()):
            return None
        _say_plan(plan, landed, dry_run=arguments.dry_run)
        if arguments.dry_run:
            return OK
        if any(word in arguments.reason for word in (*words, *without.annotators) if len(word) > 3):
            raise UserError("the reason names who is erased", rule="erase", do="Write it without; nothing was changed.")
        journal = Journal(
            name=f"erasure {now():%Y-%m-%d %H:%M:%S}",
            kind="annotator" if without.annotators else "item",
            projects=tuple(house.name for house in houses),
            by=arguments.by or audit.person(),
            at=now().isoformat(),
            reason=arguments.reason,
            annotators=tuple(sorted(without.annotators)),
            items=tuple(sorted(without.items)),
            told=plan | {"landing": {"files": _planned(landed)}},
        )
        write_journal(folder, journal)
        return _carry_out(houses, journal, landed, words)


def go_on(folder: DataFolder, project: str) -> int:
    """Go on with the erasure that was broken off in a project, if one was; returns the exit code."""
    journal = read_journal(folder, project)
    if journal is None or journal.kind == "rotation":
        return OK
    print(f"{project}: going on with {journal.name}", file=sys.stderr)
    houses = next(group for group in _groups(folder, project) if any(h.name == project for h in group))
    with ExitStack() as held:
        for house in houses:
            held.enter_context(alone(folder, house.name, "label-pipeline erase", unfinished=True))
        journals = [j for j in (read_journal(folder, name) for name in journal.projects) if j is not None]
        journal = max(journals, key=lambda j: len(j.done))
        without = Without(frozenset(journal.annotators), frozenset(journal.items))
        landed: list[Landed] = []
        words: frozenset[str] = frozenset()
        if not journal.has("map"):
            words = frozenset(identity for h in houses for _, identity in erasure.logins_of(h, without.annotators))
            landed, words = erasure.find_in_landing(houses, without, words | without.items)
        return _carry_out(houses, journal, landed, words)


def _asked(houses: Sequence[House], arguments: argparse.Namespace) -> tuple[Without, frozenset[str]]:
    """Whose pseudonyms or which item goes, and the words by which people know them."""
    if arguments.item:
        return Without(items=frozenset([arguments.item])), frozenset([arguments.item])
    names = frozenset[str]().union(*(erasure.pseudonyms_of(house, arguments.annotator) for house in houses))
    known = {identity for house in houses for _, identity in erasure.logins_of(house, names)}
    return Without(annotators=names), frozenset(known | {arguments.annotator})


# --- what is held


def _held(house: House, without: Without, landed: Sequence[Landed]) -> dict[str, Any]:
    """What a project holds, as the journal and the certificate tell it."""
    lake, project = house.lake, house.project
    rows, first = erasure.held_in_lake(house, without)
    days = [d for d in (first, *(one.day for one in landed)) if d is not None]
    computed = lake.days(last_table(project))
    known = erasure.clear_project_files(house, without, dry_run=True)
    known += len(erasure.logins_of(house, without.annotators))
    versions = list(erasure.versions_since(house, min(days, default=None)))
    told: dict[str, Any] = {"rows": rows, "known": known, "versions": versions}
    if not computed or not days or min(days) > computed[-1]:
        return told
    start = rebuilt_from(lake, project, max(min(days), project.start))
    gaps = [d for d in erasure.days_with_gaps(house) if d >= start]
    told |= {"first": str(start), "last": str(computed[-1])}
    told["intake_from"] = str(max(gaps) + timedelta(days=1) if gaps else start)
    # What was pruned is made again on the way, and goes again.
    span = [start + timedelta(days=k) for k in range((computed[-1] - start).days + 1)]
    states = {t.name: set(lake.days(t)) for t in _states(house)}
    told["pruned"] = {name: [str(d) for d in span if d not in there] for name, there in states.items() if there}
    told["no_report"] = [str(d) for d in span if not house.folder.report(house.name, d).is_file()]
    return told


def _states(house: House) -> list[Any]:
    from label_pipeline.contracts.tables import TABLES

    return [t for t in TABLES.values() if t.as_of and t.name not in EVERY_DAY]


def _planned(landed: Sequence[Landed]) -> list[dict[str, Any]]:
    return [{"name": f"{one.day}/{one.found.file.name}", "answers": one.found.answers} for one in landed]


def _say_plan(plan: dict[str, dict[str, Any]], landed: Sequence[Landed], *, dry_run: bool) -> None:
    files = sorted({f"{one.day}/{one.found.file.name}" for one in landed})
    print("Would be erased:" if dry_run else "To erase:")
    print(f"  landing: {sum(one.found.answers for one in landed)} answers in {len(files)} files")
    for name, told in plan.items():
        lines = [("table", "rows"), *((table, str(n)) for table, n in told["rows"].items())]
        print(f"  project {name}:")
        print_columns(lines)
        span = f"{told['first']} to {told['last']}" if "first" in told else "none"
        print(f"  days made again: {span}; versions withdrawn: {len(told['versions'])}")


# --- the steps


def _carry_out(houses: Sequence[House], journal: Journal, landed: Sequence[Landed], words: frozenset[str]) -> int:
    """Do what is not done yet, step by step, and write the certificate; returns the exit code."""
    folder = houses[0].folder
    without = Without(frozenset(journal.annotators), frozenset(journal.items))
    wanted = erasure.wanted_of(houses[0], without, words)
    logins = {(one.found.file.source, person) for one in landed for person in one.found.erased.people}

    def step(name: str, house: House | None, told: dict[str, Any] | None = None) -> None:
        nonlocal journal
        journal = journal.with_step(name, house.name if house else "", told)
        write_journal(folder, journal)

    for house in houses:
        if not journal.has("tombstones", house.name):
            erasure.bury(house, without, logins | erasure.logins_of(house, without.annotators))
            step("tombstones", house)
    if not journal.has("rewritten"):
        files = _fates(houses[0], journal, erasure.clear_landing(landed, without, words))
        kept = [file["name"] for file in files if file["fate"] == "kept"]
        journal = replace(journal, told=_not_taken_in(journal.told, kept) | {"landing": {"files": files}})
        step("rewritten", None)
    if not journal.has("landing"):
        # From here on the journal says that their days are not taken in again: what was others' in them stays.
        for file in journal.told["landing"]["files"]:
            if file["fate"] == "kept":
                (folder.landing(houses[0].project.landing_of) / file["name"]).unlink(missing_ok=True)
        step("landing", None)
    for house in houses:
        if not journal.has("files", house.name):
            rows = {"project_file_rows": erasure.clear_project_files(house, without)}
            step("files", house, rows | {"batches_sent": erasure.clear_sent(house, without)})
        if not journal.has("lake", house.name):
            told = journal.told[house.name]
            gone = [d for d in erasure.days_with_gaps(house) if "first" in told and told["first"] <= str(d)]
            gone = [d for d in gone if str(d) < told["intake_from"]]
            step("lake", house, {"partitions": erasure.clear_lake(house, without, landing_gone=gone)})
        if not journal.has("audit", house.name):
            lines = audit.erase(
                folder,
                house.name,
                lambda text: wanted.swept(without.text(text)),
                at=datetime.fromisoformat(journal.at),
                actor=journal.by,
                subject=journal.name,
                reason=journal.reason,
            )
            step("audit", house, {"audit_lines": lines})
        if not journal.has("withdraw", house.name):
            _withdraw(house, journal)
            step("withdraw", house)
        if not journal.has("again", house.name):
            told = journal.told[house.name]
            step("again", house, _again(house, told) if "first" in told else {})
    for house in houses:
        if not journal.has("texts", house.name):
            step("texts", house, {"texts": erasure.clear_texts(house, without, wanted)})
    if not journal.has("storage"):
        from label_pipeline.orchestration.stored import change_stored

        told = change_stored(home_of(folder), folder.dagster, lambda text: wanted.swept(without.text(text)))
        journal = replace(journal, told=journal.told | {"storage": told})
        step("storage", None)
    for house in houses:
        if not journal.has("map", house.name):
            step("map", house, {"map_rows": erasure.forget_people(house, without)})
    return _close(houses, journal, [line for house in houses for line in erasure.mentions(house, wanted)])


def _fates(house: House, journal: Journal, outcomes: Iterable[Redacted]) -> list[dict[str, Any]]:
    """What became of every landed file that was found at first: of those that are clean already, before a kill too."""
    known = {one.name: asdict(one) for one in outcomes}
    landing = house.folder.landing(house.project.landing_of)
    planned = {file["name"]: file["answers"] for file in journal.told["landing"]["files"]}
    for name in planned.keys() - known.keys():
        clean = Redacted(name, "rewritten", planned[name])
        gone = Redacted(name, "removed", planned[name], "nothing else was in it")
        known[name] = asdict(clean if (landing / name).exists() else gone)
    return [known[name] for name in sorted(known)]


def _not_taken_in(told: dict[str, dict[str, Any]], kept: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The plan of each project, with no day taken in again that has a file that is to go whole, nor one before it."""
    if not kept:
        return dict(told)
    after = str(date.fromisoformat(max(kept)[:10]) + timedelta(days=1))
    return {n: t | {"intake_from": max(t["intake_from"], after)} if "intake_from" in t else t for n, t in told.items()}


def _withdraw(house: House, journal: Journal) -> None:
    """Note the versions that rest on what goes; those that may hold an item itself go whole."""
    published = house.folder.published(house.name)
    for version in journal.told[house.name]["versions"]:
        withdraw(published, version, f"{journal.name}: it rests on what was erased")
        if journal.items and (published / version).is_dir():
            remove(published, version)
    held = hold(house.folder, house.name)
    if held is not None and held.version in withdrawn(published):
        audit.record(
            house.folder, house.name, at=datetime.fromisoformat(journal.at), actor=journal.by, action=RELEASE,
            subject="LATEST", reason=f"{journal.name}: the version that a rollback held is withdrawn",
            before=held.version, after="", once=True,
        )  # fmt: skip


def _again(house: House, told: dict[str, Any]) -> dict[str, Any]:
    """Make the days again; the figures and verdicts of all but the last stay what they were."""
    from label_pipeline.orchestration.again import run_again

    first, last, intake = (date.fromisoformat(told[name]) for name in ("first", "last", "intake_from"))
    home, published = str(dagster_home(house.folder)), house.folder.published(house.name)
    before = manifests.latest(published) if published.is_dir() else None

    def again(start: date, end: date, wanted: Any) -> str:
        return run_again(house.folder, house.name, start, end, home=home, wanted=wanted) if start <= end else ""

    eve = last - timedelta(days=1)
    again(first, min(eve, intake - timedelta(days=1)), lambda n: _is_state(n) and n not in erasure.MADE_AGAIN)
    again(max(first, intake), eve, _is_state)
    reissued = date.fromisoformat(before[:10]) if before else last
    if first <= reissued < last:
        again(reissued, reissued, lambda n: n in ("candidate", "splits", "training_set"))
    taken_in = intake <= last
    stopped = again(last, last, lambda n: _is_night(n) and (taken_in or n not in erasure.MADE_AGAIN))
    if first <= eve and house.project.labels.has_consensus:
        again(first, eve, lambda n: n == "report")
    _forget_pruned(house, told)
    for day, version in manifests.accepted_versions(published).items() if published.is_dir() else ():
        if first <= day and day in (reissued, last):
            reinstate(published, version)  # made anew, it came out the same
    newest = manifests.latest(published) if published.is_dir() else None
    fit = newest is not None and newest not in withdrawn(published)
    return {"version": newest if fit else None, "stopped": stopped}


def _is_state(name: str) -> bool:
    """Whether an asset is a table of the state: no figures, nothing published, nobody told."""
    return _is_night(name) and not name.startswith("kpis_") and name not in (
        "candidate", "splits", "training_set", "mart", "report",
    )  # fmt: skip


def _is_night(name: str) -> bool:
    """Whether an asset is one of a night that reads nothing new, tells nobody and promotes nothing."""
    return name not in ("pulled", "alerts", "gold_promotions")


def _forget_pruned(house: House, told: dict[str, Any]) -> None:
    from label_pipeline.contracts.tables import TABLES
    from label_pipeline.orchestration.report_index import write_indexes

    for name, days in told.get("pruned", {}).items():
        for day in map(date.fromisoformat, days):
            if house.lake.has(TABLES[name], day):
                house.lake.forget(TABLES[name], day)
    for day in told.get("no_report", []):
        house.folder.report(house.name, date.fromisoformat(day)).unlink(missing_ok=True)
    if house.project.labels.has_consensus:
        write_indexes(house.folder, house.name)


def _said(file: dict[str, Any]) -> dict[str, Any]:
    return file | {"fate": "removed"} if file["fate"] == "kept" else file


def _close(houses: Sequence[House], journal: Journal, mentioned: Iterable[str]) -> int:
    """Write the certificate, close the journal and say what was done; returns the exit code."""
    folder, mentioned = houses[0].folder, sorted(set(mentioned))
    name = journal.name.replace("erasure ", "").replace(" ", "T").replace(":", "")
    left_out = ("pruned", "no_report", "known")
    for house in houses:
        told = {k: v for k, v in journal.told[house.name].items() if k not in left_out}
        certificate = {
            "certificate": journal.name, "of": journal.kind, "project": house.name, "by": journal.by, "at": journal.at,
            "reason": journal.reason, "landing": [_said(file) for file in journal.told["landing"]["files"]],
            "dagster": journal.told["storage"], **told, "to_mend_by_hand": mentioned, "out_of_reach": OUT_OF_REACH,
        }  # fmt: skip
        path = folder.erasures(house.name) / f"{name}.json"
        write_text(path, json.dumps(certificate, indent=1, ensure_ascii=False) + "\n")
        print(f"{house.name}: erased; certificate: {house.folder.told(path)}")
        stopped = told.get("stopped", "")
        if told.get("version"):
            print(f"  training set: {told['version']}; {len(told['versions'])} older versions are withdrawn.")
        elif told["versions"]:
            print(f"  no training set is fit: {len(told['versions'])} versions are withdrawn. {stopped}")
    for file in mentioned:
        print(f"  mend by hand: {file} names who was erased.")
    close_journal(folder, journal)
    return STOPPED if any(t.get("versions") and not t.get("version") for t in journal.told.values()) else OK
