"""Words taken out of what Dagster stored: SQLite, its pages too, a shared Postgres, and the logs of steps."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from label_pipeline.commands.home import DAGSTER_YAML
from label_pipeline.orchestration.stored import change_stored
from label_pipeline_tests.orchestration.postgres import postgres
from label_pipeline_tests.privacy.scan import traces

WORD = "a-0123456789abcdef"


def noted(home: Path) -> None:
    """A run whose asset, event and tag name somebody."""

    @dg.asset
    def judged() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"in words": dg.MetadataValue.md(f"- {WORD}: too fast")})

    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert dg.materialize([judged], instance=instance, tags={"asked": WORD}).success


def told(home: Path) -> str:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("judged"))
        assert event is not None
        assert event.asset_materialization is not None
        return str(event.asset_materialization.metadata["in words"].value)


def without(text: str) -> str:
    return text.replace(WORD, "[erased]")


def test_sqlite_and_logs(tmp_path: Path) -> None:
    """Loss: a name in an event that the UI still shows, or in a freed page of the database."""
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    noted(tmp_path)
    log = tmp_path / "storage" / "run" / "compute_logs" / "x.err"
    log.parent.mkdir(parents=True)
    log.write_text(f"{WORD} was slow\n")
    assert traces(tmp_path, [WORD])
    found = change_stored(tmp_path, tmp_path / "none", without)
    assert found["files"] == 1
    assert found["rows"] > 3
    assert traces(tmp_path, [WORD]) == []
    assert told(tmp_path) == "- [erased]: too fast"
    assert change_stored(tmp_path, tmp_path / "none", without) == {"rows": 0, "files": 0}


@pytest.mark.slow
def test_a_shared_database(tmp_path: Path) -> None:
    """Loss: the same, where several machines keep their runs in one Postgres."""
    with postgres(tmp_path) as url:
        home = tmp_path / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text(f"{DAGSTER_YAML}storage: {{postgres: {{postgres_url: '{url}'}}}}\n")
        noted(home)
        assert change_stored(home, tmp_path / "none", without)["rows"] > 3
        assert told(home) == "- [erased]: too fast"
        assert change_stored(home, tmp_path / "none", without)["rows"] == 0
