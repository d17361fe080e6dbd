"""Keyed pseudonyms: the same person has the same one every night, and nobody without the key goes back."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from pathlib import Path

import pytest

from label_pipeline.errors import UserError
from label_pipeline.privacy.pseudonyms import key, pseudonyms

SECRET = b"a secret of some length"


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config" / "pseudonym.key"
    monkeypatch.delenv("LABEL_PIPELINE_KEY", raising=False)
    monkeypatch.setenv("LABEL_PIPELINE_KEY_FILE", str(path))
    return path


def test_a_pseudonym_is_what_it_is_said_to_be() -> None:
    """Loss: a pseudonym that changes with a release makes every person a new one."""
    digest = hmac.new(SECRET, b"tool\0jane", hashlib.sha256).hexdigest()
    assert pseudonyms([("tool", "jane")], SECRET) == {("tool", "jane"): "a-" + digest[:16]}


def test_pseudonyms_are_stable_and_differ() -> None:
    """Loss: two people under one name, or one under two, spoil every figure about people."""
    people = [(source, str(number)) for source in ("tool", "shop") for number in range(500)]
    first = pseudonyms(people, SECRET)
    assert first == pseudonyms(reversed(people), SECRET)
    assert len(set(first.values())) == 1000
    assert not set(first.values()) & set(pseudonyms(people, SECRET + b"!").values())
    assert pseudonyms([("a", "b\0c")], SECRET) != pseudonyms([("a\0b", "c")], SECRET)


def test_the_key_is_made_once_for_its_owner_alone(key_file: Path) -> None:
    """Loss: a key others can read is no key; a new one every night makes everybody a stranger."""
    made = key()
    assert len(made) == 64
    assert key() == made
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) & 0o077 == 0
    assert key_file.read_bytes() == made


def test_a_key_that_others_may_read_is_refused(key_file: Path) -> None:
    """Loss: whoever reads the key can name everybody."""
    key()
    for mode in (0o640, 0o604, 0o660):
        key_file.chmod(mode)
        with pytest.raises(UserError, match=r"others may read the pseudonym key.*chmod 600"):
            key()


def test_a_short_key_is_refused(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a short key is guessed, and then every pseudonym with it."""
    key_file.parent.mkdir()
    key_file.write_text("short\n")
    key_file.chmod(0o600)
    with pytest.raises(UserError, match=r"pseudonym\.key: the pseudonym key is shorter than 16"):
        key()
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "fifteen letters")
    with pytest.raises(UserError, match=r"LABEL_PIPELINE_KEY: .*shorter than 16"):
        key()


def test_the_environment_comes_first(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a deployment that sets the key must not get one made beside it."""
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "a key of the deployment")
    assert key() == b"a key of the deployment"
    assert not key_file.exists()
    assert "a key of the deployment" not in os.listdir(key_file.parent.parent)
