"""How votes count by gold checks: stretches, states, words, scores, and which votes fall into them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from label_pipeline.annotators.sequential import bounds
from label_pipeline.annotators.standing import COUNTING, LESS, NOT, Limit, given_on, scores, standing, votes_in
from label_pipeline.contracts.rules import broken_contract
from label_pipeline.contracts.tables import ANNOTATOR_STANDING, GOLD_SCORES

D0 = date(2026, 10, 5)
EXCLUDE = Limit(0.7, "exclude")


def day(k: int) -> date:
    return D0 + timedelta(days=k)


def answered(**people: str) -> pd.DataFrame:
    """One answer a day and letter, `r` right or `w` wrong on a cat, `R`, `W` on a dog; a dot is a day without."""
    rows = [
        (f"g{k}", who, pd.Timestamp(day(k)), "cat" if letter.islower() else "dog", letter.lower() == "r")
        for who, word in people.items()
        for k, letter in enumerate(word)
        if letter != "."
    ]
    return pd.DataFrame(rows, columns=["item_id", "annotator_id", "given_on", "true_label", "right"])


def first(**people: int) -> pd.Series[Any]:
    return pd.Series({who: pd.Timestamp(day(k)) for who, k in people.items()})


def test_a_spammer_a_good_person_and_one_nobody_checked() -> None:
    """Loss: a table from which nobody can tell why somebody's votes do not count."""
    stood = standing(answered(bad="..wwwwww", good="..rrrrwr"), first(bad=1, good=0, new=3), EXCLUDE)
    table = ANNOTATOR_STANDING.conform(stood)
    assert broken_contract(ANNOTATOR_STANDING, table) == []
    bad, good, new = table.to_pylist()
    assert (bad["from_day"], bad["to_day"], bad["state"], bad["n"], bad["right"]) == (day(1), None, NOT, 6, 0)
    assert day(5) <= bad["decided_on"] <= day(7)
    assert bad["high"] < 0.7
    assert bad["reason"].startswith("0 of ")
    assert bad["reason"].endswith("below 0.7; counts again once later checks show more")
    assert (good["state"], good["from_day"], good["decided_on"], good["n"]) == (COUNTING, day(0), day(0), 6)
    assert (new["state"], new["n"], new["low"], new["high"], new["reason"]) == (
        COUNTING, 0, None, None, "no gold check yet",
    )  # fmt: skip


def test_work_before_the_turn_and_after_the_return_counts() -> None:
    """Loss: a month of good work is thrown out with one bad week, or the bad week comes back with the good ones."""
    stood = standing(answered(a="r" * 40 + "w" * 14 + "r" * 30), first(a=0), EXCLUDE)
    assert stood["state"].tolist() == [COUNTING, NOT, COUNTING]
    assert stood["from_day"].tolist() == [day(0), day(40), day(54)]
    assert stood["to_day"].tolist() == [day(40), day(54), None]
    votes = pd.DataFrame(
        {"annotator_id": ["a", "a", "a", "a", "b"], "given_on": [day(k) for k in (39, 40, 53, 54, 45)]}
    )
    assert votes_in(NOT, votes, stood).tolist() == [False, True, True, False, False]
    assert votes_in(LESS, votes, stood).tolist() == [False] * 5


def test_weighing_is_said_as_such_and_without_a_limit_everybody_counts() -> None:
    """Loss: a project that asked for less weight loses votes, or one that asked for nothing does."""
    wrong = answered(a="w" * 10)
    assert standing(wrong, first(a=0), Limit(0.7))["state"].tolist() == [LESS]
    unlimited = standing(wrong, first(a=0), None)
    assert unlimited[["state", "n", "right"]].to_numpy().tolist() == [[COUNTING, 10, 0]]


def test_the_order_of_answers_within_a_day_does_not_matter() -> None:
    """Loss: two rebuilds of one night bar different people."""
    answers = answered(a="rwwwrwrww", b="rrwr")
    one = answers.assign(given_on=pd.Timestamp(D0))
    shuffled = one.sample(frac=1, random_state=1)
    expected = standing(one, first(a=0, b=0), EXCLUDE)
    pd.testing.assert_frame_equal(standing(shuffled, first(b=0, a=0), EXCLUDE), expected)


def test_scores_by_class_are_of_the_stretch_that_lasts() -> None:
    """Loss: somebody who mended is shown the errors of the time before for ever."""
    answers = answered(a="r" * 40 + "w" * 14 + "r" * 20 + "RW", b="rW")
    stood = standing(answers, first(a=0, b=0), EXCLUDE)
    table = GOLD_SCORES.conform(scores(answers, stood))
    assert broken_contract(GOLD_SCORES, table) == []
    found = {(r["annotator_id"], r["true_label"]): (r["right"], r["n"]) for r in table.to_pylist()}
    assert found == {
        ("a", ""): (21, 22), ("a", "cat"): (20, 20), ("a", "dog"): (1, 2),
        ("b", ""): (1, 2), ("b", "cat"): (1, 1), ("b", "dog"): (0, 1),
    }  # fmt: skip
    low, high = bounds(np.array([21]), np.array([22]))
    row = next(r for r in table.to_pylist() if (r["annotator_id"], r["true_label"]) == ("a", ""))
    assert (row["low"], row["high"]) == pytest.approx((low[0], high[0]))


def test_nobody_has_voted_yet() -> None:
    """Loss: the first night of a project fails."""
    nothing = standing(answered(), pd.Series(dtype="datetime64[ns]"), EXCLUDE)
    assert len(ANNOTATOR_STANDING.conform(nothing)) == 0
    assert len(GOLD_SCORES.conform(scores(answered(), nothing))) == 0


def test_a_day_is_the_projects_day() -> None:
    """Loss: answers given after midnight at home fall into yesterday's stretch."""
    frame = pd.DataFrame(
        {
            "annotated_at": pd.to_datetime(["2026-10-05T22:30Z", None], utc=True),
            "landed_day": [date(2026, 10, 7), date(2026, 10, 7)],
        }
    )
    assert given_on(frame, "Europe/Berlin").dt.date.tolist() == [date(2026, 10, 6), date(2026, 10, 7)]
