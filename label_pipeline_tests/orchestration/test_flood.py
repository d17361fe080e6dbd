"""A flood of bad rows: the night stops before anything is concluded, says why, and nothing is built on that day."""

from __future__ import annotations

import dagster as dg
import pytest

from label_pipeline.contracts.tables import LANDINGS
from label_pipeline.folders import DataFolder
from label_pipeline.ingest.flood import FEWEST, Counts, flooded_days
from label_pipeline.lake import Lake
from label_pipeline.project import parse_project
from label_pipeline_tests.orchestration.runs import D1, D2, D3, INTAKE, PETS, partition, pets, put, run, state, write


def flood(folder: DataFolder, rows: int) -> None:
    """A file of the second day in which this many answers are of no class."""
    lines = (f"i{k:03d},d,kitten,{D2}T10:00:00,1\n" for k in range(rows))
    put(folder, D2, "flood.csv", "item_id,annotator_id,label,at,weight\n" + "".join(lines))


def test_a_flood_stops_the_night_and_what_follows(folder: DataFolder) -> None:
    """Loss: a broken mapping that empties the newest day is found weeks later, in what was published without it."""
    pets(folder.root, days=3)
    flood(folder, 30)  # of 54 answers of the day
    night = run(folder, D1, D3)
    assert not night.success
    assert not night.materialized
    check = night.checks["quarantine", "no_flood"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    words = night.failures["pets__annotation_events"].user_failure_data.description
    assert words.startswith(
        "2026-10-06: 30 of 54 answers (56%) are in quarantine, above quarantine.limit 50%: "
        "label_unknown 30 (source crowd). See: label-pipeline quarantine pets --day 2026-10-06."
    )
    assert "kitten" not in words
    assert len(partition(folder, "quarantine", D2)) == 30
    assert not any("day=2026-10-07" in name for name in state(folder))

    later = run(folder, D3, D3)
    assert "2026-10-06 is flooded" in str(later.failures["pets__annotation_events"].user_failure_data.description)


@pytest.mark.slow
def test_a_flood_leaves_what_was_published(folder: DataFolder) -> None:
    """Loss: training jobs and dashboards would read a night on which half of the answers were missing."""
    pets(folder.root, days=2)
    assert run(folder, D1, D1).success
    published = state(folder)
    flood(folder, 30)
    assert not run(folder, D2, D2).success
    after = state(folder)
    assert {name: digest for name, digest in after.items() if name in published} == published
    assert {name.split("/")[0] for name in after.keys() - published.keys()} == {"lake"}


def test_what_lets_a_flood_pass(folder: DataFolder) -> None:
    """Loss: a day that is bad for good would stop every night after it for ever."""
    pets(folder.root, days=3)
    flood(folder, 30)
    assert not run(folder, D1, D2, only=INTAKE).success
    lake = Lake(folder, "pets")
    limits = {
        "": [D2],
        "quarantine: {limit: 0.6}\n": [],
        "quarantine: {limit: 0.55}\n": [D2],
        "quarantine: {let_pass: [2026-10-06]}\n": [],
        "quarantine: {let_pass: [2026-10-05]}\n": [D2],
    }
    known: Counts = {}
    for more, flooded in limits.items():
        assert flooded_days(lake, parse_project(PETS + more, "f"), D3) == flooded, more
        assert flooded_days(lake, parse_project(PETS + more, "f"), D3, known) == flooded, more
    mended = lake.read(LANDINGS, D2).to_pandas()
    lake.write(LANDINGS, D2, mended.assign(quarantined=0))
    assert flooded_days(lake, parse_project(PETS, "f"), D3, known) == [], "a day that was run again is read again"
    write(folder.project_file("pets"), PETS + "quarantine: {let_pass: [2026-10-06]}\n")
    assert run(folder, D2, D3, only=INTAKE).success


def test_a_few_bad_rows_are_no_flood(folder: DataFolder) -> None:
    """Loss: a small day with one broken file would stop the night that a bad file is said never to stop."""
    pets(folder.root, days=1)
    flood(folder, FEWEST - 1)
    assert run(folder, D1, D2, only=INTAKE).success
