"""The object store: the few operations the pipeline needs, by obstore (Rust's object_store), with one way to fail.

The only module that knows the library. A request that may pass is tried again, a few times and for a bounded time;
what then still fails is one `MachineError`, what the store refuses one `UserError`. A conditional put whose answer
got lost is looked up: whether it came through is known, never guessed.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from label_pipeline.errors import MachineError, UserError
from label_pipeline.files import TEMPORARY

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

T = TypeVar("T")
S = TypeVar("S")

AT_ONCE = 8
"""Requests on their way at the same time."""
TRIES = 3
"""Of a download, and of a conditional put whose answer got lost; the library retries each request in it besides."""
ONE_PIECE = 64 << 20
"""Bytes up to which an upload is one conditional request."""
RETRY: RetryConfig = {
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
}
CLIENT: ClientConfig = {"connect_timeout": "10s", "read_timeout": "30s", "timeout": "10m"}


def endpoint() -> str:
    """Where the store is, if not at AWS."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


class Conflict(Exception):  # noqa: N818 - not an error to the user: the caller looks again
    """The object is not, or no longer, what the writer took it for."""


class Absent(Exception):  # noqa: N818 - the caller knows what it means
    """There is no such object."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing has it; `at` is when it was written."""

    size: int
    etag: str
    at: datetime


class Store:
    """One prefix of one bucket. Credentials and endpoint are AWS's own environment variables, or the machine's role."""

    def __init__(self, url: str) -> None:
        from obstore.store import S3Store

        parts = urlsplit(url)
        self.url = url.rstrip("/")
        if not parts.netloc:
            raise UserError(f"'{url}' names no bucket", rule="--data", do="It is like s3://BUCKET/PREFIX.")
        plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")
        if endpoint().startswith("http://") and not plain:
            raise UserError(
                f"{endpoint()} is not encrypted", rule="AWS_ENDPOINT_URL", do="Use https, or set AWS_ALLOW_HTTP=true."
            )
        options: ClientConfig = {**CLIENT, "allow_http": plain}
        prefix = parts.path.strip("/") or None
        self._of = S3Store(parts.netloc, prefix=prefix, client_options=options, retry_config=RETRY)

    def get(self, key: str) -> tuple[bytes, str] | None:
        """An object's bytes and its ETag; None where there is none."""
        import obstore

        def read() -> tuple[bytes, str]:
            found = obstore.get(self._of, key)
            return bytes(found.bytes()), str(found.meta["e_tag"])

        try:
            return self._again(key, read)
        except Absent:
            return None

    def etag(self, key: str) -> str | None:
        """An object's ETag; None where there is none."""
        import obstore

        try:
            return str(self._again(key, lambda: obstore.head(self._of, key))["e_tag"])
        except Absent:
            return None

    def fetch(self, key: str, place: Path, sha256: str = "") -> str:
        """Download an object to `place`, whole; returns its ETag. What has another checksum is an error.

        Raises:
            Absent: there is no such object.
        """
        import obstore

        def download() -> str:
            found, seen, size = obstore.get(self._of, key), hashlib.sha256(), 0
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.with_name(f"{TEMPORARY}{place.name[:100]}-{secrets.token_hex(4)}")
            try:
                with beside.open("wb") as file:  # not flushed to disk: what is lost is fetched again
                    for piece in found.stream():
                        file.write(piece)
                        seen.update(piece)
                        size += len(piece)
                if size != found.meta["size"] or sha256 not in ("", seen.hexdigest()):
                    raise _Damaged(f"{size} bytes with the SHA-256 {seen.hexdigest()}")
                beside.chmod(0o444)
                os.replace(beside, place)
            finally:
                beside.unlink(missing_ok=True)
            return str(found.meta["e_tag"])

        return self._again(key, download)

    def put(self, key: str, content: bytes | Path, name: str = "") -> str:
        """Write an object, over an older one; returns its ETag. `name` tells what kind of file it is."""
        import obstore

        kind = mimetypes.guess_type(name or key)[0]
        told: Any = {"Content-Type": kind} if kind else None
        return str(self._again(key, lambda: obstore.put(self._of, key, content, attributes=told))["e_tag"])

    def create(self, key: str, content: bytes | Path) -> str:
        """Write an object that is not there yet; returns its ETag. The same content again is no conflict.

        Raises:
            Conflict: another is there.
        """
        if isinstance(content, Path):
            if content.stat().st_size > ONE_PIECE:  # in several requests, which cannot have a condition
                if self.get(key) is not None:
                    raise Conflict(key)
                return self.put(key, content)
            content = content.read_bytes()
        return self.swap(key, content, None)

    def swap(self, key: str, content: bytes, etag: str | None) -> str:
        """Write an object over the one with this ETag, or where None is there; returns the new ETag.

        Raises:
            Conflict: another writer came first.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Any = "create" if etag is None else {"e_tag": etag}
        for left in reversed(range(TRIES)):
            try:
                return str(obstore.put(self._of, key, content, mode=mode)["e_tag"])
            except (AlreadyExistsError, PreconditionError) as error:
                # Ours, if an earlier try came through and its answer did not.
                there = self.get(key)
                if there and there[0] == content:
                    return there[1]
                raise Conflict(key) from error
            except Exception as error:
                if left == 0 or _final(error):
                    raise self._told(key, error) from error
        raise AssertionError

    def copy(self, key: str, to: str) -> None:
        """Copy an object within the bucket.

        Raises:
            Absent: there is no such object.
        """
        import obstore

        self._again(key, lambda: obstore.copy(self._of, key, to))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is not there is no error."""
        import obstore

        if keys:
            self._again(keys[0], lambda: obstore.delete(self._of, list(keys)))

    def listing(self, prefix: str) -> dict[str, Listed]:
        """Every object below a prefix, by key."""
        import obstore

        def read() -> dict[str, Listed]:
            return {
                told["path"]: Listed(told["size"], str(told["e_tag"]), told["last_modified"])
                for chunk in obstore.list(self._of, prefix)
                for told in chunk
            }

        return self._again(prefix, read)

    def require_conditions(self, key: str) -> None:
        """Prove, with an object of its own, that the store keeps conditions: older imitations of S3 pass them over.

        Raises:
            UserError: it does not; nothing is safe there.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        self.put(key, b"{}")
        for mode in ("create", {"e_tag": '"00000000000000000000000000000000"'}):
            asked: Any = mode
            try:
                obstore.put(self._of, key, b"{}", mode=asked)
            except (AlreadyExistsError, PreconditionError):
                continue
            except Exception as error:
                raise self._told(key, error) from error
            raise UserError(
                "the object store writes in spite of a condition that does not hold",
                where=self.url,
                rule="If-None-Match, If-Match",
                do="Two writers would overwrite each other: use a store that keeps them, as AWS S3 does.",
            )

    def _again(self, key: str, ask: Callable[[], T]) -> T:
        for left in reversed(range(TRIES)):
            try:
                return ask()
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise self._told(key, error) from error
                raise Absent(key) from error
            except _Damaged as error:
                if left == 0:
                    raise MachineError(
                        "the object is not the one that was written",
                        where=f"{self.url}/{key}",
                        rule=str(error),
                        do="Put it back from a copy of the bucket, or delete the project's state/ and run its nights.",
                    ) from error
            except Exception as error:
                if left == 0 or _final(error):
                    raise self._told(key, error) from error
        raise AssertionError

    def _told(self, key: str, error: Exception) -> UserError:
        """What a user can do about what the store, or the way to it, said."""
        from obstore.exceptions import InvalidPathError, PermissionDeniedError, UnauthenticatedError

        words = " ".join(str(error).split("Debug source")[0].split())
        words = words if len(words) <= 300 else words[:299] + "…"
        where = f"{self.url}/{key}"
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            raise error  # of this machine's disk
        if "NoSuchBucket" in str(error) or isinstance(error, FileNotFoundError):
            return UserError("there is no such bucket", where=self.url, do="Make it, or name another with --data.")
        if isinstance(error, InvalidPathError):
            return UserError("a name in the bucket is no path", where=where, rule=words, do="Rename the object.")
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            return UserError(
                "the object store refuses",
                where=where,
                rule=words,
                do="Are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or the machine's role, right?",
            )
        return MachineError(
            "the object store does not answer",
            where=where,
            rule=words,
            do="Are AWS_ACCESS_KEY_ID (or the machine's role) and AWS_ENDPOINT_URL right? Then run the same again: "
            "no half of it is in the bucket.",
        )


class _Damaged(Exception):  # noqa: N818 - tried again, then told as what it is
    pass


def _final(error: Exception) -> bool:
    """Whether asking again is in vain; the library asked again already where connections or servers failed."""
    from obstore.exceptions import GenericError

    return not isinstance(error, GenericError) or "NoSuchBucket" in str(error)


def at_once(do: Callable[[S], T], each: Iterable[S]) -> Iterator[T]:
    """What `do` gives for each, several at a time, in order; the first error ends it."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="label-pipeline-remote") as pool:
        yield from pool.map(do, each)
