"""Every kernel on shards says what the same kernel says of all votes at once, however items fell into shards."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from label_pipeline.agreement.alpha import alpha
from label_pipeline.agreement.kappa import fleiss_kappa, pairwise_cohen, raw_agreement
from label_pipeline.annotators.table import annotator_report
from label_pipeline.consensus import dawid_skene as local_dawid_skene
from label_pipeline.consensus.crowdlab import CROWDLAB
from label_pipeline.consensus.even import EvenOneCoin
from label_pipeline.errors import UserError
from label_pipeline.noise.issues import label_noise
from label_pipeline.shards import agreement, annotators, noise
from label_pipeline.shards.base import GROUPS, Cells, Largest, added, groups
from label_pipeline.shards.crowdlab import fit_crowdlab
from label_pipeline.shards.dawid_skene import fit_one_coin
from label_pipeline.shards.fits import totals
from label_pipeline.votes import Votes
from label_pipeline_tests.consensus.tables import votes_of
from label_pipeline_tests.shards.held import scattered
from label_pipeline_tests.shards.made import METHODS, assert_equal, problems


@pytest.mark.parametrize("name", METHODS)
@given(problems())
@settings(max_examples=30)
def test_consensus_equals_the_local_one(name, problem):
    """Guards against a sum, a tie rule or an empty shard that makes labels depend on how items were sharded."""
    votes, beside, shard_of = problem
    assert_equal(scattered(votes, shard_of, **beside), votes, name, **beside)


@given(problems())
@settings(max_examples=20)
def test_agreement_equals_the_local_one(problem):
    """Guards against patterns or pairs lost or counted twice between shards: equal to the bit, intervals included."""
    votes, _, shard_of = problem
    shards = scattered(votes, shard_of)
    patterns = agreement.patterns(shards)
    for figure in (alpha, raw_agreement, fleiss_kappa):
        assert figure(patterns, replicates=5, seed=1) == figure(votes, replicates=5, seed=1)
    for weights in ("none", "linear"):
        ours = agreement.pairwise_cohen(shards, weights=weights, minimum=1)
        pd.testing.assert_frame_equal(ours, pairwise_cohen(votes, weights=weights, minimum=1), check_exact=True)


@given(problems())
@settings(max_examples=20)
def test_annotators_equal_the_local_report(problem):
    """Guards against confusions, intervals and flags that depend on sharding; what needs time stays empty."""
    votes, beside, shard_of = problem
    shards = scattered(votes, shard_of, **beside)
    local = CROWDLAB().fit(votes, probabilities=beside["model"], gold=beside["gold"])
    ours = annotators.annotator_report(shards, fit_crowdlab(shards))
    theirs = annotator_report(votes, local.probabilities_, gold=beside["gold"])
    pd.testing.assert_frame_equal(ours.table, theirs.table, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.confusion, theirs.confusion, rtol=0, atol=1e-9)


def test_noise_equals_the_local_one():
    """Guards against a bound of doubted labels that is off by one, and against class thresholds of single shards."""
    rng = np.random.default_rng(3)
    for n_classes, rare in ((2, 0), (3, 2), (6, 4)):
        n = 900
        truth = rng.integers(0, n_classes, n)
        truth[:rare] = n_classes - 1  # and no more of that class: too few to be judged
        truth[rare:] %= n_classes - (rare > 0)
        given = np.where(rng.random(n) < 0.2, rng.integers(0, n_classes - (rare > 0), n), truth)
        votes = Votes.of_codes(np.arange(n), np.zeros(n), given, items=n + 3, annotators=1, classes=n_classes)
        model = rng.dirichlet(np.full(n_classes, 0.5), n + 3)
        model[np.arange(n), truth] += 0.8
        model /= model.sum(axis=1, keepdims=True)
        gold = np.full(n + 3, -1)
        shards = scattered(votes, rng.integers(0, 5, n + 3), gold=gold, model=model)
        local = METHODS["majority"][1].fit(votes, gold=gold)
        ours = noise.label_noise(shards, METHODS["majority"][0](shards))
        theirs = label_noise(local.labels_, model, votes.classes)
        judged = list(shards.map(noise.judge, ours))
        order = np.argsort(np.concatenate([shard.votes.items for shard in shards]))
        quality, is_issue, suggested = (np.concatenate(column)[order] for column in zip(*judged, strict=True))
        np.testing.assert_array_equal(quality, theirs.quality)
        np.testing.assert_array_equal(is_issue, theirs.is_issue)
        np.testing.assert_array_equal(suggested, theirs.suggested)
        np.testing.assert_allclose(ours.noise_matrix, theirs.noise_matrix, rtol=0, atol=1e-9)
        pd.testing.assert_frame_equal(ours.by_class, theirs.by_class)
        assert ours.note == theirs.note
        assert is_issue.sum() > 20


def test_equal_margins_at_the_bound_are_doubted_together():
    """Guards against a result that depends on the order of items: cleanlab's sort takes any of equal margins."""
    label = np.array([0] * 20 + [1] * 20)
    model = np.where(np.arange(40)[:, None] % 20 < 6, [[0.2, 0.8]], [[0.9, 0.1]])
    model[20:] = model[20:, ::-1]
    votes = Votes.of_codes(np.arange(40), np.zeros(40), label, items=40, annotators=1, classes=2)
    shards = scattered(votes, np.arange(40) % 3, model=model)
    judged = [noise.judge(shard, noise.label_noise(shards, METHODS["majority"][0](shards))) for shard in shards]
    doubted = np.concatenate([shard.votes.items[part.is_issue] for shard, part in zip(shards, judged, strict=True)])
    assert sorted(doubted.tolist()) == [*range(6), *range(20, 26)]


def test_too_many_confusions_are_one_coin_here_too(monkeypatch):
    """Guards against another model on shards than on one machine, where annotators × classes² are too many."""
    monkeypatch.setattr(local_dawid_skene, "CONFUSION_CELLS", 20)
    votes = votes_of([(0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 0), (2, 1, 2), (2, 2, 2)], 3, 3, 3)
    fit, local = assert_equal(scattered(votes, np.array([1, 0, 1])), votes, "dawid_skene")
    assert fit.diagnostics_["one_coin"] == local.diagnostics_["one_coin"] == 1.0


def test_a_model_whose_steps_are_others_is_refused():
    """Guards against plain one-coin passed off as its even variant, which iterates differently."""
    with pytest.raises(UserError, match="one_coin_even does not run on shards"):
        fit_one_coin(scattered(votes_of([(0, 0, 0)], 1, 1, 2), np.zeros(1, dtype=np.int64)), EvenOneCoin())


def test_totals_by_hand():
    """Guards against annotations counted for another annotator or class, and items without any forgotten."""
    votes = votes_of([(0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 0), (1, 2, 1)], 3, 3, 2)
    total = totals(scattered(votes, np.array([2, 0, 2])))  # shard 1 is empty, item 2 has no annotation
    assert total.per_class.tolist() == [3, 2]
    assert total.per_annotator.tolist() == [2, 2, 1]
    assert (total.census.items, total.census.annotated, total.census.most.value, total.n) == (3, 2, 3, 5)


def test_crowdlab_without_a_model_says_so():
    """Guards against a traceback where somebody asks for CROWDLAB and has no model."""
    with pytest.raises(UserError, match="needs a model's class probabilities"):
        fit_crowdlab(scattered(votes_of([(0, 0, 0)], 1, 1, 2), np.zeros(1, dtype=np.int64)))


def test_sums_are_added_part_by_part():
    """Guards against tuples that are chained instead of added, and keys that stand twice."""
    one, two = Cells.of(np.array([5, 1, 5])), Cells.of(np.array([5, 2]))
    key, count = added(one, two)
    assert (key.tolist(), count.tolist()) == ([1, 2, 5], [1, 1, 3])
    summed = added((np.array([1.0]), 2, Largest(3)), (np.array([0.5]), 1, Largest(2)))
    assert (summed[0].tolist(), *summed[1:]) == ([1.5], 3, Largest(3))


def test_groups_are_neighbours():
    """Guards against an order of additions that depends on who works, or a shard that is left out."""
    for n in (0, 1, GROUPS, GROUPS + 1, 10_000):
        made = groups(n)
        assert [k for group in made for k in group] == list(range(n))
        assert len(made) <= GROUPS
