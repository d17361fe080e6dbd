"""Agreement under each guideline version, and what a change changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from label_pipeline.agreement.alpha import alpha
from label_pipeline.guidelines.agreement import change, under_version
from label_pipeline_tests.guidelines.said import answers_of, votes_by_version, votes_of

CLASSES = ("a", "b", "c", "d")


def both(*parts: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


def test_each_version_has_its_own_answers() -> None:
    """Loss: an answer given under v1 speaks for v2."""
    votes = votes_by_version(both(answers_of(["aa", "ab"]), answers_of(["bb", "cc", "cd"], "v2", first=1)), CLASSES)
    first = under_version("v1", votes["v1"])
    assert (first.annotations, first.annotators, first.items, first.alpha.n) == (4, 2, 2, 2)
    assert first.raw_agreement.value == 0.5
    assert first.alpha == alpha(votes_of(["aa", "ab"]))
    assert [name for name, _ in first.by_class] == list(CLASSES)


def test_items_of_both_versions_are_kept_apart() -> None:
    """Loss: items that were chosen for a second look make the new guideline look worse, or better, than it is."""
    under_v1 = answers_of(["aa", "ab", "ab", "bb", "a"])
    under_v2 = answers_of(["aa", "bb", "ab", "cc", "ca"], "v2", first=2)
    votes = votes_by_version(both(under_v1, under_v2), CLASSES)
    found = change(votes, "v1", "v2")
    # i002, i003, i004 have answers under both; i002 and i003 two under each.
    assert found.answered_under_both == 3
    others, same = found.other_items["raw_agreement"], found.same_items["raw_agreement"]
    assert (others.before.n, others.after.n) == (2, 2)
    assert (others.before.value, others.after.value) == (0.5, 0.5)
    assert (same.before.n, same.after.n) == (2, 2)
    assert (same.before.value, same.after.value, same.difference.value) == (0.5, 1.0, 0.5)


def test_a_change_that_helped_is_seen_and_one_that_did_nothing_is_not() -> None:
    """Loss: a guideline is praised for chance, or a good one is taken back. Pair a, b was confused under v1 only."""
    random = np.random.default_rng(0)

    def said(confused: float, n: int) -> list[str]:
        plain = random.choice(list("abc"), n)
        return [t + (t if t == "c" or random.random() > confused else "ba"["ab".index(t)]) for t in plain]

    under_v1, under_v2 = answers_of(said(0.4, 200)), answers_of(said(0.05, 200), "v2", first=200)
    found = change(votes_by_version(both(under_v1, under_v2), CLASSES), "v1", "v2")
    step = found.other_items["alpha"].difference
    assert step.ci_low is not None
    assert step.ci_low > 0
    assert found.same_items["alpha"].difference.value is None, "no item was answered under both"
    pair = {(first, second): compared for first, second, compared in found.pairs}["a", "b"]
    assert pair.difference.ci_high is not None
    assert pair.difference.ci_high < 0
    alike = said(0.2, 200)
    nothing = change(votes_by_version(both(answers_of(alike), answers_of(alike, "v2", first=200)), CLASSES), "v1", "v2")
    step = nothing.other_items["alpha"].difference
    assert step.ci_low is not None
    assert step.ci_high is not None
    assert step.ci_low < 0 < step.ci_high


def test_pairs_by_item_are_surer_than_two_samples() -> None:
    """Loss: the comparison item by item throws away that it is the same items.

    On every item both versions fail alike, but on ten that v2 mended: the difference is all those ten.
    """
    before = ["ab"] * 40 + ["ab"] * 10 + ["aa"] * 50
    after = ["ab"] * 40 + ["bb"] * 10 + ["aa"] * 50
    again = answers_of(after, "v2")
    found = change(votes_by_version(both(answers_of(before), again), CLASSES), "v1", "v2")
    step = found.same_items["raw_agreement"].difference
    assert step.value == pytest.approx(0.1)
    assert step.ci_low is not None
    assert step.ci_high is not None
    assert 0.03 < step.ci_low < 0.1 < step.ci_high < 0.18


@pytest.mark.slow
def test_the_interval_of_a_difference_covers() -> None:
    """Loss: an interval of 95 % that holds in 80. Two versions of one agreement, 300 times; also item by item."""
    random = np.random.default_rng(1)
    covered, paired = 0, 0
    for seed in range(300):
        truth = random.integers(0, 3, 160)
        right = random.random((160, 4)) < 0.8
        label = np.where(right, truth[:, None], (truth[:, None] + random.integers(1, 3, (160, 4))) % 3)
        words = ["".join("abc"[c] for c in row) for row in label]
        halves = both(answers_of([w[:2] for w in words[:80]]), answers_of([w[:2] for w in words[80:]], "v2", first=80))
        step = change(votes_by_version(halves, CLASSES), "v1", "v2", seed=seed).other_items["alpha"].difference
        assert step.ci_low is not None
        assert step.ci_high is not None
        covered += step.ci_low <= 0 <= step.ci_high
        twice = both(answers_of([w[:2] for w in words[:80]]), answers_of([w[2:] for w in words[:80]], "v2"))
        step = change(votes_by_version(twice, CLASSES), "v1", "v2", seed=seed).same_items["alpha"].difference
        assert step.ci_low is not None
        assert step.ci_high is not None
        paired += step.ci_low <= 0 <= step.ci_high
    print(f"covered: {covered} and, item by item, {paired} of 300")
    assert min(covered, paired) >= 273, "0.91: 95 % less three standard errors"
