"""Manifests put together, and logs: what both sides changed is found, and nothing of either side is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline import audit
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.remote.state import Entry, Manifest, changed_by_both

PATHS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123"), max_size=6)
AT = datetime(2026, 10, 5, 22, tzinfo=UTC)


def entries(of: dict[str, str]) -> dict[str, Entry]:
    return {path: Entry(content, 1, "0") for path, content in of.items()}


@given(PATHS, PATHS, PATHS)
def test_two_changes_of_one_state(base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]) -> None:
    """Loss: a file that one side wrote or took away, undone by the other that did not touch it."""
    merged, both = changed_by_both(entries(base), entries(ours), entries(theirs))
    for path in "abcdef":
        was, our, their = base.get(path), ours.get(path), theirs.get(path)
        got = merged[path].sha256 if path in merged else None
        assert got == (our if their == was else their)
        assert (path in both) == (len({was, our, their}) == 3)


def test_a_manifest_is_what_was_written() -> None:
    """Loss: a path with an accent, or an old reader that takes a new manifest for its own."""
    path = "lake/é/project=p/day=2026-10-05/part.parquet"
    made = Manifest("p", {path: Entry("ab" * 32, 7, "0011")}).next({path: Entry("ab" * 32, 7, "0011")}, "lease")
    assert Manifest.read("p", made.dump()) == made
    assert made.key(path) == f"objects/p/ab/{'ab' * 32}.0011"
    version = "published/p/2026-10-05-0123abcd/train.parquet"
    assert Manifest("p", {version: Entry("ab" * 32, 7, "0011")}).key(version) == version
    with pytest.raises(UserError, match="Update label-pipeline"):
        Manifest.read("p", made.dump().replace(b'"format":1', b'"format":2'))


@settings(max_examples=25)
@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_logs_that_were_written_at_once(
    tmp_path_factory: pytest.TempPathFactory, n: int, ours: int, theirs: int
) -> None:
    """Loss: an entry of the log, or a chain that no longer proves it."""
    base = log(tmp_path_factory.mktemp("a"), [f"base {k}" for k in range(n)])
    one = log(tmp_path_factory.mktemp("b"), [f"ours {k}" for k in range(ours)], base)
    two = log(tmp_path_factory.mktemp("c"), [f"theirs {k}" for k in range(theirs)], base)
    both = audit.rebased(base, one, two)
    assert both is not None
    assert both.startswith(two)
    folder = DataFolder(tmp_path_factory.mktemp("d"))
    place(folder, both)
    subjects = [entry.act.subject for entry in audit.entries(folder, "p")]
    order = (("base", n), ("theirs", theirs), ("ours", ours))
    assert subjects == [f"{who} {k}" for who, many in order for k in range(many)]
    if n:
        assert audit.rebased(base, b"blanked\n" + one, two) is None


def log(root: Path, subjects: list[str], base: bytes = b"") -> bytes:
    folder = DataFolder(root)
    place(folder, base)
    for k, subject in enumerate(subjects):
        audit.record(folder, "p", at=AT + timedelta(k), actor="a", action="act", subject=subject, reason="r")
    path = folder.audit("p")
    return path.read_bytes() if path.is_file() else b""


def place(folder: DataFolder, content: bytes) -> None:
    path = folder.audit("p")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.with_suffix(".head").write_bytes(audit.head_of(content))
