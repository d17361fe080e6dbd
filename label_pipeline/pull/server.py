"""One HTTP server that is asked politely: retries with growing pauses, a time limit, and a token nobody else sees.

Redirects are never followed, so that the token goes to no other host; no message shows the token or a body, which
may be people's data. What is asked is `label_studio`'s.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from label_pipeline.clock import now
from label_pipeline.errors import UserError

LONGEST_PAUSE = 60.0  # seconds between two attempts
WHOLE = 10  # an answer may take this many time limits in all, as long as something comes within each
AGAIN = (408, 425, 429)  # answers below 500 that ask to come back later
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: the parsed JSON, and the time by its own clock (ours, where it names none)."""

    value: Any
    at: datetime


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: urllib would send the token along, to whatever host."""
        return


class _PassingError(Exception):
    """Something that another attempt may mend; `after` is the pause the server asked for, in seconds."""

    def __init__(self, words: str, after: float = 0.0) -> None:
        self.after = after
        super().__init__(words)


class _TokenError(Exception):
    """The server does not accept the token."""


class Server:
    """A server below `url`. `token` is a legacy token, or a personal access token (a JWT), which is exchanged.

    `named` is how messages name where the token comes from. `pause` waits between attempts; a test may shorten it.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        named: str,
        timeout_s: float = 60.0,
        attempts: int = 6,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        token = token.strip()
        if not re.fullmatch(r"[!-~]+", token):
            raise UserError(
                f"the environment variable {named} is empty or holds no token",
                rule="pull.token_env",
                do=f"Set {named} to a token of the labelling tool.",
            )
        self.url, self.named = url.rstrip("/"), named
        self._token, self._bearer = token, ""
        self._timeout, self._attempts, self._pause = timeout_s, attempts, pause
        self._opener = urllib.request.build_opener(_NoRedirects())

    def __repr__(self) -> str:
        return f"Server({self.url})"

    def get(self, path: str, query: Mapping[str, str | int]) -> Answer:
        """Ask for JSON. Raises UserError when the server refuses, or fails in every attempt."""
        return self._allowed(lambda token: self._patiently(f"{path}?{urlencode(query)}", None, token))

    def change(self, method: str, path: str, body: object = None) -> Answer:
        """PATCH, PUT or DELETE: what is done twice as well as once, and tried again as questions are."""
        content = None if body is None else json.dumps(body).encode()
        return self._allowed(lambda token: self._patiently(path, content, token, method))

    def create(self, path: str, body: object) -> bool:
        """POST something new, once: whether the server says that it took it.

        False is not known, and nothing is tried again: look whether it is there before it is sent once more. Raises
        UserError when the server refuses.
        """
        content = json.dumps(body).encode()
        try:
            self._allowed(lambda token: self._once(path, content, token, "POST"))
        except _PassingError:
            return False
        return True

    def _allowed(self, ask: Callable[[str], Answer]) -> Answer:
        """What `ask` gives with a token that the server accepts."""
        for fresh in (False, True):
            try:
                return ask(self._authorization(fresh))
            except _TokenError:  # an access token lives for minutes: it is renewed once
                if fresh or not self._exchanged:
                    break
        raise UserError(
            f"the server does not accept the token in {self.named}",
            where=self.url,
            rule="pull.token_env",
            do="Make a new one in the tool; old style tokens may be switched off there.",
        )

    @property
    def _exchanged(self) -> bool:
        """Whether the token is a JWT, which is exchanged for an access token."""
        return self._token.count(".") == 2

    def _authorization(self, fresh: bool) -> str:
        if not self._exchanged:
            return f"Token {self._token}"
        if fresh or not self._bearer:
            body = json.dumps({"refresh": self._token}).encode()
            said = self._patiently("/api/token/refresh/", body, None).value
            access = said.get("access") if isinstance(said, dict) else None
            if not isinstance(access, str) or not re.fullmatch(r"[!-~]+", access):
                raise self.odd()
            self._bearer = access
        return f"Bearer {self._bearer}"

    def _patiently(self, path: str, body: bytes | None, authorization: str | None, method: str | None = None) -> Answer:
        """One question, again after growing pauses. Raises _TokenError for the token."""
        for attempt in range(1, self._attempts + 1):
            try:
                return self._once(path, body, authorization, method)
            except _PassingError as passing:
                if attempt == self._attempts:
                    raise UserError(
                        f"the server does not answer: {passing} in the last of {attempt} attempts",
                        where=self.url,
                        rule="pull",
                        do="What has landed stays; pull again when it is well. Is one page too much, lower page_size.",
                    ) from None
                wait = passing.after or 2.0 ** (attempt - 1)
            self._pause(min(wait, LONGEST_PAUSE))
        raise AssertionError("at least one attempt is made")

    def _once(self, path: str, body: bytes | None, authorization: str | None, method: str | None = None) -> Answer:
        headers = {"Accept": "application/json", "Cache-Control": "no-cache"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = self.url + path
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - the project file checks it
        if authorization:
            request.add_unredirected_header("Authorization", authorization)
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                text = self._body(response)
                done = method == "DELETE" and not text
                return Answer(None if done else json.loads(text), _server_time(response.headers.get("Date")))
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404 and method == "DELETE":
                    return Answer(None, _server_time(error.headers.get("Date")))  # gone is gone
                raise self._refusal(error.code, error.headers, "change" if method else "read") from None
        except urllib.error.URLError as error:
            reason = error.reason
            raise _PassingError("timeout" if isinstance(reason, TimeoutError) else type(reason).__name__) from None
        except TimeoutError:
            raise _PassingError("timeout") from None
        except (OSError, http.client.HTTPException) as error:
            raise _PassingError(type(error).__name__) from None
        except (ValueError, RecursionError):  # cut off without a word, or another page in its place
            raise _PassingError("an answer that is no JSON") from None

    def _body(self, response: Any) -> bytes:
        """The whole body, though it trickles: a server that sends a byte a minute is as good as silent."""
        end, parts = time.monotonic() + WHOLE * self._timeout, []
        while part := response.read1(CHUNK):
            parts.append(part)
            if time.monotonic() > end:
                raise TimeoutError
        return b"".join(parts)  # where the connection ended early, the JSON does too

    def _refusal(self, code: int, headers: Any, may: str) -> Exception:
        """What an answer other than 200 means: try again, a token that is not accepted, or something to mend."""
        if code >= 500 or code in AGAIN:
            after = headers.get("Retry-After") or ""
            return _PassingError(f"HTTP {code}", float(after) if after.isdecimal() else 0.0)
        if code == 401:
            return _TokenError()
        if 300 <= code < 400:
            host = urlsplit(headers.get("Location") or "").netloc
            return UserError(
                f"the server redirects elsewhere (HTTP {code}{', to ' + host if host.isprintable() and host else ''})",
                where=self.url,
                rule="pull.url",
                do="Write the address it really has; redirects are not followed, the token would go along.",
            )
        wrong = {
            403: (f"the owner of the token in {self.named} may not {may} this", "pull.token_env", "Give them access."),
            404: ("the server knows no such project or page", "pull.project", "Check pull.url and pull.project."),
            414: ("the question is too long for the server", "pull.page_size", "Lower page_size."),
        }
        words, rule, do = wrong.get(code, (f"the server refuses (HTTP {code})", "pull", "Its log says why."))
        return UserError(words, where=self.url, rule=rule, do=do)

    def odd(self) -> UserError:
        """An answer that is JSON, but nothing the tool would say."""
        return UserError(
            "the server's answer is not what Label Studio writes",
            where=self.url,
            rule="pull.url",
            do="Check that pull.url is a Label Studio of a version that docs/label-studio.md names.",
        )


def _server_time(header: str | None) -> datetime:
    try:
        return parsedate_to_datetime(header or "").astimezone(UTC)
    except ValueError:
        return now()
