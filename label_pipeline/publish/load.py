"""Loading a published training set where models are trained.

Light to import: neither Dagster nor Great Expectations nor cleanlab; Arrow and pandas only when rows are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from label_pipeline import clock, remote
from label_pipeline.errors import UserError, nearest
from label_pipeline.folders import DataFolder
from label_pipeline.publish import manifest as manifests
from label_pipeline.publish.require import Requirements, unmet
from label_pipeline.publish.withdrawn import require_not_withdrawn

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class TrainingSet:
    """One verified version: `manifest` says what it is, `arrow` and `frame` give its rows split by split."""

    path: Path
    manifest: manifests.Manifest

    @property
    def version(self) -> str:
        """The version's name."""
        return self.path.name

    @property
    def classes(self) -> list[str]:
        """The classes in the order of every `probabilities` list."""
        return list(self.manifest["classes"])

    @property
    def splits(self) -> list[str]:
        """The splits' names."""
        return list(self.manifest["counts"]["by_split"])

    def arrow(self, split: str) -> pa.Table:
        """The rows of a split as an Arrow table, sorted by item_id. Raises UserError for an unknown split."""
        import pyarrow.parquet as pq

        if split not in self.splits:
            raise UserError(f"there is no split '{split}'", where=self.version, do=nearest(split, self.splits))
        return pq.read_table(self.path / f"{split}.parquet", partitioning=None)

    def frame(self, split: str) -> pd.DataFrame:
        """The rows of a split as a pandas frame; `probabilities` holds one array a row."""
        return cast("pd.DataFrame", self.arrow(split).to_pandas())


def load_training_set(
    project: str,
    version: str = manifests.LATEST_VERSION,
    data: str | Path | None = None,
    require: Requirements = (),
) -> TrainingSet:
    """A published version of a project's training set, every file checked against its checksum.

    `version` is a version's name, a day for the one accepted of it, or `latest`; `data` the data folder, or one in a
    bucket like `s3://bucket/prefix` (else LABEL_PIPELINE_DATA, else `data`). `require` are expressions such as
    `label_accuracy.ci_low>=0.9`, `profile.coverage>=0.8`, `age_days<=2`, or a mapping like
    `{"label_accuracy.ci_low": ">=0.9", "age_days": "<=2"}`; see `label_pipeline.publish.require.numbers` for what may
    be asked. Ages are counted in UTC.

    Raises UnfitError when nothing was published, or the version was withdrawn, damaged or changed, or does not meet
    `require`; and UserError when the project, the version or a requirement is no such thing.
    """
    place = remote.chosen(data)
    if remote.is_url(place):
        folder, version = remote.fetched(place, project, version)
    else:
        folder = DataFolder.choose(data).published(project)
    if not folder.is_dir():
        known = [path.name for path in folder.parent.iterdir()] if folder.parent.is_dir() else []
        raise UserError(
            f"project '{project}' has published nothing",
            where=str(folder),
            do=nearest(project, known) or "Run the nightly job, or set `data` to the right data folder.",
        )
    name = manifests.find(folder, version)
    require_not_withdrawn(folder, name)
    manifest = manifests.read(folder / name)
    manifests.verify(folder / name, manifest)
    failed = unmet(manifest, require, clock.today("UTC"))
    if failed:
        unfit = manifests.UnfitError(
            f"version {name} does not meet what is required: " + "; ".join(failed),
            where=str(folder),
            do="See the night's report, name an older version, or ask for less.",
        )
        unfit.unmet = tuple(failed)
        raise unfit
    return TrainingSet(folder / name, manifest)
