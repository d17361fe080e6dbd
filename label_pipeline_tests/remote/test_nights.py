"""Real nights on a bucket: killed around the commit, read while they run, run again, and equal to those on a disk.

The bucket is behind a proxy of the test, which sees every request and kills the night where it is told to.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from benchmarks.crash import DAYS, child, ended, landed, seen
from label_pipeline import remote
from label_pipeline.commands.home import DAGSTER_YAML
from label_pipeline.errors import UserError
from label_pipeline.locks import HeldError
from label_pipeline.orchestration.build import build_definitions
from label_pipeline.orchestration.triggers import RANGE_START, job_name, range_tags
from label_pipeline.publish.load import load_training_set
from label_pipeline.remote import tree as trees
from label_pipeline.remote.lease import leased
from label_pipeline.remote.store import Store
from label_pipeline_tests.orchestration.postgres import postgres
from label_pipeline_tests.orchestration.runs import D1, ITEMS, PETS, SEEDS, answers, write
from label_pipeline_tests.orchestration.servers import until
from label_pipeline_tests.remote.conftest import elsewhere
from label_pipeline_tests.remote.server import Proxy, Request, environment, proxy

pytestmark = pytest.mark.slow(seconds=45)
MANIFEST = "/state/pets/manifest.json"
ENVIRONMENT = threading.Lock()
SAMPLE = Path(__file__).parents[2] / "data"


def nightly(project: str, data: str, days: tuple[str, ...] = DAYS) -> list[str]:
    return ["nightly", "--project", project, "--data", data, "--from", days[0], "--to", days[-1]]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the nights of the tiny project give on a disk, run in one go."""
    place = tmp_path_factory.mktemp("local")
    landed(place / "data")
    code = ended(child(nightly("pets", str(place / "data")), place / "data", place / "log"))
    assert code == 0, (place / "log").read_text()
    return seen(place / "data")


def upload(folder: Path, store: Store) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.put(path.relative_to(folder).as_posix(), path)


@contextmanager
def machine(address: str, cache: Path) -> Iterator[None]:
    """What is started meanwhile runs on a machine of its own: another cache, another way to the bucket."""
    with ENVIRONMENT, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(address, str(cache)).items():
            patch.setenv(name, value)
        yield


def index(store: Store) -> dict[str, str]:
    """The page over all projects, which is no project's state and lies in the bucket beside."""
    page = store.get("reports/index.html")
    assert page is not None
    return {"reports/index.html": hashlib.sha256(page[0]).hexdigest()}


class Reader(threading.Thread):
    """Somebody on another machine, who reads the project all the time and keeps what was seen."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.states: dict[str, dict[str, str]] = {}  # by commit
        self.versions: set[str] = set()
        self.ended = threading.Event()
        self.faults: list[BaseException] = []

    def run(self) -> None:
        try:
            with elsewhere(self.url) as tree:
                while not self.ended.is_set():
                    tree.refresh("pets")
                    commit = tree._known["pets"].manifest.commit
                    if commit not in self.states:
                        self.states[commit] = seen(tree.folder.root)
                    with ENVIRONMENT, suppress(Unpublished):
                        self.versions.add(published(self.url))
                    self.ended.wait(0.1)
        except BaseException as error:
            self.faults.append(error)


class Unpublished(Exception):  # noqa: N818
    """Nothing is published yet."""


def published(url: str) -> str:
    try:
        return load_training_set("pets", data=url).version
    except UserError as error:
        if "has published nothing" in str(error) or "no night was good enough" in str(error):
            raise Unpublished from None
        raise


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_night_killed_around_its_commit(
    when: str, url: str, server: str, store: Store, tmp_path: Path, local: dict[str, str]
) -> None:
    """Loss: half a night in the bucket, or two of them mixed, for whoever reads; a night that a kill ends for good."""
    landed(tmp_path / "landed")
    upload(tmp_path / "landed", store)
    reader = Reader(url)
    with proxy(server) as way:
        with machine(way.address, tmp_path / "machine"):
            process = child(nightly("pets", url), tmp_path, tmp_path / "log")

        def commit(request: Request) -> bool:
            return request.method == "PUT" and request.key.endswith(MANIFEST)

        def before(request: Request) -> None:
            if commit(request):
                with pytest.raises(HeldError, match=f"nightly, process {process.pid} on"), leased(store, "pets", "me"):
                    pass
                if when == "before":
                    process.kill()

        way.before, way.fault = before, lambda r: ("drop" if when == "before" else "lost") if commit(r) else ""
        way.after = lambda r: process.kill() if commit(r) else None
        reader.start()
        assert ended(process) == -9, (tmp_path / "log").read_text()
        assert (store.get("state/pets/manifest.json") is None) == (when == "before")
        assert store.get("published/pets/LATEST") is None  # of a plain copy it had not come to
        flaky(way)
        again = from_command_line if when == "before" else from_dagster
        assert again(way.address, url, tmp_path) == 0, (tmp_path / "log").read_text()
        assert way.faults > 10 or when == "after"  # where most of it is there already, there is little to ask
    until("the reader has seen the end", lambda: local["published/pets/LATEST"] in str(reader.states), 60)
    reader.ended.set()
    reader.join()
    assert not reader.faults
    states = [state for state in reader.states.values() if state]
    assert all(state | index(store) == local for state in states), [sorted(state)[:5] for state in states]
    newest = max(key.split("/")[2] for key in local if key.startswith("published/pets/20"))
    assert reader.versions <= {newest}
    with elsewhere(url) as other:
        other.refresh("pets")
        assert seen(other.folder.root) | index(store) == local
    assert load_training_set("pets", data=url).version == newest
    with leased(store, "pets", "nobody is left"):
        pass


def from_command_line(address: str, url: str, place: Path) -> int:
    with machine(address, place / "machine"):
        process = child(nightly("pets", url), place, place / "log")
    return ended(process)


def from_dagster(address: str, url: str, place: Path) -> int:
    """The same as a run of the UI does it: a process of Dagster that loads the definitions and their executor."""
    write(place / "home" / "dagster.yaml", DAGSTER_YAML)
    tags = json.dumps(range_tags(date.fromisoformat(DAYS[0]), date.fromisoformat(DAYS[-1])))
    command = [str(Path(sys.executable).with_name("dagster")), "job", "execute", "-m", "label_pipeline.definitions"]
    with machine(address, place / "machine"):
        environ = os.environ | {"LABEL_PIPELINE_DATA": url, "DAGSTER_HOME": str(place / "home")}
    with (place / "log").open("wb") as log:
        return subprocess.run([*command, "-j", job_name("pets"), "--tags", tags], env=environ, stderr=log).returncode


def flaky(way: Proxy) -> None:
    """From now on one request in ten meets a fault, the same ones each time."""
    chance = random.Random(7)
    way.before = way.after = lambda _: None
    way.faults = 0

    def fault(_: Request) -> str:
        if chance.random() < 0.9:
            return ""
        way.faults += 1
        return chance.choice(["500", "503", "cut", "drop", "lost"])

    way.fault = fault


def test_a_tick_of_the_ui_sees_what_landed(url: str, store: Store) -> None:
    """Loss: a daemon that works for ever on the bucket as it was when the daemon was started."""
    store.put("projects/pets/project.yaml", PETS.encode())
    store.put("projects/pets/gold/seeds.csv", SEEDS.encode())
    sensor = build_definitions(remote.folder_of(url)).get_sensor_def(f"{job_name('pets')}__landing")
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance=instance) as context:
        assert isinstance(sensor(context), dg.SkipReason)
        store.put("landing/pets/2026-10-05/crowd/answers.csv", answers(ITEMS[:4], D1).encode())
        asked = sensor(context)
    assert isinstance(asked, dg.RunRequest)
    assert asked.tags[RANGE_START] == "2026-10-05"


@pytest.mark.slow(seconds=60)
def test_the_sample_project_end_to_end(url: str, server: str, store: Store, tmp_path: Path) -> None:
    """Loss: bucket and Postgres each work, a real project on both does not; a kill that needs a hand."""
    pytest.importorskip("dagster_postgres")
    days = ("2026-10-05", "2026-10-06")
    data = tmp_path / "data"
    shutil.copytree(SAMPLE / "projects" / "sample", data / "projects" / "sample")
    for day in days:
        shutil.copytree(SAMPLE / "landing" / "sample" / day, data / "landing" / "sample" / day)
    upload(data, store)
    code = ended(child(nightly("sample", str(data), days), data, tmp_path / "log"))
    assert code == 0, (tmp_path / "log").read_text()
    home = tmp_path / "home"
    with postgres(tmp_path) as postgres_url, pytest.MonkeyPatch.context() as patch:
        write(home / "dagster.yaml", f"{DAGSTER_YAML}storage: {{postgres: {{postgres_url: '{postgres_url}'}}}}\n")
        patch.setenv("DAGSTER_HOME", str(home))
        with machine(server, tmp_path / "machine"):
            process = child(nightly("sample", url, days), tmp_path, tmp_path / "log")
            part = f"*/copies/*/lake/consensus_labels/project=sample/day={days[0]}/*.parquet"
            until("labels are there", lambda: list((tmp_path / "machine").glob(part)), 300, 0.02)
            process.kill()
            assert ended(process) == -9, (tmp_path / "log").read_text()
            assert store.get("state/sample/manifest.json") is None
            code = ended(child(nightly("sample", url, days), tmp_path, tmp_path / "log"))
        assert code == 0, (tmp_path / "log").read_text()
        with dg.DagsterInstance.from_config(str(home)) as instance:
            assert [run.status.value for run in instance.get_runs()] == ["SUCCESS", "FAILURE"]
    with elsewhere(url) as other:
        other.refresh("sample")
        assert seen(other.folder.root) | index(store) == seen(data)
    training = load_training_set("sample", days[-1], data=url)
    mine = load_training_set("sample", data=data)
    assert training.version == mine.version
    assert training.arrow("train").equals(mine.arrow("train"))
    assert training.path.is_relative_to(os.environ["LABEL_PIPELINE_CACHE"])
    assert date.fromisoformat(training.version[:10]) == date.fromisoformat(days[-1])
    assert not trees._open
