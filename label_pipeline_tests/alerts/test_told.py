"""Told once: what was told is no news, whatever happens to the file that remembers it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from label_pipeline.alerts.standing import Condition, Measured, Standing
from label_pipeline.alerts.told import News, Told, read_told, write_told

DAY = date(2026, 10, 6)
GATE = {"gate coverage": Condition("gate", "Stopped.")}


def test_new_once_and_over_once() -> None:
    """Loss: a message every night is read by nobody after a week."""
    first, told = Told().news(Standing(DAY, holds=GATE))
    again, told = told.news(Standing(DAY, holds=GATE))
    ended, told = told.news(Standing(DAY, over={"gate coverage": "Holds again.", "gate other": "Holds again."}))
    after, _ = told.news(Standing(DAY, over={"gate coverage": "Holds again."}))
    assert first == [News("gate", "new", "Stopped.")]
    assert again == []
    assert ended == [News("gate", "over", "Holds again.")]
    assert after == []


def test_what_cannot_be_told_neither_begins_nor_ends() -> None:
    """Loss: missed, unsure, missed: three messages of one miss."""
    _, told = Told().news(Standing(DAY, holds=GATE))
    unsure, told = told.news(Standing(DAY, undecided={"gate coverage", "gate other"}))
    again, told = told.news(Standing(DAY, holds=GATE))
    assert unsure == again == []
    assert set(told.holds) == {"gate coverage"}


def test_what_is_no_longer_asked_is_forgotten_silently() -> None:
    """Loss: a target that was taken back is told as met."""
    _, told = Told().news(Standing(DAY, holds=GATE))
    dropped, told = told.news(Standing(DAY))
    assert dropped == []
    assert not told.holds


def test_a_change_is_one_beyond_both_intervals_since_it_was_last_told() -> None:
    """Loss: a figure that sinks a little every night is never called out; or one step is, every night."""
    told, said = Told(), []
    for value in (0.80, 0.78, 0.76, 0.74, 0.72, 0.74, 0.76):
        news, told = told.news(Standing(DAY, figures={"alpha": Measured(value, value - 0.07, value + 0.07)}))
        said.append([n.words for n in news])
    fell = "alpha changed beyond its interval, from 0.8 to 0.72."
    assert said == [[], [], [], [], [fell], [], []]
    news, told = told.news(Standing(DAY, figures={}))
    assert news == []
    assert told.figures["alpha"].value == 0.72


def test_the_file_holds_all(tmp_path: Path) -> None:
    """Loss: what is written is not what is read, and everything is told every night."""
    path = tmp_path / "marts" / "pets.alerts.json"
    told = {"webhook": Told({"gate coverage": "gate"}, {"alpha": Measured(0.7, 0.6, 0.8)}), "email": Told()}
    write_told(path, told)
    assert read_told(path) == told
    assert [p.name for p in path.parent.iterdir()] == ["pets.alerts.json"]


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{", '{"webhook": 3}', '{"webhook": {"holds": {}}}', "\0",
             '{"webhook": {"holds": {}, "figures": {"alpha": {"value": 1}}}}'],
)  # fmt: skip
def test_a_broken_file_is_as_none(text: str | None, tmp_path: Path) -> None:
    """Loss: half a file after a power cut, and no night ends well again."""
    path = tmp_path / "pets.alerts.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert read_told(path) == {}
