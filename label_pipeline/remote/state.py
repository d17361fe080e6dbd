"""The truth of a project in a bucket: one manifest, which names every file of it by checksum, size and object.

Objects are written once, under names of their own, before the manifest that names them; replacing the manifest by a
conditional put is the commit. So a reader of one manifest sees one state, whole, and two writers never both win.
What two of them changed is put together here, where both can stand.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from label_pipeline.errors import UserError
from label_pipeline.publish.manifest import NAME

FORMAT = 1
VERSION = re.compile(rf"published/[^/]+/({NAME.pattern})/.+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its SHA-256, its bytes, and what tells its object from others of the same content."""

    sha256: str
    bytes: int
    own: str

    @classmethod
    def new(cls, sha256: str, size: int) -> Entry:
        """Of a file that is to be written. Its object is nobody else's, so that what no manifest names is never named
        again, and can be deleted."""
        return cls(sha256, size, secrets.token_hex(4))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A state: `files` by path. `lease` is whose writer may replace it; `commit` tells it from every other."""

    project: str
    files: Mapping[str, Entry] = field(default_factory=dict)
    lease: str = ""
    commit: str = ""

    @classmethod
    def read(cls, project: str, content: bytes) -> Manifest:
        """The manifest in an object.

        Raises:
            UserError: newer code wrote it.
        """
        told = json.loads(content)
        if told["format"] > FORMAT:
            raise UserError(
                f"the manifest has format {told['format']}, this code reads {FORMAT}",
                where=f"project {project}",
                do="Update label-pipeline.",
            )
        return cls(project, {path: Entry(*e) for path, e in told["files"].items()}, told["lease"], told["commit"])

    def dump(self) -> bytes:
        """As it is stored."""
        files = {path: [e.sha256, e.bytes, e.own] for path, e in sorted(self.files.items())}
        told = {"format": FORMAT, "project": self.project, "lease": self.lease, "commit": self.commit}
        return (json.dumps(told | {"files": files}, ensure_ascii=False, separators=(",", ":")) + "\n").encode()

    def next(self, files: Mapping[str, Entry], lease: str) -> Manifest:
        """The state that follows."""
        return replace(self, files=files, lease=lease, commit=secrets.token_hex(8))

    def key(self, path: str) -> str:
        """The object of a file. A version's files lie where they are read: they never change."""
        return path if VERSION.fullmatch(path) else object_key(self.project, self.files[path])


def object_key(project: str, entry: Entry) -> str:
    """The object of a file that may change."""
    return f"objects/{project}/{entry.sha256[:2]}/{entry.sha256}.{entry.own}"


def manifest_key(project: str) -> str:
    """The object whose replacement is a commit."""
    return f"state/{project}/manifest.json"


def changed_by_both(
    base: Mapping[str, Entry], ours: Mapping[str, Entry], theirs: Mapping[str, Entry]
) -> tuple[dict[str, Entry], list[str]]:
    """Their state with what we changed, and the paths that both changed, which have theirs."""
    merged, both = dict(theirs), []
    for path in sorted(base.keys() | ours.keys()):
        was, our, their = base.get(path), ours.get(path), theirs.get(path)
        if our == was or _same(our, their):
            continue
        if their != was:
            both.append(path)
        elif our is None:
            del merged[path]
        else:
            merged[path] = our
    return merged, both


def _same(one: Entry | None, other: Entry | None) -> bool:
    return (one and one.sha256) == (other and other.sha256)
