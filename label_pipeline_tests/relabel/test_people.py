from typing import Any

import numpy as np
import pandas as pd
import pytest

from label_pipeline.relabel.people import ASKED, CAUTION, FEW, Panel, ask, cautious, names_of
from label_pipeline.relabel.value import even_law

CLEAR = [1.0, 0.0, 0.0, 1.0]


def annotators(*rows: tuple[str, int, list[str], Any, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["annotator_id", "n", "flags", "confusion", "role"])
    return frame.assign(agreement_with_consensus=np.nan)


def test_who_is_on_the_panel() -> None:
    """Guards against asking spammers, adjudicators, models, or people whose votes do not count."""
    rows = annotators(
        ("b", 10_000, [], CLEAR, "annotator"),
        ("a", 30_000, ["drifting"], [0.8, 0.2, 0.4, 0.6], "annotator"),
        ("spam", 30, ["spammer"], CLEAR, "annotator"),
        ("expert", 30, [], CLEAR, "adjudicator"),
        ("barred", 30, [], CLEAR, "annotator"),
        ("silent", 0, [], CLEAR, "annotator"),
        ("unknown", 5, [], None, "annotator"),
    )
    panel = Panel.of(rows, 2, barred={"barred"})
    assert panel.ids == ("a", "b")
    # Three of four answers are a's.
    assert panel.typical(0.9, 2) == pytest.approx(np.array([[0.85, 0.15], [0.3, 0.7]]), abs=1e-3)
    nobody = Panel.of(rows.iloc[:0], 2)
    assert nobody.typical(0.9, 2) == pytest.approx(even_law(2, 0.9))


def test_a_law_rests_on_many_until_a_person_is_known() -> None:
    """Guards against asking whoever was lucky in three answers, and against never learning who confuses what."""
    good, swaps = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.3, 0.7], [0.1, 0.9]])
    own = np.stack([good, swaps])
    agreement = np.array([0.8, 0.4])
    known = cautious(own, np.array([1e6, 1e6]), agreement)
    assert known == pytest.approx(own, abs=1e-4)
    few = cautious(own, np.array([16.0, 16.0]), agreement)
    assert few.sum(axis=2) == pytest.approx(np.ones((2, 2)))
    # Of two matrices of equal weight the law of all has 0.6 and 0.9 on its diagonal, 0.75 on average. One agrees with
    # the others by 0.2 more than all do, one by 0.2 less, drawn in by 8 answers; at 8 answers a class half of the law
    # is one's own.
    right = 0.75 + np.array([0.2, -0.2]) * 16 / (16 + FEW)
    half = 8 / (8 + CAUTION)
    usual = (few - half * own) / (1 - half)
    assert np.diagonal(usual, axis1=1, axis2=2).mean(axis=1) == pytest.approx(right)
    odds = np.log(usual / (1 - usual))
    moved = np.diagonal(odds, axis1=1, axis2=2) - np.log([0.6 / 0.4, 0.9 / 0.1])
    assert moved[:, 0] == pytest.approx(moved[:, 1])
    # Whom nobody can be compared with is taken for a typical one.
    alone = cautious(own, np.array([16.0, 16.0]), np.full(2, np.nan))
    usual = (alone - half * own) / (1 - half)
    assert np.diagonal(usual, axis1=1, axis2=2) == pytest.approx(np.array([[0.6, 0.9]] * 2))


def test_whom_to_ask_by_hand() -> None:
    """Guards against asking a person twice, one person for everything, and an order that chance decides."""
    panel = Panel(("a", "b", "c", "d"), np.ones(4), np.stack([even_law(2, 0.9)] * 4))
    telling = np.array([[0.4, 0.3, 0.2, 0.1]] * 4)
    chosen = ask(telling, panel, [set(), {"a", "x"}, {"a", "b", "c"}, {"a", "b", "c", "d"}], load=1.0, night=9)
    assert chosen.shape == (4, ASKED)
    # One item a person: after the first item 'a' is no first choice, and stands in behind those who have room.
    assert names_of(chosen, panel) == [["a", "b", "c"], ["b", "c", "d"], ["d"], []]
    again = ask(telling[:2], panel, [set(), set()], load=1.0, night=9)
    assert names_of(again, panel) == [["a", "b", "c"], ["b", "c", "d"]]
    # Every night begins anew: with nights of one item the best is named each time.
    nightly = ask(telling[:2], panel, [set(), set()], load=1.0, night=1)
    assert names_of(nightly, panel) == [["a", "b", "c"]] * 2
    tied = ask(np.full((1, 4), 0.2), panel, [set()], load=9.0, night=9)
    assert names_of(tied, panel) == [["a", "b", "c"]]
