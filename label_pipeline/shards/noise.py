"""Label noise on shards: confident learning as `noise.issues.label_noise` calls it, from sums.

Here belongs cleanlab's `prune_by_noise_rate` taken apart: class thresholds, the confident joint and how many labels to
doubt are sums and small matrices. Which labels those are is the one step that is none: the n labels of the largest
margins of a pair of classes. Their bound is found digit by digit, a histogram a pass, exactly.

Labels whose margin equals the bound are all doubted, where cleanlab takes some of them as its sort happens to put them.
Source: Northcutt, Jiang & Chuang 2021, Confident Learning, JAIR 70; cleanlab 2.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from label_pipeline.errors import UserError
from label_pipeline.noise.issues import (
    MINIMUM,
    RARE,
    Score,
    among,
    by_class,
    check_labels,
    why_unjudged,
    widened,
)
from label_pipeline.shards.base import Shard, Shards
from label_pipeline.shards.fits import ShardFit
from label_pipeline.votes import AnyArray, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

_HISTOGRAM = 24
"""Most bits of cells of the histograms of one pass."""


class Judged(NamedTuple):
    """Of a shard, (n_items,) each, what `noise.issues.LabelNoise` says: quality, is_issue, suggested."""

    quality: FloatArray
    is_issue: BoolArray
    suggested: IntArray


@dataclass(eq=False)
class NoiseFit:
    """What confident learning knows of classes; `judge` says it of a shard. It can be pickled.

    `noise_matrix`, `by_class` and `note` as in `noise.issues.LabelNoise`. `bound` (n_common, n_common) is the least
    margin of a label of the row's class that is taken for the column's, infinite where none is; `common` are the class
    codes of its rows.
    """

    fit: ShardFit
    score: Score
    common: IntArray
    bound: FloatArray
    noise_matrix: FloatArray | None
    note: str
    by_class: pd.DataFrame | None = None

    def judge(self, shard: Shard) -> Judged:
        """The labels that `fit` gives to the items of a shard."""
        labels, model, scored = _scored(shard, self.fit)
        modelled = ~np.isnan(model).any(axis=1)
        quality, is_issue = np.full(len(labels), np.nan), np.zeros(len(labels), dtype=np.bool_)
        suggested = np.full(len(labels), -1, dtype=np.int64)
        suggested[modelled] = model[modelled].argmax(axis=1)
        if len(scored):
            from cleanlab.rank import get_label_quality_scores

            quality[scored] = get_label_quality_scores(labels[scored], model[scored], method=self.score)
        if np.isfinite(self.bound).any():
            judged, code, rows = _rows(shard, self.fit, self.common)
            is_issue[judged] = (_margins(rows, code) >= self.bound[code]).any(axis=1) & _contradicted(rows, code)
        return Judged(quality, is_issue, suggested)


def label_noise(shards: Shards, fit: ShardFit, *, score: Score = "self_confidence") -> NoiseFit:
    """Judge the labels of `fit` by the model's probabilities of the shards, as `noise.issues.label_noise` does.

    Raises UserError where a shard has no probabilities or they are none.
    """
    count = shards.map_reduce(_count, fit)
    common = np.flatnonzero(count >= RARE)
    found = NoiseFit(
        fit, score, common, np.full((len(common),) * 2, np.inf), None, why_unjudged(count, common, shards.classes)
    )
    inverse = None
    if len(common) > 1 and count.sum() >= MINIMUM:
        from cleanlab.count import estimate_latent
        from cleanlab.internal.constants import CONFIDENT_THRESHOLDS_LOWER_BOUND

        sizes = count[common]
        confidence = shards.map_reduce(_own_confidence, (fit, common)) / sizes
        thresholds = np.maximum(confidence, CONFIDENT_THRESHOLDS_LOWER_BOUND)
        joint = _calibrated(shards.map_reduce(_joint, (fit, common, thresholds)), sizes)
        # The labels are asked for only to estimate class frequencies, which nobody needs here.
        _, noise, inverse = estimate_latent(joint, np.arange(len(common)))
        found.noise_matrix = widened(noise, common, shards.n_classes)
        inverse = widened(inverse, common, shards.n_classes)
        found.bound = _bounds(shards, fit, common, _how_many(joint, sizes), sizes)
    issues = shards.map_reduce(_issues, found)
    found.by_class = by_class(count, issues, shards.classes, inverse)
    return found


def judge(shard: Shard, noise: NoiseFit) -> Judged:
    """For `Shards.map`: what `noise` says of a shard."""
    return noise.judge(shard)


def _calibrated(joint: IntArray, sizes: IntArray) -> IntArray:
    """cleanlab's `calibrate_confident_joint`, from the number of labels of each class in the place of the labels."""
    from cleanlab.internal.util import round_preserving_row_totals

    np.fill_diagonal(joint, joint.diagonal().clip(min=1))
    scaled = (joint.T / joint.sum(axis=1) * sizes).T
    return np.asarray(round_preserving_row_totals(scaled / scaled.sum() * sizes.sum()))


def _how_many(joint: IntArray, sizes: IntArray) -> IntArray:
    """How many labels of the row's class are taken for the column's: cleanlab's counts to prune, transposed."""
    from cleanlab.filter import _keep_at_least_n_per_class

    many = np.array(_keep_at_least_n_per_class(joint.T, 1).T, dtype=np.int64)
    np.fill_diagonal(many, 0)
    many[sizes <= 1] = 0
    return many


class Digits(NamedTuple):
    """Where a search stands: `prefix` (n_common²,) are the bits of the bounds known so far, `known` how many."""

    prefix: AnyArray
    known: int
    width: int


def _bounds(shards: Shards, fit: ShardFit, common: IntArray, many: IntArray, sizes: IntArray) -> FloatArray:
    """The `many`-th largest margin of each pair of classes, infinite where that is none; (n_common, n_common)."""
    left = np.minimum(many, sizes[:, None]).ravel()
    width = int(np.clip(_HISTOGRAM - int(len(left) - 1).bit_length(), 1, 16))
    digits = Digits(np.zeros(len(left), dtype=np.uint64), 0, width)
    while digits.known < 64 and left.any():
        width = min(width, 64 - digits.known)
        digits = digits._replace(width=width)
        histogram = shards.map_reduce(_histogram, (fit, common, digits))
        above = np.cumsum(histogram[:, ::-1], axis=1)
        from_top = (above < left[:, None]).sum(axis=1).clip(max=(1 << width) - 1)
        before = np.where(from_top > 0, above[np.arange(len(left)), from_top - 1], 0)
        left = np.where(left > 0, left - before, 0)
        digit = ((1 << width) - 1 - from_top).astype(np.uint64)
        digits = Digits((digits.prefix << np.uint64(width)) | digit, digits.known + width, width)
    bound = np.where(many.ravel() > 0, _unordered(digits.prefix), np.inf)
    return np.asarray(bound.reshape(many.shape), dtype=np.float64)


def _ordered(values: FloatArray) -> AnyArray:
    """Numbers as 64 bits whose order is theirs."""
    bits = (values + 0.0).view(np.uint64)
    top = np.uint64(1 << 63)
    return np.where(bits & top, ~bits, bits | top)


def _unordered(bits: AnyArray) -> FloatArray:
    top = np.uint64(1 << 63)
    return np.where(bits & top, bits & ~top, ~bits).view(np.float64)


def _scored(shard: Shard, fit: ShardFit) -> tuple[IntArray, FloatArray, IntArray]:
    """Labels, the model's probabilities, and the items that have both."""
    if shard.model is None:
        raise UserError("noise needs a model's class probabilities", do="Give the shards a model's probabilities.")
    labels = fit.conclude(shard).labels.astype(np.int64)
    check_labels(labels, shard.model, shard.votes.classes)
    scored = np.flatnonzero(~np.isnan(shard.model).any(axis=1) & (labels >= 0))
    return labels, shard.model, scored


def _rows(shard: Shard, fit: ShardFit, common: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """The items of a shard that are judged, the codes of their labels among `common`, and probabilities of those."""
    labels, model, scored = _scored(shard, fit)
    judged = scored[np.isin(labels[scored], common)]
    return judged, np.searchsorted(common, labels[judged]), among(common, model[judged])


def _margins(rows: FloatArray, code: IntArray) -> FloatArray:
    """How much likelier each class is than the label's, (n, n_common)."""
    return np.asarray(rows - rows[np.arange(len(code)), code][:, None])


def _contradicted(rows: FloatArray, code: IntArray) -> BoolArray:
    """Whether the label is not the likeliest class, within the margin cleanlab allows."""
    from cleanlab.internal.constants import FLOATING_POINT_COMPARISON

    rows = rows.copy()
    rows[np.arange(len(code)), code] += FLOATING_POINT_COMPARISON
    return np.asarray(rows.argmax(axis=1) != code)


def _count(shard: Shard, fit: ShardFit) -> IntArray:
    labels, _, scored = _scored(shard, fit)
    return np.bincount(labels[scored], minlength=shard.votes.n_classes)


def _own_confidence(shard: Shard, ask: tuple[ShardFit, IntArray]) -> FloatArray:
    _, code, rows = _rows(shard, *ask)
    own = rows[np.arange(len(code)), code]
    return np.asarray(np.bincount(code, weights=own, minlength=len(ask[1])), dtype=np.float64)


def _joint(shard: Shard, ask: tuple[ShardFit, IntArray, FloatArray]) -> IntArray:
    """How many labels of the row's class are confidently the column's: cleanlab's confident joint, uncalibrated."""
    fit, common, thresholds = ask
    _, code, rows = _rows(shard, fit, common)
    confident = rows >= thresholds - 1e-6
    several = confident.sum(axis=1) > 1
    guess = np.where(several, rows.argmax(axis=1), confident.argmax(axis=1))
    cell = (code * len(common) + guess)[confident.any(axis=1)]
    return np.bincount(cell, minlength=len(common) ** 2).reshape(len(common), -1)


def _histogram(shard: Shard, ask: tuple[ShardFit, IntArray, Digits]) -> IntArray:
    """How many margins of each pair of classes begin with its prefix and have which digit next."""
    fit, common, (prefix, known, width) = ask
    _, code, rows = _rows(shard, fit, common)
    bits = _ordered(_margins(rows, code))
    cell = code[:, None] * len(common) + np.arange(len(common))
    begun = bits >> np.uint64(64 - known) if known else np.zeros_like(bits)
    digit = (bits >> np.uint64(64 - known - width)) & np.uint64((1 << width) - 1)
    place = ((cell << width) + digit.astype(np.int64))[begun == prefix[cell]]
    return np.bincount(place, minlength=len(prefix) << width).reshape(len(prefix), -1)


def _issues(shard: Shard, noise: NoiseFit) -> FloatArray:
    labels, _, scored = _scored(shard, noise.fit)
    is_issue = noise.judge(shard).is_issue
    issues = np.bincount(labels[scored], weights=is_issue[scored], minlength=shard.votes.n_classes)
    return np.asarray(issues, dtype=np.float64)
