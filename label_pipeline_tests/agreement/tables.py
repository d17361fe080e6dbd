"""Small random tables of annotations for the agreement tests."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from label_pipeline.votes import Votes

unhurried = settings(deadline=None)
"""For properties whose first example waits for a loop to compile."""


def random_votes(seed: int, items: int, annotators: int, classes: int, density: float = 0.5) -> Votes:
    """Annotators of varying care who label each item with the given chance."""
    random = np.random.default_rng(seed)
    item, annotator = np.nonzero(random.random((items, annotators)) < density)
    truth, care = random.integers(0, classes, items), random.uniform(0.2, 0.95, annotators)
    label = np.where(random.random(len(item)) < care[annotator], truth[item], random.integers(0, classes, len(item)))
    return Votes.of_codes(item, annotator, label, items=items, annotators=annotators, classes=classes)


def dense(votes: Votes) -> np.ndarray:
    """The annotators × items matrix the references want, NaN where there is no label."""
    matrix = np.full((votes.n_annotators, votes.n_items), np.nan)
    matrix[votes.annotator, votes.item] = votes.label
    return matrix


tables = st.builds(
    random_votes,
    seed=st.integers(0, 10**6),
    items=st.integers(1, 25),
    annotators=st.integers(1, 7),
    classes=st.integers(1, 5),
    density=st.sampled_from([0.2, 0.5, 1.0]),
)
