"""A short piece of the crash campaign (`python -m benchmarks.crash`): nights really killed, and run again."""

from __future__ import annotations

import os

import pytest

from benchmarks.crash import campaign

pytestmark = pytest.mark.slow(seconds=150)
FIRST, KILLS = 4, 8  # of the campaign's list: the fewest with kills of each kind
SEED = int(os.environ.get("LABEL_PIPELINE_SEED", "11"))


def test_a_killed_night_run_again_is_the_night_it_would_have_been(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a power cut that loses an answer, counts it twice, or leaves a state that no later night mends."""
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "")
    _, found = campaign(FIRST, KILLS, SEED)
    assert {(kill.nights, kill.boundary) for kill, _ in found} == {(0, True), (0, False), (1, True), (1, False)}
    assert [words for _, words in found if words] == []
