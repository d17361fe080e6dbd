"""The working copy of a data folder in a bucket: files of one process alone, brought up to date and committed.

What a project's manifest names (lake, marts, roles, reports, versions, acts) is replaced as one state. What people and
vendors put there (project files, landing) is read from plain paths, as it is. Other processes never see a working copy,
and this one never sees what another has not committed.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from label_pipeline.clock import now
from label_pipeline.errors import MachineError, UserError
from label_pipeline.files import TEMPORARY, sha256
from label_pipeline.folders import DataFolder
from label_pipeline.locks import HeldError
from label_pipeline.project import load_project, project_names
from label_pipeline.publish.manifest import LATEST
from label_pipeline.remote import shown
from label_pipeline.remote.cache import Cache
from label_pipeline.remote.inputs import Inputs, Mark, mark_of
from label_pipeline.remote.merge import Ours, merged
from label_pipeline.remote.state import VERSION, Entry, Manifest, manifest_key, object_key
from label_pipeline.remote.store import Absent, Conflict, Store, at_once

ORPHAN = 86_400.0
"""Seconds after which an object that no manifest names is no commit's that is under way."""
LOOKS = 10
"""How often a state is read again while others replace it."""


@dataclass(slots=True)
class _Known:
    """A project as the working copy has it: the state it was brought to, and by what each file is known unchanged."""

    manifest: Manifest
    etag: str | None = None
    marks: dict[str, Mark] = field(default_factory=dict)
    log: bytes = b""  # the audit log as it was brought or committed last
    token: str = ""  # of the lease under which it is written now
    stale: bool = False  # what is here is half a state, or could not be committed, and never will be


@dataclass(slots=True)
class Tree:
    """One working copy: `folder` is what the rest works with."""

    store: Store
    cache: Cache
    folder: DataFolder
    inputs: Inputs
    alone: threading.RLock = field(default_factory=threading.RLock)  # ticks of the UI are threads of one process
    _known: dict[str, _Known] = field(default_factory=dict)

    # --- bringing it up to date

    def reopened(self) -> DataFolder:
        """The folder, with the project files as they are now; not while a project is held: they may be changed here."""
        with self.alone:
            if not any(known.token for known in self._known.values()):
                self.inputs.bring("projects")
        return self.folder

    def refresh(self, project: str, *, fence: str = "") -> None:
        """Make the project here what it is in the bucket; what was not committed goes.

        With `fence` the state is first claimed for the lease with this token: whoever held the one before cannot
        replace it any more.
        """
        with self.alone:
            self.settle(project)
            for place in {*_places(project), f"landing/{self._landing_of(project)}"}:
                self.inputs.bring(place)
            known = self._known.get(project)
            if known and not known.stale and not fence and self.store.etag(manifest_key(project)) == known.etag:
                return
            for _ in range(LOOKS):
                manifest, etag = self._read(project)
                if fence:
                    if etag is None:
                        self.store.require_conditions(f"state/{project}/conditions")
                    manifest = manifest.next(manifest.files, fence)
                    try:
                        etag = self.store.swap(manifest_key(project), manifest.dump(), etag)
                    except Conflict:
                        continue
                try:
                    self._bring(project, manifest, etag)
                    return
                except Absent:  # deleted by whoever replaced the state meanwhile
                    if self._read(project)[1] == etag:
                        raise self._missing(project) from None
        raise self._busy(project)

    def _read(self, project: str) -> tuple[Manifest, str | None]:
        found = self.store.get(manifest_key(project))
        return (Manifest(project), None) if found is None else (Manifest.read(project, found[0]), found[1])

    def _landing_of(self, project: str) -> str:
        with suppress(UserError):  # a broken project file is told by who reads it
            return load_project(self.folder, project).landing_of
        return project

    def _bring(self, project: str, manifest: Manifest, etag: str | None) -> None:
        """Make the files those of a manifest; what is here unchanged stays."""
        known = self._known.setdefault(project, _Known(manifest))
        here = dict(_files(self.folder, project))
        for path in here.keys() - manifest.files.keys():
            (self.folder.root / path).unlink()
        before = known.manifest.files
        wanted = [
            path
            for path, entry in manifest.files.items()
            if path not in here
            or here[path] != known.marks.get(path)
            or path not in before
            or before[path].sha256 != entry.sha256
        ]
        known.stale = True
        for path, mark in at_once(lambda p: (p, self._link(manifest, p)), wanted):
            known.marks[path] = mark
        known.marks = {path: known.marks[path] for path in manifest.files}
        self._is(known, manifest, etag)

    def _is(self, known: _Known, manifest: Manifest, etag: str | None) -> None:
        """What is here is this state."""
        log = self.folder.audit(manifest.project)
        known.log = log.read_bytes() if log.is_file() else b""
        known.manifest, known.etag, known.stale = manifest, etag, False

    def _link(self, manifest: Manifest, path: str) -> Mark:
        entry, place = manifest.files[path], self.folder.root / path
        key = manifest.key(path)
        self.cache.link(
            entry.sha256,
            entry.bytes,
            place,
            lambda content: self.store.fetch(key, content, entry.sha256),
            copied=path.startswith("audit/"),  # appended to in place
        )
        return mark_of(place)

    # --- committing

    @contextmanager
    def held(self, project: str, token: str) -> Iterator[None]:
        """What the body changes is changed under this lease, and committed at its end, whatever came of it."""
        known = self._known[project]
        known.token = token
        try:
            yield
        finally:
            try:
                if not known.stale:  # what could not be committed before its time was told as lost
                    self.commit(project, token)
            finally:
                known.token = ""

    def settle(self, only: str = "") -> None:
        """Commit what was changed without a lease: acts of people, files that landed."""
        with self.alone:
            for project in [only] if only else {*self._known, *project_names(self.folder)}:
                known = self._known.get(project)
                if known is None:  # one that was just made, or that nobody asked for
                    self.inputs.put(self.inputs.changed(_places(project))[0])
                elif not known.token and not known.stale:
                    self.commit(project, "")

    def commit_held(self, project: str) -> None:
        """Commit what is there by now, under the lease that is held; nothing where none is."""
        known = self._known.get(project)
        if known and known.token:
            self.commit(project, known.token)

    def commit(self, project: str, token: str) -> None:
        """Make the project in the bucket what it is here: all objects, then the manifest, then plain copies.

        Raises:
            HeldError: the lease with this token was taken over; nothing was changed.
            UserError: without a lease, where somebody else changed the same at the same time.
            MachineError: the store does not answer; the state is the old one or the new one, never between.
        """
        known = self._known[project]
        known.stale, whole = True, True
        base = known.manifest
        ours, marks = self._seen(project, known)
        written, taken = self.inputs.changed(_places(project))
        self.inputs.put(written)
        if ours != base.files:
            if known.etag is None:
                self.store.require_conditions(f"state/{project}/conditions")
            self._put(base.next(ours, token), [path for path, e in ours.items() if e != base.files.get(path)])
            manifest, etag = self._replace(project, known, ours, token)
            known.manifest, known.marks = Manifest(project, ours), marks
            try:
                self._bring(project, manifest, etag)  # what others committed meanwhile is here from now on
            except Absent:
                whole = False  # and what they have replaced again is brought by the next look
        if token or ours != base.files:
            self._show_index()
            shown.show(self.store, project)
        self._drop(base, known.manifest)
        self.inputs.delete(taken)
        known.stale = not whole

    def _drop(self, base: Manifest, now: Manifest) -> None:
        """Delete objects that the state no longer names; of a version its manifest first: it is gone at once."""
        gone = [path for path, entry in base.files.items() if now.files.get(path) != entry]
        versions = sorted(path for path in gone if VERSION.fullmatch(path) and path not in now.files)
        manifests = [path for path in versions if path.endswith("/manifest.json")]
        self.store.delete(manifests)
        self.store.delete([path for path in versions if path not in manifests])
        self.store.delete([base.key(path) for path in gone if not VERSION.fullmatch(path)])
        for checksum in {base.files[p].sha256 for p in gone} - {e.sha256 for e in now.files.values()}:
            self.cache.forget(checksum)  # what was erased is not to stay on this machine

    def _show_index(self) -> None:
        """The page over all projects, where all of them are here and it was made anew."""
        page = self.folder.report_index()
        if page.is_file() and set(project_names(self.folder)) <= self._known.keys():
            self.store.put("reports/index.html", page)

    def _seen(self, project: str, known: _Known) -> tuple[dict[str, Entry], dict[str, Mark]]:
        """The project's files as they are here."""
        files, marks = {}, {}
        for path, mark in _files(self.folder, project):
            entry = known.manifest.files.get(path)
            if entry is None or known.marks.get(path) != mark:
                seen = self._entry(path)
                entry = entry if entry and entry.sha256 == seen.sha256 else seen
            files[path], marks[path] = entry, mark
        return files, marks

    def _put(self, manifest: Manifest, added: Iterable[str]) -> None:
        """Write the objects of new files; of a version its manifest after all others, so that it appears whole."""
        last = [p for p in added if VERSION.fullmatch(p) and p.endswith("/manifest.json")]
        for paths in ([p for p in added if p not in last], last):
            for _ in at_once(lambda p: self.store.put(manifest.key(p), self.folder.root / p, p), paths):
                pass
        for path in added:
            if not path.startswith("audit/"):  # appended to in place
                self.cache.keep(manifest.files[path].sha256, self.folder.root / path)

    def _replace(self, project: str, known: _Known, ours: dict[str, Entry], token: str) -> tuple[Manifest, str]:
        """The commit: one conditional put. Who finds another state there takes it in first, where both can stand."""
        manifest, etag = known.manifest.next(ours, token or known.manifest.lease), known.etag
        mine: Ours | None = None
        for _ in range(LOOKS):
            with suppress(Conflict):
                return manifest, self.store.swap(manifest_key(project), manifest.dump(), etag)
            theirs, etag = self._read(project)
            if token and theirs.lease not in (token, known.manifest.lease):
                raise HeldError(
                    f"project {project} was taken over by another process while this one wrote it",
                    where=self.store.url,
                    do="Nothing of it was kept. Run the same again.",
                )
            mine = mine or self._ours(project, known, ours)
            with suppress(Conflict):
                files, new = merged(self, project, known.manifest, mine, theirs)
                for path in new:
                    files[path] = self._entry(path)
                manifest = theirs.next(files, token or theirs.lease)
                self._put(manifest, new)
        raise self._busy(project)

    def _ours(self, project: str, known: _Known, ours: dict[str, Entry]) -> Ours:
        log, pointer = self.folder.audit(project), self.folder.published(project) / LATEST
        return Ours(
            ours,
            known.log,
            log.read_bytes() if log.is_file() else b"",
            pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else "",
        )

    def _entry(self, path: str) -> Entry:
        place = self.folder.root / path
        return Entry.new(sha256(place), place.stat().st_size)

    def sweep(self, project: str) -> int:
        """Delete the project's objects that no manifest names, but for those of a commit that may be under way."""
        manifest = self._known[project].manifest
        named = {object_key(project, entry) for entry in manifest.files.values()}
        old = now().timestamp() - ORPHAN
        left = [k for k, o in self.store.listing(f"objects/{project}").items() if o.at.timestamp() < old]
        orphans = [key for key in left if key not in named]
        versions = self.store.listing(f"published/{project}")
        orphans += [
            k
            for k, o in versions.items()
            if VERSION.fullmatch(k) and k not in manifest.files and o.at.timestamp() < old
        ]
        self.store.delete(orphans)
        return len(orphans)

    def close(self) -> None:
        """The working copy is done with."""
        _open.pop(self.folder.url, None)
        self.cache.remove_copy(self.folder.root)

    def _missing(self, project: str) -> MachineError:
        return MachineError(
            "an object that the state names is gone from the bucket",
            where=f"{self.store.url}/{manifest_key(project)}",
            do="Put it back from a copy or a version of the bucket, or delete the manifest and run its nights.",
        )

    def _busy(self, project: str) -> MachineError:
        return MachineError(f"project {project} is changed all the time", where=self.store.url, do="Try again later.")


_open: dict[str, Tree] = {}
"""The working copies of this process, by URL."""
_opening = threading.Lock()


def opened(url: str) -> Tree:
    """The process's working copy of a URL; the first time it is made, with all project files."""
    url = url.rstrip("/")
    with _opening:
        if url not in _open:
            cache, store = Cache.of(url), Store(url)
            folder = DataFolder(cache.new_copy(), url)
            _open[url] = Tree(store, cache, folder, Inputs(store, cache, folder.root))
            atexit.register(cache.remove_copy, folder.root)
            _open[url].inputs.bring("projects")
        return _open[url]


def opened_projects(tree: Tree, asked: str | None, *, skip: bool) -> list[str]:
    """The projects that a command needs: the one it names with those that share its landing, or all."""
    if skip:
        return []
    names = project_names(tree.folder)
    if asked is None:
        return names
    owners = {}
    for name in names:
        with suppress(UserError):
            owners[name] = load_project(tree.folder, name).landing_of
    return [name for name in names if name == asked or owners.get(name, name) == owners.get(asked, asked)]


def _places(project: str) -> tuple[str, str]:
    """Where the inputs of a project lie."""
    return f"projects/{project}", f"landing/{project}"


def _files(folder: DataFolder, project: str) -> Iterator[tuple[str, Mark]]:
    """The files that are the project's state, as they are here, with what changes when they do."""
    places = [
        *folder.lake.glob(f"*/project={project}"),
        *folder.roles.glob(f"*/{project}"),
        folder.erasures(project),
        folder.published(project),
        folder.report_index(project).parent,
    ]
    log = folder.audit(project)
    single = [folder.mart(project), folder.alerts(project), log, log.with_suffix(".head")]
    for path in single:
        if path.is_file():
            yield str(path.relative_to(folder.root)), mark_of(path)
    for place in places:
        for above, folders, names in os.walk(place):
            folders[:] = [name for name in folders if not name.startswith(TEMPORARY)]
            for name in names:
                if not name.startswith(TEMPORARY):
                    path = Path(above, name)
                    yield str(path.relative_to(folder.root)), mark_of(path)
