"""A data folder in an object store: `s3://bucket/prefix` wherever a folder may be named.

DuckDB, Parquet and the kernels work on files, so each process has a working copy of its own (`tree`); the truth is one
manifest a project in the bucket (`state`), replaced by one conditional put. Who writes a project holds its lease
(`lease`). What people and other programs read lies at plain paths too (`shown`). `store` alone knows the library.

Here stands the seam to the rest: light, and nothing of the library is imported before a URL is asked for.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from label_pipeline.errors import MachineError, UserError

if TYPE_CHECKING:
    from label_pipeline.folders import DataFolder
    from label_pipeline.locks import Holder
    from label_pipeline.orchestration.desk import Desk

P = ParamSpec("P")
T = TypeVar("T")

SCHEME = "s3://"
NO_LAKE = ("check", "init", "ui")
"""Commands that read no project's lake: `check` fetches the version it is asked about, no more."""


def is_url(place: str) -> bool:
    """Whether a data folder is one of an object store."""
    return "://" in place


def chosen(data: str | Path | None) -> str:
    """What a user named as data folder, by argument, environment or place."""
    return str(data or os.environ.get("LABEL_PIPELINE_DATA") or "data")


def require_extra(url: str) -> None:
    """Refuse a URL of another kind, or one that nothing installed can open.

    Raises:
        UserError: in one line, with what to install.
    """
    if not url.startswith(SCHEME):
        raise UserError(f"'{url}' is no data folder", rule="--data", do="It is a folder, or s3://BUCKET/PREFIX.")
    try:
        import obstore  # noqa: F401
    except ImportError:
        raise UserError(f"{url} needs the extra s3", do="Run: pip install 'label-pipeline[s3]'") from None


@contextmanager
def working(arguments: argparse.Namespace) -> Iterator[None]:
    """Around a command: its working copy is brought up to date, and what it changed is committed, whatever came of it.

    Does nothing where the data folder is a folder.
    """
    url = chosen(getattr(arguments, "data", None))
    if not is_url(url):
        yield
        return
    require_extra(url)
    from label_pipeline.remote.tree import opened, opened_projects

    tree = opened(url)
    try:
        for project in opened_projects(tree, getattr(arguments, "project", None), skip=arguments.command in NO_LAKE):
            tree.refresh(project)
        try:
            yield
        except MachineError:  # what this machine refused is a place of this machine
            raise
        except UserError as error:
            error.args = (str(error).replace(str(tree.folder.root), url),)
            raise
        finally:
            tree.settle()
    finally:
        tree.close()


def folder_of(url: str) -> DataFolder:
    """The working copy of a data folder in a bucket, with the project files as they are now."""
    require_extra(url)
    from label_pipeline.remote.tree import opened

    return opened(url).reopened()


def up_to_date(desk: Desk) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorates what looks at a project now and then, as ticks of the UI do: it sees one state, the newest one."""

    def decorate(look: Callable[P, T]) -> Callable[P, T]:
        @wraps(look)
        def looking(*args: P.args, **kwargs: P.kwargs) -> T:
            if not desk.folder.url:
                return look(*args, **kwargs)
            from label_pipeline.remote.tree import opened

            tree = opened(desk.folder.url)
            with tree.alone:
                tree.refresh(desk.project.project)
                return look(*args, **kwargs)

        return looking

    return decorate


@contextmanager
def held(folder: DataFolder, project: str, what: str) -> Iterator[None]:
    """Hold a project in its bucket while the body runs: up to date before, committed after, whatever came of it.

    Raises:
        HeldError: another process holds it, or took it over meanwhile; says which.
        MachineError: the store does not answer; nothing of it is in the bucket.
    """
    from label_pipeline.remote.lease import leased
    from label_pipeline.remote.tree import opened

    tree = opened(folder.url)
    with leased(tree.store, project, what) as lease:
        tree.refresh(project, fence=lease.token if lease.taken_over else "")
        with tree.held(project, lease.token):
            yield


def settle(folder: DataFolder, project: str) -> None:
    """Commit what is held so far: a step after which another process can go on."""
    if folder.url:
        from label_pipeline.remote.tree import opened

        opened(folder.url).commit_held(project)


def holder(folder: DataFolder, project: str) -> tuple[Holder | None, Holder | None]:
    """Who holds a project in its bucket, and who held it and did not end as it should."""
    from label_pipeline.remote.lease import holders
    from label_pipeline.remote.tree import opened

    return holders(opened(folder.url).store, project)


def prove(folder: DataFolder) -> None:
    """Prove that a bucket can be written under conditions, and keeps them.

    Raises:
        UserError: it cannot, or does not; says what to do.
    """
    from label_pipeline.remote.tree import opened

    opened(folder.url).store.require_conditions("state/conditions")


def sweep(folder: DataFolder, project: str) -> int:
    """Delete objects that killed writers left and nothing names; returns how many. For who holds the project."""
    if not folder.url:
        return 0
    from label_pipeline.remote.tree import opened

    return opened(folder.url).sweep(project)


def fetched(url: str, project: str, version: str) -> tuple[Path, str]:
    """A project's published folder on this machine with a version of it; see `remote.published`."""
    require_extra(url)
    from label_pipeline.remote.published import fetched

    return fetched(url, project, version)
