"""Twenty-two real MTurk batch files (Emergent, stance of headlines), taken in as they arrived, day by day.

The dirt is real: a batch delivered twice, ids that change from `1905` to `1905.0`, a label scheme that changes, one
batch with another answer field, rejected assignments. The project has no gold, as most have none when they begin:
nothing measures label accuracy, so no KPI can miss a target, and what gates the set is its coverage, its quarantine
and its integrity. `truth.csv` is read by this test alone.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from label_pipeline.cli import main
from label_pipeline.contracts.tables import ANNOTATION_EVENTS, CONSENSUS_LABELS, LANDINGS, Table
from label_pipeline.files import sha256
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.landing import landed_days
from label_pipeline_tests.orchestration.runs import write

pytestmark = pytest.mark.slow(seconds=40)

PROJECT = """\
project: stance
description: Does a headline support the claim, deny it, or only report it?
start: {start}
end: {end}
schedule: {{timezone: America/Los_Angeles}}
labels:
  classes: [for, against, observing]
  aliases: {{probably for: for, probably against: against, neutral: observing}}
items: {{fields: [claim, headline], ids: integer}}
sources:
  mturk:
    format: mturk_csv
    item: Input.articleCount<n>
    label: [Answer.stance<n>, Answer.Q1Answer]
    fields: {{claim: "Input.claimHeadline<n>", headline: "Input.articleHeadline<n>"}}
    timezone: America/Los_Angeles
consensus: {{method: dawid_skene}}
"""


@pytest.fixture(scope="module")
def backfilled(datasets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    """The project after one command over all its days."""
    folder = DataFolder(tmp_path_factory.mktemp("stance"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LABEL_PIPELINE_DATA", str(folder.root))
        environment.setenv("DAGSTER_HOME", "")
        arrived = {
            path: last_submit(path) for path in sorted((datasets / "emergent_stance" / "mturk_batches").glob("*.csv"))
        }
        days = sorted(arrived.values())
        write(folder.project_file("stance"), PROJECT.format(start=days[0], end=days[-1]))
        for path, day in arrived.items():
            assert main(["land", "stance", str(path), "--source", "mturk", "--day", str(day)]) == 0
        assert main(["nightly", "--project", "stance", "--from", str(days[0]), "--to", str(days[-1])]) == 0
        yield folder


def batches(datasets: Path) -> list[Path]:
    return sorted((datasets / "emergent_stance" / "mturk_batches").glob("*.csv"))


def last_submit(path: Path) -> date:
    """The day of a batch's last answer, where its requester lives."""
    times = pd.read_csv(path, usecols=["SubmitTime"], dtype=str)["SubmitTime"].dropna()
    assert times.str.fullmatch(r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d P[DS]T \d{4}").all()
    local = pd.to_datetime(times.str.replace(r" P[DS]T", "", regex=True), format="%a %b %d %H:%M:%S %Y")
    return local.dt.tz_localize(ZoneInfo("America/Los_Angeles")).max().date()


def every(folder: DataFolder, table: Table) -> pd.DataFrame:
    lake = Lake(folder, "stance")
    return pd.concat([lake.read(table, day).to_pandas().assign(day=day) for day in lake.days(table)], ignore_index=True)


def test_every_file_is_accounted_for(backfilled: DataFolder, datasets: Path) -> None:
    """Loss: an answer that is nowhere was paid for and is lost."""
    landings = every(backfilled, LANDINGS)
    assert sorted(landings["landed_file"]) == [f"mturk/{path.name}" for path in batches(datasets)]
    assert (landings["landed"] == landings["accepted"] + landings["quarantined"] + landings["duplicates"]).all()
    assert landings["problem"].isna().all()
    accepted = Counter(every(backfilled, ANNOTATION_EVENTS)["landed_file"])
    assert dict(zip(landings["landed_file"], landings["accepted"], strict=True)) == {
        name: accepted.get(name, 0) for name in landings["landed_file"]
    }


def test_answers_found_are_those_in_the_files(backfilled: DataFolder, datasets: Path) -> None:
    """Loss: an equation that holds because both sides miss the same rows. Counted here by other means."""
    landings = every(backfilled, LANDINGS).set_index("landed_file")["landed"]
    for path in batches(datasets):
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
        asked = [c for c in rows if re.fullmatch(r"Answer\.(stance\d+|Q1Answer)", c)]
        found = int((rows[asked] != "").sum().sum())
        assert landings[f"mturk/{path.name}"] >= found, path.name


def test_the_redelivered_batch_adds_nothing(backfilled: DataFolder) -> None:
    """Loss: a batch delivered twice counts every answer in it twice."""
    landings = every(backfilled, LANDINGS)
    assert landings["duplicates"].sum() >= 310
    events = every(backfilled, ANNOTATION_EVENTS)
    assert not events["event_id"].duplicated().any()
    assert not events[events["status"] == "submitted"].duplicated(["source", "annotation_id", "label"]).any()


def test_ids_have_one_form_and_rejected_answers_do_not_vote(backfilled: DataFolder) -> None:
    """Loss: `1905` and `1905.0` as two items halve every item's votes; rejected work that votes is paid spam."""
    events = every(backfilled, ANNOTATION_EVENTS)
    assert events["item_id"].str.fullmatch(r"\d+").all()
    accepted = events[events["status"] == "submitted"]
    assert accepted["item_id"].nunique() == 2595
    assert (events["status"] == "rejected").any()
    consensus = newest(backfilled)
    per_item = accepted.drop_duplicates(["item_id", "annotator_id"])["item_id"].value_counts()
    counted: Any = consensus.set_index("item_id")["n_annotations"]
    assert (counted[counted > 0].sort_index() == per_item.sort_index()).all()


def newest(folder: DataFolder) -> pd.DataFrame:
    lake = Lake(folder, "stance")
    frame: pd.DataFrame = lake.read(CONSENSUS_LABELS, lake.days(CONSENSUS_LABELS)[-1]).to_pandas()
    return frame


def test_consensus_is_right_often_enough(backfilled: DataFolder, datasets: Path) -> None:
    """Loss: a pipeline that runs and is wrong. The truth is what the journalists said."""
    truth = pd.read_csv(datasets / "emergent_stance" / "truth.csv", dtype=str)
    both = newest(backfilled).dropna(subset=["label"]).merge(truth, on="item_id", suffixes=("", "_true"))
    assert len(both) == 2595
    assert set(both["method"]) == {"dawid_skene"}
    accuracy = float((both["label"] == both["label_true"]).mean())
    print(f"emergent_stance, Dawid-Skene: accuracy {accuracy:.4f} on {len(both)} items")
    assert accuracy >= 0.70


def test_deleted_and_backfilled_again_it_is_the_same_bytes(backfilled: DataFolder) -> None:
    """Loss: what cannot be made again from what landed is a second source of truth that can be lost."""
    days = landed_days(backfilled, "stance")
    # The later half takes twice as long; LABEL_PIPELINE_WHOLE=1 makes it again too.
    last = days[-1] if os.environ.get("LABEL_PIPELINE_WHOLE") == "1" else days[len(days) // 2]
    before = lake(backfilled, last)
    assert len(before) > 500
    for part in ("lake", "marts", "published", "reports"):
        shutil.rmtree(backfilled.root / part)
    assert main(["nightly", "--project", "stance", "--from", str(days[0]), "--to", str(last)]) == 0
    assert lake(backfilled, date.max) == before


def lake(folder: DataFolder, last: date) -> dict[str, str]:
    """The checksum of each file of the lake but the partitions of days after `last`."""
    files = sorted(p for p in folder.lake.rglob("*") if p.is_file())
    days = {p: re.search(r"day=(\d{4}-\d\d-\d\d)", str(p)) for p in files}
    return {str(p): sha256(p) for p, day in days.items() if day is None or date.fromisoformat(day[1]) <= last}
