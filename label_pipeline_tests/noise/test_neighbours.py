"""Near duplicates and outliers are Datalab's, found by our own search."""

import numpy as np
import pytest

from label_pipeline.errors import UserError
from label_pipeline.noise import neighbours as module
from label_pipeline.noise.neighbours import MINIMUM, available, neighbours

needs_datalab = pytest.mark.skipif(not available(), reason="cleanlab's Datalab needs the package datasets")


def planted(seed: int, items: int, features: int) -> np.ndarray:
    """Points in a cloud away from zero, with one exact pair, one near triple and one far away."""
    points = np.random.default_rng(seed).normal(size=(items, features)) + 3
    points[1] = points[0]
    points[11] = points[10] + 1e-4
    points[12] = points[10] - 1e-4
    points[20, 0] = -60
    return points


@needs_datalab
@pytest.mark.parametrize("features", [2, 30])
def test_it_is_datalab(features: int) -> None:
    """The same verdicts and scores as Datalab with its own, slower search."""
    from cleanlab import Datalab

    points = planted(0, 800, features)
    found = neighbours(points)
    lab = Datalab(data={"item": np.arange(800)}, verbosity=0)
    lab.find_issues(features=points, issue_types={"near_duplicate": {}, "outlier": {}})
    twice, apart = lab.get_issues("near_duplicate"), lab.get_issues("outlier")
    assert np.array_equal(found.duplicate_set >= 0, twice["is_near_duplicate_issue"])
    assert found.duplicate_score == pytest.approx(twice["near_duplicate_score"].to_numpy(), abs=1e-9)
    assert np.array_equal(found.is_outlier, apart["is_outlier_issue"])
    assert found.outlier_score == pytest.approx(apart["outlier_score"].to_numpy(), abs=1e-9)


@needs_datalab
def test_sets_and_outliers_are_found() -> None:
    """Each planted group is one set, and the far point is an outlier."""
    found = neighbours(planted(1, 500, 20))
    assert found.duplicate_set[0] == found.duplicate_set[1] >= 0
    assert len(set(found.duplicate_set[10:13])) == 1
    assert found.duplicate_set[0] != found.duplicate_set[10]
    assert (found.duplicate_set >= 0).sum() == 5
    assert sorted(set(found.duplicate_set)) == [-1, 0, 1]
    assert found.is_outlier[20]
    assert found.outlier_score.argmin() == 20


@needs_datalab
def test_search_in_runs_finds_the_same_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the search is cut where nothing near is lost, and it is said."""
    points = planted(2, 900, 20)
    whole = neighbours(points)
    monkeypatch.setattr(module, "BLOCK", 300)
    cut = neighbours(points)
    assert np.array_equal(cut.duplicate_set, whole.duplicate_set)
    assert cut.is_outlier[20]
    assert "runs of 300" in cut.note
    assert whole.note == ""


@needs_datalab
def test_all_alike_and_empty_rows() -> None:
    """Blank items are twins of each other; nothing divides by zero."""
    found = neighbours(np.zeros((30, 5)))
    assert set(found.duplicate_set) == {0}
    assert not found.is_outlier.any()
    assert np.isfinite(found.outlier_score).all()
    holes = planted(3, 60, 5)
    holes[5, 2] = np.nan
    assert np.isfinite(neighbours(holes).outlier_score).all()


@pytest.mark.parametrize("items", [0, 1, MINIMUM - 1])
def test_tiny_sets_are_not_judged(items: int) -> None:
    """A handful of items has no usual distance."""
    found = neighbours(np.zeros((items, 4)))
    assert (found.duplicate_set == -1).all()
    assert not found.is_outlier.any()
    assert "are needed" in found.note


def test_without_datalab_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing extra is the user's to mend, not a traceback."""
    monkeypatch.setattr(module, "available", lambda: False)
    with pytest.raises(UserError, match=r"Install cleanlab\[datalab\]"):
        neighbours(np.zeros((50, 4)))
    with pytest.raises(UserError, match="text_features"):
        neighbours(np.array([["a text"]] * 50))
