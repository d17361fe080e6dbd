"""What is never learnt from: all that evaluates, ever did or will, and what is all but the same."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.gold.holdout import DRAWN, EVALUATION, TWIN, held_out

ITEMS = st.sampled_from("abcdefgh")


def gold(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_id", "role"], dtype=object)


def twins(**sets: int | None) -> pd.DataFrame:
    return pd.DataFrame({"item_id": list(sets), "duplicate_set": list(sets.values())}, dtype=object)


def test_by_hand() -> None:
    """Loss: the same photograph under another id, learnt from and measured on."""
    known = gold(("e", "evaluation"), ("e", "evaluation"), ("c", "check"))
    found = held_out(known, drawn=["d", "e"], twins=twins(a=1, e=1, b=2, d=2, c=3, f=3, g=None, h=-1))
    assert found.to_dict() == {"a": TWIN, "b": TWIN, "d": DRAWN, "e": EVALUATION}
    assert held_out(gold()).empty
    assert held_out(gold(("c", "check")), twins=twins(c=1, a=1)).empty


@given(
    st.lists(st.tuples(ITEMS, st.sampled_from(["check", "evaluation"])), max_size=6),
    st.lists(ITEMS, max_size=3),
    st.dictionaries(ITEMS, st.sampled_from([None, -1, 0, 1, 2])),
)
def test_it_holds_whatever_shares_a_set_with_what_evaluates(
    known: list[tuple[str, str]], drawn: list[str], sets: dict[str, int | None]
) -> None:
    """Loss: a twin's twin, or one whose set has the number 0."""
    found = held_out(gold(*known), drawn=drawn, twins=twins(**sets))
    first = {item for item, role in known if role == "evaluation"} | set(drawn)
    near = {sets[item] for item in first if sets.get(item) not in (None, -1)}
    assert set(found.index) == first | {item for item, number in sets.items() if number in near}
    assert found.index.is_monotonic_increasing
