"""What starts a night: the schedule on every kind of night, and the sensor for what lands too late."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from label_pipeline import clock
from label_pipeline.contracts.tables import GATES, LANDINGS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.landing import landed_files
from label_pipeline.orchestration.build import build_definitions
from label_pipeline.orchestration.progress import RUN_CONFIG
from label_pipeline_tests.orchestration.runs import D1, D2, D3, pets, put, run, write

START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
At = Callable[[str], None]


@pytest.fixture
def house(tmp_path: Path) -> DataFolder:
    return pets(tmp_path)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """Sets the clock, the one place that reads it."""

    def set_clock(time: str) -> None:
        monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat(time).astimezone(UTC))

    return set_clock


def compute(folder: DataFolder, *days: date) -> None:
    """Leave behind what a night does of all that triggers look at: its account of landing, and its gates."""
    lake = Lake(folder, "pets")
    for day in days:
        files = landed_files(folder, "pets", day)
        nothing = [0] * len(files)
        account = {
            "landed_file": [f.name for f in files],
            "source": [f.source for f in files],
            "sha256": [""] * len(files),
            "bytes": [f.path.stat().st_size for f in files],
            **dict.fromkeys(("landed", "accepted", "quarantined", "duplicates"), nothing),
            "problem": [None] * len(files),
        }
        lake.write(LANDINGS, day, account)
        lake.write(GATES, day, {name: [] for name in GATES.names})


def tick(folder: DataFolder, time: str) -> dg.RunRequest | dg.SkipReason:
    """What the schedule says when it is evaluated at a time."""
    schedule = build_definitions(folder).get_repository_def().get_schedule_def("nightly__pets__schedule")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=datetime.fromisoformat(time))
        said = schedule.evaluate_tick(context)
    return said.run_requests[0] if said.run_requests else dg.SkipReason(said.skip_message)


def look(folder: DataFolder) -> dg.RunRequest | dg.SkipReason:
    """What the landing sensor says now."""
    sensor = build_definitions(folder).get_repository_def().get_sensor_def("nightly__pets__landing")
    with dg.DagsterInstance.ephemeral() as instance:
        said = sensor.evaluate_tick(dg.build_sensor_context(instance))
    return said.run_requests[0] if said.run_requests else dg.SkipReason(said.skip_message)


def days(said: dg.RunRequest | dg.SkipReason) -> tuple[str, str]:
    assert isinstance(said, dg.RunRequest), said
    assert said.run_config == RUN_CONFIG, "a log collector gets Dagster's events instead of the night's lines"
    return said.tags[START], said.tags[END]


# The schedule


def test_the_first_night_runs_the_first_day(house: DataFolder) -> None:
    """Loss: a new project that waits for a second day shows nothing on the first morning."""
    assert days(tick(house, "2026-10-06T02:30+02:00")) == ("2026-10-05", "2026-10-05")


def test_every_night_runs_the_day_before(house: DataFolder) -> None:
    """Loss: a night that computes the day that has just begun publishes half of it."""
    compute(house, D1, D2)
    assert days(tick(house, "2026-10-08T02:30+02:00")) == ("2026-10-07", "2026-10-07")


def test_missed_nights_are_made_up_for(house: DataFolder) -> None:
    """Loss: a weekend with the machine off would leave days that no later night can do without."""
    compute(house, D1)
    assert days(tick(house, "2026-10-12T02:30+02:00")) == ("2026-10-06", "2026-10-11")


def test_a_night_already_computed_is_computed_again(house: DataFolder) -> None:
    """Loss: what landed after someone ran the day by hand would wait for ever."""
    compute(house, D1, D2, D3)
    assert days(tick(house, "2026-10-08T02:30+02:00")) == ("2026-10-07", "2026-10-07")


def test_before_its_start_a_project_rests(house: DataFolder) -> None:
    """Loss: a failing run a night until the project begins, and nobody reads failures any more."""
    said = tick(house, "2026-10-05T02:30+02:00")
    assert isinstance(said, dg.SkipReason)
    assert said.skip_message == "project pets starts on 2026-10-05"


def test_an_ended_project_is_finished_and_rests(house: DataFolder) -> None:
    """Loss: the last days of a project are lost, or are run again every night for ever."""
    path = house.project_file("pets")
    write(path, path.read_text() + "end: 2026-10-06\n")
    compute(house, D1)
    assert days(tick(house, "2026-10-07T02:30+02:00")) == ("2026-10-06", "2026-10-06")
    assert days(tick(house, "2026-10-20T02:30+02:00")) == ("2026-10-06", "2026-10-06")
    compute(house, D2)
    assert days(tick(house, "2026-10-07T02:30+02:00")) == ("2026-10-06", "2026-10-06")
    said = tick(house, "2026-10-08T02:30+02:00")
    assert isinstance(said, dg.SkipReason)
    assert said.skip_message == "project pets ended on 2026-10-06, and all its days were run"


def test_a_hole_before_the_end_is_filled(house: DataFolder) -> None:
    """Loss: a project whose last day was run but not all before it would rest with a hole."""
    path = house.project_file("pets")
    write(path, path.read_text() + "end: 2026-10-07\n")
    compute(house, D1, D3)
    assert days(tick(house, "2026-10-20T02:30+02:00")) == ("2026-10-06", "2026-10-07")


@pytest.mark.parametrize(("year", "change"), [(2026, "10-25"), (2027, "03-28")])
def test_nights_on_which_clocks_change(house: DataFolder, year: int, change: str) -> None:
    """Loss: half past two comes twice in October and never in March: a day computed twice, or not at all."""
    eve = datetime.fromisoformat(f"{year}-{change}T00:00+00:00") - timedelta(days=1)
    times = list(islice(schedule_execution_time_iterator(eve.timestamp(), "30 2 * * *", "Europe/Berlin"), 3))
    ends = [days(tick(house, time.isoformat()))[1] for time in times]
    assert ends == [str(eve.date() + timedelta(days=k)) for k in (-1, 0, 1)]


def test_a_tick_in_utc_is_the_night_of_the_timezone(house: DataFolder) -> None:
    """Loss: east of Greenwich the night falls on the day before in UTC: every day would be run a day late."""
    assert days(tick(house, "2026-10-06T00:30+00:00")) == ("2026-10-05", "2026-10-05")
    assert days(tick(house, "2026-10-06T22:30+00:00")) == ("2026-10-05", "2026-10-06")


# The sensor


def test_nothing_new_starts_nothing(house: DataFolder, at: At) -> None:
    """Loss: a sensor that runs every minute for nothing hides the one run that matters."""
    compute(house, D1, D2, D3)
    at("2026-10-08T12:00+02:00")
    said = look(house)
    assert isinstance(said, dg.SkipReason)
    assert said.skip_message == "nothing landed in a day that is over"


def test_a_late_file_runs_its_day_and_all_after(house: DataFolder, at: At) -> None:
    """Loss: a file that lands in a day that is over would never be seen."""
    compute(house, D1, D2, D3)
    at("2026-10-08T12:00+02:00")
    put(house, D2, "late.csv", "x")
    assert days(look(house)) == ("2026-10-06", "2026-10-07")


def test_asked_once_for_each_change(house: DataFolder, at: At) -> None:
    """Loss: the same late file would start a run a minute; a second one must start another."""
    compute(house, D1, D2, D3)
    at("2026-10-08T12:00+02:00")
    put(house, D2, "late.csv", "x")
    first, again = look(house), look(house)
    put(house, D2, "later.csv", "x")
    second = look(house)
    keys = [said.run_key for said in (first, again, second) if isinstance(said, dg.RunRequest)]
    assert keys[0] == keys[1] != keys[2]


def test_todays_files_wait_for_the_night(house: DataFolder, at: At) -> None:
    """Loss: a day computed while it lasts is computed after every file, and published half."""
    compute(house, D1, D2)
    at("2026-10-07T23:59+02:00")
    assert isinstance(look(house), dg.SkipReason)


def test_last_night_is_the_schedules(house: DataFolder, at: At) -> None:
    """Loss: from midnight on, before the tools have delivered all, every night would be run twice."""
    compute(house, D1, D2)
    at("2026-10-08T00:01+02:00")
    assert isinstance(look(house), dg.SkipReason)
    compute(house, D3)
    assert isinstance(look(house), dg.SkipReason)
    put(house, D3, "late.csv", "x")
    assert days(look(house)) == ("2026-10-07", "2026-10-07")


def test_days_nobody_ever_ran_are_run_from_the_first(house: DataFolder, at: At) -> None:
    """Loss: days that landed before the project was scheduled would wait for the next night, or be left out."""
    at("2026-10-20T12:00+02:00")
    assert days(look(house)) == ("2026-10-05", "2026-10-19")


def test_folders_outside_the_project_are_passed_over(house: DataFolder, at: At) -> None:
    """Loss: a file before the project's start would ask for days that do not exist."""
    compute(house, D1, D2, D3)
    at("2026-10-08T12:00+02:00")
    put(house, date(2026, 10, 1), "early.csv", "x")
    write(house.landing("pets") / "notes" / "x.txt", "x")
    write(house.landing("pets") / "2026-13-45" / "crowd" / "x.csv", "x")
    assert isinstance(look(house), dg.SkipReason)


def test_a_file_swapped_for_another_is_a_change(house: DataFolder, at: At) -> None:
    """Loss: a file mended in place, against the rule, would differ from what was computed and nobody would know."""
    compute(house, D1, D2, D3)
    at("2026-10-08T12:00+02:00")
    path = next(house.landing("pets", D1).rglob("answers.csv"))
    content = path.read_text()
    path.write_text(content + "i00,q,cat,2026-10-05T10:00:00,1\n")
    assert days(look(house)) == ("2026-10-05", "2026-10-07")
    os.truncate(path, len(content))
    assert isinstance(look(house), dg.SkipReason)


def test_a_real_night_leaves_the_sensor_at_rest(house: DataFolder, at: At) -> None:
    """Loss: an account of landing that the sensor reads otherwise would start runs for ever."""
    put(house, D1, "broken.csv", "item_id\n")
    put(house, D1, ".hidden.csv", "x")
    assert run(
        house, D1, D3, only=["annotation_events", "items", "quarantine", "landings", "landed_predictions", "logins"]
    ).success
    at("2026-10-08T12:00+02:00")
    assert isinstance(look(house), dg.SkipReason)
