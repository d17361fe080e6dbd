from typing import Any

import numpy as np
import pytest

from label_pipeline.estimates import Estimate, clustered_share, difference
from label_pipeline.kpis.fairness import LEAST_OBSERVED, figures
from label_pipeline_tests.kpis.nights import by_key, night

PEOPLE = 6


def votes(group: str, right: int, n: int = 36) -> list[dict[str, Any]]:
    """n answers of `PEOPLE` people in turn on check items that are all cats, one of each group on an item."""
    return [
        {"item_id": f"i{k}", "annotator_id": f"{group}{k % PEOPLE}", "label": "cat" if k < right else "dog",
         "group": group, "role": "annotator", "status": "submitted"}
        for k in range(n)
    ]  # fmt: skip


CHECKS = [{"item_id": f"i{k}", "label": "cat", "role": "check", "origin": "seed"} for k in range(36)]


def test_groups_beside_the_rest_by_hand() -> None:
    """Guards against a gap whose interval takes six people's answers for 36 people's."""
    given = [*votes("crowd", 18), *votes("vendor", 33)]
    rejected = [
        answer | {"status": "rejected" if answer["group"] == "crowd" and k % 4 == 0 else "submitted"}
        for k, answer in enumerate(given)
    ]
    issues = [{"item_id": f"i{k}", "is_issue": k < 9} for k in range(36)]
    found = by_key(figures(night(gold=CHECKS, annotations=given, events=rejected, issues=issues)))
    # The crowd's six people are right 3 times of 6 each; of the vendor's, three are right 6 times and three 5 times.
    six = np.full(PEOPLE, 6)
    expected = difference(clustered_share(np.full(PEOPLE, 3), six), clustered_share(np.array([6, 6, 6, 5, 5, 5]), six))
    gap = found["accuracy_gap", "group", "crowd"]
    assert (gap.value, gap.ci_low, gap.ci_high, gap.n) == (
        pytest.approx(-15 / 36), expected.ci_low, expected.ci_high, 36,
    )  # fmt: skip
    assert found["accuracy_gap", "group", "vendor"].value == pytest.approx(15 / 36)
    assert found["accuracy_gap", "all", ""].value == pytest.approx(15 / 36)
    # Of 36 pairs 21 agree, from either side; doubted items are the same for both; 9 of the crowd's 36 were rejected.
    assert found["agreement_gap", "group", "crowd"].value == 0.0
    assert found["noise_gap", "group", "crowd"].value == 0.0
    assert found["acceptance_gap", "group", "crowd"].value == pytest.approx(-0.25)
    assert found["agreement_gap_p", "group", "crowd"].value == 1.0
    assert found["noise_gap_p", "group", "crowd"].value == 1.0
    # Of 8 p-values those of accuracy come first, seen twice, then those of acceptance, seen twice: times 8/4.
    assert found["acceptance_gap_p", "group", "crowd"].value == found["acceptance_gap_p", "group", "vendor"].value
    assert 0.05 < found["acceptance_gap_p", "group", "crowd"].value < 1.0
    # Eight comparisons were made; that of accuracy holds, seen from both sides. Rejections fell on three people only.
    figure = found["gaps_beyond_chance", "all", ""]
    assert (figure.value, figure.n) == (2, 8)


def test_small_cells_are_withheld() -> None:
    """Guards against a figure that is nearly one person's, or chance's."""
    few_answers = [*votes("crowd", 30), *votes("vendor", 20, LEAST_OBSERVED - 1)]
    two_people = [*votes("crowd", 30), *({**v, "annotator_id": f"v{k % 2}"} for k, v in enumerate(votes("vendor", 20)))]
    for given in (few_answers, two_people):
        found = by_key(figures(night(gold=CHECKS, annotations=given, events=given)))
        for kpi in ("accuracy_gap", "accuracy_gap_p", "acceptance_gap"):
            gap = found[kpi, "group", "vendor"]
            assert (gap.value, gap.ci_low, gap.ci_high, gap.withheld) == (None, None, None, True)
            assert gap.n in (LEAST_OBSERVED - 1, 36)
        assert found["gaps_beyond_chance", "all", ""].value is None


def test_slices_by_hand() -> None:
    """Guards against slices measured on the wrong items, or on annotations instead of items."""
    n = 80
    items = [{"item_id": f"i{k:02d}", "shop": "a" if k < 40 else "b"} for k in range(n)]
    consensus = [
        {"item_id": f"i{k:02d}", "label": "cat", "voted_label": "dog" if k < 10 else "cat",
         "status": "accepted" if k % 4 else "disputed"}
        for k in range(n)
    ]  # fmt: skip
    gold = [{"item_id": f"i{k:02d}", "label": "cat", "role": "evaluation", "origin": "seed"} for k in range(n)]
    issues = [{"item_id": f"i{k:02d}", "is_issue": k >= 76} for k in range(n)]
    answers = [
        {"item_id": f"i{k:02d}", "annotator_id": who, "label": "dog" if k < 20 and who == "x" else "cat"}
        for k in range(n)
        for who in "xyz"
    ]
    found = by_key(
        figures(
            night(items=items, slices=("shop",), consensus=consensus, gold=gold, issues=issues, annotations=answers)
        )
    )
    expected = difference(
        clustered_share(np.array([0] * 10 + [1] * 30), np.ones(40)), clustered_share(np.ones(40), np.ones(40))
    )
    gap = found["accuracy_gap", "slice", "shop=a"]
    assert Estimate(gap.value, gap.ci_low, gap.ci_high, gap.n) == expected
    # Three answers, one differs: of the three pairs one is equal, so each item of the first half of a agrees by 1/3.
    assert found["agreement_gap", "slice", "shop=a"].value == pytest.approx((20 / 3 + 20) / 40 - 1)
    assert found["noise_gap", "slice", "shop=a"].value == pytest.approx(-0.1)
    assert found["acceptance_gap", "slice", "shop=a"].value == 0.0
    p_value = found["accuracy_gap_p", "slice", "shop=a"].value
    assert p_value is not None
    assert p_value < 0.05


def test_a_lone_group_has_nobody_to_be_compared_with() -> None:
    """Guards against a gap to nobody."""
    found = by_key(figures(night(gold=CHECKS, annotations=votes("crowd", 18))))
    assert not [key for key in found if key[1] == "group"]


@pytest.mark.parametrize("seed", range(3))
def test_fair_groups_are_seldom_called_out(seed: int) -> None:
    """Guards against an audit that finds something every night: many comparisons, none of them real."""
    random = np.random.default_rng(seed)
    given = [
        {"item_id": f"i{k % 36}", "annotator_id": f"{k % 10}-{k % 100}", "group": f"g{k % 10}", "role": "annotator",
         "label": str(random.choice(["cat", "dog"], p=[0.8, 0.2])), "status": "submitted"}
        for k in range(1200)
    ]  # fmt: skip
    figure = by_key(figures(night(gold=CHECKS, annotations=given, events=given)))["gaps_beyond_chance", "all", ""]
    assert figure.n == 30
    assert figure.value == 0
