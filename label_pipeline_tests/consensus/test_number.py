"""The consensus on numbers: values, how far off they may be, and who measures well."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from label_pipeline.consensus.number import NumberConsensus
from label_pipeline.consensus.number_modes import Parts
from label_pipeline.errors import UserError
from label_pipeline.settle_numbers import values_of
from label_pipeline.votes import FloatArray, Votes


def votes_of(*answers: tuple[str, str, float], items: list[str] | None = None) -> Votes:
    frame = pd.DataFrame(answers, columns=["item_id", "annotator_id", "label"])
    return Votes.build(frame.assign(label=[repr(float(v)) for v in frame["label"]]), items=items)


def fit(votes: Votes, gold: FloatArray | None = None) -> NumberConsensus:
    return NumberConsensus().fit(votes, values_of(votes), gold=gold)


def crowd(
    seed: int, *, items: int = 150, who: int = 10, guessing: int = 0, slips: float = 0.0
) -> tuple[Votes, FloatArray, FloatArray, FloatArray]:
    """Four answers an item; votes, true values, biases and spreads. The first `guessing` annotators always say 99."""
    rng = np.random.default_rng(seed)
    truth, bias, spread = rng.normal(50, 12, items), rng.normal(0, 1, who), np.exp(rng.normal(0, 0.5, who))
    rows = []
    for i in range(items):
        for j in rng.choice(who, 4, replace=False):
            value = truth[i] + bias[j] + spread[j] * rng.normal()
            value = value * 10 if rng.random() < slips else value
            rows.append((f"i{i:03d}", f"a{j:02d}", 99.0 if j < guessing else value))
    return votes_of(*rows), truth, bias, spread


def test_answers_that_agree() -> None:
    """Loss: where everybody says the same there is nothing to compute, and a division by zero instead of the value."""
    votes = votes_of(*[(item, who, value) for item, value in (("i1", 2.0), ("i2", 5.0)) for who in "abc"])
    found = fit(votes)
    assert found.values_ == pytest.approx([2.0, 5.0], abs=1e-3)
    assert (found.within(0.5) > 0.9).all()  # written as whole numbers, so half a one may be rounded away


def test_two_who_are_as_good_meet_in_the_middle() -> None:
    """Loss: the value of an item would be the answer of whoever comes first."""
    rows = [(f"i{k}", who, 10.0 * k + off) for k in range(8) for who, off in (("a", (-1) ** k), ("b", -((-1) ** k)))]
    found = fit(votes_of(*rows))
    assert found.values_ == pytest.approx([10.0 * k for k in range(8)], abs=0.05)
    assert found.bias_ == pytest.approx([0.0, 0.0], abs=1e-6)
    assert found.spread_[0] == pytest.approx(found.spread_[1], rel=0.05)


def test_gold_is_kept_and_tells_a_bias() -> None:
    """Loss: two people who both read the scale two too high would be believed, though gold says better."""
    rows = [(f"i{k:02d}", who, 3.0 * k + 2 + 0.1 * (-1) ** (k + j)) for k in range(20) for j, who in enumerate("ab")]
    gold = np.full(20, np.nan)
    gold[:8] = 3.0 * np.arange(8)
    found = fit(votes_of(*rows), gold)
    assert found.values_[:8].tolist() == gold[:8].tolist()
    assert (found.variance_[:8] == 0.0).all()
    assert found.values_[8:] == pytest.approx(3.0 * np.arange(8, 20), abs=0.15)
    assert found.bias_ == pytest.approx([2.0, 2.0], abs=0.1)
    assert fit(votes_of(*rows)).values_[8:] == pytest.approx(3.0 * np.arange(8, 20) + 2, abs=0.15)


def test_a_slip_moves_nothing() -> None:
    """Loss: 420 for 42 would make the item 168."""
    rows = [(f"i{k:02d}", who, 40.0 + k + 0.1 * j) for k in range(12) for j, who in enumerate("abc")]
    rows[7] = (*rows[7][:2], rows[7][2] * 10)
    found = fit(votes_of(*rows))
    assert found.values_ == pytest.approx([40.1 + k for k in range(12)], abs=0.2)
    assert found.weight_[7] < 0.01


def test_one_who_guesses_does_not_move_the_others() -> None:
    """Loss: one annotator, or model, that always says 99 would widen everybody's interval and shift every value."""
    for seed in range(3):
        votes, truth, bias, spread = crowd(seed, guessing=1, slips=0.03)
        found = fit(votes)
        median = pd.Series(values_of(votes)).groupby(votes.item).median().to_numpy()
        assert np.abs(found.values_ - truth).mean() < 0.45 * np.abs(median - truth).mean()
        assert np.abs(found.bias_ - bias)[1:].mean() < 0.6
        assert np.median(found.spread_[1:] / spread[1:]) == pytest.approx(1.0, abs=0.4)


def test_intervals_cover() -> None:
    """Loss: an interval of 95% that covers 70% settles items nobody knows."""
    inside = []
    for seed in range(6):
        votes, truth, _, _ = crowd(seed)
        low, high = fit(votes).bounds()
        inside.append(float(((low <= truth) & (truth <= high)).mean()))
    assert 0.9 < np.mean(inside) < 0.99


def test_what_nobody_can_tell() -> None:
    """Loss: a lone answer with an interval of zero width looks like the surest of all."""
    found = fit(votes_of(("i1", "a", 3.0), ("i2", "b", 4.0), items=["i0", "i1", "i2"]))
    assert found.values_.tolist()[1:] == [3.0, 4.0]
    assert np.isnan(found.values_[0])
    assert np.isnan(found.variance_).all()
    assert np.isnan(found.within(1.0)).all()
    assert np.isnan(found.off_by(0.5, np.ones(2)))


def test_units_do_not_matter() -> None:
    """Loss: the same lengths in millimetres would have other weights, and other flags."""
    votes, _, _, _ = crowd(1, items=40)
    one, thousand = fit(votes), NumberConsensus().fit(votes, 1000 * values_of(votes) + 7)
    assert thousand.values_ == pytest.approx(1000 * one.values_ + 7, rel=1e-6)
    assert thousand.spread_ == pytest.approx(1000 * one.spread_, rel=1e-4)


def test_the_share_that_stays_within() -> None:
    """Loss: a tolerance taken from the answers that is not what it is said to be."""
    votes, _, _, _ = crowd(2)
    found, each = fit(votes), votes.per_annotator.astype(np.float64)
    for share in (0.5, 2 / 3, 0.95):
        bound = found.off_by(share, each)
        assert float(found.answers_within(bound) @ each / each.sum()) == pytest.approx(share, abs=1e-6)


def test_bad_input() -> None:
    """Loss: a NaN among answers makes every value NaN without a word."""
    votes = votes_of(("i1", "a", 3.0), ("i1", "b", 4.0))
    with pytest.raises(UserError, match="values have shape"):
        NumberConsensus().fit(votes, np.array([1.0, np.nan]))
    with pytest.raises(UserError, match="gold values"):
        NumberConsensus().fit(votes, np.array([1.0, 2.0]), gold=np.array([np.inf]))
    with pytest.raises(UserError, match="tail"):
        NumberConsensus(tail=0.0).fit(votes, np.array([1.0, 2.0]))


def test_no_surer_than_the_answers() -> None:
    """Loss: four people say 0, 20, 40 and 60 of one item, and one of them is believed without a doubt."""
    rows = [(f"i{k:02d}", who, 3.0 * k + 0.3 * (-1) ** (k + j)) for k in range(20) for j, who in enumerate("abcd")]
    agreed = fit(votes_of(*rows))
    astray = fit(votes_of(*rows, *(("odd", who, 20.0 * j) for j, who in enumerate("abcd"))))
    assert agreed.within(1.0).min() > 0.95
    assert astray.within(1.0)[-1] < 0.8
    low, high = (bounds[-1] for bounds in astray.bounds())
    assert high - low > 15.0
    # Three against one leave little doubt.
    most = fit(votes_of(*rows, *(("odd", who, 60.0 if who == "d" else 20.0) for who in "abcd")))
    assert most.values_[-1] == pytest.approx(20.0, abs=0.3)
    assert most.within(1.0)[-1] > 0.9


def test_parts_by_hand() -> None:
    """Loss: a mixture whose chances do not add up makes confidences of more than one."""
    parts = Parts(
        np.array([0, 0, 2]), np.array([0.0, 10.0, 5.0]), np.array([1.0, 1.0, 0.0]), np.array([0.7, 0.3, 1]), 3
    )
    assert parts.heaviest().tolist()[::2] == [0.0, 5.0]
    assert parts.below(np.array([5.0, 0.0, 4.9])) == pytest.approx([0.7, np.nan, 0.0], nan_ok=True)
    assert parts.below(np.array([20.0, 0.0, 5.0])) == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)
    assert parts.variance_about(np.zeros(3))[0] == pytest.approx(0.7 + 0.3 * 101)
    assert parts.quantile(0.35) == pytest.approx([0.0, np.nan, 5.0], nan_ok=True, abs=1e-6)
    told = parts.told(np.array([3.0, np.nan, np.nan]))
    assert told.heaviest()[0] == 3.0
    assert told.variance_about(told.heaviest())[0] == 0.0
    mixed = parts.mixed(told, 0.25)
    assert mixed.below(np.array([2.0, 0.0, 0.0]))[0] == pytest.approx(0.25 * 0.7, abs=0.02)


def test_many_answers_on_one_item() -> None:
    """Loss: an item with thousands of answers compares each with each."""
    rng = np.random.default_rng(0)
    rows = [("big", f"a{k:04d}", float(v)) for k, v in enumerate(rng.normal(7, 1, 3000))]
    found = fit(votes_of(*rows, ("i2", "a0000", 3.0), ("i2", "a0001", 3.5)))
    assert found.values_[0] == pytest.approx(7.0, abs=0.1)
    low, high = (bounds[0] for bounds in found.bounds())
    assert high - low < 0.2


def test_one_gold_item_is_no_bias() -> None:
    """Loss: one gold item that all got wrong, or whose gold is wrong, shifts every value of the project."""
    rows = [(f"i{k}", who, k + off) for k in range(6) for who, off in (("a", 0.0), ("b", 0.5), ("c", 1.0))]
    gold = np.full(6, np.nan)
    gold[1] = 4.5
    found = fit(votes_of(*rows), gold)
    assert found.values_[2:] == pytest.approx([k + 0.5 for k in range(2, 6)], abs=0.3)
