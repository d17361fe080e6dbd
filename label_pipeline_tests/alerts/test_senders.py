"""Sending: real servers get what people read, once, and no secret is in any message of ours."""

from __future__ import annotations

import socket
from datetime import date
from pathlib import Path

import pytest

from label_pipeline.alerts import senders
from label_pipeline.alerts.senders import Message, SendError, mail, post
from label_pipeline.alerts.told import News
from label_pipeline_tests.alerts.servers import certificate, hook, post_office

MESSAGE = Message(
    "pets",
    date(2026, 10, 6),
    [
        News("gate", "new", "Gate coverage stopped the night."),
        News("target", "over", "alpha is 0.7 and meets its target again."),
    ],
)
TEXT = """\
label-pipeline: pets 2026-10-06: 1 new, 1 over
- Gate coverage stopped the night.
- alpha is 0.7 and meets its target again."""
TO = ("lead@example.org", "team@example.org")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no setting of this machine, and no long wait."""
    for name in ("HOST", "PORT", "SECURITY", "USER", "PASSWORD", "FROM"):
        monkeypatch.delenv(senders.SMTP + name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(senders, "TIMEOUT", 0.3)


def smtp(monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    for name, value in ({"host": "127.0.0.1", "security": "none", "from": "pipeline@example.org"} | settings).items():
        monkeypatch.setenv(senders.SMTP + name.upper(), str(value))


# --- webhook


def test_a_post_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a chat that shows `text`, or a program that reads `news`, gets neither and nobody hears of a stop."""
    with hook() as server:
        monkeypatch.setenv("HOOK", f"{server.url}/services/T0/secret?x=1")
        assert post(MESSAGE, "HOOK") == ""
    (body,) = server.got
    assert server.paths == ["/services/T0/secret?x=1"]
    assert body == {
        "id": MESSAGE.id,
        "project": "pets",
        "day": "2026-10-06",
        "text": TEXT,
        "news": [
            {"kind": "gate", "state": "new", "words": "Gate coverage stopped the night."},
            {"kind": "target", "state": "over", "words": "alpha is 0.7 and meets its target again."},
        ],
    }


@pytest.mark.parametrize(
    ("statuses", "posts", "words"),
    [
        ((503, 204), 2, ""),
        ((429, 200), 2, ""),
        ((500, 502), 2, "the webhook of HOOK did not take the message (HTTP 502)"),
        ((404,), 1, "the webhook of HOOK did not take the message (HTTP 404)"),
        ((302,), 1, "the webhook of HOOK did not take the message (HTTP 302)"),
    ],
)
def test_one_more_try_where_it_may_help(
    statuses: tuple[int, ...], posts: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: a restart of the chat swallows the message; or a refusal is hammered; or a redirect carries it off."""
    with hook(statuses) as server:
        monkeypatch.setenv("HOOK", f"{server.url}/secret")
        if words:
            with pytest.raises(SendError) as failed:
                post(MESSAGE, "HOOK")
            assert str(failed.value) == words
        else:
            post(MESSAGE, "HOOK")
    assert server.paths == ["/secret"] * posts
    assert len({body["id"] for body in server.got}) == 1


def test_a_silent_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: one hung receiver, and the night never ends."""
    with hook(wait=1.0) as server:
        monkeypatch.setenv("HOOK", f"{server.url}/secret")
        with pytest.raises(SendError, match=r"\(timeout\)$"):
            post(MESSAGE, "HOOK")


@pytest.mark.parametrize(
    "url", ["", "  ", "ftp://u:secret@h/x", "file:///secret", "secret", "http://", "http://[secret"]
)
def test_no_address_is_said_without_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: the address of a webhook is its password, and a log is read by many."""
    monkeypatch.setenv("HOOK", url)
    with pytest.raises(SendError) as failed:
        post(MESSAGE, "HOOK")
    assert str(failed.value) == "the environment variable HOOK holds no http(s) address"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/secret", "http://u:secret@127.0.0.1/", "http://127.0.0.1/a secret"]
)
def test_an_address_that_nobody_answers_is_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: the errors of the libraries repeat the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        monkeypatch.setenv("HOOK", url.replace("{port}", str(taken.getsockname()[1])))
        with pytest.raises(SendError) as failed:
            post(MESSAGE, "HOOK")
    assert "secret" not in str(failed.value)
    assert failed.value.__cause__ is None


# --- e-mail


def test_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: mail without an address, a date or a subject is spam, and nobody reads it."""
    with post_office() as office:
        smtp(monkeypatch, port=office.port)
        assert mail(MESSAGE, TO) == ""
    (letter,) = office.letters
    assert office.recipients == [list(TO)]
    assert letter["Subject"] == "label-pipeline: pets 2026-10-06: 1 new, 1 over"
    assert (letter["From"], letter["To"]) == ("pipeline@example.org", "lead@example.org, team@example.org")
    assert letter["Date"]
    assert letter["Message-ID"] == f"<{MESSAGE.id}@label-pipeline.invalid>"
    assert letter.get_payload() == TEXT + "\n"


def test_a_name_and_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a mail server that asks who is there gets no mail; one that says no repeats the password to our log."""
    with post_office(user="u@example.org", password="pass word") as office:
        smtp(monkeypatch, port=office.port, user="u@example.org", password="pass word")
        mail(MESSAGE, TO)
        assert len(office.letters) == 1
        smtp(monkeypatch, port=office.port, user="u@example.org", password="wrong")
        with pytest.raises(SendError) as failed:
            mail(MESSAGE, TO)
    assert str(failed.value) == "the mail server did not take the message (SMTP 535)"
    assert len(office.letters) == 1


def test_one_address_refused_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: one colleague who left, and nobody is told; or the others are told every night."""
    with post_office(refuses=TO[:1]) as office:
        smtp(monkeypatch, port=office.port)
        assert mail(MESSAGE, TO) == "the mail server refused 1 of 2 addresses"
        assert office.recipients == [["team@example.org"]]
        with pytest.raises(SendError, match="SMTPRecipientsRefused"):
            mail(MESSAGE, TO[:1])


def test_nothing_is_sent_in_the_clear_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a server without encryption gets the password because nobody said otherwise."""
    with post_office(user="u@example.org", password="secret") as office:
        smtp(monkeypatch, port=office.port, security="starttls", user="u@example.org", password="secret")
        with pytest.raises(SendError, match="SMTPNotSupportedError"):
            mail(MESSAGE, TO)
        smtp(monkeypatch, host="mail.example.org", port=office.port, user="u@example.org", password="secret")
        with pytest.raises(SendError, match="a password is never sent in the clear"):
            mail(MESSAGE, TO)
    assert not office.letters
    assert not [line for line in office.said if line.startswith("AUTH")]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_letter_under_seal(security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: the encrypted ways, which everybody uses, are the ones that were never tried."""
    signed = certificate(tmp_path / "signed.pem")
    monkeypatch.setattr(senders, "TIMEOUT", 10.0)
    login = {"security": security, "user": "u@example.org", "password": "secret"}
    with post_office(
        user="u@example.org", password="secret", signed=signed, from_the_start=security == "tls"
    ) as office:
        smtp(monkeypatch, port=office.port, **login)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path / "other.pem")))
        with pytest.raises(SendError, match="SSLCertVerificationError"):
            mail(MESSAGE, TO)
        assert not office.letters, "a server that anybody could be got the message"
        monkeypatch.setenv("SSL_CERT_FILE", str(signed))
        assert mail(MESSAGE, TO) == ""
    assert office.letters[0].get_payload() == TEXT + "\n"
    assert {line.split()[0].upper() for line in office.in_the_clear} <= {"EHLO", "STARTTLS"}
    assert any(line.startswith("AUTH") for line in office.said)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": ""}, "set LABEL_PIPELINE_SMTP_HOST"),
        ({"port": "x"}, "set LABEL_PIPELINE_SMTP_HOST"),
        ({"security": "ssl"}, "set LABEL_PIPELINE_SMTP_HOST"),
        ({"from": "us"}, "LABEL_PIPELINE_SMTP_FROM is no e-mail address"),
        ({"from": "a@b.org\nBcc: c@d.org"}, "LABEL_PIPELINE_SMTP_FROM is no e-mail address"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: an alert that was never set up looks like a quiet night."""
    smtp(monkeypatch, **settings)
    with pytest.raises(SendError, match=words):
        mail(MESSAGE, TO)


# --- what is written


def test_a_long_list_is_cut_and_signs_steer_nothing() -> None:
    """Loss: a message of a thousand lines is not delivered; a class name with control signs breaks the mail."""
    news = [News("target", "new", f"recall of \x1b[2J{k}\n\r is low") for k in range(senders.MOST_LINES + 2)]
    lines = Message("pets", date(2026, 10, 6), news).text.split("\n")
    assert lines[1] == "- recall of ?[2J0?? is low"
    assert lines[-1] == "- and 2 more"
    assert len(lines) == senders.MOST_LINES + 2
