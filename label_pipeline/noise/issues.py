"""Labels a model doubts: cleanlab's confident learning on consensus labels and out-of-fold probabilities.

Here belong the call of cleanlab, what it needs to be safe to call, and its result per item and per class. Items
that stand apart or twice are found in `neighbours`; both come together in `table`. Source: Northcutt, Jiang &
Chuang 2021, Confident Learning, JAIR 70.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from label_pipeline.errors import UserError, nearest
from label_pipeline.estimates import wilson_bounds
from label_pipeline.votes import AnyArray, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

FilterBy = Literal[
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
]
Score = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]

MINIMUM = 10
"""Fewest labels with probabilities from which thresholds of confidence are estimated."""
RARE = 5
"""Fewest labels of a class from which its own confidence is estimated."""
MOST_CLASSES = 4096
"""Most classes for which cleanlab's joint matrix of given and true classes is built."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelNoise:
    """What confident learning says of each label.

    `quality` (n_items,) in [0, 1] is the label quality score, NaN without a label or probabilities. `is_issue`
    (n_items,) marks labels that are probably wrong, `suggested` (n_items,) the class the model holds most
    likely, -1 without probabilities. `noise_matrix` (n_classes, n_classes) is P(given class | true class),
    columns of judged true classes sum to one, None when not estimated. `by_class` has class, n, issues, noise
    (estimated share of the class's labels that are wrong), noise_low, noise_high (Wilson at n), mostly (the
    class such items mostly are). `note` says what was not judged and why, else it is empty.
    """

    quality: FloatArray
    is_issue: BoolArray
    suggested: IntArray
    noise_matrix: FloatArray | None
    by_class: pd.DataFrame
    note: str


def label_noise(
    labels: IntArray,
    probabilities: FloatArray,
    classes: Sequence[str],
    *,
    filter_by: FilterBy = "prune_by_noise_rate",
    score: Score = "self_confidence",
) -> LabelNoise:
    """Judge `labels` (n_items,), class codes or -1, by out-of-sample `probabilities` (n_items, n_classes).

    Rows of probabilities with a NaN are items without probabilities. `filter_by` and `score` are cleanlab's own.
    With labels of a single class, or fewer than `MINIMUM` labels with probabilities, scores are given and no
    label is called an issue: there is nothing to estimate a class's confidence from. For the same reason classes
    with fewer than `RARE` labels are left out of the estimation and not judged; with one or two examples a class
    is found everywhere or nowhere. Raises UserError for
    probabilities of another shape, negative or not summing to one, unknown codes or options, too many classes.
    """
    check_labels(labels, probabilities, classes)
    for option, known in ((filter_by, get_args(FilterBy)), (score, get_args(Score))):
        if option not in known:
            raise UserError(f"cleanlab has no '{option}'", do=nearest(option, known))
    labels = np.asarray(labels, dtype=np.int64)
    modelled = ~np.isnan(probabilities).any(axis=1)
    scored: IntArray = np.flatnonzero(modelled & (labels >= 0))
    quality, is_issue = np.full(len(labels), np.nan), np.zeros(len(labels), dtype=np.bool_)
    suggested = np.full(len(labels), -1, dtype=np.int64)
    suggested[modelled] = probabilities[modelled].argmax(axis=1)
    if len(scored):
        from cleanlab.rank import get_label_quality_scores

        quality[scored] = get_label_quality_scores(labels[scored], probabilities[scored], method=score)
    count = np.bincount(labels[scored], minlength=len(classes))
    common = np.flatnonzero(count >= RARE)
    note = why_unjudged(count, common, classes)
    noise = inverse = None
    if len(common) > 1 and len(scored) >= MINIMUM:
        judged = scored[np.isin(labels[scored], common)]
        is_issue[judged], noise, inverse = _confident(labels[judged], probabilities[judged], common, filter_by)
    issues = np.bincount(labels[scored], weights=is_issue[scored], minlength=len(classes))
    return LabelNoise(quality, is_issue, suggested, noise, by_class(count, issues, classes, inverse), note)


def _confident(
    given: IntArray, probabilities: FloatArray, common: IntArray, filter_by: FilterBy
) -> tuple[BoolArray, FloatArray, FloatArray]:
    """cleanlab's issues among labels of the `common` classes, and its noise matrix with its inverse for all classes."""
    from cleanlab.count import compute_confident_joint, estimate_latent
    from cleanlab.filter import find_label_issues

    n_classes = probabilities.shape[1]
    code = np.zeros(n_classes, dtype=np.int64)
    code[common] = np.arange(len(common))
    rows = among(common, probabilities)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of probabilities that do not cover what is not there
        # One process: the counts are fast, and forking inside a running pipeline is not safe.
        found = find_label_issues(code[given], rows, filter_by=filter_by, n_jobs=1)
        _, noise, inverse = estimate_latent(compute_confident_joint(code[given], rows), code[given])
    return found, widened(noise, common, n_classes), widened(inverse, common, n_classes)


def among(common: IntArray, probabilities: FloatArray) -> FloatArray:
    """Probabilities (n, n_common) given that one of the `common` classes is the true one."""
    rows = probabilities[:, common]
    total = rows.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(rows, total, out=np.full(rows.shape, 1 / len(common)), where=total > 0))


def widened(matrix: FloatArray, common: IntArray, n_classes: int) -> FloatArray:
    """A matrix over the `common` classes as one over all, zero elsewhere."""
    wide = np.zeros((n_classes, n_classes))
    wide[np.ix_(common, common)] = matrix
    return wide


def why_unjudged(count: IntArray, common: IntArray, classes: Sequence[str]) -> str:
    """Which labels are not judged and why; empty where all are. `count` (n_classes,) labels have probabilities."""
    if count.sum() < MINIMUM:
        return f"{count.sum()} labels have probabilities; {MINIMUM} are needed to judge any"
    if np.count_nonzero(count) < 2:
        return "every label is of one class"
    rare = [classes[int(k)] for k in np.flatnonzero((count > 0) & (count < RARE))]
    if not rare:
        return ""
    return f"classes with fewer than {RARE} labels are not judged: {', '.join(rare[:10])}{', ...' * (len(rare) > 10)}"


def by_class(n: IntArray, issues: AnyArray, classes: Sequence[str], inverse: AnyArray | None) -> pd.DataFrame:
    """One row for each class in use, of `n` (n_classes,) labels and `issues` (n_classes,) among them.

    `inverse` is P(true class | given class), columns given classes.
    """
    import pandas as pd

    names = np.asarray(classes, dtype=object)
    used: IntArray = np.flatnonzero(n)
    noise: AnyArray = np.full(len(used), np.nan)
    mostly: AnyArray = np.full(len(used), None, dtype=object)
    if inverse is not None:
        estimated = inverse[:, used].sum(axis=0) > 0
        noise = np.where(estimated, np.clip(1 - np.diagonal(inverse)[used], 0, 1), np.nan)
        other = inverse[:, used].copy()
        other[used, np.arange(len(used))] = -1
        mostly = np.where(noise > 0, names[other.argmax(axis=0)], np.full(len(used), None))
    low, high = wilson_bounds(noise * n[used], n[used])
    return pd.DataFrame(
        {
            "class": names[used],
            "n": n[used],
            "issues": issues[used].astype(np.int64),
            "noise": noise,
            "noise_low": low,
            "noise_high": high,
            "mostly": mostly,
        }
    )


def check_labels(labels: IntArray, probabilities: FloatArray, classes: Sequence[str]) -> None:
    """Raises UserError for what `label_noise` refuses."""
    shape = (len(labels), len(classes))
    if np.shape(probabilities) != shape:
        raise UserError(
            f"probabilities of shape {np.shape(probabilities)}",
            rule=f"one row an item and one column a class: {shape}",
            do="Align them to the items and to the declared classes.",
        )
    if len(classes) > MOST_CLASSES:
        raise UserError(
            f"{len(classes):,} classes", rule=f"at most {MOST_CLASSES:,} for noise", do="Use only the classes in use."
        )
    if len(labels) and (np.max(labels) >= len(classes) or np.min(labels) < -1):
        raise UserError(f"a class code outside -1..{len(classes) - 1}", do="Code labels against the classes.")
    known = ~np.isnan(probabilities).any(axis=1)
    sums = probabilities[known].sum(axis=1)
    wrong = (np.abs(sums - 1) > 1e-3) | (probabilities[known] < 0).any(axis=1)
    if wrong.any():
        raise UserError(
            f"probabilities of {int(wrong.sum())} of {len(sums)} items are negative or do not sum to one",
            do="Give each row as a distribution over the classes, or NaN where there is none.",
        )
