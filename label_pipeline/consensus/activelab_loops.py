"""The compiled loops of ActiveLab: arrays in, arrays out.

Here belong the passes over items; the search over temperatures and the score stand in `activelab`.
"""

from __future__ import annotations

import numpy as np

from label_pipeline.compiled import compiled
from label_pipeline.votes import AnyArray


@compiled
def soft_cross_entropy(
    offsets: AnyArray,
    label: AnyArray,
    gold: AnyArray,
    probabilities: AnyArray,
    temperatures: AnyArray,
    least: float,
) -> AnyArray:
    """Mean over labelled items of −Σ_k f_k log s_k for each of `temperatures`, in units of log K.

    f is the distribution of the item's labels, all of it on the truth where `gold` knows it; s the model's
    probabilities to the power 1 / temperature, made to sum to one, no class below `least`.
    """
    n_items, n_classes = probabilities.shape
    entropy = np.zeros(len(temperatures))
    log_p = np.empty(n_classes)
    labelled = 0
    for i in range(n_items):
        first, last = offsets[i], offsets[i + 1]
        if first == last and gold[i] < 0:
            continue
        labelled += 1
        for k in range(n_classes):
            log_p[k] = np.log(probabilities[i, k])
        for t in range(len(temperatures)):
            total = 0.0
            for k in range(n_classes):
                total += np.exp(log_p[k] / temperatures[t])
            log_total = np.log(total)
            if gold[i] >= 0:
                entropy[t] -= max(log_p[gold[i]] / temperatures[t] - log_total, np.log(least))
                continue
            mean = 0.0
            for a in range(first, last):
                mean += max(log_p[label[a]] / temperatures[t] - log_total, np.log(least))
            entropy[t] -= mean / (last - first)
    for t in range(len(temperatures)):
        entropy[t] /= max(labelled, 1) * np.log(n_classes)
    return entropy


@compiled
def rescale(probabilities: AnyArray, temperature: float, least: float) -> AnyArray:
    """Probabilities of at least `least` to the power 1 / `temperature`, rows sum to one, (n_items, n_classes)."""
    n_items, n_classes = probabilities.shape
    scaled = np.empty((n_items, n_classes))
    for i in range(n_items):
        total = 0.0
        for k in range(n_classes):
            total += max(probabilities[i, k], least)
        power = 0.0
        for k in range(n_classes):
            scaled[i, k] = np.exp(np.log(max(probabilities[i, k], least) / total) / temperature)
            power += scaled[i, k]
        for k in range(n_classes):
            scaled[i, k] /= power
    return scaled


@compiled
def weight_per_item(offsets: AnyArray, annotator: AnyArray, weight: AnyArray) -> AnyArray:
    """Sum of the annotators' `weight` (n_annotators,) on each item, (n_items,)."""
    total = np.zeros(len(offsets) - 1)
    for i in range(len(total)):
        for a in range(offsets[i], offsets[i + 1]):
            total[i] += weight[annotator[a]]
    return total
