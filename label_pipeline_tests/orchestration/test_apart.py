"""Code server, webserver and daemon as three services, Dagster's storage in Postgres, nights of four projects at once.

What each project leaves has to be what it leaves alone, and nobody may wait for another's night.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from label_pipeline.commands.home import DAGSTER_YAML
from label_pipeline.folders import DataFolder
from label_pipeline.locks import holder_of
from label_pipeline.orchestration.running import HOST
from label_pipeline.orchestration.triggers import job_name, range_tags
from label_pipeline.publish.load import load_training_set
from label_pipeline_tests.orchestration.postgres import postgres
from label_pipeline_tests.orchestration.runs import D1, ITEMS, PETS, SEEDS, answers, mart, put, run, state, write
from label_pipeline_tests.orchestration.servers import Servers, apart, code_server, until

pytestmark = pytest.mark.slow(seconds=90)

PROJECTS = ("ants", "bees", "cats", "dogs")
SECONDS = 600.0
LAUNCH = """
mutation ($wanted: ExecutionParams!) { launchRun(executionParams: $wanted) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
    ... on PythonError { message }
    ... on RepositoryLocation { repositories { name jobs { name } } } } } } } }
"""


def projects(folder: DataFolder) -> DataFolder:
    """Four projects of one landed day, each with a mistake of its own."""
    for k, name in enumerate(PROJECTS):
        text = PETS.replace("project: pets", f"project: {name}").replace("start: 2026-10-05", f"start: {D1}\nend: {D1}")
        write(folder.project_file(name), text)
        write(folder.project(name) / "gold" / "seeds.csv", SEEDS)
        put(folder, D1, "answers.csv", answers(ITEMS[:8], D1, wrong=[f"a{ITEMS[k]}"]), project=name)
    return folder


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The three services over four projects none of which was ever run."""
    pytest.importorskip("dagster_postgres")
    place = tmp_path_factory.mktemp("apart")
    folder = projects(DataFolder(place / "data"))
    with postgres(place) as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(place / "home"))
        environment.setenv("STORAGE", url)
        write(place / "home" / "dagster.yaml", DAGSTER_YAML + "storage: {postgres: {postgres_url: {env: STORAGE}}}\n")
        with apart(folder) as servers:
            yield servers


def launch(servers: Servers, project: str) -> str:
    """Launch a project's night as the UI does; returns the run's id."""
    selector = {
        "repositoryLocationName": "label_pipeline",
        "repositoryName": "__repository__",
        "jobName": job_name(project),
    }
    tags = [{"key": key, "value": value} for key, value in range_tags(D1, D1).items()]
    wanted = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": tags}}
    launched = servers.graphql(LAUNCH, wanted=wanted)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


def nightly(project: str, folder: DataFolder) -> subprocess.Popen[str]:
    """The command line's night of the day, in a process of its own."""
    call = ["nightly", "--project", project, "--day", str(D1), "--data", str(folder.root)]
    command = [sys.executable, "-m", "label_pipeline.cli", *call]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(servers: Servers, run_id: str) -> str:
    status = str(servers.graphql(STATUS, id=run_id)["runOrError"]["status"])
    return status if status in ("SUCCESS", "FAILURE", "CANCELED") else ""


def said(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What a run's engine events say."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    return [str(entry.dagster_event and entry.dagster_event.message) for entry in entries]


def loaded(servers: Servers) -> set[str]:
    """The jobs of the one code location; none while it is not there."""
    [location] = servers.graphql(LOCATIONS)["workspaceOrError"]["locationEntries"]
    assert location["name"] == "label_pipeline"
    repositories = (location["locationOrLoadError"] or {}).get("repositories", [])
    return {job["name"] for repository in repositories for job in repository["jobs"]}


def test_the_webserver_has_its_code_from_the_code_server(servers: Servers) -> None:
    """Loss: a webserver that loads the projects itself needs their data and their keys."""
    jobs = until("the code is there", lambda: loaded(servers), 60)
    assert jobs >= {job_name(project) for project in PROJECTS}
    # As the probes of deploy/kubernetes/code.yaml ask.
    code: Any = servers.beside[0]
    with grpc.insecure_channel(f"127.0.0.1:{code.args[-1]}") as channel:
        asked = health_pb2.HealthCheckRequest(service="DagsterApi")
        said = health_pb2_grpc.HealthStub(channel).Check(asked, timeout=10)
    assert said.status == health_pb2.HealthCheckResponse.SERVING
    print(f"three services are well after {servers.seconds['start']:.0f} s")


def test_four_nights_at_once_are_those_of_each_alone(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Loss: a project's night that waits for another's, or a catalogue, pointer or index that one of them overwrote."""
    folder, started = servers.folder, time.monotonic()
    runs = {project: launch(servers, project) for project in PROJECTS[:3]}
    with nightly(PROJECTS[3], folder) as by_hand:
        until("a night holds its project", lambda: holder_of(folder, "ants"), SECONDS, 0.1)
        with nightly("ants", folder) as second:
            _, words = second.communicate(timeout=SECONDS)
        outcome = {p: until("the night ends", lambda i=i: ended(servers, i), SECONDS) for p, i in runs.items()}  # type: ignore[misc]
        told = by_hand.communicate(timeout=SECONDS)
    print(f"four nights at once: {time.monotonic() - started:.0f} s")
    alone = projects(DataFolder(tmp_path_factory.mktemp("alone")))
    for project in PROJECTS:
        night = run(alone, D1, D1, project=project)
        assert night.success, night.failures
    assert set(outcome.values()) == {"SUCCESS"}, outcome
    assert by_hand.returncode == 0, told
    # The same project twice: refused, with who holds it.
    assert second.returncode == 2, words
    assert f"run {runs['ants'][:8]}" in words or f"is on: {runs['ants'][:8]}" in words, words
    assert ", process " in words, words
    with servers.instance() as instance:
        records = {next(iter(r.dagster_run.tags["project"].split())): r for r in instance.get_run_records()}
        assert records.keys() == set(PROJECTS)
        spans = {project: (r.start_time or 0.0, r.end_time or 0.0) for project, r in records.items()}
        assert max(s for s, _ in spans.values()) < min(e for _, e in spans.values()), spans  # all four at one time
        waited = [w for run_id in runs.values() for w in said(instance, run_id) if w.startswith("Waiting")]
        assert waited == []
        assert all(HOST in record.dagster_run.tags for record in records.values())
    assert state(folder) == state(alone)
    index = folder.report_index().read_text()
    for project in PROJECTS:
        assert f'href="{project}/' in index
        assert load_training_set(project, data=folder.root).version.startswith(str(D1))
        assert mart(folder.mart(project))["kpis"] == mart(alone.mart(project))["kpis"]
        assert mart(folder.mart(project))["kpis"]


def test_a_run_whose_code_server_was_killed_is_run_again(servers: Servers) -> None:
    """Loss: with storage in Postgres nobody knows that a run is gone, and its project waits for ever."""
    before = state(servers.folder)
    code: Any = servers.beside[0]
    run_id = launch(servers, "ants")
    until("the night holds its project", lambda: holder_of(servers.folder, "ants"), SECONDS, 0.1)
    others = {servers.process.pid, servers.beside[1].pid}
    for pid in set(servers.processes()) - others:  # as when its container is stopped
        os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    code.wait(30)
    servers.beside[0] = code_server(servers.folder, int(code.args[-1]))
    assert until("the killed run is told", lambda: ended(servers, run_id), 180) == "FAILURE"
    print(f"told after {time.monotonic() - killed:.0f} s")
    with servers.instance() as instance:
        again = dg.RunsFilter(tags={"dagster/parent_run_id": run_id})
        [retried] = until("it is asked for again", lambda: instance.get_runs(again), 120)
        assert until("it is run again", lambda: ended(servers, retried.run_id), SECONDS) == "SUCCESS"
    print(f"run again to its end {time.monotonic() - killed:.0f} s after the kill")
    assert state(servers.folder) == before
