"""One pull of one source: list, fetch what changed, land it page by page, then land what is gone.

A kill at any point leaves whole files; the next pull sees from them what is still to do. Deletions land last, from
the complete picture, so that half a pull never takes anything for deleted.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

from label_pipeline.clock import today
from label_pipeline.errors import UserError
from label_pipeline.files import make_folder
from label_pipeline.folders import DataFolder
from label_pipeline.landing import land_bytes
from label_pipeline.project import Project
from label_pipeline.project_pull import Pull
from label_pipeline.pull.label_studio import Task, Tool, as_file
from label_pipeline.pull.landed import Landed, PulledFile, file_name, pulled_files, restored
from label_pipeline.pull.server import Server
from label_pipeline.sql import connect

FEW = 20  # deletions are believed up to this many, whatever their share


@dataclass(frozen=True, slots=True)
class Pulled:
    """How many tasks the server has, how many landed, and annotations that landed as deleted."""

    listed: int
    landed: int
    deleted: int


def pulled_sources(project: Project) -> list[str]:
    """The sources that are pulled."""
    return [name for name, source in project.sources.items() if source.pull is not None]


def pull_source(
    folder: DataFolder,
    project: Project,
    name: str,
    *,
    day: date | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Pulled:
    """Land what changed in one source's Label Studio since the last pull, on `day` (default: today).

    `pause` waits between attempts.

    Raises:
        UserError: no token, a server that refuses or fails in every attempt, or more deletions than the project
            allows. What has landed until then stays.
    """
    pull = project.sources[name].pull
    if pull is None:
        raise UserError(f"source '{name}' is not pulled", rule="pull", do=f"Give sources.{name} a 'pull' part.")
    server = server_of(pull, pause)
    with _alone(folder, project.project), connect() as con:
        files = pulled_files(folder, project.project, name, pull.project)
        number = files[-1].number if files else 0
        landing = _Landing(folder, project, name, pull, Landed(con, files), number, day)
        return landing.run(Tool(server, pull.project))


def server_of(pull: Pull, pause: Callable[[float], None] = time.sleep) -> Server:
    """The server of a source, asked with the token that its environment variable holds."""
    token = os.environ.get(pull.token_env, "")
    return Server(pull.url, token, named=pull.token_env, timeout_s=pull.timeout_s, attempts=pull.attempts, pause=pause)


def said(name: str, found: Pulled) -> str:
    """What a pull of a source did, in a sentence."""
    return (
        f"Source '{name}': {found.listed} tasks on the server, {found.landed} landed, "
        f"{found.deleted} annotation(s) deleted."
    )


@dataclass(slots=True)
class _Landing:
    folder: DataFolder
    project: Project
    source: str
    pull: Pull
    landed: Landed
    number: int  # of the newest file
    day: date | None  # on which files land; None for the day it is then

    def run(self, tool: Tool) -> Pulled:
        listed = fetched = 0
        for page in tool.listing():
            self.landed.note(page.tasks)
            listed += len(page.tasks)
            at = page.at
        deleted = self.landed.deleted()
        for page in tool.tasks(self.landed.stale(), self.pull.page_size):
            if page.tasks:
                self._land([restored(task, deleted) for task in page.tasks], page.at)
                fetched += len(page.tasks)
        return Pulled(listed, fetched, self._deletions(at))

    def _deletions(self, at: datetime) -> int:
        files, gone, known = self.landed.gone()
        if gone > FEW and gone > self.pull.max_deleted * known:
            raise UserError(
                f"{gone} of {known} known annotations are gone from the server, no deletion has landed",
                where=self.pull.url,
                rule=f"pull.max_deleted: {self.pull.max_deleted}",
                do="Is it the right project, and does the token's owner see all of it? Raise max_deleted if so.",
            )
        for file, tasks in files.items():
            self._land(self.landed.deletions(file, tasks, at), at)
        return gone

    def _land(self, tasks: list[Task], at: datetime) -> None:
        self.number += 1
        name = file_name(self.pull.project, self.number, at)
        day = self.day or today(self.project.timezone)
        path = land_bytes(self.folder, self.project, name, as_file(tasks), self.source, day)
        self.landed.add([PulledFile(path, self.number, at)])


@contextmanager
def _alone(folder: DataFolder, project: str) -> Iterator[None]:
    """Be the project's only pull; the lock goes with the process, however it ends."""
    path = folder.pull_lock(project)
    make_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError("another pull of this project is running", where=project, do="Wait for its end.") from None
    else:
        yield
    finally:
        os.close(handle)
