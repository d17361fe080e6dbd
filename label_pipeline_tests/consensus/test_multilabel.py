"""Label sets: coding, decisions a class, and what annotators share across classes."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from label_pipeline.consensus.dawid_skene import DawidSkene
from label_pipeline.consensus.multilabel import MultiLabel
from label_pipeline.errors import UserError
from label_pipeline.label_sets import LabelSets
from label_pipeline.votes import Votes


def frame(rows, columns=("item_id", "annotator_id", "label")):
    return pd.DataFrame(rows, columns=list(columns))


SETS = [
    ("i", "a", ["cat", "dog"]),
    ("i", "b", ["cat"]),
    ("i", "c", ["cat"]),
    ("j", "a", []),
    ("j", "b", ["dog"]),
    ("j", "c", []),
]
LONG = [
    ("i", "a", "dog"), ("i", "a", "cat"), ("i", "b", "cat"), ("i", "c", "cat"),
    ("j", "a", None), ("j", "b", "dog"), ("j", "c", None),
]  # fmt: skip


def as_sets(sets: LabelSets) -> dict:
    return {
        (sets.items[i], sets.annotators[sets.annotator[a]]): {
            sets.classes[k] for k in sets.chosen[sets.set_offsets[a] : sets.set_offsets[a + 1]]
        }
        for i in range(sets.n_items)
        for a in range(sets.offsets[i], sets.offsets[i + 1])
    }


def test_both_forms_are_the_same_sets():
    """Guards against losing the empty set, or a class, between a list column and one class a row."""
    expected = {(i, a): set(chosen) for i, a, chosen in SETS}
    for given in (
        frame(SETS),
        frame(SETS[::-1]),
        pa.Table.from_pandas(frame(SETS)),
        frame([(i, a, set(chosen)) for i, a, chosen in SETS]),
        frame(LONG),
        frame(LONG[::-1]),
        frame(LONG + LONG),
        pa.Table.from_pandas(frame(LONG)),
    ):
        assert as_sets(LabelSets.build(given)) == expected


def test_newest_set_wins():
    """Guards against a corrected set united with the one it corrects."""
    rows = [("i", "a", ["cat"], "2026-01-01"), ("i", "a", ["dog"], "2026-01-02"), ("j", "a", ["cat"], None)]
    table = frame(rows, ("item_id", "annotator_id", "label", "annotated_at"))
    assert as_sets(LabelSets.build(table)) == {("i", "a"): {"dog"}, ("j", "a"): {"cat"}}
    assert as_sets(LabelSets.build(table.drop(columns="annotated_at")))[("i", "a")] == {"cat", "dog"}


def test_bad_sets():
    """Guards against a missing list read as an empty one."""
    with pytest.raises(UserError, match="1 of 2 values of 'label' hold no list"):
        LabelSets.build(frame([("i", "a", ["x"]), ("j", "a", None)]))
    with pytest.raises(UserError, match="is not a declared class"):
        LabelSets.build(frame(SETS), classes=["cat"])
    with pytest.raises(UserError, match="mixes lists and single"):
        LabelSets.build(frame([("i", "a", ["x"]), ("j", "a", 3)]))


def test_decisions_by_eye():
    """Guards against a class decided by the wrong votes."""
    fit = MultiLabel().fit(LabelSets.build(frame(SETS), items=["z"]))
    assert fit.labels_.tolist() == [[True, False], [False, False], [False, False]]
    assert fit.labelled_.tolist() == [True, True, False]
    assert fit.probabilities_[1, 0] == 0.0  # nobody chose it
    assert 0 < fit.probabilities_[2, 0] < 1  # nobody was asked
    assert fit.confidence_[0] == max(fit.probabilities_[0, 1], 1 - fit.probabilities_[0, 1])


OVERLOOKS, INVENTS = np.arange(12) % 3 == 0, np.arange(12) % 3 == 1
"""A third of the simulated annotators overlook most classes, a third tick too many, a third are careful."""


def simulated(seed=0, n_items=150, n_classes=12):
    rng = np.random.default_rng(seed)
    truth = rng.random((n_items, n_classes)) < np.linspace(0.05, 0.4, n_classes)
    sees, invents = np.where(OVERLOOKS, 0.35, 0.9), np.where(INVENTS, 0.3, 0.03)
    classes = np.array([f"k{k:02d}" for k in range(n_classes)])
    rows = []
    for i in range(n_items):
        for j in rng.permutation(12)[:3]:
            chance = np.where(truth[i], sees[j], invents[j])
            rows.append((f"i{i:04d}", f"a{j:02d}", list(classes[rng.random(n_classes) < chance])))
    return LabelSets.build(frame(rows), classes=classes), truth


def answers(sets: LabelSets) -> tuple[np.ndarray, np.ndarray]:
    """Item of each set, and whether it holds each class."""
    held = np.zeros((sets.n, sets.n_classes), dtype=int)
    held[np.repeat(np.arange(sets.n), np.diff(sets.set_offsets)), sets.chosen] = 1
    return np.repeat(np.arange(sets.n_items), np.diff(sets.offsets)), held


def test_better_than_a_vote_and_than_classes_apart():
    """Guards against a model that costs more than a vote a class, or than one model a class, and knows no more."""
    right = {"ours": [], "vote": [], "apart": []}
    for seed in range(3):
        sets, truth = simulated(seed)
        item, held = answers(sets)
        fit = MultiLabel().fit(sets)
        votes = np.zeros(truth.shape)
        np.add.at(votes, item, held)
        apart = np.zeros(truth.shape)
        for k in range(sets.n_classes):
            one = Votes.of_codes(
                item, sets.annotator, held[:, k], items=sets.n_items, annotators=sets.n_annotators, classes=2
            )
            apart[:, k] = DawidSkene().fit(one).probabilities_[:, 1]
        for name, labels in (("ours", fit.labels_), ("vote", votes > 1.5), ("apart", apart > 0.5)):
            right[name].append((labels == truth).mean())
        assert fit.sensitivity_[OVERLOOKS].max() < fit.sensitivity_[~OVERLOOKS].min()
        assert fit.false_alarms_[INVENTS].min() > fit.false_alarms_[~INVENTS].max()
        careful = ~OVERLOOKS & ~INVENTS
        assert fit.annotator_weight_[careful].min() > fit.annotator_weight_[~careful].max()
        assert ((fit.annotator_quality_ >= 0) & (fit.annotator_quality_ <= 1)).all()
    mean = {name: np.mean(values) for name, values in right.items()}
    assert mean["ours"] > mean["vote"] + 0.01
    assert mean["ours"] > mean["apart"] + 0.002


def test_errors_are_shared_across_classes():
    """Guards against judging an annotator afresh in every class.

    Gold shows that `a0` ticks `k0` and `k1` where they are not. On `k2`, of which they gave no label before,
    their lone tick against a careful annotator must weigh less than another careful annotator's.
    """
    rows, gold = [], []
    for i in range(40):
        there = ["k0"] if i % 2 else []
        rows += [(f"i{i:03d}", "a0", ["k0", "k1"]), (f"i{i:03d}", "a1", there), (f"i{i:03d}", "a2", there)]
        gold.append([i % 2, 0, -1])
    for i in range(20):
        rows += [(f"j{i:03d}", j, ["k2"]) for j in ("a1", "a2", "a3")]
        gold.append([-1, -1, -1])
    rows += [("x", "a0", ["k2"]), ("x", "a2", []), ("y", "a1", ["k2"]), ("y", "a2", [])]
    gold += [[-1, -1, -1]] * 2
    sets = LabelSets.build(frame(rows), classes=["k0", "k1", "k2"])
    fit = MultiLabel().fit(sets, gold=np.array(gold))
    x, y = fit.probabilities_[list(sets.items).index("x"), 2], fit.probabilities_[list(sets.items).index("y"), 2]
    assert y / (1 - y) > 20 * x / (1 - x)
    assert fit.labels_[:40, 0].tolist() == [bool(i % 2) for i in range(40)]


def test_order_of_rows_and_names_is_nothing():
    """Guards against results that depend on the order of rows, items or annotators."""
    sets, _ = simulated(3, n_items=40, n_classes=5)
    fit = MultiLabel().fit(sets)
    rows = [(i, a, sorted(chosen, reverse=True)) for (i, a), chosen in as_sets(sets).items()]
    rng = np.random.default_rng(0)
    new = {a: f"b{rng.integers(10**9)}" for a in sets.annotators}
    table = frame([(i[::-1], new[a], chosen) for i, a, chosen in rows]).sample(frac=1, random_state=0)
    other = LabelSets.build(table, classes=sets.classes)
    again = MultiLabel().fit(other)
    at = [list(other.items).index(i[::-1]) for i in sets.items]
    assert np.allclose(again.probabilities_[at], fit.probabilities_, atol=1e-9)
    assert (again.labels_[at] == fit.labels_).all()


def test_edges():
    """Guards against a crash or NaN on nothing, one annotator, one class, or classes nobody chose."""
    empty = frame([]).astype(object)
    for given, options in (
        (empty, {}),
        (empty, {"items": ["i"], "classes": ["k"]}),
        (frame([("i", "a", ["k"])]), {}),
        (frame([("i", "a", [])]), {"classes": ["k", "l"]}),
        (frame([("i", "a", ["k"]), ("j", "a", ["k"])]), {"classes": ["k", "l"]}),
    ):
        sets = LabelSets.build(given, **options)
        fit = MultiLabel().fit(sets)
        assert fit.probabilities_.shape == (sets.n_items, sets.n_classes)
        assert np.isfinite(fit.probabilities_).all()
        assert np.isfinite(fit.annotator_quality_).all()
    with pytest.raises(UserError, match="gold decisions"):
        MultiLabel().fit(LabelSets.build(frame(SETS)), gold=np.array([[2, 0], [0, 0]]))
    with pytest.raises(UserError, match="strength"):
        MultiLabel(strength=0).fit(LabelSets.build(frame(SETS)))


@pytest.mark.parametrize("who", ["abc", "aaa"])
def test_a_handful_of_lone_answers(who: str) -> None:
    """Loss: on the first day, on which nobody has met anybody, every class somebody chose is taken for imagined."""
    given = zip(["i1", "i2", "i3"], who, [["x"], [], ["x", "y"]], strict=True)
    sets = LabelSets.build(pd.DataFrame(given, columns=["item_id", "annotator_id", "label"]), classes=["x", "y"])
    fitted = MultiLabel().fit(sets)
    assert fitted.labels_.tolist() == [[True, False], [False, False], [True, True]]
    assert fitted.probabilities_[fitted.labels_].min() > 0.6
