"""A project that pulls, and whether its lake is what the server has."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from label_pipeline.pull import Pulled, pull_source
from label_pipeline.pull import run as pull_run
from label_pipeline.state import current_events
from label_pipeline_tests.ingest.house import House, person

NOBODY = pd.DataFrame({"annotator_id": [], "group": [], "role": []}, dtype=object)
Truth = dict[str, tuple[str, int, str | None, str]]


def pulling(root: Path, url: str, *, project: int = 83, more: str = "") -> House:
    """A house whose source `s` is pulled; `more` stands in its pull part."""
    pull = f'{{url: "{url}", project: {project}{more}}}'
    return House(root, f"  s: {{format: label_studio_json, label: tone, pull: {pull}}}")


def pull(house: House) -> Pulled:
    return pull_source(house.folder, house.project, "s", pause=lambda seconds: None)


def landed_on(house: House) -> date:
    """The day on which pulled files land."""
    return pull_run.today(house.project.timezone)


def lake(house: House) -> tuple[Truth, set[str]]:
    """A night, and then the lake's state: what every annotation says that is not deleted, and those that are.

    Persons stand in it as their pseudonym.
    """
    day = landed_on(house)
    found = house.night(day)
    assert found.quarantine.num_rows == 0, found.quarantine.to_pylist()[:3]
    living, deleted = {}, set()
    for event in current_events(house.lake, day, NOBODY).to_pylist():
        if event["status"] == "deleted":
            deleted.add(event["annotation_id"])
        else:
            who, label = event["annotator_id"], event["label"]
            living[event["annotation_id"]] = (event["item_id"], who, label, event["status"])
    return living, deleted


def expected(truth: Truth) -> dict[str, tuple[str, str, str | None, str]]:
    return {key: (item, person(str(who)), label, status) for key, (item, who, label, status) in truth.items()}
