"""The evidence on an annotation never contains the annotation itself."""

import numpy as np
import pytest

from label_pipeline.annotators import evidence
from label_pipeline.annotators.evidence import weigh
from label_pipeline.votes import Votes
from label_pipeline_tests.annotators.crowds import crowd

NO_GOLD = np.full(3, -1)


def small() -> Votes:
    """Item 0: three labels; item 1: one label; item 2: two labels, one of them wrong by gold."""
    return Votes.of_codes(
        np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, 2, 0, 0, 1]), np.array([0, 0, 1, 1, 0, 1]),
        items=3, annotators=3, classes=2,
    )  # fmt: skip


def test_right_by_hand() -> None:
    """Others of quality .8 and .6 with an even prior: odds 4 and 1.5."""
    votes, even = small(), np.full((3, 2), 0.5)
    found = weigh(votes, even, np.array([0.9, 0.8, 0.6]), NO_GOLD)
    # Annotator 0 on item 0: one for (odds 4), one against (odds 1.5).
    assert found.right[0] == pytest.approx(4 / 1.5 / (1 + 4 / 1.5))
    # Annotator 2: both others against, odds 9 and 4.
    assert found.right[2] == pytest.approx(1 / 37)
    assert np.isnan(found.right[3])
    gold = np.array([-1, 1, 1])
    with_gold = weigh(votes, even, np.array([0.9, 0.8, 0.6]), gold)
    assert with_gold.right[3:].tolist() == [1.0, 0.0, 1.0]
    assert with_gold.others[0, 1].tolist() == pytest.approx([1 + 1.5 / 5.5, 1.0])


def test_own_label_moves_only_what_others_see() -> None:
    """A changed label changes the evidence on everybody else of the item, never on itself."""
    data = crowd(0, annotators=10, each=60)
    votes, quality = data.votes, np.full(10, 0.7)
    even = np.full((votes.n_items, 4), 0.25)
    none = np.full(votes.n_items, -1)
    given = votes.label.copy()
    given[0] = (given[0] + 1) % 4
    changed = Votes(votes.items, votes.annotators, votes.classes, votes.offsets, votes.annotator, given)
    before, after = weigh(votes, even, quality, none), weigh(changed, even, quality, none)
    assert after.others[votes.annotator[0]].sum(axis=1) == pytest.approx(before.others[votes.annotator[0]].sum(axis=1))
    assert after.right[1] != before.right[1]
    assert after.right[3:] == pytest.approx(before.right[3:])


def test_chance_is_that_of_shuffled_labels() -> None:
    """Mean and deviation of the agreement of an annotator whose labels are shuffled over the items."""
    data = crowd(1, annotators=8, each=120)
    votes, none = data.votes, np.full(data.votes.n_items, -1)
    quality = np.linspace(0.4, 0.9, 8)
    found = weigh(votes, data.shares, quality, none)
    random, mine = np.random.default_rng(0), np.flatnonzero(votes.annotator == 5)
    means = []
    for _ in range(400):
        label = votes.label.copy()
        label[mine] = random.permutation(label[mine])
        shuffled = Votes(votes.items, votes.annotators, votes.classes, votes.offsets, votes.annotator, label)
        means.append(weigh(shuffled, data.shares, quality, none).right[mine].mean())
    assert np.mean(means) == pytest.approx(found.chance[5], abs=0.01)
    assert np.std(means) == pytest.approx(found.chance_error[5], rel=0.15)


def test_too_many_classes_leave_the_counts_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is left out, not guessed; the evidence itself stays."""
    data = crowd(2, annotators=6, each=30)
    none = np.full(data.votes.n_items, -1)
    full = weigh(data.votes, data.shares, np.full(6, 0.7), none)
    monkeypatch.setattr(evidence, "CONFUSION_CELLS", 10)
    bare = weigh(data.votes, data.shares, np.full(6, 0.7), none)
    assert np.array_equal(full.right, bare.right, equal_nan=True)
    assert bare.others.shape == (0, 4, 4)
