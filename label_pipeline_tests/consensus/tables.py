"""Small random annotation tables, rich in ties, for the property tests of the estimators."""

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from label_pipeline.votes import Votes

Cells = list[tuple[int, int, int]]
"""Rows of (item, annotator, class), one label per (item, annotator)."""


@st.composite
def tables(draw: st.DrawFn, items: int = 7, annotators: int = 5, classes: int = 4) -> tuple[Cells, int, int, int]:
    """Rows and the numbers of items, annotators and classes; none of them need occur in a row."""
    n_items = draw(st.integers(1, items))
    n_annotators = draw(st.integers(1, annotators))
    n_classes = draw(st.integers(1, classes))
    pairs = [(i, j) for i in range(n_items) for j in range(n_annotators)]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=len(pairs), unique=True))
    labels = draw(st.lists(st.integers(0, n_classes - 1), min_size=len(chosen), max_size=len(chosen)))
    return [(i, j, k) for (i, j), k in zip(chosen, labels, strict=True)], n_items, n_annotators, n_classes


def votes_of(rows: Cells, n_items: int, n_annotators: int, n_classes: int) -> Votes:
    """The rows as votes whose ids are the codes."""
    item, annotator, label = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Votes.of_codes(item, annotator, label, items=n_items, annotators=n_annotators, classes=n_classes)


def renamed(rows: Cells, sizes: tuple[int, int, int], seed: int, column: int) -> tuple[Votes, npt.NDArray[np.int64]]:
    """Votes with the codes of one column (0 item, 1 annotator, 2 class) permuted, and the permutation."""
    new = np.random.default_rng(seed).permutation(sizes[column])
    changed = [(*row[:column], int(new[row[column]]), *row[column + 1 :]) for row in rows]
    return votes_of(changed, *sizes), new
