"""Real batches and the sample project: the whole account, figure by figure."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from label_pipeline.contracts.tables import ANNOTATION_EVENTS, ITEMS
from label_pipeline.folders import DataFolder
from label_pipeline.ingest import Known, ingest_day
from label_pipeline.lake import Lake
from label_pipeline.landing import landed_days, landed_files
from label_pipeline.project import load_project
from label_pipeline.simulate import sample_files
from label_pipeline_tests.ingest.house import WHO, House, account, check, keeps_contracts, rows

STANCE = """  mturk:
    format: mturk_csv
    item: "Input.articleCount<n>"
    label: ["Answer.stance<n>", Answer.Q1Answer]
    fields: {claim: "Input.claimHeadline<n>", headline: "Input.articleHeadline<n>"}
"""
ALIASES = "{probably for: for, probably against: against, neutral: observing}"


def last_submit(path: Path) -> date:
    with path.open(newline="") as file:
        times = [re.sub(" P[DS]T ", " ", row["SubmitTime"]) for row in csv.DictReader(file)]
    return max(datetime.strptime(time, "%a %b %d %H:%M:%S %Y") for time in times if time).date()


def answers_in(path: Path) -> int:
    """Slots of the file that hold an item or an answer, counted without the pipeline."""
    slots = re.compile(r"(?:Input\.articleCount|Answer\.stance|Answer\.Q1Answer)(\d*)")
    with path.open(newline="") as file:
        found = [
            {m.group(1) for c, v in row.items() if (m := slots.fullmatch(c)) and v.strip()}
            for row in csv.DictReader(file)
        ]
    return sum(map(len, found))


@pytest.mark.slow
def test_real_batches_with_a_second_delivery(tmp_path: Path, datasets: Path) -> None:
    """Loss: the project's one promise is that on real input no answer is lost or counted twice."""
    folder = datasets / "emergent_stance" / "mturk_batches"
    if not folder.is_dir():
        pytest.skip("the real batches are not on this machine")
    house = House(
        tmp_path,
        STANCE,
        classes=f"[for, against, observing], aliases: {ALIASES}",
        more="items: {fields: [claim, headline], ids: integer}\nschedule: {timezone: America/Los_Angeles}",
    )
    # Two landing days instead of thirteen, to be quick: the second delivery on the later one.
    files = sorted(folder.glob("*.csv"))
    again = max(last_submit(path) for path in files)
    day = {path: again if path.stem.endswith("_new") else again - timedelta(days=1) for path in files}
    for path in files:
        house.put(f"mturk/{path.name}", path.read_bytes(), day[path])
    nights = [house.night(again - timedelta(days=1)), house.night(again)]
    keeps_contracts(nights[0], house.project)
    accounts = account(nights[0]) | account(nights[1])
    assert {name: line[0] for name, line in accounts.items()} == {f"mturk/{p.name}": answers_in(p) for p in files}
    assert tuple(map(sum, zip(*accounts.values(), strict=True))) == (14550, 14223, 17, 310)
    assert accounts["mturk/Batch_2793686_batch_results_new.csv"] == (585, 275, 0, 310)

    events = [event for night in nights for event in rows(night.events, "event_id", "item_id", "status")]
    assert len({event for event, *_ in events}) == len(events) == 14223
    assert len({item for _, item, _ in events}) == 2595
    assert Counter(status for *_, status in events) == {"submitted": 13843, "rejected": 380}
    assert not any("." in item for _, item, _ in events)
    assert Counter(rule for night in nights for (rule,) in rows(night.quarantine, "rule")) == {
        "label_missing": 8,
        "label_unknown": 9,
    }


@pytest.mark.slow
def test_the_sample_projects_nights_are_what_was_planted(tmp_path: Path) -> None:
    """Loss: the worked example is the proof a reader can run; its figures must be those it was made with."""
    files, planted = sample_files()
    for name, content in files.items():
        if not name.endswith(".png"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
    folder = DataFolder(tmp_path)
    project = load_project(folder, "sample")
    lake = Lake(folder, "sample")
    total: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    days = landed_days(folder, "sample")
    for day in days:
        eve = day - timedelta(days=1)
        known = Known(lake.files(ANNOTATION_EVENTS, eve), lake.files(ITEMS, eve))
        night = ingest_day(project, day, landed_files(folder, "sample", day), known, WHO)
        check(night)
        lake.write(ANNOTATION_EVENTS, day, night.events)
        lake.write(ITEMS, day, night.items)
        for name in ("landed", "accepted", "quarantined", "duplicates"):
            total[name] += sum(night.landings[name].to_pylist())
        rules += Counter(night.quarantine["rule"].to_pylist())
    keeps_contracts(night, project)
    assert len(days) == 14
    assert total == {
        "landed": planted.landed,
        "accepted": planted.accepted,
        "quarantined": sum(planted.quarantined.values()),
        "duplicates": sum(planted.duplicates.values()),
    }
    assert dict(rules) == planted.quarantined
    skipped = [s for d in days for (s,) in rows(lake.read(ANNOTATION_EVENTS, d), "status")].count("skipped")
    assert skipped == planted.marks["skipped"]
