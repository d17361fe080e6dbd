"""Plain copies in the bucket: marts, roles' marts, reports, certificates and what is published, where people look.

They follow the manifest, each whole, moments after a commit; LATEST last. What was copied is noted, so that a commit
whose writer was killed before it came to this is caught up with by the next one. Versions have no copy: their own
objects lie there.
"""

from __future__ import annotations

import json

from label_pipeline.publish.manifest import LATEST
from label_pipeline.remote.state import VERSION, Manifest, manifest_key
from label_pipeline.remote.store import Absent, Conflict, Store, at_once

PLACES = ("erasures/", "marts/", "published/", "reports/", "roles/")
NOT = (".alerts.json", "/tombstones.json", "/under_way.json")
"""How what only the pipeline reads ends."""
LOOKS = 10


def show(store: Store, project: str) -> None:
    """Make the plain copies of a project those of its manifest, whoever else replaces it or copies meanwhile."""
    copied: set[str] = set()  # by us, and in nobody's note yet
    for _ in range(LOOKS):
        pointer, etag = store.get(_latest(project)) or (None, None)  # before the manifest: a later one is a conflict
        read = store.get(manifest_key(project))
        if read is None:
            return
        manifest, (noted, note) = Manifest.read(project, read[0]), _noted(store, project)
        wanted = {
            path: entry.sha256
            for path, entry in manifest.files.items()
            if path.startswith(PLACES) and not VERSION.fullmatch(path) and not path.endswith(NOT)
        }
        new = [path for path, checksum in wanted.items() if noted.get(path) != checksum or path in copied]
        gone = [path for path in noted if path not in wanted]
        if not new and not gone:
            return
        copied.update(new)
        try:
            for _ in at_once(lambda p: store.copy(manifest.key(p), p), [p for p in new if p != _latest(project)]):  # noqa: B023
                pass
            if _latest(project) in new:
                content = store.get(manifest.key(_latest(project)))
                if content is None:
                    continue
                if content[0] != pointer:
                    store.swap(_latest(project), content[0], etag)
            store.delete(gone)
            store.swap(_note(project), _dump(wanted), note)
        except (Absent, Conflict):
            continue  # the state was replaced meanwhile
        again = store.get(manifest_key(project))
        if again is not None and again[1] == read[1]:
            return


def _latest(project: str) -> str:
    return f"published/{project}/{LATEST}"


def _note(project: str) -> str:
    return f"state/{project}/shown.json"


def _noted(store: Store, project: str) -> tuple[dict[str, str], str | None]:
    found = store.get(_note(project))
    return (json.loads(found[0]), found[1]) if found else ({}, None)


def _dump(wanted: dict[str, str]) -> bytes:
    return (json.dumps(dict(sorted(wanted.items())), indent=0, ensure_ascii=False) + "\n").encode()
