"""How long the relabel queue takes: `python -m benchmarks.queue [--items N] [--people N]`.

Here belong its two kernels and the whole queue over synthetic beliefs of ten classes: each item open or disputed, near
certain or in doubt, with up to three annotations. CPU seconds, after a call on few items, which compiles.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from label_pipeline.contracts.tables import LABEL_ISSUES
from label_pipeline.relabel.budget import Budget
from label_pipeline.relabel.people import Panel
from label_pipeline.relabel.queue import Asking, relabel_queue
from label_pipeline.relabel.route import QueuePolicy
from label_pipeline.relabel.value import telling, worth

CLASSES = tuple(str(k) for k in range(10))


def seconds(call: Callable[[int], object], n: int) -> float:
    """CPU seconds of a call on `n` items."""
    call(100)
    started = time.process_time()
    call(n)
    return time.process_time() - started


def main() -> int:
    """Print the times."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--items", type=int, default=1_000_000)
    arguments.add_argument("--people", type=int, default=200)
    asked = arguments.parse_args()
    random, n = np.random.default_rng(0), asked.items
    belief = random.dirichlet(np.full(len(CLASSES), 0.2), n)
    laws = random.dirichlet(np.ones(len(CLASSES)) + 8 * np.eye(len(CLASSES))[0], (asked.people, len(CLASSES)))
    for k in range(len(CLASSES)):
        laws[:, k] = np.roll(laws[:, k], k, axis=1)
    panel = Panel(tuple(f"p{k:04}" for k in range(asked.people)), np.full(asked.people, 1000.0), laws)
    print(f"worth of {n:,} items: {seconds(lambda m: worth(belief[:m], laws[:1]), n):.1f} s")
    told = seconds(lambda m: telling(belief[:m], laws), 10_000)
    print(f"telling of 10,000 items by {asked.people} people: {told:.1f} s")

    names = np.array([f"i{k:07}" for k in range(n)], dtype=object)
    answers = np.repeat(np.arange(n), 2)
    said_by = np.array(panel.ids, dtype=object)[random.integers(0, asked.people, len(answers))]
    consensus = pd.DataFrame(
        {
            "item_id": names,
            "label": np.array(CLASSES, dtype=object)[belief.argmax(axis=1)],
            "probabilities": list(belief),
            "confidence": belief.max(axis=1),
            "agreement": 0.5,
            "n_annotations": random.integers(1, 4, n),
            "status": np.where(random.random(n) < 0.3, "open", "disputed"),
            "method": "dawid_skene",
        }
    )
    labelled = pd.DataFrame({"item_id": names[answers], "annotator_id": said_by})
    issues = LABEL_ISSUES.empty().to_pandas()
    asking = Asking(Budget.of(1_000), panel=panel)
    policy = QueuePolicy(2, 5, 4)
    whole = seconds(
        lambda m: relabel_queue(consensus[:m], issues, belief[:m], labelled, policy, asking, classes=CLASSES), n
    )
    print(f"the whole queue of {n:,} items, {len(labelled):,} annotations: {whole:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
