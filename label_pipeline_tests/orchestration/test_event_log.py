"""Dagster's event log as this process writes it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite import sqlite_event_log

from label_pipeline.commands.home import opened


def test_engines_are_kept_one_a_file(tmp_path: Path) -> None:
    """Loss: events of one storage in another; a fifth of every night for engines that are made anew."""
    for name in ("a", "b"):
        with opened(tmp_path / name) as instance:
            for status in ("x", "y"):
                instance.report_runless_asset_event(dg.AssetMaterialization(f"{name}{status}"))
    engines = [sqlite_event_log.create_engine(f"sqlite:///{tmp_path / name}") for name in ("a", "a", "b")]
    assert engines[0] is engines[1] is not engines[2]
    for name in ("a", "b"):
        with opened(tmp_path / name) as instance:
            assert sorted(key.path[0] for key in instance.all_asset_keys()) == [f"{name}x", f"{name}y"]
