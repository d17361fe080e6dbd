"""Nights with nothing, too little or nothing usable: each ends with a word about it, none with a traceback."""

from __future__ import annotations

import pytest

from label_pipeline.folders import DataFolder
from label_pipeline_tests.orchestration.runs import D1, PETS, answers, partition, pets, put, run

HEAD = "item_id,annotator_id,label,at,weight\n"
ITEMS = [f"i{k:02d}" for k in range(12)]
BASELINE = PETS + "predictions: {baseline: {text: weight}}\n"
FEATURES = PETS + "predictions: {baseline: {features: weight}}\n"
ORDINAL = BASELINE.replace("labels: {", "labels: {type: ordinal, ")
ONE_CLASS = answers(ITEMS, D1).replace("dog", "cat")


def test_a_first_day_without_anything(folder: DataFolder) -> None:
    """Loss: the first night of a project usually comes before its first delivery, and must not be a fault."""
    pets(folder.root, days=0, project=BASELINE, seeds="item_id,label\n")
    night = run(folder, D1, D1)
    assert set(night.failures) == {"pets__training_set"}
    assert "Land annotations" in night.failures["pets__training_set"].user_failure_data.description
    assert {"mart", "report"} <= set(night.materialized)
    assert partition(folder, "consensus_labels", D1) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("project", "text", "stopped_by"),
    [
        (BASELINE, HEAD + "i,a,cat,2026-10-05T10:00:00,1\n", "empty_splits"),
        (BASELINE, HEAD + "i,a,cow,2026-10-05T10:00:00,1\n", "quarantined_share"),
        (BASELINE, ONE_CLASS, "missing_classes"),
        (ORDINAL, answers(ITEMS, D1), ""),
        (FEATURES, answers(ITEMS, D1), ""),
    ],
    ids=["one answer", "only bad ones", "one class", "ordinal", "features that are none"],
)
def test_little_or_nothing_usable(folder: DataFolder, project: str, text: str, stopped_by: str) -> None:
    """Loss: small, young and misconfigured projects are most projects; a fault a night teaches nobody anything."""
    pets(folder.root, days=0, project=project, seeds="item_id,label\n")
    put(folder, D1, "answers.csv", text)
    night = run(folder, D1, D1)
    assert set(night.failures) == ({"pets__training_set"} if stopped_by else set())
    if stopped_by:
        assert stopped_by in night.failures["pets__training_set"].user_failure_data.description
