"""What people do to a project beside its nights, on a bucket: another key, an erasure, another engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_pipeline.cli import BAD_INPUT, OK, main
from label_pipeline.remote.store import Store
from label_pipeline_tests.orchestration.runs import D1, D2, PETS, partition, pets
from label_pipeline_tests.privacy.planted import ANA, BEN
from label_pipeline_tests.privacy.scan import traces
from label_pipeline_tests.privacy.test_erase_killed import CALL, WORDS, landed
from label_pipeline_tests.remote.conftest import elsewhere
from label_pipeline_tests.remote.test_nights import upload

pytestmark = pytest.mark.slow(seconds=30)
DAYS = ["--from", str(D1), "--to", str(D2)]


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "the first of two keys")
    monkeypatch.setenv("LABEL_PIPELINE_MAP", str(tmp_path / "map"))
    monkeypatch.setenv("DAGSTER_HOME", "")


def everything(store: Store, place: Path) -> Path:
    """All objects below the prefix, as files."""
    for key in store.listing(""):
        found = store.get(key)
        assert found is not None
        (place / key).parent.mkdir(parents=True, exist_ok=True)
        (place / key).write_bytes(found[0])
    return place


def pseudonyms(url: str) -> list[set[str]]:
    """Who has answered on each day, as another machine reads it."""
    with elsewhere(url) as tree:
        tree.refresh("pets")
        return [{row["annotator_id"] for row in partition(tree.folder, "annotation_events", d)} for d in (D1, D2)]


def test_another_key_and_an_erasure(
    url: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: old names, or somebody who was erased, in an object that nobody looks at any more; people who are two."""
    upload(landed(tmp_path / "landed").root, store)
    assert main(["nightly", "--project", "pets", *DAYS, "--data", url]) == OK
    old = pseudonyms(url)
    assert traces(everything(store, tmp_path / "before"), [ANA.identity]) != []

    monkeypatch.setenv("LABEL_PIPELINE_NEW_KEY", "the second of two keys")
    assert main(["rotate-key", "--reason", "a laptop was lost", "--data", url]) == OK
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "the first of two keys")  # a machine that nobody told
    assert main(["nightly", "--project", "pets", "--day", str(D2), "--data", url]) == BAD_INPUT
    assert "one pseudonym key" in capsys.readouterr().err
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "the second of two keys")
    new = pseudonyms(url)
    assert [len(names) for names in new] == [len(names) for names in old] == [2, 2]
    assert not set.union(*new) & set.union(*old)

    assert main([*CALL, "--data", url]) == OK
    assert [len(names) for names in pseudonyms(url)] == [1, 1]
    left = everything(store, tmp_path / "after")
    assert traces(left, [*WORDS, *set.union(*old)]) == []
    assert traces(tmp_path / "cache", WORDS) == []
    assert traces(left, [BEN.identity]) != []


def test_shards(url: str, store: Store, tmp_path: Path) -> None:
    """Loss: an engine whose rows stay in the working copy, and a night that says it is done."""
    settings = PETS.replace("accept_at: 0.6", "method: dawid_skene, accept_at: 0.6") + "engine: shards\n"
    local = pets(tmp_path / "local", days=1, project=settings)
    upload(local.root, store)
    for data in (url, str(local.root)):
        assert main(["nightly", "--project", "pets", "--day", str(D1), "--data", data]) == OK
    with elsewhere(url) as tree:
        tree.refresh("pets")
        assert partition(tree.folder, "consensus_labels", D1) == partition(local, "consensus_labels", D1) != []
