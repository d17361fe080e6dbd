"""How sure a pilot will leave us, before anybody has labelled: the width of its intervals by its size.

Here belongs the arithmetic on stated assumptions: pilots are simulated, agreement is computed on each, and half its
interval is 1.96 standard deviations of what they give; shares of items (accuracy, recall) have Wilson's interval.
Annotators are taken as equally good and items as equally hard. Which assumptions a project suggests is the caller's to
say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from label_pipeline.errors import UserError
from label_pipeline.estimates import wilson_bounds

FloatArray = npt.NDArray[np.float64]

SIZES = (100, 150, 200, 300, 500, 750, 1000)
"""Items: the sizes a plan compares."""
USUAL_ALPHA = 0.67
"""Krippendorff's alpha that is expected where nothing is known: the least for tentative conclusions (his book, 11)."""
SIMULATED = 1000
_LARGEST_SEARCHED = 10_000_000


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is believed before: class `shares` (K,) that sum to one, the chance in (0, 1] that two annotators give one
    answer, and how many answers an item gets. `words` say where each comes from."""

    classes: tuple[str, ...]
    shares: FloatArray
    agreement: float
    answers: int
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.answers < 2:
            raise UserError(f"{self.answers} answers an item", rule="at least 2", do="Agreement needs two of them.")

    @property
    def skill(self) -> float:
        """The chance that one answer is right, when right and wrong answers agree as often as is believed.

        With a right in a and otherwise any other class alike, two agree with a² + (1 − a)² / (K − 1).
        """
        others = len(self.classes) - 1
        root = self.agreement * (1 + others) - 1
        return (1 + math.sqrt(max(root * others, 0.0))) / (1 + others)


def agreement_at(alpha: float, shares: FloatArray) -> float:
    """The share of equal answers at a value of Krippendorff's alpha, for classes of these `shares`."""
    return 1 - (1 - alpha) * (1 - float((np.asarray(shares) ** 2).sum()))


@dataclass(frozen=True, slots=True)
class Width:
    """Half the width of each 95 % interval at a size: of alpha, of agreement, of label accuracy, each 0 to 1."""

    size: int
    alpha: float
    agreement: float
    label_accuracy: float


@dataclass(frozen=True, slots=True)
class ClassWidth:
    """A class in the pilot: how many items of it are expected, half the width of the 95 % intervals of its alpha and of
    its recall, and the pilot's size at which the latter would be `AIM`; None beyond ten million.

    `alpha` is NaN where too few items are expected for it to be defined.
    """

    name: str
    share: float
    items: float
    alpha: float
    recall: float
    size_for_aim: int | None


AIM = 0.1
"""Half width, 0 to 1, that a class's recall is planned for."""
MOST_CLASSES = 50
"""The most classes that are planned one by one, the most frequent ones."""


@dataclass(frozen=True)
class Plan:
    """What a pilot of `size` will tell, and what other sizes would."""

    size: int
    assumptions: Assumptions
    expected: dict[str, float]
    widths: tuple[Width, ...]
    classes: tuple[ClassWidth, ...]

    @property
    def annotations(self) -> int:
        """How many answers the pilot costs."""
        return self.size * self.assumptions.answers

    @cached_property
    def at_size(self) -> Width:
        """The widths at the size that was asked for."""
        return next(width for width in self.widths if width.size == self.size)

    def size_for_alpha(self, aim: float) -> int | None:
        """About how many items make alpha's interval ± `aim`: widths shrink with the root of the size. None where alpha
        is not defined."""
        width = self.at_size.alpha
        return None if math.isnan(width) else math.ceil(self.size * (width / aim) ** 2)


def plan(size: int, assumptions: Assumptions, *, sizes: Iterable[int] = SIZES, seed: int = 0) -> Plan:
    """The plan of a pilot of `size` items, beside pilots of other `sizes`; at least 2 items each."""
    asked = sorted({size, *sizes})
    accuracy = _accuracy_of_majority(assumptions, seed)
    widths = []
    for n in asked:
        alpha, agreement = _simulated(assumptions, n, seed)
        widths.append(Width(n, _spread(alpha), _spread(agreement), half_width(accuracy, n)))
    expected = {
        "alpha": float(np.nanmean(_simulated(assumptions, max(asked), seed)[0])),
        "agreement": assumptions.agreement,
        "label_accuracy": accuracy,
    }
    label = _answers(assumptions, (SIMULATED, size), seed)[1]
    classes = tuple(_class(assumptions, k, accuracy, label) for k in _shown(assumptions))
    return Plan(size, assumptions, expected, tuple(widths), classes)


def half_width(share: float, n: float) -> float:
    """Half the width of Wilson's 95 % interval of a share, 0 to 1, seen in `n` items; a half where there are none."""
    if n <= 0:
        return 0.5
    low, high = wilson_bounds(np.asarray([share * n]), np.asarray([n]))
    return float(high[0] - low[0]) / 2


def size_for(share: float, aim: float) -> int | None:
    """The fewest items with which Wilson's 95 % interval of a share is at most ± `aim`; None beyond ten million."""
    low, high = 0, 1
    while half_width(share, high) > aim:
        low, high = high, 2 * high
        if high > _LARGEST_SEARCHED:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if half_width(share, middle) <= aim else (middle, high)
    return high


def _shown(assumptions: Assumptions) -> Sequence[int]:
    """The most frequent classes (codes) that are expected at all, in their order."""
    most = np.argsort(-assumptions.shares, kind="stable")[:MOST_CLASSES]
    return sorted(int(k) for k in most if assumptions.shares[k] > 0)


def _class(assumptions: Assumptions, code: int, accuracy: float, label: npt.NDArray[np.int64]) -> ClassWidth:
    """One class in simulated pilots whose answers are `label` (pilots, items, answers)."""
    share, needed, size = float(assumptions.shares[code]), size_for(accuracy, AIM), label.shape[1]
    pilot = None if needed is None else math.ceil(needed / share)
    if pilot is not None and pilot > _LARGEST_SEARCHED:
        pilot = None
    name, alpha = assumptions.classes[code], _spread(_alpha_of_class(label, code))
    return ClassWidth(name, share, size * share, alpha, half_width(accuracy, size * share), pilot)


def _spread(values: FloatArray) -> float:
    """1.96 standard deviations: half the width of the range in which 95 % fall; NaN where hardly any is defined."""
    known = values[~np.isnan(values)]
    return math.nan if 2 * len(known) < len(values) else 1.96 * float(known.std())


def _answers(assumptions: Assumptions, shape: tuple[int, int], seed: int) -> tuple[npt.NDArray[np.int64], ...]:
    """True classes of (pilots, items) and the answers on them (pilots, items, answers)."""
    random = np.random.default_rng(seed)
    k = len(assumptions.classes)
    truth = random.choice(k, size=shape, p=assumptions.shares)
    right = random.random((*shape, assumptions.answers)) < assumptions.skill
    other = (truth[..., None] + random.integers(1, max(k, 2), size=right.shape)) % k
    return truth, np.where(right, truth[..., None], other)


def _simulated(assumptions: Assumptions, n: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Alpha (nominal) and the share of equal pairs of answers in each of `SIMULATED` pilots of n items."""
    _, label = _answers(assumptions, (SIMULATED, n), seed)
    k, answers = len(assumptions.classes), assumptions.answers
    pairs = [(a, b) for a in range(answers) for b in range(a)]
    equal = sum((label[..., a] == label[..., b]).sum(axis=1) for a, b in pairs) / (n * len(pairs))
    cell = np.arange(SIMULATED)[:, None, None] * k + label
    margin = np.bincount(cell.ravel(), minlength=SIMULATED * k).reshape(SIMULATED, k)
    total = n * answers
    chance = (margin * (margin - 1.0)).sum(axis=1) / (total * (total - 1.0))
    alpha = np.divide(equal - chance, 1 - chance, out=np.full(SIMULATED, np.nan), where=chance < 1)
    return alpha, np.asarray(equal, dtype=np.float64)


def _alpha_of_class(label: npt.NDArray[np.int64], code: int) -> FloatArray:
    """Alpha of one class against the rest in each of several pilots (pilots, items, answers)."""
    pilots, items, answers = label.shape
    said = (label == code).sum(axis=2)
    observed = (2.0 * said * (answers - said) / (answers - 1)).sum(axis=1)
    times, total = said.sum(axis=1), items * answers
    expected = 2.0 * times * (total - times) / (total - 1)
    alpha = np.divide(observed, expected, out=np.full(pilots, np.nan), where=expected > 0)
    return np.asarray(1.0 - alpha, dtype=np.float64)


def _accuracy_of_majority(assumptions: Assumptions, seed: int) -> float:
    """How often most answers on an item are right, ties counted by chance."""
    truth, label = _answers(assumptions, (1, 20_000), seed)
    k = len(assumptions.classes)
    votes = np.stack([np.bincount(each, minlength=k) for each in label[0]])
    most = votes == votes.max(axis=1, keepdims=True)
    hit = np.take_along_axis(most, truth[0][:, None], axis=1)[:, 0]
    return float((hit / most.sum(axis=1)).mean())
