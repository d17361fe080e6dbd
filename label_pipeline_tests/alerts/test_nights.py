"""Nights of a whole project: what `nightly` tells a real server, whether a gate, a flood or a fault stopped it."""

from __future__ import annotations

import re
from typing import Any

import dagster as dg
import pytest

from label_pipeline.cli import main
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.orchestration import assets_publish
from label_pipeline.orchestration.build import build_definitions
from label_pipeline.project import parse_project
from label_pipeline_tests.alerts.servers import hook
from label_pipeline_tests.commands.conftest import folder  # noqa: F401
from label_pipeline_tests.orchestration.runs import D1, D2, ITEMS, PETS, answers, pets, put

TOLD = PETS + "alerts: {webhook_env: HOOK}\n"


def nightly(day: str) -> int:
    return main(["nightly", "--project", "pets", "--day", day])


@pytest.mark.slow(seconds=30)
def test_a_stopped_night_is_told_once(
    folder: DataFolder,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Loss: a gate stops the night, and nobody hears of it; a receiver that is down makes the night another one."""
    pets(folder.root, days=1, project=TOLD)
    put(folder, D1, "broken.csv", "item_id,annotator_id,la")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with hook((503, 503, 200)) as server:
        monkeypatch.setenv("HOOK", f"{server.url}/secret")
        assert nightly("2026-10-05") == 0
        first = capsys.readouterr()
        put(folder, D2, "answers.csv", answers(ITEMS[:4], D2, wrong=ITEMS[:4]))
        assert nightly("2026-10-06") == 1
        assert nightly("2026-10-06") == 1
    warnings = [line for line in first.err.splitlines() if "nobody was told" in line]
    assert warnings == ["pets: nobody was told by webhook: the webhook of HOOK did not take the message (HTTP 503)"]
    assert "secret" not in first.err + first.out + capsys.readouterr().err
    tonight: Any = server.got[2]
    assert len(server.got) == 3, "told once, though the night ran twice"
    said = [(n["kind"], n["state"], n["words"].split(":")[0]) for n in tonight["news"]]
    assert ("files", "new", "1 landed file(s) of 2026-10-05 could not be read.") in said
    assert ("gate", "new", "Gate kpi_label_accuracy stopped the night") in said
    assert any(kind == "target" and words.startswith("label_accuracy is 0 and misses") for kind, _, words in said)


@pytest.mark.slow(seconds=30)
def test_a_flood_and_a_fault(
    folder: DataFolder,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Loss: the nights that break off early are those that most need somebody, and the last asset never runs."""
    pets(folder.root, days=1, project=TOLD)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def breaks(*_: Any, **__: Any) -> Any:
        raise UserError("cannot be built")

    with hook() as server:
        monkeypatch.setenv("HOOK", server.url)
        with monkeypatch.context() as broken:
            broken.setattr(assets_publish, "build_marts", breaks)
            assert nightly("2026-10-05") == 2
            assert nightly("2026-10-05") == 2
        assert nightly("2026-10-05") == 0
        put(folder, D2, "answers.csv", answers(ITEMS, D2).replace("cat", "cow").replace("dog", "cow"))
        assert nightly("2026-10-06") == 1
        assert nightly("2026-10-06") == 1
    assert [[(n["kind"], n["state"]) for n in body["news"] if n["kind"] != "target"] for body in server.got] == [
        [("night", "new")],
        [("night", "over")],
        [("flood", "new")],
    ]


def test_who_does_not_ask_is_not_told(folder: DataFolder) -> None:  # noqa: F811
    """Loss: an asset that does nothing in every graph; or a hook without anybody to call."""
    pets(folder.root, days=0)
    without = build_definitions(folder)
    pets(folder.root, days=0, project=TOLD)
    asks = build_definitions(folder)
    key = dg.AssetKey(["pets", "alerts"])
    texts = TOLD.replace("{classes: [cat, dog]}", "{type: text}").replace("gold: {seeds: gold/*.csv}\n", "")
    texts = re.sub(r"kpis:\n(  .*\n)+", "", texts)
    pets(folder.root, days=0, project=texts)
    kept = build_definitions(folder)
    assert key not in {spec.key for spec in without.resolve_all_asset_specs()}
    found = {spec.key: spec for spec in asks.resolve_all_asset_specs()}
    assert {dep.asset_key.path[1] for dep in found[key].deps} == {"mart", "report"}
    found = {spec.key: spec for spec in kept.resolve_all_asset_specs()}
    assert {dep.asset_key.path[1] for dep in found[key].deps} == {"mart"}


@pytest.mark.parametrize(
    "part",
    ["{webhook_env: 'https://hooks.example.org/secret'}", "{email: secret}", "{email: ['a@b.org, secret@b.org']}"],
)
def test_a_secret_in_the_wrong_place_is_not_shown(part: str) -> None:
    """Loss: the message about the mistake puts the webhook's address into the log."""
    with pytest.raises(UserError) as mistake:
        parse_project(PETS + f"alerts: {part}\n", "project.yaml")
    assert "secret" not in str(mistake.value)
    assert "project.yaml:" in str(mistake.value)
