"""`prune`: what it says and deletes, and that what went is made again to the same bytes."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from label_pipeline import clock
from label_pipeline.audit import entries
from label_pipeline.cli import main
from label_pipeline.commands import prune
from label_pipeline.commands.home import dagster_home
from label_pipeline.contracts.tables import CONSENSUS_LABELS, GATES, KPIS
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline_tests.orchestration.runs import D1, D2, D3, D4, PETS, pets, state

POLICY = "retention: {as_of: 1d, reports: 2d, runs: 30d}\n"


def nightly(folder: DataFolder, first: object, last: object) -> int:
    return main(["nightly", "--project", "pets", "--data", str(folder.root), "--from", str(first), "--to", str(last)])


@pytest.mark.slow(seconds=60)
def test_what_went_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a prune after which the next night is another one, or an old day can never be proven again."""
    undisturbed, folder = (pets(tmp_path / name, days=4, project=PETS + POLICY) for name in ("whole", "pruned"))
    assert nightly(undisturbed, D1, D4) == 0
    expected = state(undisturbed)
    assert nightly(folder, D1, D3) == 0
    lake, before = Lake(folder, "pets"), state(folder)
    capsys.readouterr()

    assert main(["prune", "pets", "--dry-run", "--data", str(folder.root)]) == 0
    said = capsys.readouterr().out
    assert re.search(rf"\d+ partitions of as-of tables of 2 days, {D1} to {D2} would go, [\d.]+ MB\.", said)
    assert "1 reports would go." in said
    assert "0 runs in Dagster's storage would go." in said
    assert state(folder) == before

    # Far in the future the run of these nights is old.
    now = clock.now()
    monkeypatch.setattr(prune, "now", lambda: now + timedelta(days=31))
    assert main(["prune", "pets", "--data", str(folder.root)]) == 0
    said = capsys.readouterr().out
    assert "1 runs in Dagster's storage went." in said
    with dg.DagsterInstance.from_config(str(dagster_home(folder))) as instance:
        assert instance.get_runs() == []
    assert not list((folder.dagster / "history" / "runs").glob("*-*.db"))
    assert lake.days(CONSENSUS_LABELS) == [D3]
    assert lake.days(KPIS) == lake.days(GATES) == [D1, D2, D3]
    assert not folder.report("pets", D1).exists()
    assert str(D1) not in folder.report_index("pets").read_text()
    assert [e.act.subject for e in entries(folder, "pets", "prune")][:2] == [
        f"as-of tables {D1} to {D2}",
        f"reports {D1} to {D1}",
    ]

    # The next night is what it would have been, in all that is left.
    assert nightly(folder, D4, D4) == 0
    after = state(folder)
    gone = expected.keys() - after.keys()
    assert gone
    assert all(str(D1) in name or str(D2) in name for name in gone)
    assert {
        name: digest for name, digest in expected.items() if name in after and "index.html" not in name
    }.items() <= (after.items())

    # And a day that went is made again, with those it rests on.
    capsys.readouterr()
    assert nightly(folder, D2, D4) == 0
    assert f"what {D2} rests on was pruned; it is made again" in capsys.readouterr().err
    assert state(folder) == expected
