"""Real runs for tests: a small project that lands its files for real, and its job run in this process.

The project `pets` has four days of eight items each, three annotators who agree on most, and gold for eight items.
What a run left behind is read from the lake and from Dagster's own event log, as people would read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from label_pipeline.contracts.tables import TABLES
from label_pipeline.files import sha256
from label_pipeline.folders import DataFolder
from label_pipeline.orchestration.build import build_definitions
from label_pipeline.orchestration.triggers import job_name, range_tags

D1, D2, D3, D4 = (date(2026, 10, d) for d in range(5, 9))
ITEMS = [f"i{k:02d}" for k in range(32)]
TRUTH = {item: ("cat", "dog")[k % 2] for k, item in enumerate(ITEMS)}
SEEDS = "item_id,label,role\n" + "".join(
    f"{item},{TRUTH[item]},{('evaluation', 'check')[k // 4]}\n" for k, item in enumerate(ITEMS[:8])
)
PETS = """\
project: pets
start: 2026-10-05
schedule: {timezone: Europe/Berlin}
labels: {classes: [cat, dog]}
items: {fields: [weight]}
sources: {crowd: {format: csv, annotated_at: at}}
gold: {seeds: gold/*.csv}
consensus: {accept_at: 0.6}
kpis:
  label_accuracy: {at_least: 0.9, otherwise: block}
  annotations_per_day: {at_least: 25, otherwise: warn}
publish: {splits: {train: 0.6, validation: 0.4}}
"""
INTAKE = ("annotation_events", "items", "quarantine", "landings", "landed_predictions", "logins")


def pets(root: Path, *, days: int = 3, project: str = PETS, seeds: str = SEEDS) -> DataFolder:
    """The project `pets` below `root`, with its first `days` days landed."""
    folder = DataFolder(root)
    write(folder.project_file("pets"), project)
    write(folder.project("pets") / "gold" / "seeds.csv", seeds)
    for k in range(days):
        put(folder, date(2026, 10, 5 + k), "answers.csv", answers(ITEMS[8 * k : 8 * k + 8], date(2026, 10, 5 + k)))
    return folder


def answers(items: Sequence[str], day: date, *, who: str = "abc", wrong: Iterable[str] = ()) -> str:
    """A CSV of every annotator's answer on every item: the truth, but for `wrong` (item or annotator and item)."""
    wrong, other = set(wrong), {"cat": "dog", "dog": "cat"}
    rows = ["item_id,annotator_id,label,at,weight"]
    for k, item in enumerate(items):
        for annotator in who:
            astray = item in wrong or annotator + item in wrong or (annotator == "c" and k == 5)
            label = other[TRUTH[item]] if astray else TRUTH[item]
            rows.append(f"{item},{annotator},{label},{day}T10:{k:02d}:00,{k}")
    return "\n".join(rows) + "\n"


def put(folder: DataFolder, day: date, name: str, text: str, *, project: str = "pets", source: str = "crowd") -> Path:
    """Put a file into a day's landing folder as it is."""
    return write(folder.landing(project, day) / source / name, text)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@dataclass(frozen=True)
class Run:
    """What a run told Dagster: materializations by asset, checks by asset and name, and why steps failed."""

    success: bool
    materialized: dict[str, list[dg.AssetMaterialization]]
    checks: dict[tuple[str, str], Any]
    failures: dict[str, Any]

    @property
    def failed_checks(self) -> set[tuple[str, str]]:
        return {name for name, check in self.checks.items() if not check.passed}

    def metadata(self, asset: str) -> dict[str, Any]:
        """The newest materialization's metadata, as plain values."""
        return {name: value.value for name, value in self.materialized[asset][-1].metadata.items()}


def run(folder: DataFolder, first: date, last: date, *, project: str = "pets", only: Sequence[str] = ()) -> Run:
    """Run a project's job over a range of days in this process; `only` some of its assets."""
    definitions = build_definitions(folder)
    selection = [dg.AssetKey([project, name]) for name in only] or None
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def(job_name(project)).execute_in_process(
            instance=instance,
            tags=range_tags(first, last),
            asset_selection=selection,
            raise_on_error=False,
            run_config={"loggers": {"console": {}}},
        )
    return told(result.all_events, result.success)


def told(events: Iterable[dg.DagsterEvent], success: bool) -> Run:
    """A run's events, sorted out."""
    materialized: dict[str, list[dg.AssetMaterialization]] = {}
    checks, failures = {}, {}
    for event in events:
        data: Any = event.event_specific_data
        if event.event_type_value == "ASSET_MATERIALIZATION":
            materialized.setdefault(event.asset_key.path[1], []).append(data.materialization)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            checks[data.asset_key.path[1], data.check_name] = data
        elif event.is_step_failure:
            failures[str(event.step_key)] = data
    return Run(success, materialized, checks, failures)


def state(folder: DataFolder) -> dict[str, str]:
    """The checksum of every file of lake, published sets and reports, and of what the marts' tables hold."""
    found = {
        str(path.relative_to(folder.root)): sha256(path)
        for part in ("lake", "published", "reports")
        for path in sorted((folder.root / part).rglob("*"))
        if path.is_file()
    }
    marts = sorted((folder.root / "marts").glob("*.duckdb"))
    tables = {f"{path.stem} {name}": rows for path in marts for name, rows in mart(path).items()}
    return found | {name: json.dumps(rows, default=str) for name, rows in tables.items()}


def mart(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table of a mart, its rows in the order in which they stand."""
    import duckdb

    with duckdb.connect(str(path), read_only=True) as con:
        names = [row[0] for row in con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
        return {name: con.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


def partition(folder: DataFolder, table: str, day: date, project: str = "pets") -> list[dict[str, Any]]:
    """The rows of a day's partition."""
    from label_pipeline.lake import Lake

    rows: list[dict[str, Any]] = Lake(folder, project).read(TABLES[table], day).to_pylist()
    return rows
