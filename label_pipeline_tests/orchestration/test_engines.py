"""Nights on other engines: the same tables from the same lake; what an engine cannot do is refused before it begins."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from label_pipeline.cli import BAD_INPUT, OK, main
from label_pipeline.contracts.tables import CONSENSUS_EVIDENCE, CONSENSUS_LABELS, GOLD_SET
from label_pipeline.errors import UserError
from label_pipeline.files import TEMPORARY
from label_pipeline.folders import DataFolder
from label_pipeline.gold.life import in_force
from label_pipeline.orchestration import assets_labels, assets_shards
from label_pipeline.orchestration.desk import ContractError, Desk
from label_pipeline.project import load_project
from label_pipeline.project_engine import require_engine
from label_pipeline.settle import known_checks
from label_pipeline_tests.orchestration.runs import D1, D3, Run, run
from label_pipeline_tests.shards.cluster import SETTINGS, cluster, environment, missing

METHODS = ("majority", "one_coin", "dawid_skene", "crowdlab")


@pytest.fixture
def sample(nights: tuple[DataFolder, Run], tmp_path: Path) -> DataFolder:
    """The sample project after three nights, to be changed."""
    shutil.copytree(nights[0].root, tmp_path, dirs_exist_ok=True)
    return DataFolder(tmp_path)


def asking(folder: DataFolder, method: str, engine: str) -> Desk:
    """The desk of the sample project, which asks for this method and engine from now on."""
    path = folder.project_file("sample")
    lines = [line for line in path.read_text().splitlines() if not line.startswith(("consensus:", "engine:"))]
    path.write_text("\n".join([*lines, f"consensus: {{method: {method}, accept_at: 0.9}}", f"engine: {engine}"]) + "\n")
    return Desk(folder, load_project(folder, "sample"))


def assert_same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Everything is identical but floating-point numbers, which are within 1e-9."""
    probabilities = (np.array(frame.pop("probabilities").dropna().tolist()) for frame in (ours, theirs))
    np.testing.assert_allclose(*probabilities, rtol=0, atol=1e-9)
    pd.testing.assert_frame_equal(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_shards_write_what_one_process_writes(sample: DataFolder, method: str) -> None:
    """Loss: an engine that settles other items, forgets since when, or counts gold where the local one does not."""
    local = assets_labels._consensus(asking(sample, method, "local"), D3)
    desk = asking(sample, method, "{name: shards, annotations: 60}")
    settled = assets_shards.consensus(desk, D3)
    ours, theirs = (
        desk.frame(CONSENSUS_LABELS, D3),
        CONSENSUS_LABELS.conform(local.rows["consensus_labels"]).to_pandas(),
    )
    assert len(settled.rows) == len(ours) > 100
    before = desk.frame(CONSENSUS_LABELS, D3 - timedelta(days=1))["settled_on"]
    assert (ours["settled_on"] == D1).any()
    assert before.notna().any()
    assert not known_checks(in_force(desk.frame(GOLD_SET, D3), D3)).empty
    assert_same(ours, theirs)
    assert settled.figures == pytest.approx(local.figures)
    assert settled.why == local.words
    assert not list(sample.root.rglob(f"{TEMPORARY}*"))


def test_a_night_takes_the_engine_of_its_project_file(sample: DataFolder) -> None:
    """Loss: an engine that is asked for and not used, or one whose asset no longer says what it made."""
    asking(sample, "dawid_skene", "{name: shards, annotations: 60}")
    done = run(sample, D3, D3, project="sample", only=["consensus_labels", "consensus_evidence"])
    assert done.success, done.failures
    desk = asking(sample, "dawid_skene", "local")
    assert done.metadata("consensus_labels")["dagster/row_count"] == len(desk.frame(CONSENSUS_LABELS, D3))
    assert done.checks["consensus_labels", "contract"].passed
    assert desk.frame(CONSENSUS_EVIDENCE, D3)["words"].tolist() == ["dawid_skene, as asked for."]
    local = assets_labels._consensus(desk, D3).rows["consensus_labels"]
    assert_same(desk.frame(CONSENSUS_LABELS, D3), CONSENSUS_LABELS.conform(local).to_pandas())


def test_pieces_that_break_the_contract_are_not_written(sample: DataFolder) -> None:
    """Loss: an item that stands twice, in two pieces, where no piece by itself is wrong."""
    desk = asking(sample, "majority", "local")
    rows = desk.lake.read(CONSENSUS_LABELS, D3)
    file = desk.lake.path(CONSENSUS_LABELS, D3)
    before = file.read_bytes()
    with pytest.raises(ContractError, match="comes after"):
        desk.store_pieces(CONSENSUS_LABELS, D3, iter([rows.slice(0, 20), rows.slice(19)]))
    assert file.read_bytes() == before
    assert desk.store_pieces(CONSENSUS_LABELS, D3, iter([rows.slice(0, 20), rows.slice(20)])).n == len(rows)
    assert file.read_bytes() == before


def test_an_engine_is_refused_before_the_night(sample: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a night that quietly ran elsewhere than it was told to, or stopped after an hour for want of a package."""
    night = ["nightly", "--project", "sample", "--data", str(sample.root), "--day", str(D3)]
    assert main([*night, "--engine", "shards"]) == BAD_INPUT
    assert capsys.readouterr().err == (
        "label-pipeline: project sample: engine shards has no consensus.method 'auto'; it has majority, one_coin, "
        "dawid_skene, crowdlab [--engine]. Run it with --engine local.\n"
    )
    asking(sample, "majority", "local")
    assert main([*night, "--engine", "spark"]) == BAD_INPUT
    assert capsys.readouterr().err == (
        "label-pipeline: Spark is not installed. Install it: pip install 'label-pipeline[spark]'\n"
    )


def test_spark_does_not_reach_a_working_copy(sample: DataFolder) -> None:
    """Loss: a night on a bucket whose workers find no file, hours after it began."""
    desk = asking(sample, "majority", "{name: spark, master: 'spark://nowhere:7077'}")
    with pytest.raises(UserError, match="cannot reach this machine's working copy of s3://b/p"):
        require_engine(desk.project, replace(sample, url="s3://b/p"))


@pytest.mark.slow(seconds=40)
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_night_on_spark_writes_what_one_process_writes(sample: DataFolder, tmp_path: Path) -> None:
    """Loss: a cluster that is reached by tests of kernels, and not by the night that people run."""
    desk = asking(sample, "crowdlab", "{name: local, annotations: 60}")
    local = CONSENSUS_LABELS.conform(assets_labels._consensus(desk, D3).rows["consensus_labels"]).to_pandas()
    night = [sys.executable, "-m", "label_pipeline.cli", "nightly", "--project", "sample", "--engine", "spark"]
    with cluster(tmp_path / "cluster", workers=1) as started:
        # Spark's own settings reach the night: with its default of 1 GB an executor would wait for ever.
        (tmp_path / "spark-defaults.conf").write_text("".join(f"{k} {v}\n" for k, v in SETTINGS.items()))
        env = environment(LABEL_PIPELINE_SPARK=started.url, SPARK_CONF_DIR=str(tmp_path))
        done = subprocess.run(
            [*night, "--data", str(sample.root), "--day", str(D3)], env=env, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == OK, done.stderr
        assert "Registered app label-pipeline sample" in (tmp_path / "cluster" / "master.log").read_text()
    assert_same(desk.frame(CONSENSUS_LABELS, D3), local)
