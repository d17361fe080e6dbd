"""Answers against gold: whose answers score them, and when good annotators challenge the truth itself."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from label_pipeline.contracts.tables import GOLD_SET
from label_pipeline.gold.checks import CHANCE, challenges, check_answers

MONDAY = date(2026, 10, 5)


def day(k: int) -> date:
    return MONDAY + timedelta(days=k)


def gold(*rows: tuple[str, str, str, str, int]) -> pd.DataFrame:
    """Gold in force: item, label, origin, role, and the day since when."""
    return pd.DataFrame(
        [
            {"item_id": item, "version": 1, "label": label, "origin": origin, "role": role, "valid_from": day(k)}
            for item, label, origin, role, k in rows
        ],
        columns=GOLD_SET.names,
        dtype=object,
    )


def answers(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    """Item, annotator, label, and the day on which it was given and landed."""
    frame = pd.DataFrame(rows, columns=["item_id", "annotator_id", "label", "k"], dtype=object)
    days = [day(k) for k in frame["k"]]
    return frame.assign(role="annotator", given_on=pd.to_datetime(days), landed_day=days)


def good(*people: str, n: int = 8) -> list[tuple[str, str, str, int]]:
    """These people get `n` checks right."""
    return [(f"s{k}", who, "cat", 0) for who in people for k in range(n)]


SEEDS = [(f"s{k}", "cat", "seed", "check", 0) for k in range(8)]


def test_which_answers_score_their_annotator() -> None:
    """Loss: people scored by what they made gold themselves, by the hardest items, or by what they must not know."""
    truths = gold(
        ("seed", "cat", "seed", "check", 3), ("mine", "cat", "promoted", "check", 3),
        ("hard", "cat", "adjudication", "check", 3), ("hidden", "cat", "seed", "evaluation", 3),
    )  # fmt: skip
    given = answers(
        ("seed", "a", "dog", 1), ("mine", "a", "cat", 3), ("mine", "b", "dog", 4), ("hard", "a", "dog", 5),
        ("hidden", "a", "dog", 5), ("other", "a", "dog", 5),
    )  # fmt: skip
    found = check_answers(given, truths, day(5))
    assert found[["item_id", "annotator_id", "true_label", "right"]].to_numpy().tolist() == [
        ["seed", "a", "cat", False],
        ["mine", "b", "cat", False],
    ]
    assert check_answers(given, truths, day(2)).empty


def told(*given: tuple[str, str, str, int], truths: pd.DataFrame | None = None, **more: Any) -> dict[str, str]:
    truths = gold(*SEEDS, ("x", "cat", "seed", "check", 0)) if truths is None else truths
    rows = answers(*given)
    return challenges(rows, truths, check_answers(rows, truths, day(9)), day(9), **more)


def test_three_good_annotators_challenge() -> None:
    """Loss: a wrong seed bars everybody who is right."""
    people = good("a", "b", "c")
    assert told(*people, *(("x", who, "dog", 1) for who in "abc")) == {
        "x": "3 of 3 good annotators say dog (0 confirm the gold; right on 0.90 of other checks, chance 0.001)"
    }
    assert told(*people, *(("x", who, "dog", 1) for who in "ab")) == {}
    assert told(*people, *(("x", who, label, 1) for who, label in zip("abc", ["dog", "cow", "dog"], strict=True))) == {}
    # Whoever is right on few other checks, or was never checked, challenges nothing.
    assert told(*(("x", who, "dog", 1) for who in "abcdef")) == {}
    spammers = [(f"s{k}", who, "dog", 0) for who in "pqr" for k in range(8)]
    assert told(*spammers, *(("x", who, "dog", 1) for who in "pqr")) == {}


def test_the_wrong_answer_on_the_item_itself_is_no_evidence_against_its_challenger() -> None:
    """Loss: the only check somebody ever got wrong is the one that is wrong, and it silences them."""
    people = [*good("a", "b", "c", n=3), *(("x", who, "dog", 1) for who in "abc")]
    assert "x" in told(*people)  # four of five by Laplace, without their answers on x


def test_confirmations_weigh_against_a_challenge() -> None:
    """Loss: three of thirty disagree, as they do by chance, and the gold is gone."""
    crowd = [f"p{k}" for k in range(30)]
    given = [*good(*crowd), *(("x", who, "dog" if k < 3 else "cat", 1) for k, who in enumerate(crowd))]
    assert told(*given) == {}


def test_what_was_decided_is_not_challenged_by_what_was_known() -> None:
    """Loss: a decision against three annotators is challenged by the same three answers the same night, for ever."""
    truths = gold(*SEEDS, ("x", "cat", "adjudication", "check", 4), ("y", "cat", "seed", "evaluation", 4))
    old = [*good("a", "b", "c"), *(("x", who, "dog", 4) for who in "abc"), *(("y", who, "dog", 1) for who in "abc")]
    assert set(told(*old, truths=truths)) == {"y"}
    assert set(told(*old, *(("x", who, "dog", 5) for who in "def"), *good("d", "e", "f"), truths=truths)) == {"x", "y"}


@pytest.mark.parametrize("role", ["model", "adjudicator"])
def test_only_annotators_challenge(role: str) -> None:
    """Loss: three copies of one model overrule the experts."""
    truths = gold(*SEEDS, ("x", "cat", "seed", "check", 0))
    rows = answers(*good("a", "b", "c"), *(("x", who, "dog", 1) for who in "abc"))
    assert challenges(rows.assign(role=role), truths, check_answers(rows, truths, day(9)), day(9)) == {}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["cat", "dog", "cow"]), max_size=9), st.integers(2, 9))
def test_a_challenge_is_what_its_words_say(labels: list[str], n: int) -> None:
    """Loss: a chance in the words that nobody could compute again."""
    people = [f"p{k}" for k in range(len(labels))]
    given = [*good(*people, n=min(n, 8)), *(("x", who, label, 1) for who, label in zip(people, labels, strict=True))]
    share = (min(n, 8) + 1) / (min(n, 8) + 2)
    most = max((labels.count(other) for other in ("dog", "cow")), default=0)
    expected = share >= 0.7 and most >= 3 and binom.cdf(labels.count("cat"), len(labels), share) <= CHANCE
    assert ("x" in told(*given)) == expected
