"""What the tests of shards share: small random votes, and both engines' answers side by side."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from label_pipeline.consensus.crowdlab import CROWDLAB
from label_pipeline.consensus.dawid_skene import DawidSkene, OneCoin
from label_pipeline.consensus.even import EvenDawidSkene
from label_pipeline.consensus.majority import Majority
from label_pipeline.shards.base import Shards
from label_pipeline.shards.crowdlab import fit_crowdlab
from label_pipeline.shards.dawid_skene import fit_dawid_skene, fit_one_coin
from label_pipeline.shards.fits import conclude
from label_pipeline.shards.majority import fit_majority
from label_pipeline.votes import Votes

METHODS: dict[str, tuple[Any, Any]] = {
    "majority": (fit_majority, Majority()),
    "dawid_skene": (fit_dawid_skene, DawidSkene()),
    "dawid_skene_ml": (lambda shards: fit_dawid_skene(shards, DawidSkene("none")), DawidSkene("none")),
    "dawid_skene_even": (lambda shards: fit_dawid_skene(shards, EvenDawidSkene()), EvenDawidSkene()),
    "one_coin": (fit_one_coin, OneCoin()),
    "crowdlab": (fit_crowdlab, CROWDLAB()),
}
"""For each method how it is fitted to shards, and the local estimator."""


@st.composite
def problems(draw: Any) -> tuple[Votes, dict[str, Any], np.ndarray]:
    """Votes with ties, singletons and items nobody saw; gold and model; and a shard for each item."""
    n_items, n_annotators, n_classes = draw(st.integers(1, 12)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    cells = st.tuples(st.integers(0, n_items - 1), st.integers(0, n_annotators - 1))
    given = draw(st.dictionaries(cells, st.integers(0, n_classes - 1), max_size=40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    item, annotator = (np.array([key[k] for key in given], dtype=np.int64) for k in range(2))
    label = np.array(list(given.values()), dtype=np.int64)
    sizes = {"items": n_items, "annotators": n_annotators, "classes": n_classes}
    votes = Votes.of_codes(item, annotator, label, **sizes)
    gold = np.where(rng.random(n_items) < draw(st.sampled_from([0.0, 0.3])), rng.integers(0, n_classes, n_items), -1)
    # Some rows alike, so that the model's own ties are met too.
    model = rng.dirichlet(np.ones(n_classes), n_items)
    model[rng.random(n_items) < 0.3] = 1.0 / n_classes
    return votes, {"gold": gold, "model": model}, rng.integers(0, draw(st.integers(1, 6)), n_items)


def concluded(shards: Shards, fit: Any, votes: Votes) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of all shards, in the order of `votes`."""
    parts = list(shards.map(conclude, fit))
    order = np.argsort(np.searchsorted(votes.items, np.concatenate([shard.votes.items for shard in shards])))
    labels, probabilities = (np.concatenate(column) for column in zip(*parts, strict=True))
    return labels[order], probabilities[order]


def assert_equal(shards: Shards, votes: Votes, name: str, *, gold: Any = None, model: Any = None) -> Any:
    """Both engines say the same: labels identical, all else within 1e-9. Returns both fits, that to shards first."""
    on_shards, local = METHODS[name]
    fit = on_shards(shards)
    local.fit(votes, probabilities=model, gold=gold)
    labels, probabilities = concluded(shards, fit, votes)
    np.testing.assert_array_equal(labels, local.labels_)
    np.testing.assert_allclose(probabilities, local.probabilities_, rtol=0, atol=1e-9)
    np.testing.assert_allclose(fit.annotator_quality_, local.annotator_quality_, rtol=0, atol=1e-9)
    np.testing.assert_allclose(fit.annotator_weight_, local.annotator_weight_, rtol=1e-9, atol=1e-9)
    assert (fit.confusion_ is None) == (local.confusion_ is None)
    if fit.confusion_ is not None:
        np.testing.assert_allclose(fit.confusion_, local.confusion_, rtol=0, atol=1e-9)
    assert list(fit.diagnostics_) == list(local.diagnostics_)
    np.testing.assert_allclose(list(fit.diagnostics_.values()), list(local.diagnostics_.values()), rtol=1e-9, atol=1e-9)
    return fit, local
