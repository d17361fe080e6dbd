"""What others read of ours, with their own code in their own environment; and our loader without the pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.folders import DataFolder
from label_pipeline.publish import load_training_set

pytestmark = pytest.mark.slow

DATASETS = """
import datasets, json, sys
found = datasets.load_dataset(sys.argv[1])
rows = {split: len(found[split]) for split in found}
first = found["train"][0]
print(json.dumps({"rows": rows, "first": first, "columns": found["train"].column_names}))
"""
CROISSANT = """
import json, logging, sys
import mlcroissant
told = []
listener = logging.Handler()
listener.emit = lambda record: told.append(record.getMessage())
logging.getLogger("absl").addHandler(listener)
found = mlcroissant.Dataset(jsonld=sys.argv[1])
issues = found.metadata.ctx.issues
rows = {r.uuid: sum(1 for _ in found.records(record_set=r.uuid)) for r in found.metadata.record_sets}
one = next(iter(found.records(record_set="train")))
print(json.dumps({"errors": list(issues.errors), "warnings": list(issues.warnings), "told": told, "rows": rows,
                  "probabilities": [float(p) for p in one["train/probabilities"]]}))
"""
DUCKDB = """
import duckdb, json, sys
con = duckdb.connect(sys.argv[1], read_only=True)
names = [row[0] for row in con.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall()]
counts = {name: con.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
rows = con.execute("SELECT item_id, label, confidence, probabilities FROM consensus_labels ORDER BY item_id").fetchall()
split = con.execute(f"SELECT count(*) FROM read_parquet('{sys.argv[2]}/*.parquet')").fetchone()[0]
print(json.dumps({"version": duckdb.__version__, "counts": counts, "rows": rows, "published": split}))
"""
LOADER = """
import json, sys
from label_pipeline.publish import load_training_set
before = sorted({"dagster", "great_expectations", "cleanlab", "pandas", "pyarrow"} & set(sys.modules))
training = load_training_set("sample", require={"profile.coverage": 0.5})
frame = training.frame("train")
import importlib.util as u
missing = [name for name in ("dagster", "great_expectations", "cleanlab", "pandera") if u.find_spec(name) is None]
print(json.dumps({"before": before, "missing": missing, "version": training.version, "rows": len(frame),
                  "weight": float(frame["sample_weight"].sum()), "labels": sorted(set(frame["label"]))}))
"""


def manifest(version: Path) -> Any:
    return json.loads((version / "manifest.json").read_text())


def test_datasets_loads_the_folder_offline(version: Path, elsewhere: Callable[..., Any]) -> None:
    """Loss: a card whose header says one thing and whose files are another; `load_dataset` is what people try first."""
    found = elsewhere(DATASETS, str(version))
    told = manifest(version)
    assert found["rows"] == told["counts"]["by_split"]
    assert found["columns"] == [column["name"] for column in told["schema"]]
    assert found["first"]["label"] in told["classes"]
    assert sum(found["first"]["probabilities"]) == pytest.approx(1)


def test_croissant_is_accepted_by_its_own_validator(version: Path, elsewhere: Callable[..., Any]) -> None:
    """Loss: metadata that looks right and that no tool of its vocabulary accepts, or that describes other records."""
    found = elsewhere(CROISSANT, str(version / "croissant.json"))
    assert (found["errors"], found["warnings"]) == ([], [])
    assert not [words for words in found["told"] if "validation" in words]
    assert found["rows"] == manifest(version)["counts"]["by_split"]
    assert sum(found["probabilities"]) == pytest.approx(1)


def test_the_mart_is_read_by_an_older_and_a_newer_duckdb(
    sample: DataFolder, version: Path, elsewhere: Callable[..., Any]
) -> None:
    """Loss: a file that only this machine's DuckDB opens; a table or view that an older one cannot read."""
    import duckdb

    older = elsewhere(DUCKDB, str(sample.mart("sample")), str(version))
    assert older["version"].startswith("1.4.")
    assert duckdb.__version__.startswith("2.")
    with duckdb.connect(str(sample.mart("sample")), read_only=True) as con:
        names = [r[0] for r in con.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall()]
        counts = {name: con.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0] for name in names}
        rows = con.execute(
            "SELECT item_id, label, confidence, probabilities FROM consensus_labels ORDER BY item_id"
        ).fetchall()
    assert older["counts"] == counts
    assert older["rows"] == json.loads(json.dumps(rows))
    assert counts["consensus_labels"] == 100
    assert older["published"] == manifest(version)["counts"]["rows"]


def test_the_loader_needs_nothing_of_the_pipeline(sample: DataFolder, elsewhere: Callable[..., Any]) -> None:
    """Loss: a training image that must carry Dagster; or another pandas that reads other rows."""
    found = elsewhere(LOADER, LABEL_PIPELINE_DATA=str(sample.root))
    frame = load_training_set("sample", data=sample.root).frame("train")
    assert found["before"] == []
    assert found["missing"] == ["dagster", "great_expectations", "cleanlab", "pandera"]
    assert found["rows"] == len(frame)
    assert found["weight"] == pytest.approx(frame["sample_weight"].sum())
    assert found["labels"] == sorted(set(frame["label"]))


def test_pandas_reads_a_split(version: Path) -> None:
    """Loss: a path with '=' in it that a reader takes for a partition column."""
    import pandas as pd

    frame = pd.read_parquet(version / "test.parquet")
    assert len(frame) == manifest(version)["counts"]["by_split"]["test"]
    assert list(frame.columns) == [column["name"] for column in manifest(version)["schema"]]
