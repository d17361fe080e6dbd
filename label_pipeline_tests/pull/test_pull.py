"""Pulling: whatever is edited, deleted, moved, cut off or killed in between, the lake is what the server has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.cli import main
from label_pipeline.errors import UserError
from label_pipeline.landing import land_bytes
from label_pipeline.pull import Pulled, pull_source
from label_pipeline.pull import run as pull_run
from label_pipeline.pull.label_studio import LISTED
from label_pipeline_tests.ingest.house import House
from label_pipeline_tests.pull.lakes import expected, lake, landed_on, pull, pulling
from label_pipeline_tests.pull.tool import TOKEN, Tool


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", TOKEN)


@pytest.fixture
def tool() -> Iterator[Tool]:
    with Tool().running() as running:
        yield running


def filled(tool: Tool, tasks: int = 5) -> list[int]:
    """Tasks with two answers each, changed long ago; the ids of the first answers."""
    for k in range(1, tasks + 1):
        tool.task(k)
    ids = [tool.annotate(k, 7, "a") for k in range(1, tasks + 1)]
    for k in range(1, tasks + 1):
        tool.annotate(k, 8, "" if k == 2 else "b", was_cancelled=k == 2)
    tool.later(minutes=5)
    return ids


def same(house: House, tool: Tool, deleted: set[int]) -> None:
    assert lake(house) == (expected(tool.truth()), {str(number) for number in deleted})


def files(house: House) -> list[Path]:
    return sorted(house.folder.landing("p").rglob("*.json"))


def tomorrow(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    day = landed_on(house) + timedelta(days=1)
    monkeypatch.setattr(pull_run, "today", lambda timezone: day)


@pytest.mark.parametrize("days", ["same day", "next day"])
def test_two_pulls_with_everything_in_between(
    tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    """Loss: an edit, a skip or a deletion that the second pull does not see is wrong in every figure from then on."""
    first = filled(tool)
    house = pulling(tmp_path, tool.url, more=", page_size: 2")
    assert pull(house) == Pulled(listed=5, landed=5, deleted=0)
    same(house, tool, set())
    if days == "next day":
        tomorrow(monkeypatch, house)
    tool.edit(1, first[0], "b")
    tool.edit(2, first[1], "", was_cancelled=True)
    tool.delete(3, first[2])
    gone = {first[2]} | {a["id"] for a in tool.tasks.pop(4)["annotations"]}
    tool.task(6)
    tool.annotate(6, 9, "a")
    tool.later(minutes=5)
    assert pull(house) == Pulled(listed=5, landed=4, deleted=3)
    same(house, tool, gone)
    assert pull(house) == Pulled(listed=5, landed=0, deleted=0)


def test_what_lands_is_minimised(tmp_path: Path, tool: Tool) -> None:
    """Loss: the tool sends names, addresses and drafts along with every annotation; in landing they stay for ever."""
    filled(tool, 2)
    tool.tasks[1]["annotations"][0]["completed_by"] = {"id": 7, "email": "jane@example.com", "first_name": "Jane"}
    house = pulling(tmp_path, tool.url)
    pull(house)
    (landed,) = files(house)
    assert "jane" not in landed.read_text().lower()
    first, second = json.loads(landed.read_text())
    assert first["data"] == {"item_id": "i1", "text": "Grüße – 今日は"}
    assert first["annotations"][0]["completed_by"] == 7
    assert second["meta"] == {"batch_id": "b1"}
    assert lake(house)[0].keys() == {str(a["id"]) for t in tool.tasks.values() for a in t["annotations"]}


def test_changes_that_the_tool_dates_wrongly(tmp_path: Path, tool: Tool) -> None:
    """Loss: bulk deletions carry the time of a clock that may be hours off; a watermark passes over them."""
    first = filled(tool)
    house = pulling(tmp_path, tool.url)
    pull(house)
    tool.delete(1, first[0])
    tool.edit(2, first[1], "b")
    for number in (1, 2):
        tool.tasks[number]["updated_at"] = "2026-01-01T00:00:00.000000Z"
    assert pull(house) == Pulled(listed=5, landed=2, deleted=1)
    same(house, tool, {first[0]})


@pytest.mark.parametrize("moved", [0, 1])  # an answer, a skip
def test_annotations_that_move(tmp_path: Path, tool: Tool, moved: int) -> None:
    """Loss: what the tool moves to a twin of its task, without dating it, would count as deleted with the task."""
    filled(tool)
    tool.tasks[3]["data"]["item_id"] = "i2"
    house = pulling(tmp_path, tool.url)
    pull(house)
    twin = tool.tasks.pop(2)
    tool.tasks[3]["annotations"].append(twin["annotations"].pop(moved))
    assert pull(house) == Pulled(listed=4, landed=1, deleted=1)
    same(house, tool, {twin["annotations"][0]["id"]})


def test_a_change_right_after_the_look_is_looked_at_again(tmp_path: Path, tool: Tool) -> None:
    """Loss: a page written down between two steps of one change would count as that change."""
    filled(tool, 3)
    tool.edit(2, tool.tasks[2]["annotations"][0]["id"], "b")
    tool.later(seconds=30)
    house = pulling(tmp_path, tool.url)
    assert pull(house).landed == 3
    assert pull(house).landed == 1
    tool.later(minutes=2)
    assert pull(house).landed == 1
    assert pull(house).landed == 0
    same(house, tool, set())


def test_what_comes_back_after_its_deletion_counts_again(tmp_path: Path, tool: Tool) -> None:
    """Loss: a task that a lagging server once left out of its list would be lost for ever."""
    filled(tool)
    house = pulling(tmp_path, tool.url)
    pull(house)
    aside = tool.tasks.pop(1)
    assert pull(house).deleted == 2
    same(house, tool, {a["id"] for a in aside["annotations"]})
    tool.tasks[1] = aside
    assert pull(house) == Pulled(listed=5, landed=1, deleted=0)
    same(house, tool, set())
    assert pull(house) == Pulled(listed=5, landed=0, deleted=0)
    once_more = aside["annotations"][0]["id"]
    tool.delete(1, once_more)
    tool.later(minutes=5)
    assert pull(house).deleted == 1
    same(house, tool, {once_more})


def test_pages_do_not_shift(tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: numbered pages skip a task when an earlier one goes, and a server may cap a page below what was asked."""
    filled(tool, 9)
    monkeypatch.setattr("label_pipeline.pull.label_studio.LISTED", 4)
    house = pulling(tmp_path, tool.url, more=", page_size: 4")
    tool.most = 3
    tool.faults = ["ok", lambda: bool(tool.tasks.pop(1)), lambda: tool.tasks.update({12: tool.task(12)})]
    pull(house)
    pull(house)
    same(house, tool, set())
    assert LISTED > 500
    listings = [q for _, q, _ in tool.asked if "fields" not in q]
    assert [json.loads(q["query"])["filters"]["items"][0]["value"] for q in listings[:3]] == [0, 3, 6]
    assert {q["resolve_uri"] for _, q, _ in tool.asked} == {"false"}  # links as they were given, not the server's own


def test_a_server_may_cap_its_pages(tmp_path: Path, tool: Tool) -> None:
    """Loss: tasks beyond the cap, taken for deleted or left for another night."""
    filled(tool, 8)
    tool.most = 3
    house = pulling(tmp_path, tool.url, more=", page_size: 4")
    assert pull(house) == Pulled(listed=8, landed=8, deleted=0)
    same(house, tool, set())


@pytest.mark.parametrize("killed_at", [1, 3, 6, 7])  # of five files, then a changed task and a deletion
def test_killed_anywhere(tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch, killed_at: int) -> None:
    """Loss: a pull that ends between two files must neither forget what follows nor land deletions from half a list."""
    first = filled(tool)
    house = pulling(tmp_path, tool.url, more=", page_size: 1")
    written = 0

    def dying(*arguments: Any) -> Path:
        nonlocal written
        written += 1
        if written == killed_at:
            raise KeyboardInterrupt
        return land_bytes(*arguments)

    monkeypatch.setattr(pull_run, "land_bytes", dying)
    gone: set[int] = set()
    for change in (lambda: None, lambda: tool.delete(2, first[1]) or gone.add(first[1])):
        change()
        tool.later(minutes=5)
        try:
            pull(house)
        except KeyboardInterrupt:
            pull(house)
    same(house, tool, gone)
    tasks = [t["id"] for f in files(house) for t in json.loads(f.read_text())]
    assert sorted(tasks) == [1, 2, 2, 2, 3, 4, 5]  # each once, the changed one again, and its deletion


def test_killed_by_the_system(tmp_path: Path, tool: Tool) -> None:
    """Loss: a real SIGKILL runs no cleanup at all."""
    filled(tool)
    house = pulling(tmp_path, tool.url, more=", page_size: 2")
    house.folder.project("p").mkdir(parents=True)
    house.folder.project_file("p").write_text(
        "project: p\nstart: 2026-10-01\nlabels: {classes: [a, b]}\nsources:\n  s: {format: label_studio_json, "
        f'label: tone, pull: {{url: "{tool.url}", project: 83, page_size: 2}}}}\n'
    )
    command = [sys.executable, "-m", "label_pipeline.cli", "pull", "p", "--data", str(tmp_path)]
    started: list[subprocess.Popen[bytes]] = []
    tool.faults = ["ok", "ok", lambda: os.kill(started[0].pid, signal.SIGKILL)]
    started.append(subprocess.Popen(command))
    assert started[0].wait(60) == -signal.SIGKILL
    assert len(files(house)) == 1
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Source 's': 5 tasks on the server, 3 landed, 0 annotation(s) deleted.\n"
    same(house, tool, set())


def test_one_pull_at_a_time(tmp_path: Path, tool: Tool) -> None:
    """Loss: two pulls at once land under one name, or take each other's half for the whole."""
    filled(tool)
    house = pulling(tmp_path, tool.url)

    def second() -> None:
        with pytest.raises(UserError, match="another pull of this project is running"):
            pull(house)

    tool.faults = [second]
    pull(house)
    assert len(files(house)) == 1


def test_an_emptied_server_deletes_nothing_by_itself(tmp_path: Path, tool: Tool) -> None:
    """Loss: the wrong server, or a token that sees little, must not delete the work of months."""
    filled(tool, 30)
    house = pulling(tmp_path, tool.url)
    pull(house)
    for number in range(1, 20):
        del tool.tasks[number]
    with pytest.raises(UserError, match=r"38 of 60 known annotations are gone.*no deletion has landed"):
        pull(house)
    assert lake(house)[1] == set()
    house = pulling(tmp_path, tool.url, more=", max_deleted: 0.7")
    assert pull(house).deleted == 38
    assert lake(house)[0] == expected(tool.truth())


def test_a_few_deletions_are_believed(tmp_path: Path, tool: Tool) -> None:
    """Loss: a small project whose trial answers were cleared would be stuck until somebody edits its file."""
    filled(tool, 3)
    house = pulling(tmp_path, tool.url)
    pull(house)
    tool.tasks.clear()
    assert pull(house) == Pulled(listed=0, landed=0, deleted=6)
    assert lake(house)[0] == {}


def test_another_project_of_the_tool_deletes_nothing(tmp_path: Path, tool: Tool) -> None:
    """Loss: after the number in the project file was corrected, all old annotations would count as deleted."""
    filled(tool)
    house = pulling(tmp_path, tool.url)
    pull(house)
    renumbered = files(house)[0]
    renumbered.rename(renumbered.with_name(renumbered.name.replace("pull-83-", "pull-84-")))
    assert pull(house) == Pulled(listed=5, landed=5, deleted=0)


def test_a_landed_file_that_was_changed(tmp_path: Path, tool: Tool) -> None:
    """Loss: half a memory makes deletions out of the other half."""
    filled(tool)
    house = pulling(tmp_path, tool.url)
    pull(house)
    (landed,) = files(house)
    landed.write_text(landed.read_text()[:-40])
    with pytest.raises(UserError, match=f"cannot be read any more .among {landed.name}") as caught:
        pull(house)
    assert "Grüße" not in str(caught.value)
    landed.unlink()
    assert pull(house).landed == 5
    same(house, tool, set())


def test_nothing_to_pull(tmp_path: Path, tool: Tool) -> None:
    """Loss: an empty file would be a day with a broken file, every day."""
    house = pulling(tmp_path, tool.url)
    assert pull(house) == Pulled(listed=0, landed=0, deleted=0)
    assert files(house) == []


@pytest.mark.parametrize(
    "odd",
    [
        {"tasks": [{"id": "1"}], "total": 1},
        {"tasks": [], "total": 5},
        {"tasks": "x", "total": 5},
        {"tasks": []},
        [],
        {"tasks": [{"id": k, "updated_at": "x", "total_annotations": 0, "cancelled_annotations": 0} for k in (2, 1)],
         "total": 2},
    ],
)  # fmt: skip
def test_an_answer_that_is_something_else(
    tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch, odd: Any
) -> None:
    """Loss: another program's answer taken for an empty list is a list of deletions."""
    monkeypatch.setattr(tool, "answer", lambda path, query: odd)
    with pytest.raises(UserError, match="not what Label Studio writes"):
        pull(pulling(tmp_path, tool.url))


@pytest.mark.parametrize("deaf", ["filters", "selectedItems"])
def test_a_server_that_does_not_understand_the_question(tmp_path: Path, tool: Tool, deaf: str) -> None:
    """Loss: one that ignores the selection sends the same first page for ever."""
    filled(tool, 3)
    tool.deaf, tool.most = (deaf,), 2
    with pytest.raises(UserError, match="not what Label Studio writes"):
        pull(pulling(tmp_path, tool.url, more=", page_size: 1"))


def test_the_command(
    tmp_path: Path, tool: Tool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: a command in a crontab must say what it did, fail with its exit code, and never show the token."""
    filled(tool, 2)
    home = tmp_path / "projects" / "p"
    home.mkdir(parents=True)
    text = "project: p\nstart: 2026-10-01\nlabels: {classes: [a, b]}\nsources:\n  hand: {format: csv}\n"
    (home / "project.yaml").write_text(text)
    arguments = ["pull", "p", "--data", str(tmp_path)]
    assert main(arguments) == 2
    assert "no source of the project is pulled" in capsys.readouterr().err
    source = f'format: label_studio_json, label: tone, pull: {{url: "{tool.url}", project: 83, token_env: LS_TOKEN}}'
    (home / "project.yaml").write_text(f"{text}  tool: {{{source}}}\n")
    assert main([*arguments, "--source", "tol"]) == 2
    assert "Did you mean 'tool'?" in capsys.readouterr().err
    assert main(arguments) == 2
    assert "the environment variable LS_TOKEN is empty" in capsys.readouterr().err
    monkeypatch.setenv("LS_TOKEN", TOKEN + "-wrong")
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert "does not accept the token in LS_TOKEN" in said.err
    assert "secret" not in said.err + said.out
    monkeypatch.setenv("LS_TOKEN", f" {TOKEN}\n")
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("Source 'tool': 2 tasks on the server, 2 landed, 0 annotation(s) deleted.\n", "")


def test_a_source_that_is_not_pulled(tmp_path: Path) -> None:
    """Loss: an exception without words."""
    house = House(tmp_path, "  s: {format: csv}")
    with pytest.raises(UserError, match="source 's' is not pulled"):
        pull_source(house.folder, house.project, "s")
