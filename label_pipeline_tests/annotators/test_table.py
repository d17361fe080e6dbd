"""Who is flagged, who is not, and what is said of those nobody can judge."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from label_pipeline.annotators import evidence
from label_pipeline.annotators.align import align
from label_pipeline.annotators.table import FLAGS, Limits, annotator_report, discoveries, shrunk, spammer_score
from label_pipeline.errors import UserError
from label_pipeline.estimates import wilson
from label_pipeline.votes import Votes
from label_pipeline_tests.annotators.crowds import PLANTED, crowd


def test_each_planted_annotator_is_found_and_no_honest_one() -> None:
    """A false flag costs a person their work; a missed one costs the data."""
    false = 0
    for seed in range(4):
        data = crowd(seed)
        report = annotator_report(data.votes, data.shares, durations=data.durations, times=data.times)
        flags = report.table["flags"]
        for name, flag in zip(
            PLANTED, ["spammer", "spammer", "too_fast", "repeating", "drifting", "confuses"], strict=True
        ):
            assert flag in flags[PLANTED.index(name)], (seed, name)
        false += sum(len(row) for row in flags[len(PLANTED) :])
    assert false <= 1


def test_no_one_is_judged_on_little_evidence() -> None:
    """Ten labels are no ground for any flag."""
    data = crowd(5, each=10)
    report = annotator_report(data.votes, data.shares, durations=data.durations, times=data.times)
    assert all(flags == [] for flags in report.table["flags"])
    assert report.table["spammer_score"].isna().all()


def test_enough_is_counted_whatever_rounding_does() -> None:
    """Who has exactly as many annotations as it takes is judged: sums of probabilities fall a hair short or not."""
    slot, rng = np.arange(1_200), np.random.default_rng(6)
    label = np.where(rng.random(1_200) < 0.8, slot % 400 % 3, rng.integers(0, 3, 1_200))
    votes = Votes.of_codes(slot % 400, slot // 20, label, items=400, annotators=60, classes=3)
    shares = votes.counts() / 3
    assert evidence.weigh(votes, shares, np.full(60, 0.8), np.full(400, -1)).others.sum(axis=(1, 2)).min() < 20
    assert annotator_report(votes, shares).table["spammer_score"].notna().all()


def test_figures_by_hand() -> None:
    """Counts, gold accuracy with Wilson's interval, quality as given or from the consensus."""
    votes = Votes.of_codes(
        np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 0]), np.array([0, 0, 0, 1, 1]),
        items=3, annotators=3, classes=["no", "yes"],
    )  # fmt: skip
    shares = np.array([[1.0, 0.0], [0.5, 0.5], [0.2, 0.8]])
    gold = np.array([0, 1, -1])
    table = annotator_report(votes, shares, gold=gold).table
    assert table["n"].tolist() == [3, 2, 0]
    assert table["quality"].tolist() == pytest.approx([2.3 / 3, 0.75, 3.8 / 5])
    assert table["gold_n"].tolist() == [2, 2, 0]
    assert table["gold_accuracy"].tolist()[:2] == [0.5, 1.0]
    expected = wilson(1, 2)
    assert (table["gold_low"][0], table["gold_high"][0]) == pytest.approx((expected.ci_low, expected.ci_high))
    assert table["compared"].tolist() == [2, 2, 0]
    assert table.loc[2, ["gold_accuracy", "agreement_with_consensus", "quality_low"]].isna().all()
    given = annotator_report(votes, shares, quality=np.array([0.9, 0.8, 0.5])).table
    assert given["quality"].tolist() == [0.9, 0.8, 0.5]
    low = wilson(2.7, 3)
    assert given["quality_low"][0] == pytest.approx(low.ci_low)


def test_worst_class_and_confusion() -> None:
    """The planted confusion is named with its direction and its share."""
    data = crowd(6, each=600)
    report = annotator_report(data.votes, data.shares)
    row = report.table.loc[PLANTED.index("confusing")]
    assert (row.confused_class, row.confused_with, row.worst_class) == ("1", "2", "1")
    assert 0.3 < row.confused_share < 0.8
    assert report.confusion is not None
    assert report.confusion.sum(axis=2) == pytest.approx(1.0)
    assert row.worst_class_recall == pytest.approx(report.confusion[PLANTED.index("confusing"), 1, 1])


def test_shrinkage_by_hand() -> None:
    """A class nobody met falls back to the pool's accuracy; a single count is pulled to the pool's row."""
    counts = np.array([[[8.0, 2], [0, 0]], [[1, 0], [0, 0]]])
    right = (9 + 1) / (11 + 2)
    pool = (9 + right) / 12
    found = shrunk(counts, 2.0)
    assert found[1, 0, 0] == pytest.approx((1 + 2 * pool) / 3)
    assert found[0, 1].tolist() == pytest.approx([1 - right, right])


def test_spammer_score_is_raykar_and_yu() -> None:
    """Perfect 1, alike rows 0, and (sensitivity + specificity − 1)² for two balanced classes."""
    perfect, alike = np.diag([50.0, 50, 50]), np.full((3, 3), 20.0)
    assert spammer_score(np.stack([perfect, alike]), 0.0) == pytest.approx([1.0, 0.0])
    binary = np.array([[[80.0, 20], [30, 70]]])
    assert spammer_score(binary, 0.0) == pytest.approx([(0.8 + 0.7 - 1) ** 2])
    random = np.random.default_rng(0).dirichlet(np.ones(4), size=4)
    distances = sum(((random[a] - random[b]) ** 2).sum() for a in range(4) for b in range(a))
    assert spammer_score(100 * random[None], 0.0) == pytest.approx([distances / (4 * 3)])
    assert np.isnan(spammer_score(np.array([[[5.0, 0], [0, 0]]]), 2.0)).all()


def test_discoveries_is_benjamini_hochberg() -> None:
    """The worked example: of ten p-values the first two pass at 5 %."""
    p = np.array([0.205, 0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.212, 0.216, np.nan])
    assert np.flatnonzero(discoveries(p, 0.05)).tolist() == [1, 2]
    assert not discoveries(np.array([np.nan]), 0.05).any()


def test_order_of_annotators_changes_nothing() -> None:
    """Renamed people keep their rows."""
    data = crowd(7, annotators=12, each=60)
    votes, n = data.votes, data.votes.n_annotators
    names = np.random.default_rng(0).permutation(n)
    order = np.lexsort((names[votes.annotator], votes.item))
    renamed = Votes.of_codes(
        votes.item, names[votes.annotator], votes.label, items=votes.n_items, annotators=n, classes=4
    )
    one = annotator_report(votes, data.shares, durations=data.durations, times=data.times).table
    other = annotator_report(renamed, data.shares, durations=data.durations[order], times=data.times[order]).table
    back = other.iloc[names].reset_index(drop=True).assign(annotator_id=one["annotator_id"])
    pd.testing.assert_frame_equal(one, back)


@pytest.mark.parametrize("classes", [1, 2])
def test_degenerate_crowds(classes: int) -> None:
    """No annotations; one class; one annotator: figures missing, nothing broken."""
    empty = np.empty(0, dtype=int)
    nothing = Votes.of_codes(empty, empty, empty, items=2, annotators=1, classes=classes)
    table = annotator_report(nothing, np.full((2, classes), 1 / classes)).table
    assert table["n"].tolist() == [0]
    assert table["flags"].tolist() == [[]]
    nobody = Votes.of_codes(empty, empty, empty, items=0, annotators=0, classes=classes)
    assert len(annotator_report(nobody, np.empty((0, classes))).table) == 0
    alone = Votes.of_codes(
        np.arange(40), np.zeros(40, int), np.arange(40) % classes, items=40, annotators=1, classes=classes
    )
    table = annotator_report(alone, np.full((40, classes), 1 / classes), times=np.arange(40.0)).table
    assert table["compared"].tolist() == [0]
    assert table["flags"].tolist() == [[]]


def test_classes_beyond_the_confusion_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many classes for confusion matrices leave the rest of the report standing."""
    data = crowd(8, annotators=10, each=60)
    monkeypatch.setattr(evidence, "CONFUSION_CELLS", 1)
    report = annotator_report(data.votes, data.shares, durations=data.durations, times=data.times)
    assert report.confusion is None
    assert report.table["spammer_score"].isna().all()
    assert report.table["worst_class"].isna().all()
    assert report.table["agreement_with_consensus"].notna().all()


def test_misaligned_arrays_are_refused() -> None:
    """Durations of another table must not be read as these annotators' pace."""
    data = crowd(9, annotators=6, each=20)
    with pytest.raises(UserError, match="durations of shape"):
        annotator_report(data.votes, data.shares, durations=data.durations[1:])
    with pytest.raises(UserError, match="probabilities of shape"):
        annotator_report(data.votes, data.shares[:, :3])


def test_align_takes_the_row_that_gave_the_vote() -> None:
    """Shuffled rows and a corrected label: the newer row's duration counts."""
    frame = pd.DataFrame(
        {
            "item_id": ["b", "a", "a", "a"],
            "annotator_id": ["x", "y", "x", "x"],
            "label": ["q", "p", "q", "p"],
            "annotated_at": pd.to_datetime(["2026-01-01", None, "2026-01-03", "2026-01-02"]),
            "duration_s": [4.0, 3.0, 2.0, 1.0],
        }
    )
    votes = Votes.build(frame)
    assert align(votes, frame, ["duration_s"])["duration_s"].tolist() == [2.0, 3.0, 4.0]
    shuffled = frame.sample(frac=1, random_state=1)
    assert align(votes, shuffled, ["duration_s"])["duration_s"].tolist() == [2.0, 3.0, 4.0]
    with pytest.raises(UserError, match="Did you mean 'duration_s'"):
        align(votes, frame, ["duration"])
    with pytest.raises(UserError, match="1 annotations"):
        align(votes, frame[1:], ["duration_s"])


def test_real_spammers(datasets: Path) -> None:
    """Two-class sets where some annotators answer at random: those flagged are no better than chance on gold."""
    for name in ("rte", "tweet_sentiment"):
        frame = pd.read_csv(datasets / name / "annotations.csv", dtype=str)
        truth = pd.read_csv(datasets / name / "truth.csv", dtype=str).set_index("item_id").iloc[:, 0]
        votes = Votes.build(frame)
        counts = votes.counts()
        table = annotator_report(votes, counts / counts.sum(axis=1, keepdims=True)).table
        on_gold = (frame["label"] == frame["item_id"].map(truth)).groupby(frame["annotator_id"]).mean()
        flagged = table.loc[table["flags"].map(lambda flags: "spammer" in flags), "annotator_id"]
        assert len(flagged) >= 4
        assert on_gold[flagged].max() < 0.56
        assert set().union(*table["flags"]) <= set(FLAGS)


def test_limits_are_the_callers() -> None:
    """A stricter project may flag sooner."""
    data = crowd(10, each=60)
    few = annotator_report(data.votes, data.shares, durations=data.durations)
    many = annotator_report(data.votes, data.shares, durations=data.durations, limits=Limits(too_fast_seconds=20.0))
    assert sum("too_fast" in f for f in many.table["flags"]) > sum("too_fast" in f for f in few.table["flags"])
