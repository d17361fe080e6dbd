"""A real HTTP server that is told, and a real SMTP server that takes mail: what they got is kept for the test."""

from __future__ import annotations

import base64
import ipaddress
import json
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_string
from email.message import Message as Letter
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Hook:
    """An HTTP server: answers with `statuses` in turn (the last one from then on), after `wait` seconds."""

    statuses: list[int] = field(default_factory=lambda: [200])
    wait: float = 0.0
    got: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def hook(statuses: tuple[int, ...] = (200,), wait: float = 0.0) -> Iterator[Hook]:
    seen = Hook(list(statuses), wait)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.paths.append(self.path)
            seen.got.append(json.loads(body))
            time.sleep(seen.wait)
            status = seen.statuses.pop(0) if len(seen.statuses) > 1 else seen.statuses[0]
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{seen.url}/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            seen.paths.append(f"GET {self.path}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        seen.url = f"http://127.0.0.1:{port}"
        yield seen


@dataclass
class Post:
    """An SMTP server: refuses the addresses of `refuses`."""

    refuses: tuple[str, ...] = ()
    user: str = ""
    password: str = ""
    port: int = 0
    letters: list[Letter[str, str]] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    in_the_clear: list[str] = field(default_factory=list)


def certificate(path: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, and its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextmanager
def post_office(
    *,
    refuses: tuple[str, ...] = (),
    user: str = "",
    password: str = "",
    signed: Path | None = None,
    from_the_start: bool = False,
) -> Iterator[Post]:
    """An SMTP server; with a certificate, `signed`, it speaks TLS: after STARTTLS, or `from_the_start`."""
    seen = Post(refuses, user, password)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if signed:
        secure.load_cert_chain(signed)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.secured = False
            try:
                if signed and from_the_start:
                    self._secure()
                self._talk()
            except ssl.SSLError:
                pass  # the client does not trust us, and says so

        def _secure(self) -> None:
            self.connection = secure.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
            self.secured = True

        def _talk(self) -> None:
            self._say("220 here")
            taken: list[str] = []
            while line := self.rfile.readline().decode("ascii", "replace").rstrip("\r\n"):
                seen.said.append(line)
                if not self.secured:
                    seen.in_the_clear.append(line)
                command = line.split(" ", 1)[0].upper()
                if command == "EHLO":
                    offers = ["STARTTLS"] if signed and not self.secured else []
                    offers += ["AUTH PLAIN"] if seen.user else ["SIZE 100000"]
                    self._say("250-here", *(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}")
                elif command == "STARTTLS" and signed:
                    self._say("220 go on")
                    self._secure()
                elif command == "AUTH":
                    plain = base64.b64decode(line.split(" ")[2]).decode()
                    known = plain == f"\0{seen.user}\0{seen.password}"
                    self._say("235 welcome" if known else f"535 no {plain!r}")
                elif command == "MAIL":
                    self._say("250 go on" if not seen.user or any("AUTH" in s for s in seen.said) else "530 who")
                elif command == "RCPT":
                    address = line.split("<")[1].split(">")[0]
                    if address in seen.refuses:
                        self._say(f"550 nobody called {address}")
                    else:
                        taken.append(address)
                        self._say("250 known")
                elif command == "DATA":
                    self._say("354 tell")
                    seen.letters.append(message_from_string("".join(self._lines()), policy=default))
                    seen.recipients.append(taken)
                    self._say("250 taken")
                elif command == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 well" if command == "RSET" else "502 cannot")

        def _say(self, *lines: str) -> None:
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

        def _lines(self) -> Iterator[str]:
            while (line := self.rfile.readline().decode()) != ".\r\n":
                yield line.removeprefix(".").replace("\r\n", "\n")

    with _running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        seen.port = port
        yield seen


@contextmanager
def _running(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
