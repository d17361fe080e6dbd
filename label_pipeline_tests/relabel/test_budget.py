import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.errors import UserError
from label_pipeline.relabel.budget import Budget, Limit, Price, room, within

PRICES = {"annotator": Price(0.1, 0.5), "adjudicator": Price(0.2, 2.0), "guideline": Price(0.0, 0.0)}
ROUTES = ["annotator", "adjudicator", "annotator", "guideline", "adjudicator", "annotator"]
VALUES = np.array([0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


def bought(budget: Budget, prices: dict[str, Price] = PRICES) -> list[int]:
    return [int(k) for k in np.flatnonzero(within(VALUES, ROUTES, budget, prices))]


@pytest.mark.parametrize(
    ("budget", "rows"),
    [
        (Budget.of(3), [0, 1, 2]),
        (Budget.of(0), []),
        (Budget.of(99), [0, 1, 2, 3, 4, 5]),
        # One adjudicator; the row passed over leaves room for the next of another route.
        (Budget(Limit(3), {"adjudicator": Limit(1)}), [0, 1, 2]),
        (Budget(Limit(4), {"adjudicator": Limit(0)}), [0, 2, 3, 5]),
        # By value for the money: what is free, then 1.2, 0.8, 0.25, 0.2 and 0.1 a coin. Two annotators and an
        # adjudicator are 3.0, the third annotator makes it 3.5.
        (Budget(Limit(99, money=3.5)), [0, 1, 2, 3, 5]),
        (Budget(Limit(99, money=1.4)), [0, 2, 3]),
        (Budget(Limit(99, money=1.0)), [0, 2, 3]),
        # Hours: 6, 4, 2.5, 1, 1 an hour.
        (Budget(Limit(99, hours=0.3)), [0, 2, 3, 5]),
        (Budget(Limit(99), {"annotator": Limit(hours=0.2), "adjudicator": Limit(money=2.0)}), [0, 1, 2, 3]),
    ],
)
def test_what_a_night_buys_by_hand(budget: Budget, rows: list[int]) -> None:
    """Guards against a limit that is stated and not kept, and against money left over for no reason."""
    assert bought(budget) == rows


def test_an_unknown_price_buys_nothing_where_it_is_limited() -> None:
    """Guards against work that is ordered before anybody knows what it costs."""
    unknown = PRICES | {"annotator": Price(0.1, math.nan)}
    assert bought(Budget(Limit(99, money=100.0)), unknown) == [1, 3, 4]
    assert bought(Budget.of(99), unknown) == [0, 1, 2, 3, 4, 5]


def test_ten_answers_of_a_tenth_are_one() -> None:
    """Guards against a budget that rounding makes an answer short."""
    prices = {"annotator": Price(0.1, 0.1)}
    assert within(np.ones(12), ["annotator"] * 12, Budget(Limit(99, money=1.0)), prices).sum() == 10
    assert room(Budget(Limit(99, money=1.0)), prices, {}, 99) == 10


@settings(max_examples=80, deadline=None)
@given(
    night=st.builds(Limit, st.none() | st.integers(0, 30), st.none() | st.floats(0, 4), st.none() | st.floats(0, 9)),
    own=st.builds(Limit, st.none() | st.integers(0, 30), st.none() | st.floats(0, 4), st.none() | st.floats(0, 9)),
    spent=st.integers(0, 5),
    most=st.integers(0, 40),
)
def test_room_is_the_most_that_fits(night: Limit, own: Limit, spent: int, most: int) -> None:
    """Guards against batches that ask for more than the night may spend."""
    budget = Budget(night, {"annotator": own})
    found = room(budget, PRICES, {"adjudicator": spent}, most)
    assert 0 <= found <= most
    if found:
        assert budget.allows({"adjudicator": spent, "annotator": found}, PRICES)
    if found < most:
        assert not budget.allows({"adjudicator": spent, "annotator": found + 1}, PRICES)


def test_an_impossible_budget_is_one_clear_error() -> None:
    """Guards against a night that silently buys nothing, or everything."""
    for limit in ({"annotations": -1}, {"hours": math.nan}, {"money": math.inf}):
        with pytest.raises(UserError, match="queue budget"):
            Limit(**limit)
    with pytest.raises(UserError, match="no route 'experts'"):
        Budget(Limit(1), {"experts": Limit(1)})
