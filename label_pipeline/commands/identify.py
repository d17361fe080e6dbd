"""`identify`: whom a pseudonym stands for, by the re-identification map; each look-up is a line of the audit log."""

from __future__ import annotations

import argparse
import json

from label_pipeline import audit
from label_pipeline.cli import OK
from label_pipeline.clock import now
from label_pipeline.commands.columns import print_columns
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.privacy import identity_map
from label_pipeline.privacy.persons import PSEUDONYM
from label_pipeline.project import load_project

ACTION = "identify"
HEAD = ("source", "identity", "pseudonym", "key", "since")


def run(arguments: argparse.Namespace) -> int:
    """Record the look-up with its reason, then print every login of the person, under each pseudonym it has had."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project).project
    name = arguments.pseudonym
    if not PSEUDONYM.fullmatch(name):
        # Not repeated: whoever looks for a person may have written the person's name.
        raise UserError("that is no pseudonym", do="Write one as the report has it: a- and 16 hexadecimal digits.")
    found = identity_map.known(project, pseudonym=name)
    audit.record(
        folder,
        project,
        at=now(),
        actor=arguments.by or audit.person(),
        action=ACTION,
        subject=name,
        reason=arguments.reason,
        after=f"logins shown: {len({(k.met.source, k.met.identity) for k in found})}",
    )
    if not found:
        place = identity_map.map_file()
        do = f"Looked in {place}." if place else "No map is kept: LABEL_PIPELINE_MAP is off."
        raise UserError(f"the map does not know {name}", where=f"project {project}", do=do)
    lines = [(k.met.source, k.met.identity, k.met.annotator_id, k.key, str(k.first_day)) for k in found]
    if arguments.json:
        for line in lines:
            print(json.dumps(dict(zip(HEAD, line, strict=True)), ensure_ascii=False))
    else:
        print_columns([HEAD, *lines])
    return OK
