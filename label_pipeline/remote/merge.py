"""Two commits at once: a person's act beside a night's, put together as if one had come after the other.

The audit log takes both, in the order of the commits. LATEST is where the log holds it, else at the later day. All else
that both changed cannot stand together, and the later commit is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from label_pipeline.audit import head_of, rebased
from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.publish.decisions import RELEASE, hold
from label_pipeline.publish.latest import PUBLISH
from label_pipeline.publish.manifest import ACCEPTED, LATEST, MANIFEST
from label_pipeline.publish.withdrawn import WITHDRAWN
from label_pipeline.remote.state import Entry, Manifest, changed_by_both
from label_pipeline.remote.store import Conflict

if TYPE_CHECKING:
    from label_pipeline.remote.tree import Tree


@dataclass(frozen=True, slots=True)
class Ours:
    """What the later writer has: its files, the audit log it began with, the log and LATEST as it has them."""

    files: Mapping[str, Entry]
    log_before: bytes
    log: bytes
    latest: str


def merged(tree: Tree, project: str, base: Manifest, ours: Ours, theirs: Manifest) -> tuple[dict[str, Entry], set[str]]:
    """The files of both, and which of them were written anew here, into the working copy.

    Raises:
        UserError: both changed the same.
        Conflict: theirs was replaced meanwhile.
    """
    files, both = changed_by_both(base.files, ours.files, theirs.files)
    root, place = tree.folder.root, f"published/{project}"
    log, latest = tree.folder.audit(project), f"{place}/{LATEST}"
    log_path, head_path = (str(path.relative_to(root)) for path in (log, log.with_suffix(".head")))
    clash = [path for path in both if path not in (log_path, head_path, latest, f"marts/{project}.alerts.json")]
    if clash:
        raise _clash(tree, project, clash)
    new: set[str] = set()
    if log_path in both:
        written = _object(tree, theirs, log_path)
        log.write_bytes(written)
        log.with_suffix(".head").write_bytes(head_of(written))
        held_before = hold(tree.folder, project) is not None
        # What LATEST was kept from naming was not published.
        content = rebased(ours.log_before, ours.log, written, lambda act: held_before and act.action == PUBLISH)
        if content is None:
            raise _clash(tree, project, [log_path])
        log.write_bytes(content)
        log.with_suffix(".head").write_bytes(head_of(content))
        new |= {log_path, head_path}
        if latest in files:
            released = b'"action": "%s"' % RELEASE.encode() in content[len(ours.log_before) :]
            write_text(root / latest, _latest(tree, project, files, ours, theirs, released=released) + "\n")
            new.add(latest)
    if latest in files:
        named = (root / latest).read_text().strip() if latest in new else _text(tree, ours, theirs, files, latest)
        if f"{place}/{named}/{MANIFEST}" not in files:
            raise UserError(
                f"version {named} went while LATEST was put there", where=f"project {project}", do="Choose another."
            )
    return files, new


def _latest(
    tree: Tree, project: str, files: Mapping[str, Entry], ours: Ours, theirs: Manifest, *, released: bool
) -> str:
    """What LATEST names after both; the merged log is in the working copy."""
    held = hold(tree.folder, project)
    if held is not None:
        return held.version
    path = f"published/{project}/{LATEST}"
    named = [ours.latest] if ours.latest else []
    if path in theirs.files:
        named.append(_object(tree, theirs, path).decode().strip())
    if released:
        place = f"published/{project}"
        notes = sorted(p for p in files if p.startswith(f"{place}/{ACCEPTED}/"))
        versions = [_text(tree, ours, theirs, files, note) for note in notes]
        named += [v for v in versions if f"{place}/{WITHDRAWN}/{v}" not in files][-1:]
    return max(named, key=lambda version: version[:10])


def _text(tree: Tree, ours: Ours, theirs: Manifest, files: Mapping[str, Entry], path: str) -> str:
    if files[path] == ours.files.get(path):
        return (tree.folder.root / path).read_text(encoding="utf-8").strip()
    return _object(tree, theirs, path).decode().strip()


def _object(tree: Tree, theirs: Manifest, path: str) -> bytes:
    found = tree.store.get(theirs.key(path))
    if found is None:
        raise Conflict(path)
    return found[0]


def _clash(tree: Tree, project: str, paths: list[str]) -> UserError:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return UserError(
        f"another process changed {paths[0]}{more} at the same time",
        where=f"project {project} in {tree.store.url}",
        do="Nothing of yours was kept. Run the same again.",
    )
