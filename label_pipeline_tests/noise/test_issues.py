"""Label issues are cleanlab's, and no odd input breaks or bends them."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

from label_pipeline.errors import UserError
from label_pipeline.noise.issues import MINIMUM, label_noise


def noisy(seed: int, items: int = 400, classes: int = 4, flipped: float = 0.1) -> tuple[np.ndarray, ...]:
    """Labels of which a share is wrong, the truth, and honest but imperfect probabilities."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, items)
    wrong = random.random(items) < flipped
    labels = np.where(wrong, (truth + random.integers(1, classes, items)) % classes, truth)
    probabilities = random.dirichlet(np.ones(classes), items) * 0.6
    probabilities[np.arange(items), truth] += 0.4
    return labels, truth, probabilities / probabilities.sum(axis=1, keepdims=True)


def names(classes: int) -> list[str]:
    return [f"c{k}" for k in range(classes)]


@pytest.mark.parametrize("filter_by", ["prune_by_noise_rate", "confident_learning", "both"])
def test_it_is_cleanlab(filter_by: str) -> None:
    """Same issues and the same scores as calling the library directly."""
    labels, _, probabilities = noisy(0)
    found = label_noise(labels, probabilities, names(4), filter_by=filter_by)
    assert np.array_equal(found.is_issue, find_label_issues(labels, probabilities, filter_by=filter_by, n_jobs=1))
    assert np.array_equal(found.quality, get_label_quality_scores(labels, probabilities))
    assert found.is_issue.sum() > 10
    assert np.array_equal(found.suggested, probabilities.argmax(axis=1))
    assert found.note == ""


def test_planted_noise_is_found_and_measured() -> None:
    """Wrong labels are found, and each class's noise is near what was planted."""
    labels, truth, probabilities = noisy(1, items=4000, flipped=0.2)
    found = label_noise(labels, probabilities, names(4))
    wrong = labels != truth
    assert found.is_issue[wrong].mean() > 0.6
    assert wrong[found.is_issue].mean() > 0.7
    assert found.quality[wrong].mean() < found.quality[~wrong].mean()
    assert found.by_class["noise"].to_numpy() == pytest.approx(0.2, abs=0.07)
    assert (found.by_class["noise_low"] < found.by_class["noise"]).all()
    assert found.noise_matrix is not None
    assert found.noise_matrix.sum(axis=0) == pytest.approx(1.0)


def test_noise_names_where_a_class_goes() -> None:
    """Cats labelled as dogs: the dogs are noisy, and mostly cats."""
    labels, truth, probabilities = noisy(2, items=2000, classes=3, flipped=0.0)
    labels = np.where((truth == 0) & (np.arange(2000) % 4 == 0), 2, labels)
    table = label_noise(labels, probabilities, ["cat", "cow", "dog"]).by_class.set_index("class")
    assert table.loc["dog", "mostly"] == "cat"
    assert table.loc["dog", "noise"] > 2 * max(table.loc["cat", "noise"], table.loc["cow", "noise"])


def test_items_without_label_or_probabilities_take_no_part() -> None:
    """The rest is judged as if they were not there."""
    labels, _, probabilities = noisy(3)
    holes = probabilities.copy()
    holes[::7] = np.nan
    holes[1, 2] = np.nan
    unlabelled = labels.copy()
    unlabelled[::5] = -1
    found = label_noise(unlabelled, holes, names(4))
    kept = (unlabelled >= 0) & ~np.isnan(holes).any(axis=1)
    alone = label_noise(labels[kept], probabilities[kept], names(4))
    assert np.array_equal(found.is_issue[kept], alone.is_issue)
    assert not found.is_issue[~kept].any()
    assert np.isnan(found.quality[~kept]).all()
    assert (found.suggested[np.isnan(holes).any(axis=1)] == -1).all()


def test_classes_never_used_change_nothing() -> None:
    """A declared class without labels is no row, no warning and no other result."""
    labels, _, probabilities = noisy(4)
    wider = np.column_stack([probabilities[:, :2], np.zeros(len(labels)), probabilities[:, 2:]])
    shifted = np.where(labels > 1, labels + 1, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = label_noise(shifted, wider, ["c0", "c1", "unused", "c2", "c3"])
    narrow = label_noise(labels, probabilities, names(4))
    assert np.array_equal(found.is_issue, narrow.is_issue)
    assert found.by_class.equals(narrow.by_class)


@pytest.mark.parametrize("code", [0, 2])
def test_one_class_only(code: int) -> None:
    """With nothing to confuse a class with, labels are scored and none is called wrong."""
    _, _, probabilities = noisy(5)
    found = label_noise(np.full(400, code), probabilities, names(4))
    assert not found.is_issue.any()
    assert np.array_equal(found.quality, probabilities[:, code])
    assert found.noise_matrix is None
    assert found.note == "every label is of one class"
    assert found.by_class["noise"].isna().all()


def test_rare_classes_do_not_spoil_the_rest() -> None:
    """Two examples of a class set its bar so low that every other label would look like it."""
    labels, _, probabilities = noisy(8)
    extended = np.column_stack([probabilities * 0.98, np.full(400, 0.02)])
    with_rare = labels.copy()
    with_rare[:2] = 4
    found = label_noise(with_rare, extended, names(5))
    kept = label_noise(labels[2:], probabilities[2:], names(4))
    assert np.array_equal(found.is_issue[2:], kept.is_issue)
    assert not found.is_issue[:2].any()
    assert found.note == "classes with fewer than 5 labels are not judged: c4"
    table = found.by_class.set_index("class")
    assert np.isnan(table.loc["c4", "noise"])
    assert table.drop("c4")["noise"].to_numpy() == pytest.approx(kept.by_class["noise"].to_numpy())


@pytest.mark.parametrize("items", [0, 1, MINIMUM - 1])
def test_tiny_sets(items: int) -> None:
    """A handful of labels is scored, not judged."""
    labels, _, probabilities = noisy(6)
    found = label_noise(labels[:items], probabilities[:items], names(4))
    assert not found.is_issue.any()
    assert "are needed" in found.note
    assert len(found.quality) == items


def test_bad_input_is_one_clear_error() -> None:
    """Another number of classes, rows that are no distributions, unknown codes and options."""
    labels, _, probabilities = noisy(7)
    with pytest.raises(UserError, match="probabilities of shape"):
        label_noise(labels, probabilities, names(5))
    with pytest.raises(UserError, match="of 2 of 400 items"):
        label_noise(labels, np.where(np.arange(400)[:, None] < 2, 2 * probabilities, probabilities), names(4))
    with pytest.raises(UserError, match="class code"):
        label_noise(labels + 1, probabilities, names(4))
    with pytest.raises(UserError, match="Did you mean 'both'"):
        label_noise(labels, probabilities, names(4), filter_by="boht")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="at most"):
        label_noise(np.zeros(1, int), np.full((1, 5000), 1 / 5000), names(5000))


def test_real_label_errors(datasets: Path) -> None:
    """MNIST's test labels: what five people found wrong among the suspects stands at the top of ten thousand."""
    folder = datasets / "label_errors"
    labels = np.load(folder / "mnist_test_set_original_labels.npy")
    probabilities = np.load(folder / "mnist_test_set_pyx.npy").astype(float)
    found = label_noise(labels, probabilities / probabilities.sum(axis=1, keepdims=True), names(10))
    suspects = json.loads((folder / "mnist_mturk.json").read_text())
    confirmed = [row["id"] for row in suspects if row["mturk"]["given"] <= 2]
    assert len(confirmed) > 10
    assert found.is_issue[confirmed].mean() > 0.3
    assert found.is_issue.mean() < 0.01
    rank = found.quality.argsort().argsort()
    assert np.median(rank[confirmed]) < 100
