"""An erasure that is really killed, before changes of files all along its way, and gone on with.

The project's labels are kept as they are: its nights are intake and mart, and a kill costs a second or two.
`python -m benchmarks.erase --kills` goes through all changes, of a project with a consensus too.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.crash import child, ended
from benchmarks.erase import aftermath
from label_pipeline.cli import BAD_INPUT, OK, main
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.privacy import redact
from label_pipeline.privacy.containers import rewrite
from label_pipeline.privacy.journal import read_journal
from label_pipeline_tests.orchestration.runs import D1, D2, D3, partition, put, run, write
from label_pipeline_tests.privacy.planted import ANA, BEN
from label_pipeline_tests.privacy.scan import traces
from label_pipeline_tests.privacy.test_access import KEPT

WORDS = [ANA.identity, *ANA.more]
CALL = ["erase", "pets", "--annotator", ANA.identity, "--reason", "asked for it", "--by", "test"]


def landed(root: Path, people: tuple[object, ...] = (ANA, BEN)) -> DataFolder:
    """Two days with two people, and a roster with one of them."""
    folder = DataFolder(root)
    write(folder.project_file("pets"), KEPT)
    lines = [f"crowd,{who.identity},north,annotator" for who in (ANA, BEN) if who in people]
    write(folder.project("pets") / "people.csv", "\n".join(["source,identity,group,role", *lines]) + "\n")
    for k, day in enumerate((D1, D2)):
        rows = [f'i{k},{who.identity},"[{k}]",{day}T10:00:00,say,{who.more[0]}' for who in (ANA, BEN) if who in people]
        put(folder, day, "x.csv", "\n".join(["item_id,annotator_id,label,at,text,mail", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    """The project after its nights, before the erasure."""
    root = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABEL_PIPELINE_MAP", "off")
        patch.setenv("DAGSTER_HOME", "")
        folder = landed(root / "data")
        assert run(folder, D1, D2).success
        yield folder


def copied(before: DataFolder, place: Path) -> DataFolder:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(before.root, place)
    return DataFolder(place)


@pytest.mark.slow(seconds=30)
def test_in_one_go_it_is_as_if_she_had_never_been_there(before: DataFolder, tmp_path: Path) -> None:
    """Loss: the quick look at what the slow tests prove at length."""
    folder, never = copied(before, tmp_path / "data"), landed(tmp_path / "never", (BEN,))
    assert run(never, D1, D2).success
    assert main([*CALL, "--data", str(folder.root)]) == OK
    assert traces(folder.root, WORDS) == []
    assert aftermath(folder.root, ("lake", "landing", "projects")) == aftermath(
        never.root, ("lake", "landing", "projects")
    )


@pytest.mark.slow(seconds=30)
def test_a_day_whose_landing_was_pruned_keeps_what_is_others(before: DataFolder, tmp_path: Path) -> None:
    """Loss: everybody's answers of a day, because the person's cannot be taken in again without them."""
    folder, never = copied(before, tmp_path / "data"), landed(tmp_path / "never", (BEN,))
    assert run(never, D1, D2).success
    (folder.landing("pets", D1) / "crowd" / "x.csv").unlink()
    assert main([*CALL, "--data", str(folder.root)]) == OK
    assert traces(folder.root, WORDS) == []
    now, then = (aftermath(one.root, ("lake",)) for one in (folder, never))
    # Only the account of the file that is gone, and its rows' numbers, tell of it.
    astray = {name for name in now if now[name] != then[name]}
    assert {name.split("/")[1] for name in astray} <= {"landings", "annotation_events"}
    assert all(str(D1) in name for name in astray)
    assert run(folder, D2, D2).success


@pytest.mark.slow(seconds=30)
def test_a_file_that_cannot_be_rewritten_goes_whole_and_others_answers_stay(
    before: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: everybody's answers in a file that no rule fits, once the lake is made anew from landing."""
    folder, real = copied(before, tmp_path / "data"), rewrite

    def first_day_fails(path: Path, *more: Any) -> int:
        if path.parent.parent.name == str(D1):
            raise UserError("no rule fits")
        return real(path, *more)

    monkeypatch.setattr(redact, "rewrite", first_day_fails)
    assert main([*CALL, "--data", str(folder.root)]) == OK
    assert traces(folder.root, WORDS) == []
    assert not (folder.landing("pets", D1) / "crowd" / "x.csv").exists()
    assert [len(partition(folder, "annotation_events", day)) for day in (D1, D2)] == [1, 1]
    (account,) = partition(folder, "landings", D1)
    assert (account["landed"], account["accepted"]) == (1, 1)
    told = json.loads(next(folder.erasures("pets").glob("2*.json")).read_text())["landing"]
    assert [(one["fate"], one["why"]) for one in told] == [
        ("removed", "it could not be rewritten: no rule fits"),
        ("rewritten", ""),
    ]


@pytest.mark.slow(seconds=30)
def test_killed_on_its_way_it_is_gone_on_with(before: DataFolder, tmp_path: Path) -> None:
    """Loss: a kill that leaves a trace, loses somebody's answer, or leaves an erasure that nobody can finish."""
    data, count, log = tmp_path / "data", tmp_path / "count", tmp_path / "log"
    call = [*CALL, "--data", str(data)]
    copied(before, data)
    assert ended(child(call, data, log, counted=count)) == OK, log.read_text()
    undisturbed, changes = aftermath(data), int(count.read_text())
    assert changes > 60
    for at in [1, 2, 3, *range(5, changes, changes // 10)]:
        folder = copied(before, data)
        assert ended(child(call, data, log, kill_at=at)) == -signal.SIGKILL, at
        ended(child(["erase", "pets", "--resume", "--data", str(data)], data, log))
        code = ended(child(call, data, log))
        assert code in (OK, BAD_INPUT), log.read_text()  # asked again it has been done, unless nothing had begun
        assert read_journal(folder, "pets") is None
        assert traces(folder.root, WORDS) == [], at
        assert aftermath(data) == undisturbed, at


@pytest.mark.slow(seconds=30)
def test_nobody_writes_over_half_of_it_but_the_next_night_finishes(
    before: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: a prune or an override between two halves; an erasure that waits for somebody to remember it."""
    folder = copied(before, tmp_path / "data")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("label_pipeline.privacy.erasure.clear_lake", killed)
        assert main([*CALL, "--data", str(folder.root)]) == 3
    assert main(["prune", "pets", "--data", str(folder.root)]) == BAD_INPUT
    assert "was broken off" in capsys.readouterr().err
    call = ["nightly", "--project", "pets", "--data", str(folder.root), "--from", str(D3), "--to", str(D3)]
    monkeypatch.setenv("DAGSTER_HOME", "")
    assert main(call) == OK
    assert "going on with erasure" in capsys.readouterr().err
    assert traces(folder.root, WORDS) == []
    assert os.listdir(folder.erasures("pets"))
