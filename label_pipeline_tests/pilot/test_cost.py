"""What the rest costs, told by the pilot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from label_pipeline.estimates import Estimate
from label_pipeline.pilot.cost import finish, group_costs


@dataclass(frozen=True)
class Price:
    """A group's rate."""

    per_annotation: float | None = None
    per_hour: float | None = None


def items(**counts: int) -> pd.DataFrame:
    """A frame of consensus_labels: so many items of each `status_annotations`."""
    rows = [(name.rsplit("_", 1)) for name, n in counts.items() for _ in range(n)]
    frame = pd.DataFrame(rows, columns=["status", "n_annotations"])
    return frame.assign(n_annotations=frame["n_annotations"].astype(int))


ANSWERS = pd.DataFrame({"group": ["crowd"] * 40 + ["house"] * 40, "duration_s": [9.0, 11.0] * 20 + [36.0] * 40})
RATES = {"crowd": Price(per_annotation=0.05), "house": Price(per_hour=30.0)}


def test_by_hand() -> None:
    """Loss: a budget that is off by half.

    Of 20 judged pilot items 5 were disputed. Left are 100 without an answer (2 each, and 3 more for a quarter), 10 open
    with one (1 more, then 3 for a quarter), and 4 disputed with 3 (2 more each).
    """
    pilot = items(accepted_2=15, disputed_3=4, adjudicated_3=1, gold_5=3, open_1=10)
    everything = pd.concat([pilot, items(unlabelled_0=100)])
    found = finish(everything, pilot, ANSWERS, RATES, least=2, most=5)
    assert (found.known, found.items, found.exhausted) == (133, 114, 0)
    assert finish(items(disputed_5=3, disputed_4=1), pilot, ANSWERS, RATES, least=2, most=5).exhausted == 3
    assert (found.disputed.value, found.disputed.n) == (0.25, 20)
    assert found.annotations.value == 100 * 2 + 10 + 4 * 2 + 0.25 * 3 * 110
    crowd, house = found.groups
    assert (crowd.group, crowd.price.value) == ("crowd", 0.05)
    assert crowd.money.value == pytest.approx(300.5 * 0.05)
    assert crowd.hours.value == pytest.approx(300.5 * 10 / 3600)
    assert house.price.value == pytest.approx(36 / 3600 * 30)
    assert house.money.value == pytest.approx(300.5 * 0.3)
    for figure in (found.annotations, crowd.money, house.hours):
        assert figure.ci_low is not None
        assert figure.ci_high is not None
        assert figure.ci_low < (figure.value or 0) < figure.ci_high


def test_nothing_known_is_not_nothing_to_pay() -> None:
    """Loss: a cost of 0 for a group without a rate, or hours for answers without times."""
    pilot = items(accepted_2=10)
    untimed = pd.DataFrame({"group": ["crowd", "other"], "duration_s": [np.nan, 5.0]})
    crowd, house, other = finish(pilot, pilot, untimed, RATES, least=2, most=5).groups
    assert crowd.hours.value is None
    assert crowd.money.value == 0, "its price is known, and nothing is left"
    assert house.money.value is None, "an hourly rate needs a time"
    assert (other.price.value, other.money.value) == (None, None)


def test_before_any_item_is_judged_the_rest_is_unknown() -> None:
    """Loss: a pilot with one answer an item that promises no item will ever be disputed."""
    pilot = items(open_1=10)
    found = finish(pilot, pilot, ANSWERS, RATES, least=2, most=5)
    assert found.disputed.value is None
    assert found.annotations.value is None
    assert all(group.money.value is None for group in found.groups)


def test_the_interval_of_a_product_covers() -> None:
    """Loss: hours from two uncertain figures as sure as one of them. The mean time of 30 times a share of 100 items."""
    random, held = np.random.default_rng(0), 0
    for _ in range(200):
        times = random.lognormal(2.0, 0.5, 30)
        disputed = int(random.binomial(100, 0.3))
        pilot = items(accepted_2=100 - disputed, disputed_2=disputed)
        everything = pd.concat([pilot, items(unlabelled_0=1000)])
        own = pd.DataFrame({"group": "crowd", "duration_s": times})
        hours = finish(everything, pilot, own, {}, least=2, most=4).groups[0].hours
        true = (1000 * 2 + 0.3 * 2 * 1000 + disputed * 2) * np.exp(2.0 + 0.125) / 3600
        assert hours.ci_low is not None
        assert hours.ci_high is not None
        held += hours.ci_low <= true <= hours.ci_high
    assert held >= 0.91 * 200


def test_what_a_given_number_of_answers_costs() -> None:
    """Loss: the pilot's own price is told without a group that has a rate and has not worked yet."""
    exact = Estimate(200.0, 200.0, 200.0, 200)
    crowd, house = group_costs(exact, ANSWERS[ANSWERS["group"] == "crowd"], RATES)
    assert crowd.money.value == pytest.approx(10.0)
    assert house.money.value is None
