"""Recognising textual entailment: 800 items, 10 answers each, two classes, made a project in one command."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from label_pipeline.cli import main
from label_pipeline.contracts.tables import CONSENSUS_EVIDENCE, CONSENSUS_LABELS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake

pytestmark = pytest.mark.slow


def test_one_command_and_a_night(
    datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a method chosen by itself that does worse than the best of the known ones. Ties decide majority here."""
    monkeypatch.setenv("LABEL_PIPELINE_DATA", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")
    table = datasets / "rte" / "annotations.csv"
    columns = ["--item", "item_id", "--annotator", "annotator_id", "--label", "label"]
    assert main(["init", "rte", "--from", str(table), *columns]) == 0
    code = main(["nightly", "--project", "rte"])
    assert code == 0, capsys.readouterr().err
    lake = Lake(DataFolder(tmp_path), "rte")
    [day] = lake.days(CONSENSUS_LABELS)
    consensus = lake.read(CONSENSUS_LABELS, day).to_pandas()
    both = consensus.merge(pd.read_csv(datasets / "rte" / "truth.csv", dtype=str), on="item_id", suffixes=("", "_true"))
    accuracy = float((both["label"] == both["label_true"]).mean())
    chosen = lake.read(CONSENSUS_EVIDENCE, day).to_pylist()[0]["words"]
    print(
        f"rte, auto ({', '.join(sorted(set(both['method'])))}): accuracy {accuracy:.4f} on {len(both)} items. {chosen}"
    )
    assert len(both) == 800
    assert accuracy >= 0.92
