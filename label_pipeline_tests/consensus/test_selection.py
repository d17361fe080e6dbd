"""What `auto` decides, on what evidence, and that it holds on real annotations."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from label_pipeline.consensus import jury
from label_pipeline.consensus.calibration import expected_calibration_error, outcomes
from label_pipeline.consensus.jury import Judges, deal, deliberate, only, surplus
from label_pipeline.consensus.majority import Majority
from label_pipeline.consensus.methods import METHODS, candidates
from label_pipeline.consensus.selection import FittedConsensus, confusion, fit_consensus
from label_pipeline.errors import UserError
from label_pipeline.votes import Votes
from label_pipeline_tests.consensus.tables import votes_of

Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


def crowd(
    n_items: int = 300, n_annotators: int = 15, per_item: int = 5, n_classes: int = 3, seed: int = 0
) -> tuple[Votes, Codes]:
    """Independent annotators of very different accuracy, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_items).astype(np.int32)
    accuracy = rng.uniform(0.35, 0.95, n_annotators)
    rows = [
        (i, int(j), int(truth[i] if rng.random() < accuracy[j] else rng.integers(0, n_classes)))
        for i in range(n_items)
        for j in rng.choice(n_annotators, per_item, replace=False)
    ]
    return votes_of(rows, n_items, n_annotators, n_classes), truth


def accuracy(probabilities: Floats, truth: Codes, judged: npt.NDArray[np.bool_] | None = None) -> float:
    judged = truth >= 0 if judged is None else judged & (truth >= 0)
    return float(outcomes(probabilities[judged], truth[judged])[1].mean())


# -- the jury --------------------------------------------------------------------------------------------------------


def test_everybody_is_left_out_once_a_round_whoever_else_is_there() -> None:
    """A newcomer reshuffled who was left out, and every label of the project moved a little overnight."""
    ids = np.array([f"annotator {j}" for j in range(50)], dtype=object)
    for first in (0, 3, 6):
        parts = np.stack([deal(ids, 3, seed=0, draw=first + d) for d in range(3)])
        assert (parts.sum(axis=0) == 1).all()
        assert parts.any(axis=1).all()
    np.testing.assert_array_equal(deal(ids, 3, 0, 4)[10:20], deal(ids[10:20], 3, 0, 4))
    assert (deal(ids, 3, 0, 0) != deal(ids, 3, 0, 3)).any()
    assert (deal(ids, 3, 0, 0) != deal(ids, 3, 1, 0)).any()
    assert deal(np.arange(50), 3, 0, 0).any()


def test_gold_keeps_as_many_annotations_as_other_items_have() -> None:
    """Checks that everybody met taught a confidence that items with one annotation were then given."""
    others = [(i, j, 0) for i, n in enumerate([1, 1, 2, 3]) for j in range(n)]
    checks = [(i, j, 0) for i, n in ((4, 2), (5, 6), (6, 6)) for j in range(n)]
    votes = votes_of(others + checks, 7, 6, 2)
    gold = np.array([-1, -1, -1, -1, 0, 0, 0], dtype=np.int32)
    beyond = surplus(votes, gold, 0)
    # The others have 1, 1, 2, 3: at a sixth, a half and five sixths of the way 1, 1 and 3.
    assert votes.keep(~beyond).per_item.tolist() == [1, 1, 2, 3, 1, 1, 3]
    kept = [tuple(surplus(votes, gold, seed)[9:]) for seed in range(20)]
    assert len(set(kept)) > 5  # not always the same people's
    np.testing.assert_array_equal(beyond, surplus(votes, gold, 0))
    for nothing in (np.full(7, -1), np.zeros(7), np.array([-1, 0, -1, 0, -1, -1, -1])):
        assert not surplus(votes, nothing.astype(np.int32), 0).any()


def test_confidence_of_lone_annotations_beside_gold_that_everybody_met() -> None:
    """Items with one annotation said 95% and were right on 73%."""
    gaps = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        accuracy, truth = rng.uniform(0.55, 0.95, 12), rng.integers(0, 3, 360).astype(np.int32)
        rows = [
            (i, int(j), int(truth[i] if rng.random() < accuracy[j] else (truth[i] + rng.integers(1, 3)) % 3))
            for i in range(360)
            for j in (range(12) if i >= 300 else rng.choice(12, rng.integers(1, 4), replace=False))
        ]
        votes = votes_of(rows, 360, 12, 3)
        found = fit_consensus(votes, gold=np.where(np.arange(360) < 300, -1, truth).astype(np.int32))
        lone = votes.per_item == 1
        gaps.append(float(found.confidence_[lone].mean() - (found.labels_[lone] == truth[lone]).mean()))
    assert np.mean(gaps) < 0.1


def test_agreement_beyond_chance_by_hand() -> None:
    """Plain agreement preferred the method that gives the most frequent class to everything."""
    votes = votes_of([(0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 0, 1), (3, 1, 0)], 4, 2, 2)
    judges = Judges.of(votes, np.array([True, True, True, True, False]))
    # Both sides half and half: chance 0.5, agreement 3/4.
    assert judges.agreement(np.array([0, 0, 1, 0])) == pytest.approx(1 - 0.25 / (1 - (5 / 8) ** 2 - (3 / 8) ** 2))
    assert judges.agreement(np.array([0, 0, 1, 1])) == pytest.approx(1)
    # Right on the half of the annotations, as chance is when three in four of all labels are 0: worse than nothing.
    assert judges.agreement(np.array([0, 0, 0, 0])) == pytest.approx(1 - 0.5 / (1 - (3 / 4) ** 2 - (1 / 4) ** 2))
    assert Judges.of(votes, np.zeros(5, dtype=bool)).agreement(np.array([0, 0, 1, 1])) == 0


def test_judges_weigh_nearly_alike_and_distances_count_on_a_scale() -> None:
    """One annotator with half of all labels chose the method that agreed with them."""
    rows = [(i, 0, 0) for i in range(18)] + [(18, 1, 1), (19, 1, 1)]
    judges = Judges.of(votes_of(rows, 20, 2, 2), np.ones(20, dtype=bool))
    assert judges.weight[:18].sum() / judges.weight[18:].sum() == pytest.approx((18 / 20) / (2 / 4))
    votes = votes_of([(0, 0, 0), (1, 0, 1), (2, 0, 2)], 3, 1, 3)
    scale = np.arange(3.0)
    near, far = np.array([1, 1, 2]), np.array([2, 1, 2])
    on_scale = Judges.of(votes, np.ones(3, dtype=bool), scale)
    # D = 1/3; pooled frequencies (1, 3, 2) / 6 have mean 7/6 and variance 17/36.
    assert on_scale.agreement(near) == pytest.approx(1 - (1 / 3) / (2 * 17 / 36))
    assert on_scale.agreement(near) > on_scale.agreement(far)


def test_only_the_items_asked_for() -> None:
    """A sample of items kept the offsets of all and read the annotations of others."""
    votes, _ = crowd(20)
    chosen = np.arange(20) % 3 == 0
    part = only(votes, chosen)
    assert part.n_items == 7
    for new, old in enumerate(np.flatnonzero(chosen)):
        span, whole = (slice(v.offsets[i], v.offsets[i + 1]) for v, i in ((part, new), (votes, old)))
        np.testing.assert_array_equal(part.label[span], votes.label[whole])
        np.testing.assert_array_equal(part.annotator[span], votes.annotator[whole])


def test_a_clique_does_not_vouch_for_itself() -> None:
    """Four accounts that copy one another outvoted the others, and their agreement looked like skill."""
    rng = np.random.default_rng(0)
    n_items = 400
    truth = rng.integers(0, 2, n_items).astype(np.int32)
    copied = np.where(rng.random(n_items) < 0.7, truth, 1 - truth)
    rows = [(i, j, int(copied[i])) for i in range(n_items) for j in range(4)]
    rows += [
        (i, 4 + j, int(truth[i] if rng.random() < 0.75 else 1 - truth[i]))
        for i in range(n_items)
        for j in rng.choice(9, 5, replace=False)
    ]
    votes = votes_of(rows, n_items, 13, 2)
    auto = fit_consensus(votes)
    alone = fit_consensus(votes, method="dawid_skene")
    assert accuracy(auto.probabilities_, truth) >= accuracy(alone.probabilities_, truth)
    ours = expected_calibration_error(*outcomes(auto.probabilities_, truth))
    theirs = expected_calibration_error(*outcomes(alone.probabilities_, truth))
    assert ours < theirs


# -- the choice ------------------------------------------------------------------------------------------------------


def test_the_same_whatever_the_order_of_rows_and_the_run() -> None:
    """Two runs of the same night published different labels."""
    votes, _ = crowd(120)
    frame = pd.DataFrame({"item_id": votes.item, "annotator_id": votes.annotator, "label": votes.label.astype(str)})
    fits = [fit_consensus(Votes.build(frame.sample(frac=1, random_state=k)), seed=7) for k in range(2)]
    np.testing.assert_array_equal(fits[0].probabilities_, fits[1].probabilities_)
    assert fits[0].why_ == fits[1].why_
    other = fit_consensus(Votes.build(frame), seed=8)
    assert (other.probabilities_ != fits[0].probabilities_).any()


def test_it_says_what_it_chose_and_why() -> None:
    """The lead asked why a label had changed, and there was no record of what decided it."""
    votes, truth = crowd()
    fitted = fit_consensus(votes)
    assert {record["method"] for record in fitted.evidence_} == set(candidates(with_model=False, ordered=False))
    assert sum(record["wins"] for record in fitted.evidence_) == pytest.approx(1)
    winner = max(fitted.evidence_, key=lambda record: record["wins"])
    assert fitted.method_.split("+")[0] == winner["method"]
    assert f"{winner['method']} won" in fitted.why_
    assert "gold_accuracy" not in winner
    assert fitted.diagnostics_["draws"] == jury.PARTS * jury.ROUNDS
    told = fit_consensus(votes, gold=np.where(np.arange(300) < 60, truth, -1).astype(np.int32))
    assert "gold" in told.why_
    assert told.diagnostics_["gold_n"] == 60
    assert 0 <= told.diagnostics_["gold_calibration_error"] <= 1
    assert all({"gold_accuracy", "blend_weight"} <= record.keys() for record in told.evidence_)
    few = fit_consensus(votes, gold=np.where(np.arange(300) < 5, truth, -1).astype(np.int32))
    assert "too few" in few.why_
    assert (few.labels_[:5] == truth[:5]).all()


def test_a_weak_model_has_no_say_over_people() -> None:
    """CROWDLAB with a text model worse than a guess fell below plain majority."""
    votes, truth = crowd()
    rng = np.random.default_rng(1)
    people = fit_consensus(votes)
    for model in (rng.dirichlet(np.ones(3), 300), np.roll(0.05 + 0.85 * np.eye(3)[truth], 1, axis=1)):
        fitted = fit_consensus(votes, probabilities=model / model.sum(axis=1, keepdims=True))
        assert accuracy(fitted.probabilities_, truth) >= accuracy(people.probabilities_, truth) - 0.01
        assert next(r["wins"] for r in fitted.evidence_ if r["method"] == "crowdlab") < 0.5


def test_a_strong_model_is_heard() -> None:
    """With two labels an item a good model knew better, and was ignored with the bad ones."""
    votes, truth = crowd(per_item=2)
    rng = np.random.default_rng(1)
    model = 0.02 + 0.94 * np.eye(3)[np.where(rng.random(300) < 0.9, truth, rng.integers(0, 3, 300))]
    fitted = fit_consensus(votes, probabilities=model / model.sum(axis=1, keepdims=True))
    assert accuracy(fitted.probabilities_, truth) > accuracy(fit_consensus(votes).probabilities_, truth) + 0.05


def test_gold_items_are_judged_by_draws_that_had_not_seen_them() -> None:
    """Gold shown to a method made the method look infallible on it, and the blend trusted it wholly."""
    votes, truth = crowd()
    gold = np.where(np.arange(300) < 150, truth, -1).astype(np.int32)
    verdict = deliberate(votes, candidates(with_model=False, ordered=False), gold=gold)
    unseen = verdict.probabilities[:150]
    assert accuracy(unseen, truth[:150]) < 1
    blind = fit_consensus(votes).probabilities_[:150]
    assert abs(accuracy(unseen, truth[:150]) - accuracy(blind, truth[:150])) < 0.1
    fitted = fit_consensus(votes, gold=gold)
    assert (fitted.labels_[:150] == truth[:150]).all()
    assert (fitted.confidence_[:150] == 1).all()


def test_beyond_the_sample_it_answers_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path for large projects ran for the first time in production."""
    votes, truth = crowd(1_000, 30)
    small = fit_consensus(votes)
    monkeypatch.setattr(jury, "SAMPLE", 1_000)
    gold = np.where(np.arange(1_000) < 200, truth, -1).astype(np.int32)
    model = np.full((1_000, 3), 1 / 3)
    for large in (fit_consensus(votes), fit_consensus(votes, gold=gold, probabilities=model)):
        free = (gold < 0) & (truth >= 0)
        assert accuracy(large.probabilities_, truth, free) > accuracy(small.probabilities_, truth, free) - 0.02
        assert large.diagnostics_["draws"] == jury.PARTS * round(jury.ROUNDS * 0.2**0.5)
    assert "blend_start" in large.diagnostics_


def test_ratings_are_medians_and_near_misses_count_less() -> None:
    """A posterior split between 1 and 5 came out as 1, and the mean rating nobody gave as 3."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 300).astype(np.int32)
    rows = [
        (i, int(j), int(np.clip(round(truth[i] + rng.normal(0, 0.7)), 0, 4)))
        for i in range(300)
        for j in rng.choice(10, 4, replace=False)
    ]
    votes = votes_of(rows, 300, 10, 5)
    fitted = fit_consensus(votes, ordered=True)
    reached = np.cumsum(fitted.probabilities_, axis=1) >= 0.5 - 1e-9
    np.testing.assert_array_equal(fitted.labels_, reached.argmax(axis=1))
    assert {"ordinal"} <= {record["method"] for record in fitted.evidence_}
    error = np.abs(fitted.labels_ - truth).mean()
    assert error <= np.abs(Majority().fit(votes).labels_ - truth).mean()


# -- what is told of annotators --------------------------------------------------------------------------------------


def test_annotators_are_told_apart() -> None:
    """Under `auto` every annotator had the same quality, and no confusion matrix."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    skill = [0.95, 0.9, 0.9, 0.85, 0.8, 0.55]
    rows = [(i, j, int(t if rng.random() < s else 1 - t)) for i, t in enumerate(truth) for j, s in enumerate(skill)]
    fitted = fit_consensus(votes_of(rows, 400, 6, 2))
    np.testing.assert_allclose(fitted.annotator_quality_, skill, atol=0.06)
    assert (np.diff(fitted.annotator_weight_[[5, 4, 0]]) > 0).all()
    assert fitted.confusion_ is not None
    np.testing.assert_allclose(fitted.confusion_.sum(axis=2), 1)
    np.testing.assert_allclose(fitted.confusion_[:, 0, 0], skill, atol=0.08)


def test_a_confusion_matrix_is_shrunk_to_that_of_all() -> None:
    """One label made a matrix of zeros and ones."""
    votes = votes_of([(0, 0, 0), (1, 0, 1), (2, 0, 1), (0, 1, 1)], 3, 2, 2)
    sure = np.array([[1.0, 0], [0, 1], [0, 1]])
    pooled = np.array([[2 / 3, 1 / 3], [0, 1]])  # rows (1, 1) and (0, 2), and one on the right class each
    found = confusion(votes, sure)
    assert found is not None
    np.testing.assert_allclose(found[1, 0], (np.array([0, 1]) + 2 * pooled[0]) / 3)
    np.testing.assert_allclose(found[1, 1], pooled[1])


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("glad", "mace")])
def test_a_method_asked_for_is_that_method(method: str) -> None:
    """Calibration silently changed the figures of a method whose figures were compared with the paper's."""
    votes, truth = crowd(100)
    model = np.full((100, 3), 1 / 3)
    fitted = fit_consensus(votes, method=method, probabilities=model)
    own = METHODS[method]().fit(votes, probabilities=model)
    np.testing.assert_array_equal(fitted.probabilities_, own.probabilities_)
    np.testing.assert_array_equal(fitted.labels_, own.labels_)
    assert (fitted.method_, fitted.evidence_) == (method, [])
    gold = np.where(np.arange(100) < 40, truth, -1).astype(np.int32)
    told = fit_consensus(votes, method=method, probabilities=model, gold=gold)
    assert told.diagnostics_["gold_accuracy"] == pytest.approx(accuracy(own.probabilities_, gold))


def test_arrays_of_the_wrong_shape_are_refused() -> None:
    """Gold of yesterday's items was laid over today's."""
    votes, truth = crowd(50)
    calls: list[dict[str, Any]] = [
        {"gold": truth[:10]},
        {"gold": truth.astype(float)},
        {"gold": truth + 7},
        {"probabilities": np.full((50, 2), 0.5)},
    ]
    for call in calls:
        with pytest.raises(UserError):
            fit_consensus(votes, **call)


# -- real annotations ------------------------------------------------------------------------------------------------


def real(folder: Path) -> tuple[Votes, Codes]:
    kinds = {"item_id": str, "annotator_id": str, "label": str}
    annotations = pd.read_csv(folder / "annotations.csv", dtype=kinds)
    known = pd.read_csv(folder / "truth.csv", dtype=kinds).set_index("item_id")["label"]
    classes = sorted(set(annotations["label"]) | set(known))
    votes = Votes.build(annotations, classes=classes)
    truth = pd.Categorical(known.reindex(votes.items), categories=classes).codes
    return votes, truth.astype(np.int32)


# Bounds lie about two points under what is measured, and above the best and the worst of the plain methods.
@pytest.mark.parametrize(
    ("name", "least"), [("bluebirds", 0.85), ("rte", 0.915), ("weather_cf", 0.86), ("zencrowd_all", 0.81)]
)
def test_on_real_annotations(datasets: Path, name: str, least: float) -> None:
    """The choice that was best on one project was five points under the majority vote on the next."""
    votes, truth = real(datasets / name)
    majority = accuracy(Majority().fit(votes).probabilities_, truth)
    fitted = fit_consensus(votes)
    assert accuracy(fitted.probabilities_, truth) >= max(least, majority - 0.02)
    assert expected_calibration_error(*outcomes(fitted.probabilities_, truth)) < 0.09
    known = np.flatnonzero(truth >= 0)
    gold = np.full(votes.n_items, -1, dtype=np.int32)
    drawn = np.random.default_rng(0).choice(known, min(100, len(known) // 2), replace=False)
    gold[drawn] = truth[drawn]
    told: FittedConsensus = fit_consensus(votes, gold=gold)
    free = gold < 0
    plain = accuracy(Majority().fit(votes).probabilities_, truth, free)
    assert accuracy(told.probabilities_, truth, free) >= plain - 0.01
