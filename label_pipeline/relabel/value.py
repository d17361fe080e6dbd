"""What another answer is worth, as arithmetic on class probabilities.

Here belong beliefs, the laws by which people answer, and expected gains; rows of items by columns of classes. Which
items are asked about stands in `route`, who is asked in `people`, order and budget in `queue` and `budget`.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from label_pipeline.relabel import value_loops as loops

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
MOST_TRUST = 0.99
"""The most weight a model's opinion gets: below one, so that no model can rule a class out."""
AHEAD = 4
"""How many answers are looked ahead. Four in a row overturn what three people agreed on."""
LEAST_LIKELY = 1e-6
"""A first answer less likely than this is not followed any further."""
_ROUNDS, _CLOSE = 200, 1e-6


def worth(
    belief: FloatArray,
    laws: FloatArray,
    law: npt.NDArray[Any] | None = None,
    *,
    cost: FloatArray | None = None,
    missing: npt.NDArray[Any] | None = None,
) -> FloatArray:
    """How many right labels one more answer is expected to add to each item: (n,), from 0 to 1 (times the cost).

    `belief` (n, K) are class probabilities. `laws` (n_laws, K, K) say how people answer, row the truth, column the
    answer, rows sum to one; `law` (n,) is whose law an item's answers follow (the first, by default). `cost` (K,) is
    what a wrong label costs by true class, 1 by default. `missing` (n,) is how many annotations an item lacks before
    its label counts at all, 0 by default.

    An item's label is worth U = max_k cost_k p_k where it counts, the chance that it is right, and 0 where it does not.
    After an answer o Bayes' rule makes p'_k ∝ p_k C_ko, and an answer is worth E[U'] − U = Σ_o max_k cost_k p_k C_ko
    − U. One answer cannot overturn what several agree on, though two might: then that difference is zero, and tells
    nothing. So it is taken for m = 1 … `AHEAD` answers, from `missing` on, divided by m, and the best counts. The first
    answer is exact over all classes; those after it tell apart the two likeliest that are left, a bound from below.

    Source: Frazier & Powell 2010, "Paradoxes in learning and the marginal value of information", KG(*).
    """
    n, n_classes = belief.shape
    costs = np.ones(n_classes) if cost is None else np.ascontiguousarray(cost, dtype=np.float64)
    if n_classes < 2:
        # There is nothing to learn but that somebody looked.
        lacking = np.zeros(n) if missing is None else np.asarray(missing, dtype=np.float64)
        return np.where(lacking > 0, costs.sum() / np.maximum(lacking, 1.0), 0.0)
    whose = np.zeros(n, dtype=np.int64) if law is None else np.ascontiguousarray(law, dtype=np.int64)
    lacks = np.zeros(n, dtype=np.int64) if missing is None else np.ascontiguousarray(missing, dtype=np.int64)
    gain: FloatArray = loops.worth(
        np.ascontiguousarray(belief, dtype=np.float64),
        np.ascontiguousarray(laws, dtype=np.float64),
        whose,
        costs,
        lacks,
        _paths(AHEAD),
        LEAST_LIKELY,
    )
    return gain


def worth_of_truth(
    belief: FloatArray, *, cost: FloatArray | None = None, missing: npt.NDArray[Any] | None = None
) -> FloatArray:
    """What an adjudicator's decision is worth, which is taken as right and binds whatever is `missing`: (n,).

    Σ_k cost_k p_k − U, all the doubt there is.
    """
    costs = np.ones(belief.shape[1]) if cost is None else np.asarray(cost, dtype=np.float64)
    weighed = belief * costs
    now = weighed.max(axis=1)
    if missing is not None:
        now = np.where(np.asarray(missing) > 0, 0.0, now)
    return np.asarray(np.maximum(weighed.sum(axis=1) - now, 0.0))


def telling(belief: FloatArray, laws: FloatArray) -> FloatArray:
    """How far an answer under each law is expected to settle each item: (n, n_laws), from 0 to 1 − 1/K.

    Σ_o (Σ_k (p_k C_ko)²) / q_o − Σ_k p_k² with q_o = Σ_k p_k C_ko: the expected fall of the Brier score. It is never
    flat where `worth` is, so it says who tells the classes in doubt apart best, however little is in doubt.
    Source: DeGroot 1962, "Uncertainty, information and sequential experiments".
    """
    found: FloatArray = loops.telling(
        np.ascontiguousarray(belief, dtype=np.float64), np.ascontiguousarray(laws, dtype=np.float64)
    )
    return found


def even_law(n_classes: int, accuracy: float) -> FloatArray:
    """The law (K, K) of somebody who is right with chance `accuracy`, and else says each other class alike."""
    right = min(max(accuracy, 1.0 / max(n_classes, 1)), 1.0)
    law = np.full((n_classes, n_classes), (1.0 - right) / max(n_classes - 1, 1))
    np.fill_diagonal(law, right)
    return law


def model_trust(posterior: FloatArray, model: FloatArray) -> float:
    """How far the model's probabilities deserve belief, 0 to `MOST_TRUST`, judged by the consensus.

    The weight t that makes the consensus likeliest, Σ_i log Σ_k p_ik (t m_ik + (1 − t)/K), found by expectation
    maximisation in its one dimension. `posterior` and `model` are (n, K); rows of NaN in `model` are left out.
    Zero without rows. A model that guesses gets 0; one that is often sure and wrong gets little.
    """
    known = np.isfinite(model).all(axis=1)
    likelihood = (posterior[known] * model[known]).sum(axis=1)
    if not len(likelihood):
        return 0.0
    chance, trust = 1.0 / posterior.shape[1], 0.5
    for _ in range(_ROUNDS):
        credit = trust * likelihood
        before, trust = trust, min(float((credit / (credit + (1.0 - trust) * chance)).mean()), MOST_TRUST)
        if abs(trust - before) < _CLOSE:
            break
    return trust


def combine(posterior: FloatArray, model: FloatArray, trust: float) -> FloatArray:
    """The belief about each item: the consensus with the model as one more witness, (n, K), rows sum to one.

    p_k (t m_k + (1 − t)/K), normalised; the posterior alone where the model has no opinion (NaN).
    """
    witness = trust * model + (1.0 - trust) / posterior.shape[1]
    witness[~np.isfinite(model).all(axis=1)] = 1.0
    belief = posterior * witness
    total: FloatArray = belief.sum(axis=1, keepdims=True)
    return np.asarray(belief / total, dtype=np.float64)


def _paths(most: int) -> FloatArray:
    """How 1 … most − 1 further answers fall on two classes and others: number, first, second, orders."""
    found = [
        (m, x, y, comb(m, x) * comb(m - x, y)) for m in range(1, most) for x in range(m + 1) for y in range(m + 1 - x)
    ]
    return np.array(found, dtype=np.float64).reshape(-1, 4)
