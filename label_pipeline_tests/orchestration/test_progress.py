"""What a run says while it runs, as a person and as a log collector read it."""

import json
from typing import Any

import dagster as dg
import pytest

from label_pipeline.orchestration.progress import progress_logger


def say(tags: dict[str, str]) -> None:
    """Run one asset of project `my-pets` that says one line and fails to say more."""

    @dg.multi_asset(name="my__pets__gold_set", specs=[dg.AssetSpec(dg.AssetKey(["my-pets", "gold_set"]))])
    def gold_set(context: dg.AssetExecutionContext) -> Any:
        context.log.info("%s %s: %s", "my-pets", "2026-10-05", 'gold_set 3 rows, "quoted"\nand on')
        return dg.MaterializeResult()

    job = dg.define_asset_job("nightly", tags=tags)
    definitions = dg.Definitions(assets=[gold_set], jobs=[job], loggers={"console": progress_logger})
    definitions.resolve_job_def("nightly").execute_in_process(run_config={"loggers": {"console": {}}})


@pytest.mark.parametrize("tags", [{"project": "my-pets"}, {}])
def test_a_line_for_a_log_collector(
    tags: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: logs of forty projects in one stream, and none can be told from another."""
    monkeypatch.setenv("LABEL_PIPELINE_LOG", "json")
    say(tags)
    [line] = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert len(told.pop("run")) == 36
    assert told.pop("at").endswith("+00:00")
    assert told == {
        "level": "info",
        "project": "my-pets",
        "day": "2026-10-05",
        "asset": "gold_set",
        "message": 'my-pets 2026-10-05: gold_set 3 rows, "quoted"\nand on',
    }


def test_a_line_for_people(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a screen full of Dagster's events, and the one line that matters among them."""
    monkeypatch.delenv("LABEL_PIPELINE_LOG", raising=False)
    say({})
    assert capsys.readouterr().err == 'my-pets 2026-10-05: gold_set 3 rows, "quoted"\nand on\n'
