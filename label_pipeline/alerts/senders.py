"""Two ways out of the house: a POST of JSON, and an e-mail.

Each raises SendError where nobody got the message, and gives a warning where somebody did not: empty for none.

The address of a webhook is a secret as a password is: neither is shown, and what a server answers is not read.
"""

from __future__ import annotations

import http.client
import json
import os
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from label_pipeline.alerts.told import News
from label_pipeline.clock import now
from label_pipeline.project_alerts import ADDRESS, Alerts

TIMEOUT = 10.0  # seconds
ATTEMPTS = 2
MOST_LINES = 30
SMTP = "LABEL_PIPELINE_SMTP_"
PORTS = {"starttls": 587, "tls": 465, "none": 25}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SendError(Exception):
    """A message did not get out; says why without a secret."""


@dataclass(frozen=True)
class Message:
    """The news of a project's night."""

    project: str
    day: date
    news: list[News]

    @property
    def subject(self) -> str:
        """One line: the project, the day, how much there is."""
        counts = {state: sum(n.state == state for n in self.news) for state in ("new", "changed", "over")}
        told = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
        return f"label-pipeline: {self.project} {self.day}: {told}"

    @property
    def text(self) -> str:
        """The subject, and a line for each piece of news."""
        lines = [f"- {_printable(n.words)}" for n in self.news[:MOST_LINES]]
        more = len(self.news) - MOST_LINES
        return "\n".join([self.subject, *lines, *([f"- and {more} more"] if more > 0 else [])])

    @property
    def id(self) -> str:
        """The same for the same news, so that a receiver can tell a repeated delivery."""
        return sha256(f"{self.project}\n{self.day}\n{self.news}".encode()).hexdigest()[:16]


Send = Callable[[Message], str]


def senders(alerts: Alerts) -> Iterator[tuple[str, Send]]:
    """The senders a project asks for, each with its name."""
    if alerts.webhook_env:
        variable = alerts.webhook_env
        yield "webhook", lambda message: post(message, variable)
    if alerts.email:
        yield "email", lambda message: mail(message, alerts.email)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: the message would go to whatever host."""
        return


def post(message: Message, variable: str) -> str:
    """POST the message to the address in an environment variable; a passing failure is tried once more."""
    url = os.environ.get(variable, "").strip()
    if not _is_web(url):
        raise SendError(f"the environment variable {variable} holds no http(s) address")
    news = [asdict(n) for n in message.news]
    body = {"id": message.id, "project": message.project, "day": str(message.day), "text": message.text, "news": news}
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked
        url, json.dumps(body).encode(), {"Content-Type": "application/json", "User-Agent": "label-pipeline"}
    )
    opener = urllib.request.build_opener(_NoRedirects())
    failed = ""
    for _ in range(ATTEMPTS):
        try:
            with opener.open(request, timeout=TIMEOUT):
                return ""
        except urllib.error.HTTPError as error:
            error.close()
            failed = f"HTTP {error.code}"
            if error.code < 500 and error.code not in (408, 429):
                break
        except (OSError, http.client.HTTPException, ValueError) as error:
            failed = _why(error)
    raise SendError(f"the webhook of {variable} did not take the message ({failed})")


def _is_web(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        return False


def mail(message: Message, to: tuple[str, ...]) -> str:
    """Send the message through the SMTP server that environment variables name; nobody's refusal stops the others."""
    host, security = os.environ.get(SMTP + "HOST", ""), os.environ.get(SMTP + "SECURITY", "starttls")
    user, password = os.environ.get(SMTP + "USER", ""), os.environ.get(SMTP + "PASSWORD", "")
    sender, port = os.environ.get(SMTP + "FROM", user), os.environ.get(SMTP + "PORT", "")
    if not host or security not in PORTS or not (port or "0").isdecimal():
        raise SendError(f"set {SMTP}HOST, and {SMTP}PORT and {SMTP}SECURITY (starttls, tls or none) where they differ")
    if not ADDRESS.fullmatch(sender):
        raise SendError(f"{SMTP}FROM is no e-mail address")
    if user and security == "none" and host not in LOOPBACK:
        raise SendError(f"a password is never sent in the clear: set {SMTP}SECURITY to starttls or tls")
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = message.subject, sender, ", ".join(to)
    letter["Date"], letter["Message-ID"] = format_datetime(now()), f"<{message.id}@label-pipeline.invalid>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(message.text + "\n")
    try:
        with _connected(host, int(port or PORTS[security]), security) as server:
            if user:
                server.login(user, password)
            refused = server.send_message(letter)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise SendError(f"the mail server did not take the message ({_why(error)})") from None
    return f"the mail server refused {len(refused)} of {len(to)} addresses" if refused else ""


def _connected(host: str, port: int, security: str) -> smtplib.SMTP:
    """A connection, encrypted unless `security` is none."""
    secure = ssl.create_default_context()
    if security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=secure)
    server = smtplib.SMTP(host, port, timeout=TIMEOUT)
    if security == "starttls":
        try:
            server.starttls(context=secure)
        except BaseException:
            server.close()
            raise
    return server


def _why(error: Exception) -> str:
    """The kind of an error; its own words may hold an address or a name."""
    inner = getattr(error, "reason", None)  # urllib's is what happened; that of ssl is a text
    reason = inner if isinstance(inner, Exception) else error
    code = getattr(error, "smtp_code", None)
    kind = "timeout" if isinstance(reason, TimeoutError) else type(reason).__name__
    return f"SMTP {code}" if isinstance(code, int) else kind


def _printable(words: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in words)
