"""Keyed pseudonyms: what the pipeline knows of an annotator past landing.

A pseudonym is HMAC-SHA-256 of source and identity under a key that lives outside the data folder: nobody
without the key can go back, and the same person has the same pseudonym every night.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from label_pipeline.errors import UserError

SHORTEST_KEY = 16


def key(*, make: bool = True) -> bytes:
    """The pseudonym key: `LABEL_PIPELINE_KEY`, else the file `LABEL_PIPELINE_KEY_FILE`; on first use it is made.

    `make` says whether it may be: where something was made with a key, a new one is the wrong one.

    Raises:
        UserError: the key is missing or too short, or others may read its file.
    """
    given = os.environ.get("LABEL_PIPELINE_KEY")
    if given:
        return _long_enough(given.encode(), "LABEL_PIPELINE_KEY")
    path = key_file()
    if not path.exists() and not make:
        raise UserError(
            "the pseudonym key is not there, and the lake was made with one",
            where=str(path),
            rule="one pseudonym key",
            do="Put it back from its copy. docs/privacy.md says what to do where it is lost.",
        )
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process made it just now
            return key()
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_hex(32).encode())
    if path.stat().st_mode & 0o077:
        raise UserError("others may read the pseudonym key", where=path.name, do=f"Run: chmod 600 {path}")
    return _long_enough(path.read_bytes().strip(), path.name)


def key_file() -> Path:
    """Where the key is kept where the environment does not hold it itself."""
    return Path(os.environ.get("LABEL_PIPELINE_KEY_FILE") or Path.home() / ".config/label-pipeline/pseudonym.key")


def key_place() -> str:
    """Where the key comes from, as people are told."""
    return "LABEL_PIPELINE_KEY" if os.environ.get("LABEL_PIPELINE_KEY") else str(key_file())


def _long_enough(value: bytes, where: str) -> bytes:
    if len(value) < SHORTEST_KEY:
        raise UserError(
            f"the pseudonym key is shorter than {SHORTEST_KEY} characters", where=where, do="Use a random one."
        )
    return value


def pseudonym(secret: bytes, source: str, identity: str) -> str:
    """The pseudonym of an identity at a source: `a-` and 16 hexadecimal digits (64 bits)."""
    return "a-" + hmac.new(secret, f"{source}\0{identity}".encode(), hashlib.sha256).hexdigest()[:16]


def pseudonyms(identities: Iterable[tuple[str, str]], secret: bytes) -> dict[tuple[str, str], str]:
    """The pseudonym of each (source, identity)."""
    return {(source, identity): pseudonym(secret, source, identity) for source, identity in identities}
