"""The object store through a failing network: what is tried again, what a user is told, and what is never doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from label_pipeline.errors import MachineError, UserError
from label_pipeline.remote import store as stores
from label_pipeline.remote.store import Absent, Conflict, Store, at_once
from label_pipeline_tests.remote.server import Proxy, Request, proxy


@pytest.fixture
def way(server: str, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the server, through which stores that are opened from now on go, with little patience."""
    retry = stores.RETRY | {"backoff": {"init_backoff": _ms(1), "max_backoff": _ms(5), "base": 2}, "max_retries": 2}
    monkeypatch.setattr(stores, "RETRY", retry)
    monkeypatch.setattr(stores, "CLIENT", stores.CLIENT | {"read_timeout": "1s"})
    with proxy(server) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.address)
        yield made


def _ms(milliseconds: int) -> object:
    from datetime import timedelta

    return timedelta(milliseconds=milliseconds)


def first(fault: str, *, times: int = 1, method: str = "") -> object:
    """The fault of the first requests, and none after."""
    left = [times]

    def of(request: Request) -> str:
        if method in ("", request.method) and left[0]:
            left[0] -= 1
            return fault
        return ""

    return of


def test_conditions_hold(store: Store) -> None:
    """Loss: two writers who each believe that theirs is the state."""
    store.require_conditions("state/p/conditions")
    etag = store.swap("k", b"1", None)
    with pytest.raises(Conflict):
        store.swap("k", b"2", None)
    newer = store.swap("k", b"3", etag)
    with pytest.raises(Conflict):
        store.swap("k", b"4", etag)
    assert store.get("k") == (b"3", newer)
    assert store.swap("k", b"3", None) == newer  # ours already
    assert store.get("none") is None


def test_of_many_writers_one_wins(store: Store) -> None:
    """Loss: a lease that two processes hold."""

    def write(number: int) -> bool:
        try:
            store.swap("k", b"%d" % number, None)
        except Conflict:
            return False
        return True

    assert sum(at_once(write, range(16))) == 1


def test_a_store_that_passes_conditions_over_is_refused(way: Proxy, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: an imitation of S3 that overwrites, and no night that says so."""
    store = Store(url)
    way.drop_headers = ("if-none-match", "if-match")
    with pytest.raises(UserError, match="condition that does not hold"):
        store.require_conditions("state/p/conditions")


@pytest.mark.parametrize("fault", ["500", "503", "cut", "drop", "lost", "slow"])
def test_what_may_pass_is_tried_again(way: Proxy, url: str, tmp_path: Path, fault: str) -> None:
    """Loss: a night that fails for a hiccup, or half a file that passes for the whole."""
    store, content = Store(url), bytes(range(256)) * 400
    way.fault = first(fault)  # type: ignore[assignment]
    store.put("k", content)
    way.fault = first(fault)  # type: ignore[assignment]
    store.fetch("k", tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == content
    way.fault = first(fault)  # type: ignore[assignment]
    assert list(store.listing("")) == ["k"]
    way.fault = first(fault)  # type: ignore[assignment]
    etag = store.swap("c", b"1", None)
    way.fault = first(fault)  # type: ignore[assignment]
    assert store.swap("c", b"2", etag) != etag
    assert store.get("c") == (b"2", store.swap("c", b"2", None))


def test_what_does_not_pass_is_one_clear_error(way: Proxy, url: str, tmp_path: Path) -> None:
    """Loss: a command that hangs for ever, or a traceback in place of what to do."""
    store = Store(url)
    store.put("k", b"1")
    for fault, asked in (("500", store.get), ("drop", store.listing)):
        way.fault = lambda _, f=fault: f  # type: ignore[misc]
        way.seen.clear()
        with pytest.raises(MachineError, match="does not answer"):
            asked("k")
        assert len(way.seen) <= 3 * stores.TRIES
    with pytest.raises(MachineError, match="does not answer"):
        store.fetch("k", tmp_path / "there")
    assert list(tmp_path.glob("there")) == []
    way.fault = lambda _: "403"
    with pytest.raises(UserError, match="AWS_ACCESS_KEY_ID") as told:
        store.put("k", b"2")
    assert not isinstance(told.value, MachineError)


def test_an_object_that_was_changed_is_found_out(store: Store, tmp_path: Path) -> None:
    """Loss: a partition that somebody wrote over in the bucket, read as if the pipeline had."""
    store.put("k", b"1")
    with pytest.raises(MachineError, match="not the one that was written"):
        store.fetch("k", tmp_path / "k", "00")
    with pytest.raises(Absent):
        store.fetch("none", tmp_path / "none")
    assert not [*tmp_path.glob("*k*")]


def test_wrong_urls(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: an error of the library where a letter is wrong in the command."""
    with pytest.raises(UserError, match="there is no such bucket"):
        Store("s3://nowhere/x").listing("")
    with pytest.raises(UserError, match="there is no such bucket"):
        Store("s3://nowhere/x").put("k", b"1")
    with pytest.raises(UserError, match="names no bucket"):
        Store("s3:///x")
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(UserError, match="AWS_ALLOW_HTTP"):
        Store(url)
