"""The compiled loops of CROWDLAB: arrays in, arrays out, one pass over items and their annotations each.

Here belong the sums over items and annotations. What the sums mean, and the few numbers computed between two
passes (likelihoods, weights), stand in `crowdlab`. Every tally over annotators and classes is a sum over items,
so that shards of items add up to the whole.
"""

from __future__ import annotations

import numpy as np

from label_pipeline.compiled import compiled
from label_pipeline.votes import AnyArray


@compiled
def cast_votes(
    offsets: AnyArray,
    annotator: AnyArray,
    label: AnyArray,
    gold: AnyArray,
    n_classes: int,
    tallies: AnyArray,
    agreement: AnyArray,
) -> AnyArray:
    """The majority vote of each item, int32 (n_items,): -1 where two classes lead or nobody voted.

    A known truth in `gold` (n_items,) is the vote, and counts as one more annotator. Adds to the columns of
    `tallies` (n_annotators, 4): comparisons with another annotator of the same item, those that agreed,
    annotations on items whose vote is settled, those that equal it. Writes to `agreement` (n_items,) the share of
    each item's annotations that give its vote, whichever leading class that will be; 0 where there is none.
    """
    vote = np.empty(len(gold), dtype=np.int32)
    count = np.zeros(n_classes, dtype=np.int64)
    for i in range(len(gold)):
        first, last, truth = offsets[i], offsets[i + 1], gold[i]
        most, leaders, leader = 0, 0, -1
        for a in range(first, last):
            k = label[a]
            count[k] += 1
            if count[k] > most:
                most, leaders, leader = count[k], 1, k
            elif count[k] == most:
                leaders += 1
        others = last - first - 1
        same = most if truth < 0 else count[truth]
        agreement[i] = same / max(last - first, 1)
        if truth >= 0:
            count[truth] += 1
            others += 1
            leaders, leader = 1, truth
        settled = leaders == 1
        vote[i] = leader if settled else -1
        for a in range(first, last):
            j, k = annotator[a], label[a]
            tallies[j, 0] += others
            tallies[j, 1] += count[k] - 1
            if settled:
                tallies[j, 2] += 1
                tallies[j, 3] += k == leader
        for a in range(first, last):
            count[label[a]] = 0
        if truth >= 0:
            count[truth] = 0
    return vote


@compiled
def break_ties(
    offsets: AnyArray,
    annotator: AnyArray,
    label: AnyArray,
    probabilities: AnyArray,
    frequency: AnyArray,
    trust: AnyArray,
    tie: float,
    vote: AnyArray,
) -> None:
    """Settle every `vote` (n_items,) of -1 among the leading classes; among all classes where nobody voted.

    The class with the highest probability; then the one with the lowest `frequency` (n_classes,); then the one
    whose annotators have the highest mean `trust` (n_annotators,); then the lowest code. Probabilities and
    trust within `tie` of the best are equal.
    """
    n_classes = len(frequency)
    count = np.zeros(n_classes, dtype=np.int64)
    support = np.zeros(n_classes)
    leaders = np.empty(n_classes, dtype=np.int64)
    for i in range(len(vote)):
        if vote[i] >= 0:
            continue
        first, last = offsets[i], offsets[i + 1]
        most, n = 0, 0
        for a in range(first, last):
            count[label[a]] += 1
            support[label[a]] += trust[annotator[a]]
            most = max(most, count[label[a]])
        for a in range(first, last):
            k = label[a]
            if count[k] == most:
                leaders[n] = k
                n += 1
            count[k] = 0
        if first == last:
            for k in range(n_classes):
                leaders[k] = k
            n = n_classes
        likely, rare, trusted, chosen = 0.0, np.iinfo(np.int64).max, 0.0, n_classes
        for t in range(n):
            likely = max(likely, probabilities[i, leaders[t]])
        for t in range(n):
            if probabilities[i, leaders[t]] >= likely - tie:
                rare = min(rare, frequency[leaders[t]])
        for t in range(n):
            k = leaders[t]
            if probabilities[i, k] >= likely - tie and frequency[k] == rare:
                trusted = max(trusted, support[k] / max(most, 1))
        for t in range(n):
            k = leaders[t]
            near = probabilities[i, k] >= likely - tie and support[k] / max(most, 1) >= trusted - tie
            if near and frequency[k] == rare:
                chosen = min(chosen, k)
        vote[i] = chosen
        for a in range(first, last):
            support[label[a]] = 0.0


@compiled
def most_likely(probabilities: AnyArray, tolerance: float) -> tuple[AnyArray, bool]:
    """The class of the highest probability of each item, int32 (n_items,), the lowest code where several share it.

    Also whether every row is a distribution: nothing missing or negative, and a sum of one within `tolerance`.
    """
    n_items, n_classes = probabilities.shape
    predicted = np.empty(n_items, dtype=np.int32)
    wrong = 0
    for i in range(n_items):
        total, lowest, highest, best = 0.0, 0.0, -1.0, 0
        for k in range(n_classes):
            p = probabilities[i, k]
            total += p
            # Selections, not branches: this loop costs what reading the probabilities costs.
            best = k if p > highest else best
            highest = p if p > highest else highest
            lowest = p if p < lowest else lowest
        wrong += not (lowest >= 0.0 and abs(total - 1.0) <= tolerance)
        predicted[i] = best
    return predicted, wrong == 0


@compiled
def tally(
    offsets: AnyArray,
    labels: AnyArray,
    agreement: AnyArray,
    predicted: AnyArray,
    telling: AnyArray,
    n_classes: int,
    told: AnyArray,
) -> tuple[AnyArray, int, int]:
    """What the items where `telling` (n_items,) is true say about classes, model and annotators.

    How many have each of the `labels` (n_items,), (n_classes,); how many the model's `predicted` (n_items,) missed;
    and how many have annotations: their `agreement` (n_items,) is put one after the other into `told` (n_items,).
    """
    sizes = np.zeros(n_classes, dtype=np.int64)
    missed, n = 0, 0
    for i in range(len(labels)):
        if telling[i]:
            sizes[labels[i]] += 1
            missed += predicted[i] != labels[i]
            if offsets[i + 1] > offsets[i]:
                told[n] = agreement[i]
                n += 1
    return sizes, missed, n


@compiled
def pool(
    offsets: AnyArray,
    annotator: AnyArray,
    label: AnyArray,
    gold: AnyArray,
    probabilities: AnyArray,
    weight: AnyArray,
    model_weight: float,
    hit: float,
    miss: float,
    tie: float,
    telling: AnyArray,
    labels: AnyArray,
    agreement: AnyArray,
    posterior: AnyArray,
    confidence: AnyArray,
    tallies: AnyArray,
) -> None:
    """The weighted mean of the model's and the annotators' opinions on each item.

    An annotator of weight `weight[j]` gives the chance `hit` to their label and `miss` to every other class;
    where `gold` knows the truth it is certain. With an empty `posterior` this sets `labels` (n_items,) to the
    class of the highest mean, leaves it where others are within `tie` of that, and sets `agreement` (n_items,) to
    the share of annotations that give it. Otherwise it keeps both and writes `posterior` (n_items, n_classes) and
    `confidence` (n_items,), the posterior of the item's label. To the columns of `tallies` (n_annotators, 3) it
    then adds the posteriors of the labels an annotator gave, their annotations on `telling` (n_items,) items, and
    those that give the item's label.

    Terms are added one annotator at a time in code order, as the reference adds them: summing by class first
    rounds otherwise and turns exact ties into near ones.
    """
    n_classes = probabilities.shape[1]
    keep = len(posterior) > 0
    row = np.empty(n_classes)
    for i in range(len(labels)):
        first, last = offsets[i], offsets[i + 1]
        for k in range(n_classes):
            row[k] = probabilities[i, k] * model_weight
        total = 0.0
        for a in range(first, last):
            w, given = weight[annotator[a]], label[a]
            supported = row[given] + w * hit
            for k in range(n_classes):
                row[k] += w * miss
            row[given] = supported
            total += w
        total += model_weight
        highest = 0.0
        for k in range(n_classes):
            row[k] /= total
            highest = max(highest, row[k])
        if gold[i] >= 0:
            row[:] = 0.0
            row[gold[i]] = highest = 1.0
        if keep:
            for k in range(n_classes):
                posterior[i, k] = row[k]
            confidence[i] = row[labels[i]]
            for a in range(first, last):
                j, given = annotator[a], label[a]
                tallies[j, 0] += row[given]
                if telling[i]:
                    tallies[j, 1] += 1.0
                    tallies[j, 2] += given == labels[i]
        else:
            leaders, leader = 0, 0
            for k in range(n_classes):
                if row[k] >= highest - tie:
                    leaders += 1
                    leader = k
            if leaders == 1:
                labels[i] = leader
            same = 0
            for a in range(first, last):
                same += label[a] == labels[i]
            agreement[i] = same / max(last - first, 1)


@compiled
def gather(offsets: AnyArray, label: AnyArray, posterior: AnyArray) -> AnyArray:
    """The `posterior` (n_items, n_classes) of each annotation's label, (n,)."""
    quality = np.empty(len(label))
    for i in range(len(offsets) - 1):
        for a in range(offsets[i], offsets[i + 1]):
            quality[a] = posterior[i, label[a]]
    return quality


@compiled
def pair_tallies(
    offsets: AnyArray, row: AnyArray, label: AnyArray, labels: AnyArray, confidence: AnyArray, n_rows: int
) -> AnyArray:
    """Sums over the annotations of each `row` (n,), float64 (3, n_rows).

    Annotations, those that give their item's label, and the `confidence` (n_items,) of their items.
    """
    sums = np.zeros((3, n_rows))
    for i in range(len(labels)):
        for a in range(offsets[i], offsets[i + 1]):
            sums[0, row[a]] += 1.0
            sums[1, row[a]] += label[a] == labels[i]
            sums[2, row[a]] += confidence[i]
    return sums
