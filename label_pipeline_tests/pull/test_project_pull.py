"""The `pull` part of a source: every mistake with its line and a way out, and no token in a message."""

from __future__ import annotations

import pytest

from label_pipeline.errors import UserError
from label_pipeline.project import Project, parse_project

HEAD = "project: p\nstart: 2026-10-01\nlabels: {classes: [a, b]}\nsources:\n  s:\n    format: label_studio_json\n"
GOOD = "url: https://labels.example.com/tool, project: 83"


def parse(pull: str, more: str = "") -> Project:
    return parse_project(f"{HEAD}{more}    pull: {{{pull}}}\n", "project.yaml")


def test_defaults() -> None:
    """Loss: a default that changes unseen is another behaviour every night."""
    pull = parse(GOOD).sources["s"].pull
    assert pull is not None
    assert pull.model_dump() == {
        "url": "https://labels.example.com/tool",
        "project": 83,
        "token_env": "LABEL_STUDIO_TOKEN",
        "page_size": 100,
        "timeout_s": 60.0,
        "attempts": 6,
        "max_deleted": 0.5,
        "otherwise": "warn",
    }
    assert parse_project(HEAD, "f").sources["s"].pull is None


MISTAKES = {
    "no url": ("project: 83", "pull.url: this field is missing"),
    "typo": (GOOD + ", tokn_env: X", "pull.tokn_env: unknown field. Did you mean 'token_env'?"),
    "no number": (GOOD.replace("83", "mine"), "pull.project: "),
    "project 0": (GOOD.replace("83", "0"), "pull.project: "),
    "page": (GOOD + ", page_size: 501", "pull.page_size: "),
    "no attempt": (GOOD + ", attempts: 0", "pull.attempts: "),
    "no time": (GOOD + ", timeout_s: 0", "pull.timeout_s: "),
    "share": (GOOD + ", max_deleted: 50", "pull.max_deleted: "),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case: str) -> None:
    """Loss: a mistake that is told without its place is looked for all night."""
    pull, words = MISTAKES[case]
    with pytest.raises(UserError) as caught:
        parse(pull)
    assert f"project.yaml:7: sources.s.{words}" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "labels.example.com",
        "ftp://labels.example.com",
        "file:///etc/passwd",
        "https://",
        '"https://labels example.com"',
        "https://labels.example.com:port",
        '"https://bücher.example.com"',
        "https://jane:secret@labels.example.com",
        '"https://labels.example.com/?token=secret"',
        '"https://labels.example.com/#"',
    ],
)
def test_addresses(url: str) -> None:
    """Loss: a password in an address stands in every message that names the address."""
    with pytest.raises(UserError, match=r"project.yaml:7: sources.s.pull.url: ") as caught:
        parse(f"url: {url}, project: 83")
    assert "secret" not in str(caught.value)


def test_a_token_in_the_project_file_is_not_repeated() -> None:
    """Loss: the project file is in version control, its messages are in logs."""
    for token in ("0123456789abcdef-secret", "eyJhbGciOi.eyJ0b2.c2Vj-secret", "sEcret secret"):
        with pytest.raises(UserError, match="never the token itself") as caught:
            parse(f'{GOOD}, token_env: "{token}"')
        assert "secret" not in str(caught.value)
    with pytest.raises(UserError, match="Did you mean 'token_env'") as caught:
        parse(f"{GOOD}, token: my-secret")
    assert "secret" not in str(caught.value)


def test_what_cannot_be_pulled() -> None:
    """Loss: an increment read as a whole export deletes all that did not change."""
    with pytest.raises(UserError, match=r"sources.s.mode: pull lands increments"):
        parse(GOOD, "    mode: snapshot\n")
    with pytest.raises(UserError, match=r"sources.s.encoding: pull lands increments in UTF-8"):
        parse(GOOD, "    encoding: utf-16\n")
    with pytest.raises(UserError, match=r"sources.s.pull: only sources of format label_studio_json are pulled"):
        parse_project(HEAD.replace("label_studio_json", "csv") + f"    pull: {{{GOOD}}}\n", "project.yaml")
