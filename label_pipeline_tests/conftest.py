"""What every test may use: the real annotations where they are present, and an empty data folder."""

import os
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
