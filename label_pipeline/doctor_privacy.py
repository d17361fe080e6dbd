"""What `doctor` looks at for people's sake: the key and the map, and who else on this machine may read their data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from label_pipeline.contracts.tables import LOGINS
from label_pipeline.doctor_finding import Finding
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder

FOR_ALL = ("published", "locks")
"""Folders of the data folder in which nobody stands."""


def key_and_map(folder: DataFolder) -> Iterator[Finding]:
    """Whether the key is there, is closed, and lies apart from the data; the same of the re-identification map."""
    from label_pipeline.privacy.identity_map import map_file, require_closed
    from label_pipeline.privacy.pseudonyms import key, key_file, key_place

    in_file = not os.environ.get("LABEL_PIPELINE_KEY")
    used = any(folder.lake.glob(f"{LOGINS.name}/*/day=*"))
    if in_file and not key_file().exists() and not used:
        words = f"{key_place()} is not there yet"
        yield Finding("warn", "pseudonym key", words, "The first night makes it: keep a copy.")
    else:
        try:
            key(make=False)
            yield Finding("ok", "pseudonym key", key_place())
        except (UserError, OSError) as error:
            yield Finding("bad", "pseudonym key", str(error))
    place = map_file()
    if place is not None and place.exists():
        try:
            require_closed(place)
            yield Finding("ok", "re-identification map", str(place))
        except (UserError, OSError) as error:
            yield Finding("bad", "re-identification map", str(error))
    for what, path in (("pseudonym key", key_file() if in_file else None), ("re-identification map", place)):
        if path is not None and path.resolve().is_relative_to(folder.root.resolve()):
            words = f"{path} is in the data folder: whoever has a copy of the data has it too"
            yield Finding("warn", what, words, "Put it elsewhere; docs/privacy.md names the variables.")


def who_reads(folder: DataFolder) -> Iterator[Finding]:
    """Folders with people's data that every account of the machine may read."""
    places = [p for p in sorted(folder.root.iterdir()) if p.is_dir() and p.name not in (*FOR_ALL, folder.roles.name)]
    places += sorted(folder.roles.glob("*/"))
    opened = [str(p.relative_to(folder.root)) for p in places if _open_to_all(p)]
    if opened:
        words = f"every account of this machine may read {', '.join(opened)} in {folder.root}"
        do = f"Run there: chmod o-rwx {' '.join(opened)}. docs/privacy.md has the set-up of roles."
        yield Finding("warn", "permissions", words, do)


def _open_to_all(place: Path) -> bool:
    """Whether others may read in a folder: all folders above it let them through."""
    place = place.resolve()
    return bool(place.stat().st_mode & 0o005) and all(above.stat().st_mode & 0o001 for above in place.parents)
