"""What every test may use: the real annotations where they are present, and an empty data folder."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# The first call of a compiled loop takes seconds; no example is slow because of what it holds.
settings.register_profile("label_pipeline", deadline=None, print_blob=True)
settings.load_profile("label_pipeline")

os.environ.setdefault("LABEL_PIPELINE_KEY", "a key for tests only, never for people's data")
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
# A night of a test keeps its runs in its own data folder: the Makefile sets this to the checkout, whose storage all
# tests would share, and count each other's runs.
os.environ.pop("DAGSTER_HOME", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long go first: with files shared out between processes, one would end with them alone.

    `@pytest.mark.slow(seconds=200)` says of a test about how long it takes; without a number it is ten seconds.
    """
    takes: Counter[Path] = Counter()
    for item in items:
        for mark in item.iter_markers("slow"):
            takes[item.path] += mark.kwargs.get("seconds", 10)
    items.sort(key=lambda item: -takes[item.path])


@pytest.fixture(scope="session", autouse=True)
def _own_map(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The re-identification map of tests: nobody's own."""
    os.environ["LABEL_PIPELINE_MAP"] = str(tmp_path_factory.mktemp("privacy") / "map")


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of real annotations; the test is skipped on a machine that has none."""
    default = Path(__file__).resolve().parents[2] / "shared" / "datasets"
    folder = Path(os.environ.get("LABEL_PIPELINE_DATASETS", default))
    if not folder.is_dir():
        pytest.skip("the real annotations are not on this machine (set LABEL_PIPELINE_DATASETS)")
    return folder
