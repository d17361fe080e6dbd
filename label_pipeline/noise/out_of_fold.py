"""Class probabilities for every item from models that never saw its label.

Here belong the small models that stand in when a project lands no predictions: TF-IDF or numbers, logistic
regression, folds. A model's own predictions are read elsewhere and used as they are.

TF-IDF weights are learnt once from all texts, which takes no label; identical items share a fold, so that no
item's twin gives its label away. Saga in single precision reaches the same held-out loss as L-BFGS on sparse
text in a fifth of the time; on dense numbers it is the other way round. Stochastic gradient descent is faster
still, but its probabilities are overconfident (held-out loss of 0.65 against 0.57 on real stance labels), and
probabilities are what is wanted here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from label_pipeline.errors import UserError
from label_pipeline.votes import AnyArray, FloatArray, IntArray, require_dense

FOLDS = 5
_JUDGED = 2000
_TEXT_STRENGTHS = (0.3, 1.0, 3.0, 10.0)
_NUMBER_STRENGTHS = (0.001, 0.01, 0.1, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """`probabilities` (n_items, n_classes), rows sum to one and no entry is zero; `description` for a model card."""

    probabilities: FloatArray
    description: dict[str, str | int | float]


def from_text(
    texts: Sequence[str | None],
    labels: IntArray,
    n_classes: int,
    *,
    weights: FloatArray | None = None,
    folds: int = FOLDS,
    seed: int = 0,
) -> OutOfFold:
    """Out-of-fold probabilities from item text: TF-IDF of words and word pairs, logistic regression.

    `labels` (n_items,) are class codes, -1 where there is none; such items get the mean of the fold models.
    `weights` (n_items,) weigh the labels in training. Texts without spaces between words are cut into runs of
    one to three characters instead. Where nothing can be learnt (no words, labels of one class, fewer than two
    labels a fold), every row is the class shares, and the description says so.
    """
    clean = ["" if text is None or text != text else str(text) for text in texts]
    matrix, features = _tf_idf(clean)
    options = {"solver": "saga", "max_iter": 50, "tol": 1e-3}
    task = _Task.of(matrix, labels, n_classes, weights, clean, folds, seed)
    return _predict(task, options, _TEXT_STRENGTHS, features)


def from_features(
    features: AnyArray,
    labels: IntArray,
    n_classes: int,
    *,
    weights: FloatArray | None = None,
    folds: int = FOLDS,
    seed: int = 0,
) -> OutOfFold:
    """Out-of-fold probabilities from numbers (n_items, n_features): standardised, logistic regression.

    Images go in as flattened pixels. Values that are not finite count as the column's mean. Labels, weights and
    what cannot be learnt: as in `from_text`. Raises UserError where `features` is not a table of numbers.
    """
    matrix = standardised(features)
    rows = [row.tobytes() for row in matrix]
    options = {"solver": "lbfgs", "max_iter": 200, "tol": 1e-3}
    task = _Task.of(matrix, labels, n_classes, weights, rows, folds, seed)
    return _predict(task, options, _NUMBER_STRENGTHS, f"{matrix.shape[1]} standardised numbers")


def standardised(features: AnyArray) -> AnyArray:
    """Columns with mean 0 and deviation 1 in float32; what is not finite, and constant columns, become 0."""
    try:
        table = np.array(features, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise UserError(f"features are no table of numbers ({error})", do="Give one row of numbers an item.") from None
    if table.ndim != 2:
        raise UserError(f"features of shape {table.shape}", rule="(items, features)", do="Flatten images to rows.")
    table[~np.isfinite(table)] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value
        table -= np.nanmean(table, axis=0, dtype=np.float64)
        deviation = np.nanstd(table, axis=0, dtype=np.float64)
    table /= np.where(deviation > 0, deviation, 1)
    return np.nan_to_num(table, copy=False)


def text_features(texts: Sequence[str | None], *, dimensions: int = 64, seed: int = 0) -> AnyArray:
    """Texts as points (n_items, ≤ dimensions) in which near duplicates lie together: latent semantic analysis.

    A truncated singular value decomposition of the TF-IDF matrix; float32. Texts without a known word are at 0.
    """
    from sklearn.decomposition import TruncatedSVD

    matrix, _ = _tf_idf(["" if text is None or text != text else str(text) for text in texts])
    if matrix is None:
        return np.zeros((len(texts), 1), dtype=np.float32)
    if min(matrix.shape) <= dimensions:
        return np.asarray(matrix.toarray())
    return np.asarray(TruncatedSVD(dimensions, random_state=seed).fit_transform(matrix), dtype=np.float32)


def _tf_idf(texts: list[str]) -> tuple[Any, str]:
    """The sparse matrix of a text collection and its description; no matrix where there is nothing to count."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    written = [text for text in texts if text.strip()]
    if not written:
        return None, "no text"
    spaced = sum(" " in text.strip() for text in written) * 2 >= len(written)
    kind = {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"}
    if not spaced:
        kind = {"analyzer": "char_wb", "ngram_range": (1, 3)}
    rare = 2 if len(written) >= 100 else 1
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=rare, dtype=np.float32, **kind)
    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError:  # nothing but punctuation, or no word twice
        return None, "no word that can be counted"
    return matrix, f"TF-IDF of {matrix.shape[1]:,} {'words and word pairs' if spaced else 'character runs'}"


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What is to be learnt, in which folds; `shares` (n_classes,) are the label shares with one count spread evenly."""

    matrix: Any
    labels: IntArray
    weights: FloatArray
    shares: FloatArray
    fold: IntArray
    folds: int
    seed: int

    @classmethod
    def of(
        cls,
        matrix: Any,
        labels: IntArray,
        n_classes: int,
        weights: FloatArray | None,
        twins: list[Any],
        folds: int,
        seed: int,
    ) -> _Task:
        labels = np.asarray(labels, dtype=np.int64)
        weights = np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64)
        require_dense(len(labels), n_classes)
        if len(labels) != len(twins) or len(weights) != len(labels):
            raise UserError(f"{len(twins)} items, {len(labels)} labels and {len(weights)} weights", do="Align them.")
        if len(labels) and (labels.max() >= n_classes or labels.min() < -1):
            raise UserError(f"a class code outside -1..{n_classes - 1}", do="Code labels against the classes.")
        if (weights < 0).any() or not np.isfinite(weights).all():
            raise UserError("a weight that is negative or not finite")
        if folds < 2:
            raise UserError(f"{folds} folds", rule="at least 2")
        known = labels >= 0
        counts = np.bincount(labels[known], weights=weights[known], minlength=n_classes)
        shares = (counts + 1 / max(n_classes, 1)) / (counts.sum() + 1)
        return cls(matrix, labels, weights, shares, _deal(labels, twins, folds, seed), folds, seed)

    @property
    def known(self) -> AnyArray:
        return np.asarray((self.labels >= 0) & (self.weights > 0))


def _deal(labels: IntArray, twins: list[Any], folds: int, seed: int) -> IntArray:
    """A fold for each item: each class dealt out evenly, twins kept together, -1 without a label."""
    import pandas as pd

    known = np.flatnonzero(labels >= 0)
    group, _ = pd.factorize(pd.Series([twins[i] for i in known], dtype=object))
    _, first = np.unique(group, return_index=True)
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.argsort(labels[known][first][order], kind="stable")]
    # One deal through all classes in turn, so that no fold gets the first card of every small class.
    fold_of_group = np.empty(len(first), dtype=np.int64)
    fold_of_group[order] = np.arange(len(first)) % folds
    fold = np.full(len(labels), -1, dtype=np.int64)
    fold[known] = fold_of_group[group]
    return fold


def _predict(task: _Task, options: dict[str, Any], strengths: Sequence[float], features: str) -> OutOfFold:
    from threadpoolctl import threadpool_limits

    # The solvers' matrices are small: threads that wait for each other cost ten times the work.
    with threadpool_limits(limits=1):
        return _cross_predict(task, options, strengths, features)


def _cross_predict(task: _Task, options: dict[str, Any], strengths: Sequence[float], features: str) -> OutOfFold:
    import sklearn

    n_items, n_classes = len(task.labels), len(task.shares)
    probabilities = np.tile(task.shares, (n_items, 1))
    description: dict[str, str | int | float] = {
        "model": "class shares",
        "features": features,
        "labels": int(task.known.sum()),
        "classes": n_classes,
        "folds": task.folds,
        "seed": task.seed,
    }
    used = np.unique(task.labels[task.known])
    if task.matrix is None or len(used) < 2 or task.known.sum() < 2 * task.folds:
        return OutOfFold(probabilities, description | {"why": "too little to learn from"})

    def fit(train: AnyArray, strength: float) -> Callable[[AnyArray], FloatArray]:
        return _fit(task, train, options, strength)

    strength = _strength(task, fit, strengths)
    rest = np.flatnonzero(~task.known)
    probabilities[rest] = 0.0
    for fold in range(task.folds):
        predict = fit(task.known & (task.fold != fold), strength)
        held_out = np.flatnonzero(task.known & (task.fold == fold))
        probabilities[held_out] = predict(held_out)
        probabilities[rest] += predict(rest) / task.folds
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    known = np.flatnonzero(task.known)
    return OutOfFold(
        probabilities,
        description
        | {
            "model": "logistic regression",
            "library": f"scikit-learn {sklearn.__version__}",
            "solver": str(options["solver"]),
            "C": strength,
            "held_out_log_loss": _loss(task, known, probabilities[known]),
            "held_out_accuracy": float(np.mean(probabilities[known].argmax(axis=1) == task.labels[known])),
        },
    )


def _strength(task: _Task, fit: Callable[[AnyArray, float], Any], strengths: Sequence[float]) -> float:
    """The inverse regularisation with the lowest held-out loss, over as many folds as give enough items."""
    losses, judged = np.zeros(len(strengths)), 0
    for fold in range(task.folds):
        held_out = np.flatnonzero(task.known & (task.fold == fold))
        train = task.known & (task.fold != fold)
        losses += [len(held_out) * _loss(task, held_out, fit(train, c)(held_out)) for c in strengths]
        judged += len(held_out)
        if judged >= _JUDGED:
            break
    return strengths[int(np.argmin(losses))]


def _loss(task: _Task, rows: IntArray, probabilities: FloatArray) -> float:
    given = probabilities[np.arange(len(rows)), task.labels[rows]]
    weights = task.weights[rows]
    return float(-(np.log(given) * weights).sum() / weights.sum()) if len(rows) else 0.0


def _fit(task: _Task, train: AnyArray, options: dict[str, Any], strength: float) -> Callable[[AnyArray], FloatArray]:
    """A model of the `train` items as a function from rows to probabilities of all classes.

    A class that is missing from the training items keeps its share, and the others what remains of one: a
    class with a single example is neither impossible nor known to its model.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    rows = np.flatnonzero(train)
    if len(np.unique(task.labels[rows])) < 2:
        return lambda items: np.tile(task.shares, (len(items), 1))
    model = LogisticRegression(C=strength, random_state=task.seed, **options)
    with warnings.catch_warnings():
        # Stopping early is a little more regularisation, and the held-out loss judges it with the rest.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(task.matrix[rows], task.labels[rows], sample_weight=task.weights[rows])
    seen = model.classes_

    def predict(items: AnyArray) -> FloatArray:
        every = np.tile(task.shares, (len(items), 1))
        if len(items):
            found = np.clip(model.predict_proba(task.matrix[items]).astype(np.float64), 1e-9, 1)
            every[:, seen] = found / found.sum(axis=1, keepdims=True) * task.shares[seen].sum()
        return every

    return predict
