"""The Dagster UI with its daemon, for real: what people click, and what happens when a run is killed.

The tests build on each other, in their order: one start of the servers, one story.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from label_pipeline.contracts.tables import GATES, LANDINGS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.publish.load import load_training_set
from label_pipeline_tests.orchestration.runs import D1, D2, D3, mart, put, state, write
from label_pipeline_tests.orchestration.servers import Servers, ui, until
from label_pipeline_tests.orchestration.test_definitions import ASSETS

pytestmark = pytest.mark.slow(seconds=40)

DAYS = [str(day) for day in (D1, D2, D3)]
FREE_SECONDS, POLL_SECONDS = 30, 10  # as home.DAGSTER_YAML says
RUN_SECONDS = 300.0
SENSOR = "nightly__sample__landing"

WORKSPACE = """
{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
    ... on PythonError { message }
    ... on RepositoryLocation { repositories {
        assetNodes { assetKey { path } }
        schedules { name executionTimezone scheduleState { status } }
        sensors { name sensorState { id status } }
    } } } } } } }
"""
BACKFILL = """
mutation ($wanted: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $wanted) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
BACKFILL_STATE = """
query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status error { message } } } }
"""
START = "mutation ($it: SensorSelector!) { startSensor(sensorSelector: $it) { __typename } }"
STOP = "mutation ($it: String!) { stopSensor(id: $it) { __typename } }"


@pytest.fixture(scope="module")
def servers(simulated: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The UI of the simulated project, cut to three days."""
    folder = DataFolder(tmp_path_factory.mktemp("served"))
    shutil.copytree(simulated.root, folder.root, dirs_exist_ok=True)
    path = folder.project_file("sample")
    write(path, path.read_text().replace("end: 2026-10-11", f"end: {D3}"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", "")
        with ui(folder) as servers:
            yield servers


def repository(servers: Servers) -> Any:
    [location] = servers.graphql(WORKSPACE)["workspaceOrError"]["locationEntries"]
    assert location["loadStatus"] == "LOADED"
    [repository] = location["locationOrLoadError"]["repositories"]
    return repository


def backfill(servers: Servers) -> str:
    """Launch a backfill of all assets over the three days, as the UI's button does; returns its id."""
    wanted = {
        "assetSelection": [{"path": ["sample", name]} for name in sorted(ASSETS)],
        "partitionNames": DAYS,
        "tags": [],
    }
    launched = servers.graphql(BACKFILL, wanted=wanted)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def ended(servers: Servers, backfill_id: str) -> str:
    """The status of a backfill once it is no longer under way."""
    state = servers.graphql(BACKFILL_STATE, id=backfill_id)["partitionBackfillOrError"]
    return "" if state["status"] in ("REQUESTED", "COMPLETING", "CANCELING", "FAILING") else str(state["status"])


def runs_of(servers: Servers, backfill_id: str) -> list[dg.DagsterRun]:
    with servers.instance() as instance:
        return list(instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill_id})))


def test_the_ui_shows_the_project_and_its_triggers_running(servers: Servers) -> None:
    """Loss: a UI that opens empty, or with a schedule that somebody must first switch on."""
    found = repository(servers)
    assert {tuple(node["assetKey"]["path"]) for node in found["assetNodes"]} == {("sample", name) for name in ASSETS}
    assert [(s["name"], s["executionTimezone"], s["scheduleState"]["status"]) for s in found["schedules"]] == [
        ("nightly__sample__schedule", "Europe/Berlin", "RUNNING")
    ]
    assert {s["name"]: s["sensorState"]["status"] for s in found["sensors"]} == {
        "standing__sample": "RUNNING",
        "killed_runs": "RUNNING",
        SENSOR: "RUNNING",
    }


def test_what_had_landed_is_run_by_itself(servers: Servers) -> None:
    """Loss: days that landed while the machine was off wait for somebody to notice."""
    run = by_sensor(servers, 1)
    assert days(run) == (DAYS[0], DAYS[-1])
    assert load_training_set("sample", data=servers.folder.root).version.startswith(str(D3))


def by_sensor(servers: Servers, n: int) -> dg.DagsterRun:
    """The `n`th run that the landing sensor asked for, once it succeeded; the sensor is off afterwards."""
    with servers.instance() as instance:
        asked = dg.RunsFilter(tags={"dagster/sensor_name": SENSOR})
        until(f"the sensor asks for run {n}", lambda: len(instance.get_runs(asked)) == n, 180)
        [state] = [s["sensorState"] for s in repository(servers)["sensors"] if s["name"] == SENSOR]
        servers.graphql(STOP, it=state["id"])
        run = instance.get_runs(asked)[0]
        until("the run succeeds", lambda: status(instance, run.run_id) == "SUCCESS", RUN_SECONDS)
        return run


def days(run: dg.DagsterRun) -> tuple[str, str]:
    return run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"]


def test_a_backfill_of_three_days_is_one_run_from_nothing(servers: Servers) -> None:
    """Loss: a run a day pays every import again and may walk the days out of order."""
    before = state(servers.folder)
    for part in ("lake", "marts", "published", "reports"):
        shutil.rmtree(servers.folder.root / part)
    started = time.monotonic()
    backfill_id = backfill(servers)
    assert until("the backfill ends", lambda: ended(servers, backfill_id), RUN_SECONDS) == "COMPLETED_SUCCESS"
    print(f"three-day backfill through the UI: {time.monotonic() - started:.1f} s")
    [run] = runs_of(servers, backfill_id)
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert days(run) == (DAYS[0], DAYS[-1])
    assert state(servers.folder) == before
    assert Lake(servers.folder, "sample").days(GATES) == [D1, D2, D3]
    tables = mart(servers.folder.mart("sample"))
    assert {row[0] for row in tables["kpis"]} == {D1, D2, D3}
    assert {row[0] for row in tables["consensus_labels"]} == {D3}
    assert load_training_set("sample", data=servers.folder.root).version.startswith(str(D3))
    with servers.instance() as instance:
        for name in sorted(ASSETS):
            made = instance.get_materialized_partitions(dg.AssetKey(["sample", name]))
            assert made == set(DAYS), name


def test_a_killed_run_gives_its_slot_back_and_is_run_again(servers: Servers) -> None:
    """Loss: one killed process, and every night after it waits for a slot that nobody gives back."""
    backfill_id = backfill(servers)
    with servers.instance() as instance:
        storage = instance.event_log_storage

        def holder() -> str:
            return next((slot.run_id for slot in storage.get_concurrency_info("project_sample").claimed_slots), "")

        run_id = until("a step holds the slot", holder, RUN_SECONDS, 0.05)
        pid = next(pid for pid in pids(instance, run_id) if pid in servers.processes())
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        until("the killed run is told as failed", lambda: status(instance, run_id) == "FAILURE", 120)
        print(f"told as failed after {time.monotonic() - killed:.1f} s")
        until("its slot is free", lambda: holder() != run_id, FREE_SECONDS + POLL_SECONDS + 60)
        freed = time.monotonic() - killed
        print(f"slot free after {freed:.1f} s")
        assert freed < FREE_SECONDS + 2 * POLL_SECONDS + 20
        assert until("the backfill ends", lambda: ended(servers, backfill_id), RUN_SECONDS) == "COMPLETED_SUCCESS"
        print(f"run again to its end {time.monotonic() - killed:.1f} s after the kill")
        again = [run for run in runs_of(servers, backfill_id) if run.run_id != run_id]
        assert [run.status for run in again] == [dg.DagsterRunStatus.SUCCESS]
        assert again[0].parent_run_id == run_id


def pids(instance: dg.DagsterInstance, run_id: str) -> list[int]:
    """The processes a run named as its own."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    told = [e.dagster_event.engine_event_data.metadata for e in entries if e.dagster_event]
    return [int(str(metadata["pid"].value)) for metadata in told if "pid" in metadata]


def status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    return run.status.value if run else ""


def test_a_late_file_starts_its_run_by_itself(servers: Servers) -> None:
    """Loss: a delivery into a day that is over is seen by nobody until somebody runs that day by hand."""
    put(
        servers.folder,
        D2,
        "late.csv",
        "row_id,image_id,worker,answer,started_at,finished_at\n",
        project="sample",
        source="vendor",
    )
    selector = {
        "repositoryName": "__repository__",
        "repositoryLocationName": servers.graphql(WORKSPACE)["workspaceOrError"]["locationEntries"][0]["name"],
        "sensorName": SENSOR,
    }
    assert servers.graphql(START, it=selector)["startSensor"]["__typename"] == "Sensor"
    assert days(by_sensor(servers, 2)) == (DAYS[1], DAYS[2])
    landed = Lake(servers.folder, "sample").read(LANDINGS, D2)["landed_file"].to_pylist()
    assert "vendor/late.csv" in landed


def test_ending_the_ui_leaves_no_process(servers: Servers) -> None:
    """Loss: a daemon that outlives its UI runs a second time beside the next one, and every night runs twice."""
    servers.process.send_signal(signal.SIGTERM)
    assert servers.process.wait(timeout=60) == 0
    until("all processes are gone", lambda: not servers.processes(), 60)
