"""`access`: everything that is held about an annotator, to be handed to the person; leaves a line in the audit log."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from label_pipeline import audit
from label_pipeline.cli import OK
from label_pipeline.clock import now
from label_pipeline.commands.columns import print_columns
from label_pipeline.errors import UserError
from label_pipeline.files import replacing
from label_pipeline.folders import DataFolder
from label_pipeline.privacy import erasure
from label_pipeline.privacy.erasure import House
from label_pipeline.privacy.held import Held, held_about
from label_pipeline.privacy.pseudonyms import key
from label_pipeline.project import load_project
from label_pipeline.project_files import persons


def run(arguments: argparse.Namespace) -> int:
    """Gather, write to the file or the screen, and say how much there is of what."""
    folder = DataFolder.choose(arguments.data)
    project = load_project(folder, arguments.project)
    house = House(folder, project, persons(folder, project, key(make=False)))
    if arguments.out and Path(arguments.out).suffix not in (".json", ".csv"):
        raise UserError("it is written as JSON or CSV: --out FILE.json or FILE.csv", rule="access")
    names = erasure.pseudonyms_of(house, arguments.annotator)
    words = {identity for _, identity in erasure.logins_of(house, names)} | {arguments.annotator}
    found = list(held_about(house, names, words))
    if not found:
        where = f"project {project.project}"
        raise UserError("nothing is held of this annotator", where=where, do="Is it written as it landed?")
    audit.record(
        folder,
        project.project,
        at=now(),
        actor=arguments.by or audit.person(),
        action="access",
        subject=", ".join(sorted({h.says["annotator_id"] for h in found if h.place == "lake/annotation_events"})),
        reason=arguments.reason,
        after=f"{len(found)} records given",
    )
    as_csv = bool(arguments.out) and arguments.out.endswith(".csv")
    text = _table(found) if as_csv else _document(found)
    if not arguments.out:
        print(text, end="")
        return OK
    with replacing(Path(arguments.out)) as beside:
        beside.write_text(text, encoding="utf-8")
    Path(arguments.out).chmod(0o600)
    print_columns([("place", "records"), *((place, str(n)) for place, n in Counter(h.place for h in found).items())])
    print(f"{len(found)} records: {arguments.out}")
    return OK


def _document(found: Sequence[Held]) -> str:
    places: dict[str, list[dict[str, object]]] = {}
    for one in found:
        places.setdefault(one.place, []).append({"day": one.day, **one.says})
    return json.dumps(places, indent=1, ensure_ascii=False, default=str) + "\n"


def _table(found: Sequence[Held]) -> str:
    """A row a value: place, day, number of the record, name and value."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["place", "day", "record", "name", "value"])
    for number, one in enumerate(found, start=1):
        for name, value in one.says.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            writer.writerow([one.place, one.day or "", number, name, "" if value is None else text])
    return out.getvalue()
