"""Pace, runs and drift on sequences small enough to count by hand."""

import numpy as np
import pytest

from label_pipeline.annotators.behaviour import drift, pace, runs, sequence
from label_pipeline.votes import Votes


def one_each(labels: list[list[int]], classes: int = 2) -> Votes:
    """Annotator a gives `labels[a]`, one item each."""
    who = np.repeat(np.arange(len(labels)), [len(row) for row in labels])
    what = np.concatenate([np.asarray(row, dtype=int) for row in labels])
    return Votes.of_codes(np.arange(len(who)), who, what, items=len(who), annotators=len(labels), classes=classes)


def test_pace() -> None:
    """Medians ignore what is unknown; the default limit is a quarter of the typical median."""
    votes = one_each([[0] * 4, [0] * 4, [0]])
    seconds = np.array([8.0, 12.0, np.nan, 10.0, 1.0, 1.0, 12.0, 40.0, 0.1])
    found = pace(votes, seconds, None, minimum=3)
    assert found["timed_n"].tolist() == [3, 4, 1]
    assert found["median_duration_s"].tolist() == [10.0, 6.5, 0.1]
    # The typical pace is the median of 10 and 6.5: faster than 2.0625 s is too fast.
    assert found["too_fast_share"].tolist() == [0.0, 0.5, 1.0]
    assert pace(votes, seconds, 0.5, minimum=3)["too_fast_share"].tolist() == [0.0, 0.0, 1.0]
    assert np.isnan(pace(votes, np.full(9, np.nan), None, minimum=3)["too_fast_share"]).all()


@pytest.mark.parametrize("kind", ["datetime64[us]", "float64"])
def test_sequence_follows_time_within_annotator(kind: str) -> None:
    """Work without a time takes no part; equal times keep item order."""
    votes = one_each([[0, 1, 0], [1, 1, 0]])
    times = np.array([5, 3, 5, 2, 9, 1]).astype(kind)
    times[4] = np.datetime64("NaT") if kind.startswith("d") else np.nan
    assert sequence(votes, times).tolist() == [1, 0, 2, 5, 3]


def test_runs_by_hand() -> None:
    """0 1 1 1 0 has a run of three; its right share is that of its three answers."""
    votes = one_each([[0, 1, 1, 1, 0], [0, 0, 0], []])
    right = np.array([1.0, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0, np.nan])
    found = runs(votes, right, sequence(votes, np.arange(8.0)))
    assert found["longest_run"].tolist()[:2] == [3, 3]
    assert found["run_agreement"].tolist()[:2] == [0.5, 1.0]
    starts = 0.6**3 * (1 + 2 * 0.4) + 0.4**3 * (1 + 2 * 0.6)
    assert found["run_p_value"][0] == pytest.approx(1 - np.exp(-starts))
    assert found["expected_run"][1] == 3
    assert found.loc[2].isna().all()


def test_run_p_value_is_that_of_independent_draws() -> None:
    """The Poisson approximation against simulation, for a run that chance gives now and then."""
    random = np.random.default_rng(0)
    votes = one_each(random.choice(3, size=(400, 200), p=[0.5, 0.3, 0.2]).tolist(), classes=3)
    found = runs(votes, np.full(votes.n, np.nan), sequence(votes, np.arange(votes.n, dtype=float)))
    # P-values of a discrete statistic lie above uniform ones.
    for level in (0.05, 0.2, 0.5):
        assert (found["run_p_value"] <= level).mean() <= level + 0.06
    assert found["longest_run"].mean() == pytest.approx(found["expected_run"].mean(), rel=0.12)


def test_drift_by_hand() -> None:
    """Early 1 1 0 0, late 0 0 0 0: a change of −0.5 with Welch's error."""
    votes = one_each([[0] * 8, [0] * 5])
    right = np.array([1.0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    found = drift(votes, right, sequence(votes, np.arange(13.0)), minimum=4)
    assert found["drift"][0] == -0.5
    z = 0.5 / np.sqrt(1 / 3 / 4)
    assert found["drift_p_value"][0] == pytest.approx(2 * (1 - 0.9583677416682248), abs=1e-9)
    assert z == pytest.approx(1.7320508)
    assert np.isnan(found["drift"][1])


def test_nothing_known_is_no_figure() -> None:
    """No annotations, no times: columns of NaN, no crash."""
    votes = one_each([[]])
    right = np.empty(0)
    order = sequence(votes, np.empty(0))
    assert runs(votes, right, order).isna().all(axis=None)
    assert drift(votes, right, order, minimum=2).isna().all(axis=None)
