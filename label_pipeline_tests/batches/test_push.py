"""Pushing into a tool without unique keys: whatever is lost or late on the way, every row is one task there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from label_pipeline.batches import push
from label_pipeline.batches.payload import Shown
from label_pipeline.batches.push import Pushed, Target
from label_pipeline.errors import UserError
from label_pipeline.project import Project, parse_project
from label_pipeline_tests.batches.shelf import CONFIG, TOKEN, Shelf

PROJECT = """\
project: p
start: 2026-10-01
labels: {{classes: [a, b], aliases: {{zwei: b}}}}
items: {{fields: [text]}}
batches: {{prelabel: true}}
sources:
  ls: {{format: label_studio_json, label: [mood, tone], pull: {{url: "{url}", project: 7, attempts: 4}}}}
  csv: {{format: csv}}
"""


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", TOKEN)
    monkeypatch.setattr(push, "AT_ONCE", 3)
    monkeypatch.setattr(push, "LISTED", 4)
    with Shelf().open() as opened:
        yield opened


def project(shelf: Shelf) -> Project:
    return parse_project(PROJECT.format(url=shelf.url), "project.yaml")


def target(shelf: Shelf) -> Target:
    return Target(project(shelf), "ls", pause=lambda seconds: None)


def rows(n: int = 8, batch: str = "b", **more: Any) -> list[Shown]:
    return [Shown(batch, f"i{k}", {"text": f"t{k}"}, 1 + k % 2, more.get("label")) for k in range(n)]


def test_each_row_is_a_task_once(shelf: Shelf) -> None:
    """Loss: a second push, by the schedule or by a person, has everybody label everything twice."""
    shelf.take([{"data": {"item_id": "i0", "text": "somebody else's"}, "meta": {}}])
    assert target(shelf).push(rows(label="b")) == Pushed(0, 8, 0)
    assert target(shelf).push(rows(label="b")) == Pushed(8, 0, 0)
    assert target(shelf).push(rows(3, "another")) == Pushed(0, 3, 0)
    tasks = list(shelf.tasks.values())
    assert len(tasks) == 12
    assert [task["data"]["item_id"] for task in tasks[1:9]] == [f"i{k}" for k in range(8)]
    assert [task["overlap"] for task in tasks[1:9]] == [1, 2] * 4
    (prediction,) = tasks[1]["predictions"]
    assert prediction["result"][0]["value"] == {"choices": ["zwei"]}


FATES = st.lists(st.sampled_from(["ok", "lost", "late", "never"]), max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FATES, min_size=1, max_size=3))
def test_whatever_is_lost_or_late(shelf: Shelf, pushes: list[list[str]]) -> None:
    """Loss: tasks that are not there, or twice, after a connection that broke when nobody looked."""
    shelf.tasks.clear()
    wanted = sorted(row.key for row in rows())
    for fates in pushes:
        shelf.posts = [*fates]
        with suppress(UserError):
            target(shelf).push(rows())
        assert set(shelf.keys()) <= set(wanted)
    shelf.posts = []
    for _ in range(3):  # what was late is there by now
        target(shelf).push(rows())
    assert shelf.keys() == wanted


def test_what_was_late_is_removed_unless_somebody_worked_on_it(shelf: Shelf) -> None:
    """Loss: an answer deleted with the task that it was given to."""
    target(shelf).push(rows(2))
    shelf.take([task | {"predictions": []} for task in list(shelf.tasks.values())])
    shelf.tasks[3]["total_annotations"] = 1  # of the first row's two tasks the second one was answered
    assert target(shelf).push(rows(2)) == Pushed(2, 0, 2)
    assert [number for number, task in shelf.tasks.items() if not task.get("deleted")] == [2, 3]


def test_what_never_arrives_is_said(shelf: Shelf) -> None:
    """Loss: a push that ends well and put nothing there."""
    shelf.posts = ["never"] * 4
    with pytest.raises(UserError, match="8 of 8 tasks are not in the tool"):
        target(shelf).push(rows())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "no choices or rating named mood or tone"),
        ({"tone": CONFIG["tone"] | {"type": "TextArea"}}, "no choices or rating named mood or tone"),
        ({"tone": CONFIG["tone"] | {"inputs": [{"value": "picture"}]}}, "shows 'picture', which no task would have"),
        ({"tone": CONFIG["tone"] | {"labels": ["a"]}}, "does not know the class 'b'"),
        (None, "not what Label Studio writes"),
    ],
)
def test_a_tool_that_is_set_up_otherwise(shelf: Shelf, config: Any, message: str) -> None:
    """Loss: five hundred tasks that show nothing, or whose answers no source reads."""
    shelf.config = config
    with pytest.raises(UserError, match=message):
        target(shelf).push(rows(label="b"))
    assert shelf.tasks == {}


def test_a_server_that_does_not_filter_is_refused(shelf: Shelf) -> None:
    """Loss: an older server says that everything is there, or nothing, and is believed."""
    shelf.deaf = True
    shelf.take([{"data": {"item_id": "i0"}, "meta": {}}])
    with pytest.raises(UserError, match="not what Label Studio writes"):
        target(shelf).push(rows())
    assert len(shelf.tasks) == 1


def test_only_what_is_pulled_is_pushed_to(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: tasks in a tool from which no answer ever comes back."""
    with pytest.raises(UserError, match="source 'csv' has no Label Studio"):
        Target(project(shelf), "csv")
    monkeypatch.delenv("LABEL_STUDIO_TOKEN")
    with pytest.raises(UserError, match="LABEL_STUDIO_TOKEN is empty"):
        target(shelf)
