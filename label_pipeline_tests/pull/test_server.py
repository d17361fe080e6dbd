"""Asking a server: what is tried again and how often, what is not, and who gets to see the token."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from label_pipeline.errors import UserError
from label_pipeline.pull.server import Server
from label_pipeline_tests.pull.tool import TOKEN, Tool

QUESTION: tuple[str, dict[str, str | int]] = (
    "/api/tasks/",
    {"project": 83, "page": 1, "page_size": 9, "fields": "all", "query": "{}"},
)
JWT = "eyJhbGciOi.eyJ0b2tlbl90.c2VjcmV0LXRva2Vu"


@pytest.fixture
def tool() -> Iterator[Tool]:
    with Tool().running() as running:
        running.task(1)
        yield running


def server(tool: Tool, token: str = TOKEN, **more: Any) -> tuple[Server, list[float]]:
    """A server asked without waiting, and the pauses that it would have made."""
    pauses: list[float] = []
    return Server(tool.url, token, named="LS_TOKEN", **({"pause": pauses.append} | more)), pauses


def refused(asked: Server) -> str:
    """The message of a question that fails; nothing of token or body is in it, nor in what is printed of it."""
    with pytest.raises(UserError) as caught:
        asked.get(*QUESTION)
    printed = "".join(traceback.format_exception(caught.value)) + repr(asked) + repr(vars(caught.value))
    for secret in ("secret", TOKEN, JWT, "access-", "jane"):
        assert secret not in printed
    return str(caught.value)


def test_an_answer_comes_with_the_servers_time(tool: Tool) -> None:
    """Loss: our clock in place of the server's, and a change of this minute looks settled."""
    asked, pauses = server(tool)
    answer = asked.get(*QUESTION)
    assert [t["id"] for t in answer.value["tasks"]] == [1]
    assert answer.at == tool.clock.replace(microsecond=0)
    assert pauses == []


@pytest.mark.parametrize("fault", ["500", "502", "503", "504", "408", "cut", "drop", "html"])
def test_what_may_pass_is_asked_again(tool: Tool, fault: str) -> None:
    """Loss: a night without labels for one hiccup of a proxy."""
    asked, pauses = server(tool)
    tool.faults = [fault] * 3
    assert asked.get(*QUESTION).value["total"] == 1
    assert pauses == [1.0, 2.0, 4.0]


def test_the_server_says_when_to_come_back(tool: Tool) -> None:
    """Loss: asking a server on that is overloaded keeps it so."""
    asked, pauses = server(tool)
    tool.faults = ["429", "503"]
    asked.get(*QUESTION)
    assert pauses == [7.0, 2.0]


def test_patience_ends(tool: Tool) -> None:
    """Loss: a job that waits for ever is a night without word."""
    asked, pauses = server(tool, attempts=9)
    tool.faults = ["500"] * 9
    message = refused(asked)
    assert message.startswith(f"{tool.url}: the server does not answer: HTTP 500 in the last of 9 attempts [pull].")
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert len(tool.asked) == 9
    tool.faults = ["html"]
    assert "an answer that is no JSON in the last of 1 attempts" in refused(server(tool, attempts=1)[0])


def test_a_silent_server(tool: Tool) -> None:
    """Loss: a connection that stays open and says nothing."""
    asked, pauses = server(tool, timeout_s=0.2, attempts=2)
    tool.faults = ["silent"]
    assert asked.get(*QUESTION).value["total"] == 1
    tool.faults = ["silent", "silent"]
    assert "timeout in the last of 2 attempts" in refused(asked)
    assert pauses == [1.0, 1.0]


def test_a_server_that_trickles() -> None:
    """Loss: one byte within every time limit keeps a night waiting for days."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def trickle() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
                try:
                    while True:
                        connection.sendall(b" ")
                        time.sleep(0.02)
                except OSError:
                    return

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        started = time.monotonic()
        assert "timeout in the last of 1 attempts" in refused(
            Server(url, TOKEN, named="LS_TOKEN", timeout_s=0.05, attempts=1)
        )
        assert time.monotonic() - started < 5
        thread.join(5)


def test_nobody_there() -> None:
    """Loss: a stack trace where a word would do."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    pauses: list[float] = []
    asked = Server(url, TOKEN, named="LS_TOKEN", attempts=3, pause=pauses.append)
    assert "ConnectionRefusedError in the last of 3 attempts" in refused(asked)
    assert pauses == [1.0, 2.0]


def test_no_tls_is_no_answer(tool: Tool) -> None:
    """Loss: https to a server that speaks http must not fall back to sending the token in the clear."""
    asked = Server(tool.url.replace("http", "https"), TOKEN, named="LS_TOKEN", attempts=1)
    assert ssl.SSLError.__name__ in refused(asked)
    assert tool.asked == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("400", "the server refuses (HTTP 400) [pull]"),
        ("401", "the server does not accept the token in LS_TOKEN [pull.token_env]"),
        ("403", "the owner of the token in LS_TOKEN may not read this [pull.token_env]"),
        ("404", "the server knows no such project or page [pull.project]"),
        ("414", "the question is too long for the server [pull.page_size]"),
    ],
)
def test_what_only_a_person_mends_is_asked_once(tool: Tool, fault: str, words: str) -> None:
    """Loss: minutes of retries for a wrong number, and an account locked for a wrong token."""
    asked, pauses = server(tool)
    tool.faults = [fault]
    assert words in refused(asked)
    assert (len(tool.asked), pauses) == (1, [])


def test_the_token_goes_to_no_other_host(tool: Tool) -> None:
    """Loss: whoever can make the server redirect, or takes over an old address, has the token."""
    with Tool().running() as other:
        tool.faults = [f"away {other.url}"]
        message = refused(server(tool)[0])
        assert f"redirects elsewhere (HTTP 302, to {other.url.removeprefix('http://')}) [pull.url]" in message
        assert other.asked == []
    tool.faults = ["away "]  # to another place on the same host: not followed either
    assert "redirects elsewhere (HTTP 302) [pull.url]" in refused(server(tool)[0])


def test_a_personal_access_token_is_exchanged(tool: Tool) -> None:
    """Loss: the tool's new tokens are no bearer tokens themselves; what they are exchanged for lives for minutes."""
    tool.accepted = set()
    asked, pauses = server(tool, JWT)
    asked.get(*QUESTION)
    asked.get(*QUESTION)
    assert [(path, headers.get("Authorization")) for path, _, headers in tool.asked] == [
        ("/api/token/refresh/", None),
        ("/api/tasks/", "Bearer access-1"),
        ("/api/tasks/", "Bearer access-1"),
    ]
    assert tool.asked[0][1] == {"refresh": JWT}
    tool.accepted = set()  # it has run out
    tool.faults = ["ok", "503"]
    asked.get(*QUESTION)
    assert tool.refreshed == 2
    assert pauses == [1.0]


def test_a_personal_access_token_that_was_revoked(tool: Tool) -> None:
    """Loss: as with any other token: said once, with the variable's name."""
    tool.faults = ["401"] * 4
    assert "does not accept the token in LS_TOKEN" in refused(server(tool, JWT)[0])
    assert len(tool.asked) <= 3
    tool.faults = ["null"]
    assert "not what Label Studio writes" in refused(server(tool, JWT)[0])


@pytest.mark.parametrize("token", ["", " \n", "two secrets", "secret\r\nX-Other: 1", "sécret", "secret\0"])
def test_a_token_that_is_none(tool: Tool, token: str) -> None:
    """Loss: a line break in a variable is a header of its own, and Python's message about it holds the token."""
    with pytest.raises(UserError) as caught:
        server(tool, token)
    assert str(caught.value).startswith("the environment variable LS_TOKEN is empty or holds no token")
    assert "cret" not in "".join(traceback.format_exception(caught.value))


def test_an_address_with_a_path(tool: Tool) -> None:
    """Loss: a tool behind a prefix, and a slash too many at the end."""
    tool.url += "/label-studio/"
    assert "no such project or page" in refused(server(tool)[0])
    assert [path for path, _, _ in tool.asked] == ["/label-studio/api/tasks/"]


def test_questions_are_written_as_the_tool_reads_them(tool: Tool) -> None:
    """Loss: a query that is quoted wrongly is another query."""
    tool.answer = lambda path, query: {"said": query["query"]}  # type: ignore[method-assign]
    query = json.dumps({"a": '&=#%+ "Grüße"'})
    assert server(tool)[0].get("/api/tasks/", {"query": query}).value == {"said": query}
