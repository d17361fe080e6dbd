"""A small labelling house for tests: files land in a real folder, nights write a real lake, nothing is faked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from label_pipeline.contracts.rules import broken_contract
from label_pipeline.contracts.tables import ANNOTATION_EVENTS, ITEMS, LANDED_PREDICTIONS, LANDINGS, LOGINS, QUARANTINE
from label_pipeline.folders import DataFolder
from label_pipeline.ingest import Ingested, Known, ingest_day
from label_pipeline.lake import Lake
from label_pipeline.landing import LandedFile, landed_files
from label_pipeline.privacy.persons import Persons
from label_pipeline.project import Project, parse_project

WHO = Persons(b"s" * 32)
D1, D2, D3, D4, D5 = (date(2026, 10, k) for k in range(5, 10))
Content = str | bytes | Sequence[Mapping[str, Any]]


class House:
    """A project `p` below `root`. `sources` is the YAML of its sources, `more` of anything else."""

    def __init__(self, root: Path, sources: str, *, classes: str = "[a, b]", more: str = "") -> None:
        self.folder = DataFolder(root)
        self.lake = Lake(self.folder, "p")
        self.project: Project = parse_project(
            f"project: p\nstart: 2026-10-01\nlabels: {{classes: {classes}}}\n{more}\nsources:\n{sources}",
            "project.yaml",
        )

    def put(self, name: str, content: Content, day: date = D1) -> Path:
        """Land a file `source/name` as it is; a list of rows is written as JSON lines."""
        path = self.folder.landing("p", day) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, str | bytes):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def files(self, day: date = D1) -> list[LandedFile]:
        return landed_files(self.folder, "p", day)

    def ingest(self, day: date = D1, files: Sequence[LandedFile] | None = None) -> Ingested:
        """A night's tables, checked for what must hold on every night, and not written."""
        eve = day - timedelta(days=1)
        known = Known(self.lake.files(ANNOTATION_EVENTS, eve), self.lake.files(ITEMS, eve))
        found = ingest_day(self.project, day, self.files(day) if files is None else files, known, WHO)
        check(found)
        return found

    def night(self, day: date = D1) -> Ingested:
        """The same, written to the lake, so that later days know it."""
        found = self.ingest(day)
        for table, rows in tables(found).items():
            self.lake.write(table, day, rows)
        return found


def tables(found: Ingested) -> dict[Any, Any]:
    return {
        ANNOTATION_EVENTS: found.events,
        ITEMS: found.items,
        QUARANTINE: found.quarantine,
        LANDINGS: found.landings,
        LANDED_PREDICTIONS: found.predictions,
        LOGINS: found.logins,
    }


def check(found: Ingested) -> None:
    """Every answer found is accepted, quarantined or a duplicate, and the account says so file by file."""
    accepted = Counter(f for f, row in rows(found.events, "landed_file", "landed_row") if row > 0)
    accepted += Counter(found.predictions["landed_file"].to_pylist())
    quarantined = Counter(found.quarantine["landed_file"].to_pylist())
    for line in found.landings.to_pylist():
        assert line["landed"] == line["accepted"] + line["quarantined"] + line["duplicates"], line
        assert line["accepted"] == accepted.pop(line["landed_file"], 0), line
        assert line["quarantined"] == quarantined.pop(line["landed_file"], 0), line
    assert not +accepted
    assert not +quarantined


def keeps_contracts(found: Ingested, project: Project) -> None:
    for table, content in tables(found).items():
        classes = project.labels.classes if table is ANNOTATION_EVENTS else ()
        assert broken_contract(table, content, classes) == []


def rows(table: Any, *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of a table, sorted; what is None comes first."""
    found = list(zip(*(table[c].to_pylist() for c in columns), strict=True))
    return sorted(found, key=lambda row: [(value is not None, str(value)) for value in row])


def account(found: Ingested) -> dict[str, tuple[int, ...]]:
    """Landed, accepted, quarantined and duplicates of each file."""
    return {
        line["landed_file"]: tuple(line[n] for n in ("landed", "accepted", "quarantined", "duplicates"))
        for line in found.landings.to_pylist()
    }


def reasons(found: Ingested) -> list[tuple[Any, ...]]:
    return rows(found.quarantine, "landed_file", "landed_row", "rule")


def person(identity: str, source: str = "s") -> str:
    return WHO.annotator(source, identity)
