"""How far people agree under each guideline version, and what a change of guideline changed.

Here belong the figures of a version and the comparison of two. Items answered under both versions are never mixed
with items answered under one: the first are compared item by item, the second are two different sets of items. Both
comparisons observe and do not experiment: people and items change with time too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from label_pipeline.agreement.alpha import AlphaOf, Level, alpha, alpha_by_class
from label_pipeline.agreement.bootstrap import REPLICATES, replicate
from label_pipeline.agreement.kappa import equal_pairs, raw_agreement
from label_pipeline.agreement.patterns import BoolArray, FloatArray, IntArray, Patterns
from label_pipeline.estimates import Estimate, bootstrap, difference
from label_pipeline.guidelines.confusion import Confusion, confusions, share_of
from label_pipeline.votes import Votes

PAIRS_COMPARED = 5


@dataclass(frozen=True, slots=True)
class UnderVersion:
    """One version: answers, annotators, items with an answer, agreement overall and by class, confused pairs."""

    version: str
    annotations: int
    annotators: int
    items: int
    alpha: Estimate
    raw_agreement: Estimate
    by_class: tuple[tuple[str, Estimate], ...]
    confusions: tuple[Confusion, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure before and after a change, and after less before with its interval."""

    before: Estimate
    after: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of guideline changed.

    `other_items` compares items answered under one version only, `same_items` those with two answers under each; both
    hold alpha and raw_agreement. `classes` (alpha) and `pairs` (share of items on which both are said) are of other
    items, most confused before first. `answered_under_both` counts items of which the comparison of other items
    makes no use. `other_hands` and `same_hands` say how far the same people gave the answers compared (`same_hands`).
    """

    before: str
    after: str
    other_items: Mapping[str, Compared]
    same_items: Mapping[str, Compared]
    classes: tuple[tuple[str, Compared], ...]
    pairs: tuple[tuple[str, str, Compared], ...]
    answered_under_both: int
    other_hands: float | None
    same_hands: float | None


def under_version(
    version: str, votes: Votes, *, level: Level = "nominal", classes: Sequence[int] | None = None, seed: int = 0
) -> UnderVersion:
    """The figures of one version; `level` is alpha's, that of classes is nominal and for `classes` (codes; all)."""
    patterns = Patterns.of(votes)
    shown = range(votes.n_classes) if classes is None else classes
    return UnderVersion(
        version,
        votes.n,
        int((votes.per_annotator > 0).sum()),
        int((votes.per_item > 0).sum()),
        alpha(patterns, level, seed=seed),
        raw_agreement(patterns, seed=seed),
        tuple(zip((votes.classes[k] for k in shown), alpha_by_class(patterns, list(shown), seed=seed), strict=True)),
        tuple(confusions(votes)),
    )


def change(
    votes: Mapping[str, Votes],
    before: str,
    after: str,
    *,
    level: Level = "nominal",
    classes: Sequence[int] | None = None,
    seed: int = 0,
) -> Change:
    """What changed from version `before` to `after`.

    `votes` are each version's on one common list of items; who answered an item under both has a vote in both.
    """
    old, new = votes[before], votes[after]
    shared = (old.per_item > 0) & (new.per_item > 0)
    alone = [_among(each, ~shared) for each in (old, new)]
    first, second = (
        under_version(name, each, level=level, classes=classes, seed=seed)
        for name, each in zip((before, after), alone, strict=True)
    )
    # The worst before shows what the change was for; the worst after shows what it brought.
    pairs = {(p.first, p.second): p for each in (first, second) for p in each.confusions[:PAIRS_COMPARED]}
    return Change(
        before,
        after,
        {
            "alpha": _compared(first.alpha, second.alpha),
            "raw_agreement": _compared(first.raw_agreement, second.raw_agreement),
        },
        _on_same_items(old, new, level, seed),
        tuple(
            (name, _compared(was, now)) for (name, was), (_, now) in zip(first.by_class, second.by_class, strict=True)
        ),
        tuple(
            (p.first, p.second, _compared(*(share_of(each, p.first, p.second) for each in alone)))
            for p in pairs.values()
        ),
        int(shared.sum()),
        same_hands(*alone),
        same_hands(*(_among(each, (old.per_item >= 2) & (new.per_item >= 2)) for each in (old, new))),
    )


def same_hands(first: Votes, second: Votes) -> float | None:
    """How far two sets of votes were given by the same people in the same shares: 1 wholly, 0 by nobody in common.

    It is one less the total variation between the two; None where one of them is empty.
    """
    if not first.n or not second.n:
        return None
    people = sorted({*first.annotators, *second.annotators})
    shares = []
    for votes in (first, second):
        of = dict(zip(votes.annotators, votes.per_annotator / votes.n, strict=True))
        shares.append(np.array([of.get(name, 0.0) for name in people]))
    return float(np.minimum(*shares).sum())


def _among(votes: Votes, items: BoolArray) -> Votes:
    return votes.keep(items[votes.item])


def _compared(before: Estimate, after: Estimate) -> Compared:
    return Compared(before, after, difference(after, before))


def _on_same_items(old: Votes, new: Votes, level: Level, seed: int) -> dict[str, Compared]:
    """Both figures on items with two answers under each version; items are drawn with both of their sides."""
    both = (old.per_item >= 2) & (new.per_item >= 2)
    sides = [Patterns.of(_among(each, both)) for each in (old, new)]
    cells, items = np.unique(np.stack([side.of_item[both] for side in sides]), axis=1, return_counts=True)
    figures = [_figures(side, level) for side in sides]
    found = {}
    for name in figures[0]:

        def measure(drawn: FloatArray, name: str = name) -> FloatArray:
            parts = [
                figure[name](_collected(drawn, cell, len(side.items)))
                for figure, cell, side in zip(figures, cells, sides, strict=True)
            ]
            return np.stack(parts, axis=1)

        value = measure(items[None, :].astype(np.float64))[0]
        drawn = replicate(
            items, max(sum(len(side.items) for side in sides), 1), measure, replicates=REPLICATES, seed=seed
        )
        n = int(items.sum())
        was, now = (bootstrap(float(value[k]), drawn[:, k], n) for k in (0, 1))
        found[name] = Compared(was, now, bootstrap(float(value[1] - value[0]), drawn[:, 1] - drawn[:, 0], n))
    return found


def _figures(patterns: Patterns, level: Level) -> dict[str, Callable[[FloatArray], FloatArray]]:
    """Alpha and raw agreement (r,) as functions of how many items show each pattern (r, n_patterns)."""
    equal = equal_pairs(patterns)

    def raw(weights: FloatArray) -> FloatArray:
        items = weights.sum(axis=1)
        return np.asarray(np.divide(weights @ equal, items, out=np.full(len(items), np.nan), where=items > 0))

    return {"alpha": AlphaOf(patterns, level), "raw_agreement": raw}


def _collected(drawn: FloatArray, pattern: IntArray, n_patterns: int) -> FloatArray:
    """Drawn counts of cells (r, n_cells) as counts of the patterns (r, n_patterns) that the cells belong to."""
    from scipy.sparse import coo_array

    sums = coo_array((np.ones(len(pattern)), (np.arange(len(pattern)), pattern)), shape=(len(pattern), n_patterns))
    return np.asarray(drawn @ sums.tocsr())
