"""An S3 server for all tests of a file, and for each test a prefix and a cache of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from label_pipeline.remote import tree as trees
from label_pipeline.remote.store import Store
from label_pipeline_tests.remote.server import BUCKET, environment, s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def url(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A data folder in the bucket, which this process can reach."""
    for name, value in environment(server, str(tmp_path / "cache")).items():
        monkeypatch.setenv(name, value)
    yield f"s3://{BUCKET}/{tmp_path.name}"
    for tree in list(trees._open.values()):
        tree.close()


@pytest.fixture
def store(url: str) -> Store:
    return Store(url)


@contextmanager
def elsewhere(url: str) -> Iterator[trees.Tree]:
    """A working copy of another process, as far as the bucket can tell."""
    mine = trees._open.pop(url, None)
    tree = trees.opened(url)
    trees._open.pop(url)
    if mine is not None:
        trees._open[url] = mine
    try:
        yield tree
    finally:
        tree.cache.remove_copy(tree.folder.root)
