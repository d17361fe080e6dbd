"""Working copies of one bucket: what one commits the others see, whole, and two writers never mix."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from label_pipeline import audit, remote
from label_pipeline.errors import MachineError, UserError
from label_pipeline.files import write_text
from label_pipeline.folders import DataFolder
from label_pipeline.locks import HeldError, alone, holder_of, was_left
from label_pipeline.publish.decisions import RELEASE, ROLLBACK, hold
from label_pipeline.remote import inputs, lease, shown, tree
from label_pipeline.remote.store import Store
from label_pipeline.remote.tree import Tree, opened
from label_pipeline_tests.remote.conftest import elsewhere

AT = datetime(2026, 10, 5, 22, tzinfo=UTC)
P = "pets"
A, B, C = (f"2026-10-0{d}-{d}{d}{d}{d}{d}{d}{d}{d}" for d in (5, 6, 7))
LAKE = f"lake/items/project={P}/day=2026-10-05/part.parquet"


@pytest.fixture
def folder(url: str) -> DataFolder:
    return remote.folder_of(url)


def put(folder: DataFolder, **texts: str) -> None:
    """Write files as the pipeline does; `__` is a slash in their names."""
    for name, text in texts.items():
        write_text(folder.root / name.replace("__", "/"), text)


def night(folder: DataFolder, version: str) -> None:
    """What a night changes, in short: a partition, an entry of the log, a version, a report and LATEST."""
    write_text(folder.root / LAKE, f"rows of {version}")
    publish(folder, version)
    write_text(folder.report(P, AT.date()), f"<p>{version}")


def publish(folder: DataFolder, version: str) -> None:
    place = folder.published(P)
    write_text(place / version / "train.parquet", f"labels of {version}")
    write_text(place / version / "manifest.json", f'"{version}"')
    write_text(place / "accepted" / version[:10], version + "\n")
    audit.record(folder, P, at=AT, actor="nightly", action="publish", subject=version, reason="gates hold", once=True)
    if hold(folder, P) is None:
        write_text(place / "LATEST", version + "\n")


def act(folder: DataFolder, action: str, before: str, after: str) -> None:
    """A person's decision, as `rollback` makes it."""
    audit.record(
        folder, P, at=AT, actor="ann", action=action, subject="LATEST", reason="because", before=before, after=after
    )
    write_text(folder.published(P) / "LATEST", after + "\n")


def files(folder: DataFolder) -> dict[str, str]:
    parts = ("lake", "published", "reports", "audit", "marts")
    paths = [p for part in parts for p in (folder.root / part).rglob("*") if p.is_file()]
    return {str(p.relative_to(folder.root)): p.read_text() for p in paths if p.name != "index.html"}


def seen(url: str) -> dict[str, str]:
    """The state as another machine reads it."""
    with elsewhere(url) as other:
        other.refresh(P)
        return files(other.folder)


@contextmanager
def another_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(lease, "_machine", lambda: "another")
        yield


def actions(folder: DataFolder) -> list[str]:
    return [entry.act.action for entry in audit.entries(folder, P)]


# --- one writer


def test_what_is_committed_is_seen_and_nothing_else(folder: DataFolder, url: str, store: Store) -> None:
    """Loss: half a night read as a state; a file of a night that another machine never gets."""
    with alone(folder, P, "a test"):
        night(folder, A)
        put(folder, lake__items__project="no project's")
        (folder.root / "lake" / "items" / f"project={P}" / ".tmp-x").write_text("half")
        assert seen(url) == {}
    mine = files(folder)
    mine.pop("lake/items/project", None)
    assert seen(url) == {k: v for k, v in mine.items() if ".tmp-" not in k}
    assert store.get("published/pets/LATEST")[0] == f"{A}\n".encode()  # type: ignore[index]
    assert store.get("reports/pets/2026-10-05.html")[0] == f"<p>{A}".encode()  # type: ignore[index]


def test_equal_files_are_not_written_again(folder: DataFolder, store: Store) -> None:
    """Loss: a bucket that grows by the whole lake with each re-run of a day."""
    with alone(folder, P, "a test"):
        night(folder, A)
    before = store.listing("")
    with alone(folder, P, "a test"):
        night(folder, A)
        write_text(folder.report(P, AT.date()), "<p>other words")
    after = store.listing("")
    changed = {key for key in before.keys() ^ after.keys() if key.startswith("objects/")}
    assert len(changed) == 2  # the old object of the report went, a new one came
    assert store.get("reports/pets/2026-10-05.html")[0] == b"<p>other words"  # type: ignore[index]


def test_what_went_is_gone_from_bucket_and_cache(folder: DataFolder, store: Store, tmp_path: Path) -> None:
    """Loss: an erased answer that lies on in an object nobody names, or in the cache of the machine that erased it."""
    with alone(folder, P, "a test"):
        night(folder, A)
        write_text(folder.landing(P) / "2026-10-05" / "crowd" / "a.csv", "secret answer")
    with alone(folder, P, "a test"):
        write_text(folder.root / LAKE, "rows without")
        write_text(folder.landing(P) / "2026-10-05" / "crowd" / "a.csv", "no answer")
        for file in (folder.published(P) / A).iterdir():
            file.unlink()
        (folder.published(P) / "LATEST").unlink()
    assert not [key for key in store.listing("") if A in key]
    texts = [(store.get(key) or (b"",))[0] for key in store.listing("")]
    texts += [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not [text for text in texts if b"secret" in text or f"rows of {A}".encode() == text]


def test_a_commit_that_breaks_off_leaves_the_state_before(
    folder: DataFolder, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: a state that names objects which never came; what was not committed, committed later as somebody's act."""
    with alone(folder, P, "a test"):
        night(folder, A)
    before = seen(url)
    put_whole = Store.put

    def broken(self: Store, key: str, content: bytes | Path, name: str = "") -> str:
        if "train.parquet" in name:
            raise MachineError("the object store does not answer")
        return put_whole(self, key, content, name)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", broken)
        with pytest.raises(MachineError), alone(folder, P, "a test"):
            night(folder, B)
    assert seen(url) == before
    opened(url).settle()
    assert seen(url) == before
    with alone(folder, P, "a test"):
        assert files(folder) == before
        night(folder, B)
    assert seen(url)[LAKE] == f"rows of {B}"


def test_plain_copies_catch_up(folder: DataFolder, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a LATEST that stays behind for good, because a writer was killed right after its commit."""
    with alone(folder, P, "a test"):
        night(folder, A)
    with monkeypatch.context() as patch:
        patch.setattr(shown, "show", lambda *_: None)
        with alone(folder, P, "a test"):
            night(folder, B)
    assert store.get("published/pets/LATEST")[0] == f"{A}\n".encode()  # type: ignore[index]
    with alone(folder, P, "a test"):
        pass
    assert store.get("published/pets/LATEST")[0] == f"{B}\n".encode()  # type: ignore[index]
    assert store.get("reports/pets/2026-10-05.html")[0] == f"<p>{B}".encode()  # type: ignore[index]


def test_orphans_of_killed_writers_are_swept(
    folder: DataFolder, store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: objects that nobody names and everybody pays for; or one that the state names, deleted."""
    with alone(folder, P, "a test"):
        night(folder, A)
    store.put("objects/pets/ab/abc.1", b"left")
    store.put(f"published/pets/{B}/train.parquet", b"left")
    before = seen(url)
    assert opened(url).sweep(P) == 0  # they may be of a commit that is under way
    monkeypatch.setattr(tree, "ORPHAN", -60.0)
    assert opened(url).sweep(P) == 2
    assert seen(url) == before


# --- two writers


def test_the_second_writer_is_refused(folder: DataFolder, url: str) -> None:
    """Loss: two nights of one project at once on two machines."""
    with alone(folder, P, "label-pipeline nightly"):
        with elsewhere(url) as other, pytest.raises(HeldError) as told, alone_in(other):
            pass
        words = f"label-pipeline nightly, process {os.getpid()} on {socket.gethostname()}"
        assert words in str(told.value)
        assert words in str(holder_of(folder, P))
    assert holder_of(folder, P) is None
    assert was_left(folder, P) is None
    with elsewhere(url) as other, alone_in(other):
        night(other.folder, A)
    assert seen(url)[LAKE] == f"rows of {A}"


@contextmanager
def alone_in(other: Tree) -> Iterator[None]:
    """Be the only writer, in the working copy of another process."""
    mine = tree._open.pop(other.folder.url, None)
    tree._open[other.folder.url] = other
    try:
        with alone(other.folder, P, "another"):
            yield
    finally:
        del tree._open[other.folder.url]
        if mine is not None:
            tree._open[other.folder.url] = mine


def test_a_writer_whose_lease_ran_out_changes_nothing(
    folder: DataFolder, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: a machine that slept through its lease, wakes, and writes its night over the one that was run instead."""
    with alone(folder, P, "a test"):
        night(folder, A)
    monkeypatch.setattr(lease, "_until", AT.isoformat)
    mine = opened(url)

    def slept(other: Tree) -> None:
        with alone_in(other):
            night(other.folder, B)
            with alone_in(mine):
                night(folder, C)

    with elsewhere(url) as other, pytest.raises(HeldError, match="taken over"):
        slept(other)
    assert seen(url)[LAKE] == f"rows of {C}"
    assert seen(url)["published/pets/LATEST"] == f"{C}\n"


def test_the_lease_of_a_killed_process_is_taken_at_once_on_its_machine(
    folder: DataFolder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: a night that waits minutes for nobody; or one that takes a lease from a process of another machine."""
    gone = lease.Lease("t", "nightly", 1 << 22, "here", lease._machine(), "1", AT.isoformat(), lease._until())
    store.put(lease.lease_key(P), lease._dump(gone))
    assert holder_of(folder, P) is None
    assert "process 4194304 on here" in str(was_left(folder, P))
    with another_machine(monkeypatch), pytest.raises(HeldError, match="its lease ends at"), alone(folder, P, "a test"):
        pass
    with alone(folder, P, "a test"):
        night(folder, A)


def test_a_lease_is_renewed(folder: DataFolder, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a night of hours whose lease runs out under it."""
    monkeypatch.setattr(lease, "SECONDS", 0.25)
    with another_machine(monkeypatch), alone(folder, P, "a test"):
        first = store.get(lease.lease_key(P))
        while store.get(lease.lease_key(P)) == first:
            pass
        assert holder_of(folder, P) is not None
    assert holder_of(folder, P) is None


# --- acts beside a night


def test_a_rollback_during_a_night_holds(folder: DataFolder, url: str, store: Store) -> None:
    """Loss: a version that a person took back, published again by the night that was under way; an entry of the log."""
    with alone(folder, P, "a test"):
        night(folder, A)
        night(folder, B)
    with alone(folder, P, "a test"):
        with elsewhere(url) as other:
            other.refresh(P)
            act(other.folder, ROLLBACK, B, A)
            other.settle()
        assert store.get("published/pets/LATEST")[0] == f"{A}\n".encode()  # type: ignore[index]
        night(folder, C)
    found = seen(url)
    assert found["published/pets/LATEST"] == f"{A}\n"
    assert found[LAKE] == f"rows of {C}"
    assert f"published/pets/{C}/manifest.json" in found
    assert actions(folder) == ["publish", "publish", ROLLBACK]  # C was not published: LATEST is held
    assert store.get("published/pets/LATEST")[0] == f"{A}\n".encode()  # type: ignore[index]


def test_a_rollback_that_comes_after_a_night_began_and_ended(folder: DataFolder, url: str) -> None:
    """Loss: the same, where the night commits first and the act second."""
    with alone(folder, P, "a test"):
        night(folder, A)
        night(folder, B)
    with elsewhere(url) as other:
        other.refresh(P)
        act(other.folder, ROLLBACK, B, A)
        with alone(folder, P, "a test"):
            night(folder, C)
        other.settle()
        assert actions(other.folder) == ["publish", "publish", "publish", ROLLBACK]
        assert hold(other.folder, P) is not None
    found = seen(url)
    assert found["published/pets/LATEST"] == f"{A}\n"
    assert found[LAKE] == f"rows of {C}"


def test_a_release_beside_a_night_goes_to_the_newest(folder: DataFolder, url: str) -> None:
    """Loss: a release that leaves LATEST behind the version of the night it ran beside."""
    with alone(folder, P, "a test"):
        night(folder, A)
        night(folder, B)
        act(folder, ROLLBACK, B, A)
    with elsewhere(url) as other:
        other.refresh(P)
        act(other.folder, RELEASE, A, B)
        with alone(folder, P, "a test"):
            night(folder, C)
        other.settle()
    assert seen(url)["published/pets/LATEST"] == f"{C}\n"


def test_two_who_change_the_same_are_not_mixed(folder: DataFolder, url: str) -> None:
    """Loss: a file that is neither's; LATEST on a version that a prune took away meanwhile."""
    with alone(folder, P, "a test"):
        night(folder, A)
        night(folder, B)
    with elsewhere(url) as other:
        other.refresh(P)
        write_text(other.folder.report(P, AT.date()), "mine")
        with alone(folder, P, "a test"):
            write_text(folder.report(P, AT.date()), "night's")
        with pytest.raises(UserError, match=r"another process changed reports/pets/2026-10-05\.html"):
            other.settle()
        other.refresh(P)
        act(other.folder, ROLLBACK, B, A)
        with alone(folder, P, "a test"):
            for file in (folder.published(P) / A).iterdir():
                file.unlink()
        with pytest.raises(UserError, match=f"version {A} went"):
            other.settle()
    found = seen(url)
    assert found["reports/pets/2026-10-05.html"] == "night's"
    assert found["published/pets/LATEST"] == f"{B}\n"


# --- readers


def test_a_reader_whose_state_is_replaced_reads_the_new_one(
    folder: DataFolder, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: a reader that fails, or mixes two nights, because a commit came while it read."""
    with alone(folder, P, "a test"):
        night(folder, A)
    link, left = Tree._link, [2]

    def linked(self: Tree, manifest: object, path: str) -> object:
        if path == LAKE and self.folder != folder and left[0]:
            left[0] -= 1
            with alone(folder, P, "a test"):
                night(folder, (C, B)[left[0]])
        return link(self, manifest, path)  # type: ignore[arg-type]

    monkeypatch.setattr(Tree, "_link", linked)
    monkeypatch.setattr(tree, "at_once", lambda do, each: [do(one) for one in each])
    with elsewhere(url) as other:
        tree._open[url], mine = opened(url), opened(url)
        assert mine.folder == folder
        other.refresh(P)
        found = files(other.folder)
    assert found[LAKE] == f"rows of {C}"
    assert found["published/pets/LATEST"] == f"{C}\n"
    assert found["reports/pets/2026-10-05.html"] == f"<p>{C}"


def test_an_object_that_is_missing_is_told(folder: DataFolder, url: str, store: Store) -> None:
    """Loss: a lake with a hole that looks like a day without answers."""
    with alone(folder, P, "a test"):
        night(folder, A)
    store.delete(list(store.listing("objects")))
    shutil.rmtree(opened(url).cache.root / "contents")
    with elsewhere(url) as other, pytest.raises(MachineError, match="is gone from the bucket"):
        other.refresh(P)


# --- what people and vendors put there


def test_landing_is_what_the_bucket_has(folder: DataFolder, url: str, store: Store) -> None:
    """Loss: a vendor's file that no night sees, an old one that stays, a console's folder that looks like a file."""
    day = f"landing/{P}/2026-10-05"
    for key in (f"{day}/crowd/a b#c%20?.csv", f"{day}/crowd/é.csv", f"{day}/crowd", f"{day}/mturk/x.csv"):
        store.put(key, b"" if key.endswith("crowd") else key.encode())
    found = opened(url)
    found.refresh(P)
    names = sorted(p.relative_to(folder.root).as_posix() for p in folder.landing(P).rglob("*") if p.is_file())
    assert names == [f"{day}/crowd/a b#c%20?.csv", f"{day}/crowd/é.csv", f"{day}/mturk/x.csv"]
    assert (folder.root / names[0]).read_text() == names[0]
    store.put(names[0], b"another export")
    store.delete([names[1]])
    found.refresh(P)
    assert (folder.root / names[0]).read_text() == "another export"
    assert not (folder.root / names[1]).exists()
    assert isinstance(found.inputs, inputs.Inputs)


def test_a_name_that_is_a_file_and_a_folder_is_told(folder: DataFolder, url: str, store: Store) -> None:
    """Loss: a traceback for what a vendor called a file."""
    store.put(f"landing/{P}/2026-10-05/crowd", b"a file")
    store.put(f"landing/{P}/2026-10-05/crowd/a.csv", b"and a folder")
    with pytest.raises(UserError, match="cannot be a file here"):
        opened(url).refresh(P)


def test_what_lands_at_the_same_time_is_never_written_over(folder: DataFolder, url: str, store: Store) -> None:
    """Loss: a vendor's file, replaced by another of the same name."""
    path = f"landing/{P}/2026-10-05/crowd/a.csv"
    opened(url).refresh(P)
    write_text(folder.root / path, "ours")
    store.put(path, b"theirs")
    with pytest.raises(UserError, match="another file of that name"):
        opened(url).settle()
    assert store.get(path)[0] == b"theirs"  # type: ignore[index]
    opened(url).refresh(P)
    write_text(folder.root / path.replace("a.csv", "b.csv"), "ours")
    opened(url).settle()
    assert store.get(path.replace("a.csv", "b.csv"))[0] == b"ours"  # type: ignore[index]


def test_a_step_that_is_settled_is_seen_and_one_that_failed_is_not_tried_again(
    folder: DataFolder, url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: an erasure whose journal no other machine can go on with; a night that was told as lost, and is there."""
    with alone(folder, P, "a test"):
        write_text(folder.erasures(P) / "certificate.json", "{}")
        remote.settle(folder, P)
        with elsewhere(url) as other:
            other.refresh(P)
            assert (other.folder.erasures(P) / "certificate.json").read_text() == "{}"
        assert store.get(f"erasures/{P}/certificate.json") is not None
        night(folder, A)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "put", _down)
            with pytest.raises(MachineError):
                remote.settle(folder, P)
    assert LAKE not in seen(url)
    with alone(folder, P, "a test"):
        assert not (folder.root / LAKE).exists()


def _down(*_: object) -> str:
    raise MachineError("the object store does not answer")
