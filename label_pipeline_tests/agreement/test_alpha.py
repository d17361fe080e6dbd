"""Krippendorff's alpha against his own example, the reference implementation and a bootstrap done by hand."""

import warnings
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from label_pipeline.agreement.alpha import alpha, alpha_by_class
from label_pipeline.agreement.patterns import Patterns
from label_pipeline.errors import UserError
from label_pipeline.estimates import Estimate
from label_pipeline.votes import Votes
from label_pipeline_tests.agreement.tables import dense, random_votes, tables, unhurried

LEVELS = ["nominal", "ordinal", "interval", "ratio"]


def reference(votes: Votes, level: str) -> float | None:
    """`krippendorff.alpha`, or None where it refuses or divides by zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = float(krippendorff.alpha(dense(votes), level_of_measurement=level))
        except ValueError:
            return None
    return value if np.isfinite(value) else None


def krippendorffs_example() -> Votes:
    """Four observers, twelve units, five values, with gaps: Krippendorff 2011, section C."""
    table = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    rows = [(u, o, v) for o, row in enumerate(table) for u, v in enumerate(row) if v is not None]
    return Votes.build(pd.DataFrame(rows, columns=["item_id", "annotator_id", "label"]))


@pytest.mark.parametrize(("level", "published"), zip(LEVELS, [0.743, 0.815, 0.849, 0.797], strict=True))
def test_published_example(level: str, published: float) -> None:
    """The values printed in the paper."""
    found = alpha(krippendorffs_example(), level, replicates=0)
    assert found.value == pytest.approx(published, abs=5e-4)
    assert found.n == 11


@unhurried
@given(tables, st.sampled_from(LEVELS))
def test_parity_with_the_reference(votes: Votes, level: str) -> None:
    """Within 1e-9 on tables with gaps, ties, single labels and unused classes; undefined where it is undefined."""
    used = np.unique(votes.label[votes.per_item[votes.item] > 1])
    found, expected = alpha(votes, level, replicates=0).value, reference(votes, level)
    if expected is None or len(used) < 2:
        assert found is None
    else:
        assert found == pytest.approx(expected, abs=1e-9)


@unhurried
@given(tables)
def test_by_class_is_alpha_of_the_binary_table(votes: Votes) -> None:
    """Class against the rest, computed by relabelling every annotation."""
    for code, found in enumerate(alpha_by_class(votes, replicates=0)):
        binary = Votes.of_codes(
            votes.item, votes.annotator, (votes.label == code).astype(int),
            items=votes.n_items, annotators=votes.n_annotators, classes=2,
        )  # fmt: skip
        expected = alpha(binary, replicates=0)
        assert found.value == (None if expected.value is None else pytest.approx(expected.value, abs=1e-9))
        assert found.n == expected.n


@unhurried
@given(tables, st.integers(0, 99))
def test_renaming_annotators_or_classes_changes_nothing(votes: Votes, seed: int) -> None:
    """Who is who is no part of alpha; at the nominal level, neither are the names of classes."""
    random = np.random.default_rng(seed)
    people, names = random.permutation(votes.n_annotators), random.permutation(votes.n_classes)
    sizes = {"items": votes.n_items, "annotators": votes.n_annotators, "classes": votes.n_classes}
    same = Votes.of_codes(votes.item, people[votes.annotator], votes.label, **sizes)
    assert alpha(same, replicates=50) == alpha(votes, replicates=50)
    renamed = Votes.of_codes(votes.item, votes.annotator, names[votes.label], **sizes)
    value = alpha(votes, replicates=0).value
    assert alpha(renamed, replicates=0).value == (None if value is None else pytest.approx(value, abs=1e-12))


@pytest.mark.parametrize("level", LEVELS)
def test_interval_is_that_of_a_bootstrap_over_items(level: str) -> None:
    """The collapsed draw must have the spread of resampling whole items one by one."""
    votes = random_votes(5, items=120, annotators=5, classes=4)
    found = alpha(votes, level, replicates=4000, seed=1)
    random, pairable = np.random.default_rng(2), dense(votes)[:, votes.per_item > 1]
    items = pairable.shape[1]
    samples = (pairable[:, random.integers(0, items, items)] for _ in range(800))
    by_hand = [krippendorff.alpha(sample, level_of_measurement=level) for sample in samples]
    assert [found.ci_low, found.ci_high] == pytest.approx(np.quantile(by_hand, [0.025, 0.975]), abs=0.025)


def test_interval_covers_the_population() -> None:
    """Half of all nightly decisions rest on whether the interval means what it says."""
    population = alpha(random_votes(0, items=20_000, annotators=6, classes=3), replicates=0).value
    hits = 0
    random = np.random.default_rng(4)
    votes = random_votes(0, items=20_000, annotators=6, classes=3)
    for seed in range(100):
        chosen = np.zeros(votes.n_items, dtype=bool)
        chosen[random.choice(votes.n_items, 80, replace=False)] = True
        found = alpha(Patterns.of(votes).among(chosen), replicates=300, seed=seed)
        hits += found.ci_low <= population <= found.ci_high
    assert 88 <= hits <= 100


def test_seed_decides_the_interval() -> None:
    """Same night, same bytes; another seed, another draw."""
    votes = random_votes(8, items=50, annotators=4, classes=3)
    assert alpha(votes, seed=3) == alpha(votes, seed=3)
    assert alpha(votes, seed=3) != alpha(votes, seed=4)


def votes_of(rows: list[tuple[str, str, str]], classes: list[str]) -> Votes:
    return Votes.build(pd.DataFrame(rows, columns=["item_id", "annotator_id", "label"]), classes=classes)


def test_degenerate_input_is_undefined_not_wrong() -> None:
    """No annotations, one annotator, no shared item, one value throughout: no figure, never a NaN or a crash."""
    nothing = Votes.of_codes(np.empty(0), np.empty(0), np.empty(0), items=3, annotators=2, classes=2)
    single = votes_of([("a", "x", "p"), ("b", "x", "q")], ["p", "q"])
    apart = votes_of([("a", "x", "p"), ("b", "y", "q")], ["p", "q"])
    constant = votes_of([("a", "x", "p"), ("a", "y", "p"), ("b", "x", "p"), ("b", "y", "p")], ["p", "q"])
    for votes, n in ((nothing, 0), (single, 0), (apart, 0), (constant, 2)):
        for level in ("nominal", "ordinal"):
            assert alpha(votes, level) == Estimate(None, None, None, n)
        assert alpha_by_class(votes) == [Estimate(None, None, None, n)] * 2


def test_one_disagreement_has_an_interval_only_from_defined_replicates() -> None:
    """A resample of only the constant item has no alpha; it is left out of the interval."""
    votes = votes_of([("a", "x", "p"), ("a", "y", "p"), ("b", "x", "p"), ("b", "y", "q")], ["p", "q"])
    found = alpha(votes)
    assert found.value == pytest.approx(0.0)
    assert found.ci_low is not None
    assert np.isfinite(found.ci_low)


def test_values_of_classes() -> None:
    """Numbers behind the class names: the names read as numbers, or given."""
    votes = krippendorffs_example()
    doubled = alpha(votes, "interval", values=[2, 4, 6, 8, 10], replicates=0)
    assert doubled.value == pytest.approx(alpha(votes, "interval", replicates=0).value, abs=1e-12)
    named = votes_of([("a", "x", "low"), ("a", "y", "high")], ["low", "high"])
    with pytest.raises(UserError, match="needs numbers"):
        alpha(named, "interval")
    with pytest.raises(UserError, match="1 values for 2 classes"):
        alpha(named, "interval", values=[1])
    with pytest.raises(UserError, match="negative"):
        alpha(named, "ratio", values=[-1, 1])
    with pytest.raises(UserError, match="finite"):
        alpha(named, "interval", values=[np.nan, 1])
    with pytest.raises(UserError, match="Did you mean 'nominal'"):
        alpha(named, "nominl")  # type: ignore[arg-type]


def test_many_distinct_numbers() -> None:
    """A measured number is a class of its own: interval alpha from sums, against the closed form."""
    random = np.random.default_rng(0)
    truth = np.repeat(random.normal(size=3000), 2)
    values, code = np.unique(truth + random.normal(scale=0.5, size=6000), return_inverse=True)
    votes = Votes.of_codes(
        np.arange(6000) // 2, np.arange(6000) % 2, code, items=3000, annotators=2, classes=len(values)
    )
    x = values[code].reshape(-1, 2)
    expected = 1 - ((x[:, 0] - x[:, 1]) ** 2).sum() * 2 / (2 * 6000 * np.var(x) * 6000 / 5999)
    assert alpha(votes, "interval", values=values, replicates=20).value == pytest.approx(expected, abs=1e-9)
    with pytest.raises(UserError, match="ratio"):
        alpha(votes, "ratio", values=values - values.min())


def test_a_million_classes() -> None:
    """Declared classes cost nothing unless they are used."""
    votes = random_votes(1, items=300, annotators=4, classes=1_000_000)
    found = alpha(votes, replicates=10)
    assert found.value is not None
    with pytest.raises(UserError, match="Choose the classes"):
        alpha_by_class(votes)


@pytest.mark.parametrize("name", ["rte", "web_search", "emergent_stance"])
def test_real_annotations(datasets: Path, name: str) -> None:
    """Real gaps and repeats: still the reference's value."""
    frame = pd.read_csv(datasets / name / "annotations.csv", dtype=str)
    votes = Votes.build(frame)
    for level in LEVELS[:2]:
        assert alpha(votes, level, replicates=0).value == pytest.approx(reference(votes, level), abs=1e-9)
