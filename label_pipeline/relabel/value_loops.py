"""The compiled loops of what another answer is worth: arrays in, arrays out.

Here belongs the arithmetic of one item at a time; what it means stands in `value`.
"""

from __future__ import annotations

import numpy as np

from label_pipeline.compiled import compiled
from label_pipeline.votes import AnyArray


@compiled
def worth(
    belief: AnyArray,
    laws: AnyArray,
    law: AnyArray,
    cost: AnyArray,
    missing: AnyArray,
    paths: AnyArray,
    least: float,
) -> AnyArray:
    """The best gain an answer over all numbers of answers, for each item: (n,). See `value.worth`.

    `laws` (n_laws, K, K) are answers by truth, `law` (n,) says whose law an item's answers follow. `paths` (m, 4) lists
    the ways in which further answers fall: how many there are, how many name the first and the second class, and in
    how many orders. Answers likelier than `least` are followed.
    """
    n, n_classes = belief.shape
    most = int(paths[-1, 0]) + 1 if len(paths) else 1
    gain = np.zeros(n)
    joint, after = np.empty(n_classes), np.zeros(most + 1)
    for i in range(n):
        chances = laws[law[i]]
        now = 0.0
        if missing[i] == 0:
            for k in range(n_classes):
                now = max(now, cost[k] * belief[i, k])
        after[:] = 0.0
        for o in range(n_classes):
            said, first, second = 0.0, -1, -1
            for k in range(n_classes):
                joint[k] = belief[i, k] * chances[k, o]
                said += joint[k]
                if first < 0 or cost[k] * joint[k] > cost[first] * joint[first]:
                    first, second = k, first
                elif second < 0 or cost[k] * joint[k] > cost[second] * joint[second]:
                    second = k
            if said <= 0.0:
                continue
            best = cost[first] * joint[first]
            after[1] += best
            if said <= least or second < 0:
                for m in range(2, most + 1):
                    after[m] += best
                continue
            a, b = cost[first] * joint[first], cost[second] * joint[second]
            aa, ab = chances[first, first], chances[first, second]
            ba, bb = chances[second, first], chances[second, second]
            ao, bo = max(1.0 - aa - ab, 0.0), max(1.0 - ba - bb, 0.0)
            for p in range(len(paths)):
                m, x, y = int(paths[p, 0]), int(paths[p, 1]), int(paths[p, 2])
                z = m - x - y
                one, other = a * aa**x * ab**y * ao**z, b * ba**x * bb**y * bo**z
                after[m + 1] += paths[p, 3] * max(one, other)
        asked = max(missing[i], 1)
        for m in range(min(asked, most), most + 1):
            gain[i] = max(gain[i], (after[m] - now) / max(m, asked))
    return gain


@compiled
def telling(belief: AnyArray, laws: AnyArray) -> AnyArray:
    """How much each law's answer is expected to settle each item: (n, n_laws). See `value.telling`."""
    n, n_classes = belief.shape
    found = np.zeros((n, len(laws)))
    kept = np.empty(n_classes, dtype=np.int64)
    for i in range(n):
        before, m = 0.0, 0
        for k in range(n_classes):
            before += belief[i, k] ** 2
            if belief[i, k] > 1e-6:
                kept[m] = k
                m += 1
        for j in range(len(laws)):
            after = 0.0
            for o in range(n_classes):
                said, squares = 0.0, 0.0
                for q in range(m):
                    joint = belief[i, kept[q]] * laws[j, kept[q], o]
                    said += joint
                    squares += joint * joint
                if said > 0.0:
                    after += squares / said
            found[i, j] = max(after - before, 0.0)
    return found


@compiled
def assign(telling: AnyArray, barred_from: AnyArray, barred: AnyArray, most: int, night: int, wanted: int) -> AnyArray:
    """Whom to ask of each item, best first: (n, wanted), -1 where nobody is left. See `people.ask`.

    Items are served in order. Of every `night` items a person is the first choice for at most `most`, as long as
    somebody else is left; the others named are substitutes.
    """
    n, n_people = telling.shape
    chosen = np.full((n, wanted), -1, dtype=np.int64)
    free, room = np.empty(n_people, dtype=np.bool_), np.empty(n_people, dtype=np.int64)
    for i in range(n):
        free[:] = True
        if i % night == 0:
            room[:] = most
        for a in range(barred_from[i], barred_from[i + 1]):
            free[barred[a]] = False
        for w in range(wanted):
            best = -1
            for j in range(n_people):
                if not free[j]:
                    continue
                if (
                    best < 0
                    or (room[j] > 0) > (room[best] > 0)
                    or ((room[j] > 0) == (room[best] > 0) and telling[i, j] > telling[i, best] + 1e-12)
                ):
                    best = j
            if best < 0:
                break
            chosen[i, w] = best
            free[best] = False
        if chosen[i, 0] >= 0:
            room[chosen[i, 0]] -= 1
    return chosen
