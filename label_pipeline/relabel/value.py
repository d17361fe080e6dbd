"""What another label is worth, as arithmetic on class probabilities.

Here belong beliefs and expected gains, rows of items by columns of classes. Which items are asked about, in
what order, by whom, and what is said about them stands in `route`, `queue` and `reasons`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
MOST_TRUST = 0.99
"""The most weight a model's opinion gets: below one, so that no model can rule a class out."""
_ROUNDS, _CLOSE = 200, 1e-6


def expected_gain(belief: FloatArray, accuracy: float) -> FloatArray:
    """How much one more annotation is expected to settle each item: (n,), from 0 to 1 − 1/K.

    With p (n, K) the belief about the item's class, an item is settled to the degree G = Σ_k p_k², the chance
    that a class drawn from the belief is right. An annotator is right with chance `accuracy` and else says each
    other class alike, so label l is given with chance q_l = Σ_k p_k c_kl, after which p'_k = p_k c_kl / q_l and
    G'_l = Σ_k p'_k². The gain is Σ_l q_l G'_l − G: the expected fall of the Brier score. Unlike the expected
    fall of the error rate it is never flat at zero where one label alone cannot turn the decision, though two
    could. With `accuracy` 1 it is 1 − G, all the doubt there is.
    Source: value of information with quadratic loss; DeGroot 1962, Uncertainty, Information and Experiments.
    """
    n_classes = belief.shape[1]
    if n_classes < 2:
        return np.zeros(len(belief))
    right = min(max(accuracy, 1.0 / n_classes), 1.0)
    wrong = (1.0 - right) / (n_classes - 1)
    squares = (belief**2).sum(axis=1)
    # Σ_k p_k² c_kl² and q_l for every l at once, because c has one value on its diagonal and one beside it.
    above = wrong**2 * squares[:, None] + (right**2 - wrong**2) * belief**2
    below = wrong + (right - wrong) * belief
    after = np.divide(above, below, out=np.zeros_like(above), where=below > 0).sum(axis=1)
    gain: FloatArray = np.maximum(after - squares, 0.0)
    return gain


def coverage_need(belief: FloatArray, n: npt.NDArray[Any], minimum: int) -> FloatArray:
    """What a label adds by bringing an item nearer to the `minimum` of annotations: (n,), from 0 to 1.

    An item counts only when it has that many; its worth then, the chance that its likeliest class is right, is
    shared among the labels that are still missing. Zero for items that have enough.
    """
    missing = np.maximum(minimum - n, 0)
    return np.where(missing > 0, belief.max(axis=1) / np.maximum(missing, 1), 0.0)


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
