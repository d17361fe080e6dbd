"""`override`: a person lets a day's training set pass though a gate failed. The night that is run again reads it."""

from __future__ import annotations

import argparse

from label_pipeline import audit
from label_pipeline.cli import OK
from label_pipeline.clock import now, parse_day
from label_pipeline.contracts.tables import GATES
from label_pipeline.errors import UserError, nearest
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.project import load_project
from label_pipeline.publish.decisions import OVERRIDE, subject
from label_pipeline.publish.verdict import PROMISES


def run(arguments: argparse.Namespace) -> int:
    """Record the override of a gate that was seen to fail, and say what to run."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project).project
    day, name = parse_day(arguments.day), arguments.gate
    gates = {gate["gate"]: gate for gate in Lake(folder, project).read(GATES, day).to_pylist()}
    if name not in gates:
        raise UserError(f"there is no gate '{name}'", where=f"{project} {day}", do=nearest(name, gates))
    gate = gates[name]
    if gate["passed"] or gate["severity"] != "block":
        why = "it holds" if gate["passed"] else "it only warns"
        failed = [g["gate"] for g in gates.values() if not g["passed"] and g["severity"] == "block"]
        raise UserError(
            f"gate '{name}' stops nothing: {why}",
            where=f"{project} {day}",
            do=f"Failed: {', '.join(failed)}." if failed else "No gate stopped the day.",
        )
    if name in PROMISES:
        raise UserError(
            f"gate '{name}' cannot be overridden: {gate['words']}",
            where=f"{project} {day}",
            rule="what a version says it is, it is",
        )
    audit.record(
        folder,
        project,
        at=now(),
        actor=arguments.by or audit.person(),
        action=OVERRIDE,
        subject=subject(day, name),
        reason=arguments.reason,
        before=gate["observed"],
    )
    print(f"{project} {day}: {name} is overridden for what was seen ({gate['observed']}), and nothing else.")
    print(f"Publish it with: label-pipeline nightly --project {project} --day {day}")
    return OK
