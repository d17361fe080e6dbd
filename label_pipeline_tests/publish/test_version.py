from dataclasses import replace
from datetime import date

import pytest
import yaml

from label_pipeline import files
from label_pipeline.errors import UserError
from label_pipeline.publish import manifest as manifests
from label_pipeline.publish.latest import point_latest
from label_pipeline.publish.verdict import GateResult, Verdict
from label_pipeline.publish.version import publish, reject
from label_pipeline_tests.publish.tables import DAY, whole_night

TABLE, SEEN, PASSED, FACTS = whole_night()


def release(folder, day=DAY, facts=FACTS, table=TABLE):
    return publish(folder, day, table, facts, SEEN, PASSED)


def content(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_equal_content_is_an_equal_name_and_equal_bytes(tmp_path):
    """Loss: a rebuild that gives another version of the same labels; nobody can tell what changed."""
    first, second = release(tmp_path / "a"), release(tmp_path / "b")
    assert first.name == second.name
    assert content(first.path) == content(second.path)
    assert manifests.NAME.fullmatch(first.name)


def test_rows_in_another_layout_in_memory_give_the_same_bytes(tmp_path):
    """Loss: a version that depends on how Arrow happened to cut the table in chunks."""
    import pyarrow as pa

    pieces = pa.concat_tables([TABLE.slice(0, 7), TABLE.slice(7)])
    assert release(tmp_path / "a").name == release(tmp_path / "b", table=pieces).name


def test_other_content_is_another_version(tmp_path):
    first = release(tmp_path)
    assert release(tmp_path, facts=replace(FACTS, guideline_version="v4")).name != first.name
    assert release(tmp_path, table=TABLE.slice(1)).name != first.name
    assert len(manifests.versions(tmp_path)) == 3


def test_the_manifest_tells_where_everything_came_from(tmp_path):
    """Loss: a training set that nobody can trace back to the files it was made of."""
    manifest = manifests.read(release(tmp_path).path)
    assert manifest["lineage"][0]["sha256"] == "0" * 64
    assert manifest["files"]["train.parquet"]["rows"] == manifest["counts"]["by_split"]["train"]
    assert sum(manifest["counts"]["by_split"].values()) == manifest["counts"]["rows"] == len(TABLE)
    assert [gate["name"] for gate in manifest["gates"]] == ["coverage"]
    assert (manifest["project_file_sha256"], manifest["code_version"]) == ("ab" * 32, "0.1.0")
    assert manifest["kpis"][0]["kpi"] == "label_accuracy"
    assert {column["name"] for column in manifest["schema"]} == set(TABLE.schema.names)


def test_the_card_has_the_header_that_loaders_read(tmp_path):
    """Loss: `load_dataset` on the folder finds no splits, or markup in a description breaks the card."""
    text = (release(tmp_path).path / "README.md").read_text()
    header = yaml.safe_load(text.split("---\n")[1])
    files_of = {one["split"]: one["path"] for one in header["configs"][0]["data_files"]}
    assert files_of == {split: f"{split}.parquet" for split in ("train", "validation", "test")}
    assert header["size_categories"] == ["n<1K"]
    assert "Cats \\<and\\> dogs \\| both" in text


def test_a_whole_version_is_kept_and_a_damaged_one_is_made_anew(tmp_path):
    """Loss: readers of a version disturbed by a re-run; or damage that a re-run does not heal."""
    first = release(tmp_path)
    before = first.path.stat().st_mtime_ns
    again = release(tmp_path)
    assert (first.created, again.created) == (True, False)
    assert again.path.stat().st_mtime_ns == before
    (first.path / "train.parquet").write_bytes(b"damaged")
    assert release(tmp_path).created
    manifests.verify(first.path, manifests.read(first.path))


def test_a_failure_in_the_middle_leaves_nothing(tmp_path, monkeypatch):
    """Loss: half a version that a training job picks up."""
    import pyarrow.parquet as pq

    written = []

    def failing(table, path, **options):
        written.append(path)
        if len(written) == 2:
            raise OSError("no space left")
        path.write_bytes(b"something")

    monkeypatch.setattr(pq, "write_table", failing)
    with pytest.raises(OSError, match="no space"):
        release(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_only_what_the_sweep_removes(tmp_path, monkeypatch):
    """Loss: leftovers of a killed run that look like a version."""
    monkeypatch.setattr("tempfile.TemporaryDirectory.cleanup", lambda self: self._finalizer.detach())
    monkeypatch.setattr(
        "label_pipeline.publish.version._is_whole", lambda path: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        release(tmp_path)
    assert manifests.versions(tmp_path) == []
    files.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_latest_moves_forward_only(tmp_path):
    """Loss: the re-run of an old day takes tonight's labels away from every training job."""
    assert manifests.latest(tmp_path) is None
    old, new = release(tmp_path, date(2026, 10, 1)), release(tmp_path, date(2026, 10, 2))
    assert point_latest(tmp_path, new.name)
    assert not point_latest(tmp_path, old.name)
    assert manifests.latest(tmp_path) == new.name
    other = release(tmp_path, date(2026, 10, 2), replace(FACTS, guideline_version="v4"))
    assert point_latest(tmp_path, other.name)
    assert manifests.latest(tmp_path) == other.name


def test_latest_recovers_when_its_version_is_gone(tmp_path):
    old = release(tmp_path, date(2026, 10, 1))
    files.write_text(tmp_path / "LATEST", "2026-10-09-00000000\n")
    assert point_latest(tmp_path, old.name)
    with pytest.raises(UserError, match="not there"):
        point_latest(tmp_path, "2026-10-01-00000000")


def test_a_rejected_candidate_leaves_its_profile_and_no_version(tmp_path):
    """Loss: a failed gate that publishes all the same, or leaves nothing to look at."""
    failed = Verdict(False, [GateResult("coverage", "block", False, "0.1", "at least 0.5", "coverage is 0.1.")])
    with pytest.raises(UserError, match=r"coverage is 0\.1"):
        publish(tmp_path, DAY, TABLE, FACTS, SEEN, failed)
    kept = reject(tmp_path, DAY, SEEN, failed)
    assert kept == tmp_path / "rejected" / f"{DAY}.json"
    assert '"name": "coverage"' in kept.read_text()
    assert manifests.versions(tmp_path) == []
    release(tmp_path)
    assert not kept.exists()
