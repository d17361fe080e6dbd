"""Withdrawn versions: nobody trains on one, goes back to one, or finds one by its day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.publish.latest import roll_back
from label_pipeline.publish.load import load_training_set
from label_pipeline.publish.manifest import UnfitError
from label_pipeline.publish.withdrawn import reinstate, withdraw, withdrawn

FIRST, SECOND, THIRD = "2026-10-05-00000001", "2026-10-06-00000002", "2026-10-07-00000003"
AT = datetime(2026, 10, 8, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """Three accepted versions, the newest of which LATEST names, and two of them withdrawn."""
    folder = DataFolder(tmp_path)
    published = folder.published("p")
    for version in (FIRST, SECOND, THIRD):
        (published / version).mkdir(parents=True)
        (published / "accepted").mkdir(exist_ok=True)
        (published / "accepted" / version[:10]).write_text(version + "\n")
    (published / "LATEST").write_text(THIRD + "\n")
    for version in (FIRST, SECOND):
        withdraw(published, version, "erasure 1: it rests on what was erased")
    return folder


@pytest.mark.parametrize("asked", [SECOND, "2026-10-06"])
def test_nobody_loads_one(folder: DataFolder, asked: str) -> None:
    """Loss: a training job that names its version, as all should, and learns what was erased."""
    with pytest.raises(UnfitError, match=rf"version {SECOND} was withdrawn: erasure 1.*Use {THIRD}"):
        load_training_set("p", asked, folder.root)


def test_nobody_goes_back_to_one(folder: DataFolder) -> None:
    """Loss: a rollback that publishes again what was withdrawn."""
    with pytest.raises(UnfitError, match="was withdrawn"):
        roll_back(folder, "p", to=FIRST, reason="r", who="w", at=AT)
    with pytest.raises(UserError, match=f"there is no version before {THIRD}"):
        roll_back(folder, "p", to=None, reason="r", who="w", at=AT)
    assert (folder.published("p") / "LATEST").read_text().strip() == THIRD


def test_one_that_came_out_the_same_is_fit_again(folder: DataFolder) -> None:
    """Loss: the only version there is, because it took the name it had."""
    reinstate(folder.published("p"), SECOND)
    reinstate(folder.published("p"), THIRD)  # never withdrawn
    assert list(withdrawn(folder.published("p"))) == [FIRST]
