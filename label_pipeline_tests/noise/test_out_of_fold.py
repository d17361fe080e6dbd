"""Probabilities from models that never saw the label, whatever the items look like."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from label_pipeline.errors import UserError
from label_pipeline.noise.out_of_fold import from_features, from_text, standardised, text_features

WORDS = ["good great love fine", "bad awful hate poor", "blue red green grey"]


def reviews(seed: int, items: int = 300, classes: int = 3) -> tuple[list[str], np.ndarray]:
    """Texts of class words among filler."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, items)
    texts = [
        " ".join([*random.choice(WORDS[k].split(), 2), *random.choice(["the", "a", "it", f"n{i}"], 3)])
        for i, k in enumerate(labels)
    ]
    return texts, labels


def proper(probabilities: np.ndarray, shape: tuple[int, int]) -> None:
    assert probabilities.shape == shape
    assert probabilities.sum(axis=1) == pytest.approx(1.0)
    assert (probabilities > 0).all()


def test_text_is_learnt_and_described() -> None:
    """Better than chance, and the model card's facts are there."""
    texts, labels = reviews(0)
    found = from_text(texts, labels, 3)
    proper(found.probabilities, (300, 3))
    assert (found.probabilities.argmax(axis=1) == labels).mean() > 0.9
    assert found.description["labels"] == 300
    assert found.description["held_out_accuracy"] == pytest.approx(
        (found.probabilities.argmax(axis=1) == labels).mean()
    )
    assert str(found.description["features"]).startswith("TF-IDF of")


def test_no_item_is_judged_by_a_model_that_saw_its_label() -> None:
    """Labels by coin flip cannot be predicted; a leak would show as accuracy. Twins share a fold."""
    random = np.random.default_rng(1)
    texts = [f"only{i} word{i}" for i in range(200)] * 2
    labels = np.tile(random.integers(0, 2, 200), 2)
    found = from_text(texts, labels, 2)
    assert abs((found.probabilities.argmax(axis=1) == labels).mean() - 0.5) < 0.12
    numbers = random.normal(size=(200, 5))
    twins = from_features(np.concatenate([numbers, numbers]), labels, 2)
    assert abs((twins.probabilities.argmax(axis=1) == labels).mean() - 0.5) < 0.12


def test_same_input_same_bytes() -> None:
    """A backfill must write the same probabilities again."""
    texts, labels = reviews(2)
    one, other = from_text(texts, labels, 3, seed=4), from_text(texts, labels, 3, seed=4)
    assert np.array_equal(one.probabilities, other.probabilities)
    assert one.description == other.description


def test_items_without_label_get_the_mean_of_the_fold_models() -> None:
    """New items are predicted too, and do not change what the others get."""
    texts, labels = reviews(3)
    open_items = labels.copy()
    open_items[::4] = -1
    found = from_text(texts, open_items, 3)
    proper(found.probabilities, (300, 3))
    assert (found.probabilities.argmax(axis=1) == labels)[::4].mean() > 0.9
    assert found.description["labels"] == 225


def test_rare_and_unused_classes() -> None:
    """One example, two examples, none: no crash, no certainty, no zero."""
    texts, labels = reviews(4, items=120, classes=2)
    labels = np.where(np.arange(120) == 7, 2, labels)
    labels = np.where(np.isin(np.arange(120), [20, 30]), 3, labels)
    found = from_text(texts, labels, 5)
    proper(found.probabilities, (120, 5))
    assert found.probabilities[7, 2] < 0.05
    assert found.probabilities[:, 4].max() < 0.01


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        ([], []),
        (["a b"], [0]),
        (["", None, " "] * 10, [0, 1, 0] * 10),
        (["? !", ". . ."] * 20, [0, 1] * 20),
        ([f"w{i} x" for i in range(40)], [1] * 40),
        ([f"w{i} x" for i in range(40)], [-1] * 40),
    ],
)
def test_nothing_to_learn_gives_the_class_shares(texts: list[str | None], labels: list[int]) -> None:
    """No items, no text, no words, one class, no labels: the shares, and it is said."""
    found = from_text(texts, np.array(labels, dtype=int), 2)
    proper(found.probabilities, (len(texts), 2))
    assert found.description["model"] == "class shares"
    known = np.array([k for k in labels if k >= 0], dtype=int)
    shares = (np.bincount(known, minlength=2) + 0.5) / (len(known) + 1)
    assert found.probabilities == pytest.approx(np.tile(shares, (len(texts), 1)))


def test_text_without_spaces() -> None:
    """A language without spaces between words is read by character runs."""
    random = np.random.default_rng(5)
    labels = random.integers(0, 2, 200)
    texts = ["".join(random.choice(list("今日天気散歩"), 4)) + ("とても良い" if k else "ひどく悪い") for k in labels]
    found = from_text(texts, labels, 2)
    assert "character runs" in str(found.description["features"])
    assert found.description["held_out_accuracy"] > 0.95


def test_images_as_pixels() -> None:
    """Handwritten digits: good probabilities from flattened pixels, with constant columns and holes."""
    digits = load_digits()
    pixels = digits.data[:900].copy()
    pixels[::50, 30] = np.nan
    found = from_features(pixels, digits.target[:900], 10)
    proper(found.probabilities, (900, 10))
    assert found.description["held_out_accuracy"] > 0.9


def test_weights_count() -> None:
    """Labels of weight zero teach nothing, and are predicted like items without one."""
    random = np.random.default_rng(6)
    numbers = random.normal(size=(300, 4))
    truth = (numbers[:, 0] > 0).astype(int)
    labels = np.where(np.arange(300) < 150, 1 - truth, truth)
    weights = (np.arange(300) >= 150).astype(float)
    found = from_features(numbers, labels, 2, weights=weights)
    assert (found.probabilities.argmax(axis=1) == truth).mean() > 0.9
    assert found.description["labels"] == 150


def test_bad_input_is_one_clear_error() -> None:
    """Misaligned arrays, codes out of range, features that are no table."""
    numbers = np.zeros((20, 2))
    with pytest.raises(UserError, match="Align"):
        from_features(numbers, np.zeros(19, int), 2)
    with pytest.raises(UserError, match="class code"):
        from_features(numbers, np.full(20, 5), 2)
    with pytest.raises(UserError, match="shape"):
        from_features(np.zeros((20, 2, 2)), np.zeros(20, int), 2)
    with pytest.raises(UserError, match="no table of numbers"):
        from_features(np.array([["a"]] * 20), np.zeros(20, int), 2)
    with pytest.raises(UserError, match="weight"):
        from_features(numbers, np.zeros(20, int), 2, weights=np.full(20, -1.0))
    with pytest.raises(UserError, match="folds"):
        from_features(numbers, np.zeros(20, int), 2, folds=1)


def test_standardised_by_hand() -> None:
    """Unknown values and constant columns end at zero."""
    table = standardised(np.array([[1.0, 5, np.inf], [3.0, 5, np.nan], [np.nan, 5, -np.inf]]))
    assert table.tolist() == [[-1, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_text_features_put_twins_together() -> None:
    """Nearly equal texts lie nearer than others; no text is at zero."""
    texts = [*reviews(7)[0], "the parcel came broken and late", "the parcel came broken and late!", ""]
    points = text_features(texts, dimensions=20)
    assert points.shape == (303, 20)
    assert np.linalg.norm(points[300] - points[301]) < 1e-3
    assert np.linalg.norm(points[302]) == 0
    assert text_features([None, ""]).shape == (2, 1)


def test_real_texts(datasets: Path) -> None:
    """Tweets on the weather: well above the commonest class, on labels the model did not see."""
    items = pd.read_csv(datasets / "weather_amt" / "items.csv", dtype=str).set_index("item_id")["text"]
    truth = pd.read_csv(datasets / "weather_amt" / "truth.csv", dtype=str).set_index("item_id")["label"]
    truth = truth[truth.index.isin(items.index)]
    codes, classes = pd.factorize(truth, sort=True)
    found = from_text(items[truth.index].tolist(), codes, len(classes))
    assert found.description["held_out_accuracy"] > np.bincount(codes).max() / len(codes) + 0.1
    shares = np.bincount(codes) / len(codes)
    assert found.description["held_out_log_loss"] < -(shares * np.log(shares)).sum()
