"""Presidio behind the interface of our own recognisers: the real one, where its extra is installed."""

from __future__ import annotations

import importlib.util
import socket
import sys
from pathlib import Path

import pytest

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.privacy.presidio import Presidio
from label_pipeline.privacy.scrub import PATTERNS, scrub
from label_pipeline.project import load_project
from label_pipeline.project_files import scrubber
from label_pipeline_tests.orchestration.runs import write

THERE = importlib.util.find_spec("presidio_analyzer") is not None
installed = pytest.mark.skipif(not THERE, reason="the extra privacy-presidio is not installed")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks the network for anything fails the test."""

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


@pytest.fixture(scope="module")
def patterns() -> Presidio:
    return Presidio()


@pytest.mark.slow
@installed
def test_numbers_that_our_own_patterns_do_not_know(patterns: Presidio) -> None:
    """Loss: a health or tax number, a wallet, in the training set; or days eaten that annotators need to decide."""
    ours = list(PATTERNS.values())
    text = "NHS 9434765919, wallet 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa, ada@mail.example.org, on 2026-10-05"
    assert "9434765919" in scrub(text, ours)
    assert scrub(text, [*ours, patterns]) == "NHS [uk_nhs], wallet [crypto], [email], on 2026-10-05"


@pytest.mark.slow
@installed
def test_a_model_finds_persons(tmp_path: Path) -> None:
    """Loss: a name on no list stays, though the project named a model that knows it."""
    import spacy

    small = spacy.blank("en")
    small.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ada Lovelace"}])  # type: ignore[attr-defined]
    small.to_disk(tmp_path / "small")
    text = "Ada Lovelace wrote to Ada."
    assert scrub(text, [Presidio(model=str(tmp_path / "small"))]) == "[person] wrote to Ada."
    assert scrub(text, [Presidio()]) == text
    assert scrub(text, [Presidio(model=str(tmp_path / "small"), at_least=0.99)]) == text


@pytest.mark.slow
@installed
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"model": "en_core_web_none"}, "privacy.scrub.presidio.model: spaCy has no model 'en_core_web_none'"),
        ({"language": "xx_none"}, "privacy.scrub.presidio.language: spaCy has no language 'xx_none'"),
        ({"entities": ("PERSONN",)}, "looks for no 'PERSONN' in language 'en' without a model"),
    ],
)
def test_what_is_not_there_is_one_line(asked: dict[str, object], words: str) -> None:
    """Loss: a night without the model that the project relies on goes through unscrubbed."""
    with pytest.raises(UserError, match=words.replace(".", r"\.")):
        _ = Presidio(**asked).analyzer  # type: ignore[arg-type]


def test_asked_for_and_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: texts that were to be scrubbed go through, since what should have done it was never installed."""
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    folder = DataFolder(tmp_path)
    write(
        folder.project_file("notes"),
        "project: notes\nstart: 2026-10-05\nlabels: {type: single_choice, classes: [a, b]}\n"
        "items: {fields: [text]}\nsources: {s: {format: csv}}\nprivacy: {scrub: {fields: [text], presidio: {}}}\n",
    )
    with pytest.raises(UserError) as told:
        scrubber(folder, load_project(folder, "notes"))
    assert str(told.value) == (
        "privacy.scrub.presidio: Presidio is not installed. "
        "Install it where the nights run: pip install 'label-pipeline[privacy-presidio]'"
    )
