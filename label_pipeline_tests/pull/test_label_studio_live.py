"""The round trip against a real Label Studio: 500 tasks, five people, and everything that happens between two pulls."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from label_pipeline.pull import run as pull_run
from label_pipeline_tests.ingest.house import House
from label_pipeline_tests.pull.lakes import expected, lake, landed_on, pull, pulling
from label_pipeline_tests.pull.live import Faulty, Studio, result, studio

pytestmark = pytest.mark.slow(seconds=40)
TASKS = 500


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio(tmp_path_factory.mktemp("label-studio")) as running:
        yield running


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch, server: Studio) -> None:
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", server.token)


def tasks(first: int, last: int) -> list[dict[str, object]]:
    return [{"data": {"item_id": f"item-{k}", "text": f"Grüße Nr. {k}"}} for k in range(first, last)]


def same(house: House, server: Studio, project: int, deleted: int) -> None:
    """The lake is what a person would export, and knows how many annotations were deleted."""
    living, gone = lake(house)
    assert living == expected(server.truth(project))
    assert len(gone) == deleted


def command(house: House, url: str, project: int) -> list[str]:
    """The command line that pulls, with a project file of its own."""
    house.folder.project("p").mkdir(parents=True, exist_ok=True)
    house.folder.project_file("p").write_text(
        "project: p\nstart: 2026-10-01\nlabels: {classes: [a, b]}\nsources:\n  s: {format: label_studio_json, "
        f'label: tone, pull: {{url: "{url}", project: {project}, page_size: 50, timeout_s: 20}}}}\n'
    )
    return [sys.executable, "-m", "label_pipeline.cli", "pull", "p", "--data", str(house.folder.root)]


def killed(faulty: Faulty, arguments: list[str], question: int) -> None:
    """A pull that is killed while the server answers its n-th question."""
    started: list[subprocess.Popen[bytes]] = []
    faulty.faults = ["ok"] * (question - 1) + [lambda: os.kill(started[0].pid, signal.SIGKILL)]
    started.append(subprocess.Popen(arguments, stdout=subprocess.DEVNULL))
    assert started[0].wait(120) == -signal.SIGKILL


def finished(faulty: Faulty, arguments: list[str], faults: list[str]) -> str:
    """What a pull says that meets some faults on its way."""
    faulty.faults = [*faults]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_round_trip(tmp_path: Path, server: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: what the tool really does at an edit, a skip or a deletion is in no documentation."""
    chance = random.Random(4)
    project = server.project("round trip")
    people = server.people("ada", "ben", "cem", "dana", "eli")
    server.ask("POST", f"/api/projects/{project}/import", tasks(0, TASKS))
    ids = [task["id"] for task in server.export(project)]
    assert len(ids) == TASKS
    made = {
        k: server.annotate(task, people[k % 5], chance.choice(["a", "b", None])) for k, task in enumerate(ids[:300])
    }
    for k, task in enumerate(ids[:60]):
        server.annotate(task, people[(k + 1) % 5], chance.choice("ab"))

    with Faulty(server).running() as faulty:
        house = pulling(tmp_path, faulty.url, project=project, more=", page_size: 50")
        arguments = command(house, faulty.url, project)
        for question in (1, 2, 5):
            killed(faulty, arguments, question)
        said = finished(faulty, arguments, ["ok", "500", "cut", "ok", "drop", "503", "html"])
        assert said.startswith(f"Source 's': {TASKS} tasks on the server, ")
        same(house, server, project, deleted=0)

        # The next day, with everything in between that a tool can do.
        tomorrow = landed_on(house) + timedelta(days=1)
        for k in range(30):
            server.ask("PATCH", f"/api/annotations/{made[k]}/", {"result": result("b"), "was_cancelled": False})
        for k in range(30, 40):
            server.ask("PATCH", f"/api/annotations/{made[k]}/", {"result": [], "was_cancelled": True})
        for k in range(60, 70):
            server.ask("DELETE", f"/api/annotations/{made[k]}/")
        server.ask("POST", f"/api/annotations/{made[70]}/convert-to-draft", {})
        server.action("delete_tasks_annotations", project, ids[71:81])
        server.action("delete_tasks", project, ids[81:86])
        server.ask("DELETE", f"/api/tasks/{ids[86]}/")
        server.ask("PATCH", f"/api/tasks/{ids[90]}/", {"meta": {"batch_id": "b2"}})
        server.ask("POST", f"/api/tasks/{ids[400]}/drafts", {"result": result("a"), "lead_time": 1})
        server.ask("POST", f"/api/projects/{project}/import", tasks(TASKS, TASKS + 20))
        fresh = [task["id"] for task in server.export(project)][-20:]
        for k, task in enumerate(fresh):
            server.annotate(task, people[k % 5], "a")
        monkeypatch.setattr(pull_run, "today", lambda timezone: tomorrow)
        for faults in (["ok", "500"], ["ok", "ok", "drop", "cut"]):
            faulty.faults = [*faults]
            pull(house)
        same(house, server, project, deleted=27)

        # Once more on the same day: killed, then undone and done again, with a timeout on the way.
        for k in range(100, 140):
            server.ask("PATCH", f"/api/annotations/{made[k]}/", {"result": result("a"), "was_cancelled": False})
        server.ask("DELETE", f"/api/annotations/{made[140]}/")
        killed(faulty, arguments, 2)
        server.annotate(ids[141], people[0], "b")
        faulty.silence = 25.0
        finished(faulty, arguments, ["silent"])
        # The command landed on the real today: its day is ingested again before the next one.
        monkeypatch.setattr(pull_run, "today", lambda timezone: tomorrow - timedelta(days=1))
        lake(house)
        monkeypatch.setattr(pull_run, "today", lambda timezone: tomorrow)
        same(house, server, project, deleted=28)


def test_annotations_that_move_to_another_task(tmp_path: Path, server: Studio) -> None:
    """Loss: the tool's own removal of duplicates moves annotations without dating it, and deletes where they were."""
    project = server.project("duplicates")
    (who,) = server.people("fay")
    twins = tasks(0, 6)
    server.ask("POST", f"/api/projects/{project}/import", [*twins, *twins])
    ids = [task["id"] for task in server.export(project)]
    for task in (*ids[:3], *ids[6:9]):
        server.annotate(task, who, "a")
    house = pulling(tmp_path, server.url, project=project)
    pull(house)
    same(house, server, project, deleted=0)
    server.action("remove_duplicates", project, ids)
    assert len(server.export(project)) == 6
    pull(house)
    same(house, server, project, deleted=0)


def test_a_personal_access_token(tmp_path: Path, server: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: new installations know no other tokens."""
    project = server.project("new tokens")
    server.ask("POST", f"/api/projects/{project}/import", tasks(0, 3))
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", server.ask("POST", "/api/token/", {})["token"])
    assert pull(pulling(tmp_path, server.url, project=project)).landed == 3
