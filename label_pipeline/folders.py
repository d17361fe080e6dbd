"""Where things live below the data folder. Paths only: nothing here reads or writes; a bucket is `remote`'s to open.

Project names are checked when a project file is read, so that no path made here leaves the data folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from label_pipeline import remote


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder: `--data DIR`, else `LABEL_PIPELINE_DATA`, else `data` in the current directory.

    Where it is in a bucket, `url` says where, and `root` is this process's working copy of it.
    """

    root: Path
    url: str = ""

    @classmethod
    def choose(cls, root: str | Path | None = None) -> DataFolder:
        """The folder a user asked for, by argument, environment or place."""
        place = remote.chosen(root)
        return remote.folder_of(place) if remote.is_url(place) else cls(Path(place).absolute())

    @property
    def place(self) -> str:
        """The data folder as `choose` takes it."""
        return self.url or str(self.root)

    def told(self, path: Path) -> str:
        """Where a file of the data folder is for others."""
        return f"{self.url}/{path.relative_to(self.root).as_posix()}" if self.url else str(path)

    @property
    def projects(self) -> Path:
        """The folder of all projects' files."""
        return self.root / "projects"

    def project(self, project: str) -> Path:
        """One project's folder: its project file, roster, gold seeds, guidelines."""
        return self.projects / project

    def project_file(self, project: str) -> Path:
        """The one file every user writes."""
        return self.project(project) / "project.yaml"

    def landing(self, project: str, day: date | None = None) -> Path:
        """Landing files of a project, or of one of its days: the only input, never changed."""
        folder = self.root / "landing" / project
        return folder / day.isoformat() if day else folder

    @property
    def lake(self) -> Path:
        """Parquet partitions of all projects."""
        return self.root / "lake"

    def mart(self, project: str) -> Path:
        """The DuckDB file a person opens."""
        return self.root / "marts" / f"{project}.duckdb"

    @property
    def roles(self) -> Path:
        """What each role may read, in a folder of its own."""
        return self.root / "roles"

    def role_mart(self, role: str, project: str) -> Path:
        """The DuckDB file of a role."""
        return self.roles / role / project / f"{project}.duckdb"

    def audit(self, project: str) -> Path:
        """Who did what and why: append-only, never rebuilt."""
        return self.root / "audit" / f"{project}.jsonl"

    def erasures(self, project: str) -> Path:
        """Who and what was erased: tombstones, certificates and, while one is under way, its journal."""
        return self.root / "erasures" / project

    def tombstones(self, project: str) -> Path:
        """By which intake knows who and what was erased: never rebuilt."""
        return self.erasures(project) / "tombstones.json"

    def alerts(self, project: str) -> Path:
        """What people have been told already."""
        return self.root / "marts" / f"{project}.alerts.json"

    def lock(self, project: str) -> Path:
        """Held by whoever writes the project's lake, mart and versions; says who that is."""
        return self.root / "locks" / f"{project}.lock"

    def latest_lock(self, project: str) -> Path:
        """Held for a moment by whoever moves LATEST or tidies up beside it."""
        return self.root / "locks" / f"{project}.latest"

    def pull_lock(self, project: str) -> Path:
        """Held by a pull of the project."""
        return self.root / "locks" / f"{project}.pull"

    @property
    def index_lock(self) -> Path:
        """Held for a moment by whoever writes the page over all projects."""
        return self.root / "locks" / "reports.index"

    def published(self, project: str) -> Path:
        """The training set's versions and the LATEST pointer."""
        return self.root / "published" / project

    @property
    def reports(self) -> Path:
        """The reports of all projects."""
        return self.root / "reports"

    def report(self, project: str, day: date) -> Path:
        """The night's report."""
        return self.reports / project / f"{day}.html"

    def report_index(self, project: str = "") -> Path:
        """The page that links a project's reports, or, without one, that of all projects."""
        return self.reports / project / "index.html"

    @property
    def dagster(self) -> Path:
        """Dagster's own storage: DAGSTER_HOME's dagster.yaml points here. A bucket has none: it is on this machine."""
        return (self.root.parent.parent if self.url else self.root) / "dagster"
