"""The loop with a real Label Studio: a queue becomes tasks, five people answer them, and the next night has fewer
disputes; pushes that are killed, lost, repeated or at the same time leave every task once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.batches.compose import GOLD_CHECK, NEW, RELABEL
from label_pipeline.batches.payload import KEY
from label_pipeline.clock import today
from label_pipeline.folders import DataFolder
from label_pipeline.privacy.pseudonyms import key, pseudonyms
from label_pipeline_tests.batches.way import AFTER, BEFORE, Way
from label_pipeline_tests.orchestration.runs import partition, put, run, write
from label_pipeline_tests.pull.live import Studio, result, studio

pytestmark = pytest.mark.slow(seconds=60)

DISPUTED = [f"item-{k:03d}" for k in range(70)]
FRESH = [f"item-{k:03d}" for k in range(70, 110)]
CHECKS = [f"item-{k:03d}" for k in range(110, 150)]
EVALUATION = [f"item-{k:03d}" for k in range(150, 160)]
ITEMS = [*DISPUTED, *FRESH, *CHECKS, *EVALUATION]
TRUTH = {item: "ab"[k % 2] for k, item in enumerate(ITEMS)}
OTHER = {"a": "b", "b": "a"}
PROJECT = """\
project: p
start: {start}
labels: {{classes: [a, b]}}
items: {{fields: [text]}}
sources:
  s: {{format: label_studio_json, label: tone, pull: {{url: "{url}", project: {number}, timeout_s: 60, attempts: 4}}}}
  model: {{format: predictions}}
people: {{gold_checks: {{at_least: 0.7, otherwise: exclude}}}}
gold: {{seeds: gold.csv}}
consensus: {{method: majority, accept_at: 0.6, annotations: {{min: 2, max: 5}}}}
queue: {{budget: {{annotations: 260}}}}
batches: {{size: 200, shares: {{new: 0.3, relabel: 0.5, gold: 0.2}}, prelabel: true}}
publish: {{splits: {{train: 0.8, validation: 0.2}}}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio(tmp_path_factory.mktemp("label-studio")) as running:
        yield running


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch, server: Studio) -> None:
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", server.token)


def history() -> str:
    """An export of before: two people who differ on every disputed item, and agree on evaluation gold."""
    tasks = []
    for k, item in enumerate(ITEMS):
        labels = {901: TRUTH[item], 902: OTHER[TRUTH[item]]} if item in DISPUTED else {}
        labels = dict.fromkeys((901, 902), TRUTH[item]) if item in EVALUATION else labels
        answers = [
            {"id": 1_000_000 + 10 * k + n, "completed_by": who, "result": result(label), "was_cancelled": False,
             "updated_at": "2026-01-05T10:00:00Z"}
            for n, (who, label) in enumerate(labels.items())
        ]  # fmt: skip
        tasks.append({"id": k, "data": {"item_id": item, "text": f"Text {k}"}, "annotations": answers})
    return json.dumps(tasks)


def predictions() -> str:
    rows = [{"item_id": i, "a": 0.8 if TRUTH[i] == "a" else 0.3, "b": 0.2 if TRUTH[i] == "a" else 0.7} for i in ITEMS]
    return "".join(json.dumps(row) + "\n" for row in rows)


def house(root: Path, url: str, number: int) -> DataFolder:
    """A project whose history landed yesterday."""
    folder, yesterday = DataFolder(root), today("UTC") - timedelta(days=1)
    write(folder.project_file("p"), PROJECT.format(start=yesterday, url=url, number=number))
    seeds = [f"{i},{TRUTH[i]},{'check' if i in CHECKS else 'evaluation'}" for i in [*CHECKS, *EVALUATION]]
    write(folder.project("p") / "gold.csv", "\n".join(["item_id,label,role", *seeds]) + "\n")
    put(folder, yesterday, "history.json", history(), project="p", source="s")
    put(folder, yesterday, "model.jsonl", predictions(), project="p", source="model")
    return folder


def command(folder: DataFolder, *words: str) -> list[str]:
    return [sys.executable, "-m", "label_pipeline.cli", *words, "--data", str(folder.root)]


def push(folder: DataFolder) -> str:
    """What a push says that ends well."""
    done = subprocess.run(command(folder, "batch", "p", "--push"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def killed(folder: DataFolder, way: Way, posts: int, when: str) -> None:
    """A push that is killed at its n-th POST, before or after the server has done it."""
    started: list[subprocess.Popen[bytes]] = []
    way.faults = [None] * (posts - 1) + [(when, lambda: os.kill(started[0].pid, signal.SIGKILL))]
    started.append(subprocess.Popen(command(folder, "batch", "p", "--push"), stdout=subprocess.DEVNULL))
    assert started[0].wait(300) == -signal.SIGKILL


def keys(server: Studio, number: int) -> list[str]:
    return sorted(task["data"][KEY] for task in server.export(number))


def test_round_trip(tmp_path: Path, server: Studio) -> None:
    """Loss: people label the same task twice, what they answered finds its way back to nothing, or tells gold apart."""
    number, yesterday, now = server.project("loop"), today("UTC") - timedelta(days=1), today("UTC")
    with Way(server.url).open() as way:
        folder = house(tmp_path, way.url, number)
        run(folder, yesterday, yesterday, project="p")
        batch = {row["item_id"]: row for row in partition(folder, "batches", yesterday, "p")}
        assert len(batch) > 100  # more than one POST
        assert set(Counter(row["purpose"] for row in batch.values())) == {NEW, RELABEL, GOLD_CHECK}
        assert not set(batch) & set(EVALUATION)

        killed(folder, way, 1, BEFORE)
        assert keys(server, number) == []
        killed(folder, way, 1, AFTER)
        first = keys(server, number)
        assert len(first) == len(set(first)) == 100
        way.faults = [(AFTER, lambda: None)]  # the server does it, its answer is lost
        assert f"{len(batch) - 100} task(s) created, 100 there before." in push(folder)
        assert f"0 task(s) created, {len(batch)} there before." in push(folder)
        assert len(keys(server, number)) == len(set(keys(server, number))) == len(batch)

        as_they_were_sent(server.export(number), batch)
        five_people_answer(server, number)
        pulled = subprocess.run(command(folder, "pull", "p"), capture_output=True, text=True, check=False)
        assert pulled.returncode == 0, pulled.stderr
        run(folder, now, now, project="p")
    fewer_disputes(folder, batch)


def as_they_were_sent(tasks: list[dict[str, Any]], batch: dict[str, dict[str, Any]]) -> None:
    """Every row is a task with its fields, its batch and how many it asks; nothing tells its purpose."""
    assert {task["data"]["item_id"] for task in tasks} == set(batch)
    for task in tasks:
        row = batch[task["data"]["item_id"]]
        assert set(task["data"]) == {"item_id", "text", KEY}
        assert task["meta"] == {"batch_id": row["batch_id"]}
        assert bool(task["predictions"]) == (row["suggested_label"] is not None)
    seen: dict[str, set[Any]] = {NEW: set(), RELABEL: set(), GOLD_CHECK: set()}
    for task in tasks:
        looks = (len(task["data"][KEY]), len(task["predictions"]), tuple(sorted(task)))
        seen[batch[task["data"]["item_id"]]["purpose"]].add(looks)
    assert len(seen[GOLD_CHECK]) == 1
    assert seen[GOLD_CHECK] <= seen[NEW]
    assert seen[GOLD_CHECK] <= seen[RELABEL]


def five_people_answer(server: Studio, number: int) -> None:
    """Each task as many people as it asks, in turns; `eli` says the opposite of everything."""
    people = server.people("ada", "ben", "cem", "dana", "eli")
    turn = 0
    tasks = server.ask("GET", "/api/tasks/", project=number, page_size=500, fields="all")["tasks"]
    assert {task["overlap"] for task in tasks} == {1, 2}
    for task in tasks:
        right = TRUTH[task["data"]["item_id"]]
        for _ in range(task["overlap"]):
            turn += 1
            who = people[turn % 5]
            server.annotate(task["id"], who, OTHER[right] if who == people[4] else right)


def fewer_disputes(folder: DataFolder, batch: dict[str, dict[str, Any]]) -> None:
    """What the second night says of it all."""
    yesterday, now = today("UTC") - timedelta(days=1), today("UTC")
    before, after = (
        {row["item_id"]: row for row in partition(folder, "consensus_labels", day, "p")} for day in (yesterday, now)
    )
    assert partition(folder, "quarantine", now, "p") == []
    disputed = [{i for i, row in table.items() if row["status"] == "disputed"} for table in (before, after)]
    assert disputed[0] == set(DISPUTED)
    assert len(disputed[1]) < len(disputed[0]) / 2
    settled = [i for i in DISPUTED if i in batch and after[i]["status"] == "accepted"]
    assert len(settled) > len(DISPUTED) / 2
    assert {after[i]["label"] == TRUTH[i] for i in settled} == {True}
    sent = partition(folder, "dispatches", now, "p")
    assert {row["state"] for row in sent} == {"returned"}
    assert len(sent) == len(batch)
    stood = partition(folder, "annotator_standing", now, "p")
    (fallen,) = (row for row in stood if row["state"] != "counting")
    assert fallen["right"] == 0
    assert len({row["annotator_id"] for row in partition(folder, "gold_scores", now, "p")}) == 5
    assert fallen["annotator_id"] in {pseudonyms([("s", str(n))], key())["s", str(n)] for n in range(1, 40)}


def test_two_pushes_at_once(tmp_path: Path, server: Studio) -> None:
    """Loss: the schedule and a person push the same batch in the same minute, and each item is labelled twice over."""
    number, yesterday = server.project("at once"), today("UTC") - timedelta(days=1)
    folder = house(tmp_path, server.url, number)
    run(folder, yesterday, yesterday, project="p")
    pushes = [
        subprocess.Popen(command(folder, "batch", "p", "--push"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [each.communicate(timeout=600) for each in pushes]
    assert [each.returncode for each in pushes] == [0, 0], said
    assert len(keys(server, number)) == len(set(keys(server, number)))
    assert len(keys(server, number)) == len(partition(folder, "batches", yesterday, "p"))
