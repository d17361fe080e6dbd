from typing import Any

import numpy as np
import pandas as pd
import pytest

from label_pipeline.relabel.people import ASKED, Panel, ask, names_of
from label_pipeline.relabel.value import even_law

CLEAR = [1.0, 0.0, 0.0, 1.0]


def annotators(*rows: tuple[str, int, list[str], Any, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["annotator_id", "n", "flags", "confusion", "role"])


def test_who_is_on_the_panel() -> None:
    """Guards against asking spammers, adjudicators, models, or people whose votes do not count."""
    rows = annotators(
        ("b", 10, [], CLEAR, "annotator"),
        ("a", 30, ["drifting"], [0.8, 0.2, 0.4, 0.6], "annotator"),
        ("spam", 30, ["spammer"], CLEAR, "annotator"),
        ("expert", 30, [], CLEAR, "adjudicator"),
        ("barred", 30, [], CLEAR, "annotator"),
        ("silent", 0, [], CLEAR, "annotator"),
        ("unknown", 5, [], None, "annotator"),
    )
    panel = Panel.of(rows, 2, barred={"barred"})
    assert panel.ids == ("a", "b")
    # Three of four answers are a's.
    assert panel.typical(0.9, 2) == pytest.approx(np.array([[0.85, 0.15], [0.3, 0.7]]))
    nobody = Panel.of(rows.iloc[:0], 2)
    assert nobody.typical(0.9, 2) == pytest.approx(even_law(2, 0.9))


def test_whom_to_ask_by_hand() -> None:
    """Guards against asking a person twice, one person for everything, and an order that chance decides."""
    panel = Panel(("a", "b", "c", "d"), np.ones(4), np.stack([even_law(2, 0.9)] * 4))
    telling = np.array([[0.4, 0.3, 0.2, 0.1]] * 4)
    chosen = ask(telling, panel, [set(), {"a", "x"}, {"a", "b", "c"}, {"a", "b", "c", "d"}], load=1.0)
    assert chosen.shape == (4, ASKED)
    # One item a person: after the first item 'a' is no first choice, and stands in behind those who have room.
    assert names_of(chosen, panel) == [["a", "b", "c"], ["b", "c", "d"], ["d"], []]
    again = ask(telling[:2], panel, [set(), set()], load=1.0)
    assert names_of(again, panel) == [["a", "b", "c"], ["b", "c", "d"]]
    tied = ask(np.full((1, 4), 0.2), panel, [set()], load=9.0)
    assert names_of(tied, panel) == [["a", "b", "c"]]
