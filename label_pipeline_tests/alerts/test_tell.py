"""Telling: once by every sender, again by one that failed, and never at the cost of the night."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_pipeline.alerts import senders
from label_pipeline.alerts.tell import tell
from label_pipeline.folders import DataFolder
from label_pipeline_tests.alerts.lakes import D1, D2, PROJECT, lake, night, project
from label_pipeline_tests.alerts.servers import hook, post_office

BOTH = project(PROJECT.replace("{webhook_env: HOOK}", "{webhook_env: HOOK, email: lead@example.org}"))


@pytest.fixture(autouse=True)
def mail_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name, value in {"HOST": "127.0.0.1", "SECURITY": "none", "FROM": "p@example.org", "USER": ""}.items():
        monkeypatch.setenv(senders.SMTP + name, value)


def test_each_sender_tells_once_and_a_failed_one_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: mail tells every night because the chat is down; or the chat never hears of what it missed."""
    folder, house = DataFolder(tmp_path), lake(tmp_path)
    night(house, D1, gates={"coverage": (False, "0.4")})
    with post_office() as office, hook((500, 500, 200)) as server:
        monkeypatch.setenv(senders.SMTP + "PORT", str(office.port))
        monkeypatch.setenv("HOOK", f"{server.url}/secret")
        first = tell(folder, BOTH)
        second = tell(folder, BOTH)
        third = tell(folder, BOTH)
        night(house, D2, gates={"coverage": (True, "0.8")})
        fourth = tell(folder, BOTH)
    assert first == (1, ["pets: nobody was told by webhook: the webhook of HOOK did not take the message (HTTP 500)"])
    assert second == (1, [])
    assert third == (0, [])
    assert fourth == (2, [])
    assert [body["news"][0]["words"] for body in server.got[2:]] == [
        "Gate coverage stopped the night (0.4, asked: at least 0.5): training jobs keep the version before.",
        "Gate coverage holds again.",
    ]
    assert [letter["Subject"] for letter in office.letters] == [
        "label-pipeline: pets 2026-10-05: 1 new",
        "label-pipeline: pets 2026-10-06: 1 over",
    ]
    kept = folder.alerts("pets").read_text(encoding="utf-8")
    assert "secret" not in kept


def test_a_quiet_night_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: "all is well" every morning teaches people to look away."""
    night(lake(tmp_path), D1, gates={"coverage": (True, "0.9")})
    with hook() as server:
        monkeypatch.setenv("HOOK", server.url)
        assert tell(DataFolder(tmp_path), project()) == (0, [])
    assert not server.got


def test_an_unset_variable_is_one_warning_a_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: alerts that were never set up look like good nights."""
    monkeypatch.delenv("HOOK", raising=False)
    night(lake(tmp_path), D1, unreadable=1)
    words = "pets: nobody was told by webhook: the environment variable HOOK holds no http(s) address"
    assert tell(DataFolder(tmp_path), project()) == (0, [words])
    assert not DataFolder(tmp_path).alerts("pets").exists()


def test_before_the_first_day_nobody_is_told(tmp_path: Path) -> None:
    """Loss: a run that fails before its first day fails twice."""
    assert tell(DataFolder(tmp_path), project(), failed_at="annotation_events") == (0, [])
