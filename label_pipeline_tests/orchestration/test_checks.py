"""Checks fail when they should, say what is wrong, and stop exactly what they must."""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from label_pipeline.contracts.tables import GOLD_ASKS, GOLD_SET, LANDINGS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.orchestration import assets_gold
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.table_assets import Made
from label_pipeline_tests.orchestration.runs import D1, D2, INTAKE, ITEMS, SEEDS, Run, partition, pets, put, run

GOLD = ("gold_set", "gold_asks")


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataFolder, Run]:
    """A first day with a truncated file beside a good one, a file nobody's source, and two seeds that contradict."""
    folder = pets(tmp_path_factory.mktemp("spoiled"), days=1, seeds=SEEDS + f"{ITEMS[0]},dog,evaluation\n")
    put(folder, D1, "truncated.csv", "item_id,annotator_id,la")
    put(folder, D1, "stray.csv", "item_id\n", source="crowds")
    return folder, run(folder, D1, D1, only=[*INTAKE, *GOLD])


def test_an_unreadable_file_is_a_warning_that_stops_nothing(spoiled: tuple[DataFolder, Run]) -> None:
    """Loss: one broken upload would cost everybody's night, or be passed over in silence."""
    folder, run = spoiled
    assert run.success
    check = run.checks["landings", "all_files_readable"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert f"{D1}/crowd/truncated.csv: " in check.description
    assert "'crowds' is no source of the project. Did you mean 'crowd'?" in check.description.replace(
        " [source_unknown]", ""
    )
    assert len(partition(folder, "annotation_events", D1)) == 24


def test_unreadable_files_are_accounted_for(spoiled: tuple[DataFolder, Run]) -> None:
    """Loss: a file that counts nowhere is lost without a trace."""
    folder, run = spoiled
    assert run.checks["landings", "every_row_accounted_for"].passed
    account = {
        r["landed_file"]: (r["landed"], r["accepted"], r["quarantined"]) for r in partition(folder, "landings", D1)
    }
    assert account == {
        "crowd/answers.csv": (24, 24, 0),
        "crowd/truncated.csv": (1, 0, 1),
        "crowds/stray.csv": (1, 0, 1),
    }
    assert {r["landed_file"] for r in partition(folder, "quarantine", D1)} == {
        "crowd/truncated.csv",
        "crowds/stray.csv",
    }


def test_contradicting_gold_is_a_warning_with_its_words(spoiled: tuple[DataFolder, Run]) -> None:
    """Loss: of two truths one would be taken at random, and every accuracy measured against it."""
    _, run = spoiled
    check = run.checks["gold_set", "gold_consistent"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert ITEMS[0] in check.description
    assert "gold/seeds.csv:10" in check.description
    assert run.metadata("gold_set")["conflicts"] == 1.0


def bad_gold(desk: Desk, day: date) -> Made:
    """Gold as a faulty kernel might make it: one item twice under one version, and a label that is no class."""
    rows = {
        "item_id": ["i00", "i00"],
        "version": [1, 1],
        "label": ["cat", "cow"],
        "origin": ["seed", "seed"],
        "role": ["check", "check"],
        "valid_from": [day, day],
        "valid_to": [None, None],
        "evidence": ["x", "x"],
    }
    empty: dict[str, list[Any]] = {name: [None, None] for name in GOLD_SET.names}
    return Made(rows={"gold_set": pd.DataFrame(empty | rows), "gold_asks": GOLD_ASKS.empty()})


def test_rows_that_break_the_contract_are_never_written(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a faulty kernel's rows would replace yesterday's good partition before anybody looks at them."""
    pets(folder.root, days=2)
    assert run(folder, D1, D1, only=[*INTAKE, *GOLD]).success
    lake = Lake(folder, "pets")
    before = lake.path(GOLD_SET, D1).read_bytes()
    monkeypatch.setattr(assets_gold, "_gold", bad_gold)
    broken = run(folder, D1, D2, only=[*INTAKE, *GOLD, "predictions"])
    assert not broken.success
    check = broken.checks["gold_set", "contract"]
    assert not check.passed
    words: Any = check.metadata["broken"].value
    assert "isin(['cat', 'dog'])" in words
    assert "unique" in words
    assert broken.failed_checks == {("gold_set", "contract")}
    assert lake.path(GOLD_SET, D1).read_bytes() == before
    assert not lake.has(GOLD_SET, D2)
    assert lake.has(LANDINGS, D2)
    assert "predictions" not in broken.materialized
    assert "gold_set: " in broken.failures["pets__gold_set"].user_failure_data.description
