"""Two backfills that overlap, launched at once in the real UI, and a nightly run beside them: the same bytes as one.

With Dagster's storage in SQLite, and again in a Postgres that the test starts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

from label_pipeline.commands.home import DAGSTER_YAML
from label_pipeline_tests.orchestration.postgres import postgres
from label_pipeline_tests.orchestration.runs import D1, D2, D3, PETS, pets, run, state, write
from label_pipeline_tests.orchestration.servers import Servers, ui, until
from label_pipeline_tests.orchestration.test_servers import BACKFILL, ended, runs_of

pytestmark = pytest.mark.slow(seconds=150)
SECONDS = 1800.0
SENSOR = "nightly__pets__landing"
# All days landed long ago, so the landing sensor starts a nightly run over all of them by itself.
PROJECT = PETS.replace("start: 2026-10-05\n", f"start: {D1}\nend: {D3}\n")


@pytest.fixture(params=["sqlite", "postgres"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    """The UI of a project none of whose days was ever run."""
    folder = pets(tmp_path / "data", days=3, project=PROJECT)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", "")
        if request.param == "sqlite":
            with ui(folder) as servers:
                yield servers
        else:
            pytest.importorskip("dagster_postgres")
            with postgres(tmp_path) as url:
                write(
                    folder.dagster / "dagster.yaml",
                    DAGSTER_YAML + f"storage: {{postgres: {{postgres_url: '{url}'}}}}\n",
                )
                with ui(folder) as servers:
                    yield servers


def launch(servers: Servers, *days: date) -> str:
    """Launch a backfill of the whole project over some days, as the UI does; returns its id."""
    from label_pipeline.orchestration.build import build_definitions

    keys = build_definitions(servers.folder).resolve_asset_graph().get_all_asset_keys()
    selection = [{"path": list(key.path)} for key in sorted(keys)]
    wanted = {"assetSelection": selection, "partitionNames": [str(day) for day in days], "tags": []}
    launched = servers.graphql(BACKFILL, wanted=wanted)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def test_overlapping_backfills_and_a_nightly_run(servers: Servers, tmp_path: Path) -> None:
    """Loss: two people who mend the same days at once publish a state that neither of them would have got alone."""
    undisturbed = pets(tmp_path / "undisturbed", days=3, project=PROJECT)
    started = time.monotonic()
    both = [launch(servers, D1, D2), launch(servers, D2, D3)]
    assert run(undisturbed, D1, D3).success
    for backfill_id in both:
        assert until("the backfill ends", lambda i=backfill_id: ended(servers, i), SECONDS) == "COMPLETED_SUCCESS"  # type: ignore[misc]
    with servers.instance() as instance:
        nightly = dg.RunsFilter(tags={"dagster/sensor_name": SENSOR})
        until("the nightly run ends", lambda: [r for r in instance.get_runs(nightly) if r.is_finished], SECONDS)
        until("all runs end", lambda: all(r.is_finished for r in instance.get_runs()), SECONDS)
        assert {r.status for r in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
        of_backfills = [r for backfill_id in both for r in runs_of(servers, backfill_id)]
        assert len(of_backfills) == 2
        spans = sorted((r.start_time, r.end_time) for r in instance.get_run_records())
        waited = [
            entry.message
            for record in instance.get_run_records()
            for entry in instance.all_logs(record.dagster_run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
            if "Waiting: " in entry.message or "Waiting: " in str(entry.dagster_event and entry.dagster_event.message)
        ]
    print(f"two backfills and a nightly run: {time.monotonic() - started:.0f} s, spans {spans}")
    # Dagster's queue holds a run back while the project's pool is taken; one that slips through waits for the lock.
    overlapped = any(later[0] < earlier[1] for earlier, later in pairwise(spans))
    assert waited or not overlapped, spans
    assert state(servers.folder) == state(undisturbed)
