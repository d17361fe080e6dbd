"""Tombstones: what tells that a login or an item was erased, and nothing else of it.

One file a project beside the lake, never rebuilt: intake reads it, so that the next full export brings nobody back. A
mark is an HMAC-SHA-256 under a key of the tombstones' own, which lies in the file sealed with the pseudonym key: who
has the one but not the other can test no guess, and another pseudonym key seals it anew without knowing who was erased.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from label_pipeline.errors import UserError
from label_pipeline.files import write_text
from label_pipeline.privacy.persons import key_id


@dataclass(frozen=True, slots=True)
class Tombstones:
    """The marks of everybody and everything erased, by the `key` they are made with."""

    key: bytes = field(default=b"", repr=False)
    marks: frozenset[str] = frozenset()
    has_items: bool = False

    def __bool__(self) -> bool:
        return bool(self.marks)

    def has_login(self, source: str, identity: str) -> bool:
        """Whether a login was erased."""
        return self._mark("login", source, identity) in self.marks

    def has_annotator(self, pseudonym: str) -> bool:
        """Whether an annotator was erased of whom no login was known."""
        return self._mark("annotator", pseudonym) in self.marks

    def has_item(self, item_id: str) -> bool:
        """Whether an item was erased."""
        return self._mark("item", item_id) in self.marks

    def with_marks(
        self, *, logins: Iterable[tuple[str, str]] = (), annotators: Iterable[str] = (), items: Iterable[str] = ()
    ) -> Tombstones:
        """With these erased too."""
        made = self if self.key else replace(self, key=secrets.token_bytes(32))
        items = list(items)
        marks = [made._mark("login", *login) for login in logins]
        marks += [made._mark("annotator", one) for one in annotators] + [made._mark("item", one) for one in items]
        return replace(made, marks=made.marks | set(marks), has_items=made.has_items or bool(items))

    def _mark(self, kind: str, *names: str) -> str:
        return hmac.new(self.key, "\0".join((kind, *names)).encode(), hashlib.sha256).hexdigest()


def read_tombstones(path: Path, secret: bytes) -> Tombstones:
    """The tombstones of a project; none where nobody was ever erased. `secret` is the pseudonym key.

    Raises:
        UserError: they were sealed with another key, or the file was damaged.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        sealed, sealed_by = bytes.fromhex(told["sealed"]), str(told["sealed_by"])
        marks, has_items = frozenset(map(str, told["marks"])), bool(told["has_items"])
    except FileNotFoundError:
        return Tombstones()
    except (ValueError, KeyError, TypeError):
        raise UserError(
            "the tombstones of erased people cannot be read",
            where=f"{path.parent.name}/{path.name}",
            rule="nobody who was erased comes back",
            do="Restore the file from a copy.",
        ) from None
    if sealed_by != key_id(secret):
        raise UserError(
            f"the tombstones of erased people are sealed with pseudonym key {sealed_by}, this one is {key_id(secret)}",
            where=f"{path.parent.name}/{path.name}",
            rule="one pseudonym key",
            do="Put the key back with which the project was run.",
        )
    return Tombstones(_seal(sealed, secret), marks, has_items)


def write_tombstones(path: Path, tombstones: Tombstones, secret: bytes) -> None:
    """Replace the file, sealed with the pseudonym key `secret`."""
    told = {
        "sealed_by": key_id(secret),
        "sealed": _seal(tombstones.key, secret).hex(),
        "has_items": tombstones.has_items,
        "marks": sorted(tombstones.marks),
    }
    write_text(path, json.dumps(told, indent=1) + "\n")


def _seal(key: bytes, secret: bytes) -> bytes:
    """`key` closed with a key stream of the pseudonym key, or opened again: the one undoes the other.

    The stream is used for this one random key and nothing else.
    """
    stream = hmac.new(secret, b"seal of the tombstones' key", hashlib.sha256).digest()
    return bytes(a ^ b for a, b in zip(key, stream, strict=True))
