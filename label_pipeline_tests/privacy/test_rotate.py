"""`rotate-key`: the same history under new names, as if the new key had been there from the start."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.erase import aftermath
from label_pipeline import audit
from label_pipeline.cli import BAD_INPUT, FAULT, OK, main
from label_pipeline.folders import DataFolder
from label_pipeline.privacy.identity_map import known
from label_pipeline.privacy.pseudonyms import key, key_file
from label_pipeline.privacy.tombstones import read_tombstones
from label_pipeline_tests.orchestration.runs import D1, D2, D3, INTAKE, ITEMS, answers, mart, partition, pets, put, run
from label_pipeline_tests.privacy.planted import ANA, BEN
from label_pipeline_tests.privacy.scan import traces
from label_pipeline_tests.privacy.test_erase import EVERYBODY, PROJECT, ROSTER, vendor
from label_pipeline_tests.privacy.test_erase_killed import landed

JUDGED = [
    *INTAKE, "gold_set", "gold_asks", "annotator_standing", "gold_scores", "predictions", "consensus_labels",
    "consensus_evidence", "annotator_quality", "label_issues", "dispatches", "relabel_queue", "relabel_outcomes",
]  # fmt: skip
ROTATE = ["rotate-key", "--reason", "a laptop was lost", "--by", "test", "--data"]


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key in a file of the test's own, and the map beside it."""
    place = tmp_path / "keys"
    place.mkdir(mode=0o700)
    monkeypatch.delenv("LABEL_PIPELINE_KEY", raising=False)
    monkeypatch.setenv("LABEL_PIPELINE_KEY_FILE", str(place / "pseudonym.key"))
    monkeypatch.setenv("LABEL_PIPELINE_MAP", str(place / "map"))
    monkeypatch.setenv("DAGSTER_HOME", "")
    return place


def names_in(folder: DataFolder, day: Any = D1) -> set[str]:
    return {row["annotator_id"] for row in partition(folder, "annotation_events", day)}


@pytest.mark.slow
def test_all_is_as_with_the_new_key_from_the_start(keys: Path, tmp_path: Path) -> None:
    """Loss: a person who is two from now on; an answer that counts twice when the next full export lands."""
    folder = landed(tmp_path / "data")
    assert run(folder, D1, D2).success
    old_key, old = key_file().read_text(), names_in(folder)
    assert main(["erase", "pets", "--annotator", BEN.identity, "--reason", "asked", "--data", str(folder.root)]) == OK
    for _ in range(2):  # twice in a row
        assert main([*ROTATE, str(folder.root)]) == OK
    assert key_file().read_text() != old_key
    assert [path.name for path in sorted(keys.glob("pseudonym.key.*"))] != []
    never = landed(tmp_path / "never", (ANA,))
    assert run(never, D1, D2).success
    assert aftermath(folder.root, ("lake",)) == aftermath(never.root, ("lake",))
    assert names_in(folder).isdisjoint(old)
    assert mart(folder.mart("pets")) == mart(never.mart("pets"))
    # The tombstones hold under any key: nobody who was erased comes back.
    tombstones = read_tombstones(folder.tombstones("pets"), key())
    assert tombstones.has_login("crowd", BEN.identity)
    assert not tombstones.has_login("crowd", ANA.identity)
    shutil.copy(folder.landing("pets", D1) / "crowd" / "x.csv", tmp_path / "x.csv")
    put(folder, D3, "again.csv", (tmp_path / "x.csv").read_text())
    assert run(folder, D3, D3).success
    assert [row["duplicates"] for row in partition(folder, "landings", D3)] == [1]


@pytest.mark.slow
def test_old_names_are_told_by_the_map_and_the_log_tells_the_rotation(keys: Path, tmp_path: Path) -> None:
    """Loss: an audit line of last year that names somebody nobody can find any more."""
    folder = landed(tmp_path / "data")
    assert run(folder, D1, D1).success
    old = names_in(folder)
    before = key_file().read_text()
    assert main([*ROTATE, str(folder.root)]) == OK
    for name in old:
        of_one = known("pets", pseudonym=name)
        assert len({k.met.identity for k in of_one}) == 1
        assert len({k.met.annotator_id for k in of_one} & names_in(folder)) == 1
    (entry,) = audit.entries(folder, "pets", "rotate key")
    assert (entry.act.actor, entry.act.reason) == ("test", "a laptop was lost")
    assert (keys / f"pseudonym.key.{entry.act.before}").read_text() == before
    digits = [name.removeprefix("a-") for name in old]
    assert traces(folder.root, digits, but=[folder.root / "audit"]) == []


@pytest.mark.slow
def test_where_nobody_knows_who_it_is_nothing_is_begun(
    keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: half a lake under new names, and somebody who has two from then on."""
    folder = landed(tmp_path / "data")
    assert run(folder, D1, D1).success
    shutil.rmtree(keys / "map")
    before = aftermath(folder.root)
    shutil.rmtree(folder.landing("pets"))
    (folder.project("pets") / "people.csv").write_text("source,identity,group,role\n")
    assert main([*ROTATE, str(folder.root)]) == BAD_INPUT
    assert "neither map nor roster nor landing tells who 2 annotators are: a-" in capsys.readouterr().err
    after = aftermath(folder.root)
    assert {n: h for n, h in after.items() if n.startswith("lake")} == {
        n: h for n, h in before.items() if n.startswith("lake")
    }


@pytest.mark.slow
def test_landing_tells_where_there_is_no_map(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: who keeps no map could never change the key."""
    monkeypatch.setenv("LABEL_PIPELINE_MAP", "off")
    folder = landed(tmp_path / "data")
    assert run(folder, D1, D1).success
    old = names_in(folder)
    assert main([*ROTATE, str(folder.root)]) == OK
    assert len(names_in(folder)) == 2
    assert names_in(folder).isdisjoint(old)


@pytest.mark.slow
def test_a_key_of_the_environment_needs_the_new_one_there(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a key drawn into a file that no night reads, and a lake that no night can read any more."""
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "the old key, for tests only")
    folder = landed(tmp_path / "data")
    assert run(folder, D1, D1).success
    assert main([*ROTATE, str(folder.root)]) == BAD_INPUT
    assert "Set LABEL_PIPELINE_NEW_KEY to a random one" in capsys.readouterr().err
    monkeypatch.setenv("LABEL_PIPELINE_NEW_KEY", "the new key, for tests only")
    assert main([*ROTATE, str(folder.root)]) == OK
    assert "Give the key in LABEL_PIPELINE_NEW_KEY to all nights" in capsys.readouterr().out
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "the old key, for tests only")
    assert not run(folder, D2, D2).success  # the old key is the wrong one now
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "the new key, for tests only")
    assert run(folder, D2, D2).success


@pytest.mark.slow
@pytest.mark.parametrize("where", ["reseal", "rename_lake", "rename_texts", "remember_new_names", "switch_key"])
@pytest.mark.parametrize("after", [False, True])
def test_broken_off_it_is_gone_on_with(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, after: bool
) -> None:
    """Loss: a lake with people of two keys, which no night takes and no command mends."""
    folder = landed(tmp_path / "data")
    assert run(folder, D1, D2).success
    real: Callable[..., Any] = getattr(__import__("label_pipeline.privacy.rotation", fromlist=[where]), where)

    def killed(*arguments: Any) -> None:
        if after:
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"label_pipeline.privacy.rotation.{where}", killed)
        assert main([*ROTATE, str(folder.root)]) == FAULT
    assert main(["prune", "pets", "--data", str(folder.root)]) == BAD_INPUT  # nobody writes over half of it
    assert main(["rotate-key", "--resume", "--data", str(folder.root)]) == OK
    never = landed(tmp_path / "never")
    assert run(never, D1, D2).success
    assert aftermath(folder.root, ("lake",)) == aftermath(never.root, ("lake",))


@pytest.mark.slow
def test_consensus_annotators_and_queue_are_those_of_the_new_key(keys: Path, tmp_path: Path) -> None:
    """Loss: names that are new and figures that are somebody else's."""

    def made(root: Path) -> DataFolder:
        folder = pets(root, days=0, project=PROJECT)
        (folder.project("pets") / "people.csv").write_text("\n".join(ROSTER) + "\n")
        for k, day in enumerate((D1, D2)):
            put(folder, day, "answers.csv", answers(ITEMS[8 * k : 8 * k + 8], day, who=EVERYBODY))  # type: ignore[arg-type]
            put(folder, day, "export.jsonl", vendor(("VX1", "VX2"), ITEMS[: 8 * k + 8], D1), source="vendor")
        run(folder, D1, D2)
        return folder

    folder = made(tmp_path / "data")
    assert main([*ROTATE, str(folder.root)]) == OK
    never = made(tmp_path / "never")
    facts = ("annotation_events", "items", "quarantine", "landings", "logins", "gold_set")
    for table in facts:
        assert partition(folder, table, D2) == partition(never, table, D2), table
    # What was judged stays as it was judged, under new names; from the next night on all is judged alike.
    for one in (folder, never):
        # One item is disputed under any key, so that there is a queue.
        astray = [who + ITEMS[16] for who in EVERYBODY[:2]]
        put(one, D3, "answers.csv", answers(ITEMS[16:24], D3, who=EVERYBODY, wrong=astray))  # type: ignore[arg-type]
        assert run(one, D3, D3, only=JUDGED).success
    for table, by in {
        "consensus_labels": "item_id",
        "annotator_quality": "annotator_id",
        "relabel_queue": "rank",
    }.items():
        ours, theirs = (pd.DataFrame(partition(one, table, D3)).sort_values(by) for one in (folder, never))
        same = [name for name in ours.columns if name != "settled_on"]  # since when it was so is history
        pd.testing.assert_frame_equal(ours[same].reset_index(drop=True), theirs[same].reset_index(drop=True), rtol=1e-9)
    assert partition(folder, "relabel_queue", D3)
