"""Tombstones: who was erased is known again, and is told to nobody who does not know already."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from label_pipeline.errors import UserError
from label_pipeline.privacy.barred import Barred
from label_pipeline.privacy.persons import Persons
from label_pipeline.privacy.tombstones import Tombstones, read_tombstones, write_tombstones

KEY, OTHER = b"a key of 32 bytes, for tests ...", b"another key, for tests alone ..."
ONE = Tombstones().with_marks(logins=[("s", "kim@example.org")], items=["i1"])


def test_what_was_marked_is_known_and_nothing_else(tmp_path: Path) -> None:
    """Loss: an erased login that comes back, or a login of the same name at another source that never does."""
    path = tmp_path / "tombstones.json"
    write_tombstones(path, ONE, KEY)
    found = read_tombstones(path, KEY)
    assert found == ONE
    assert (found.has_login("s", "kim@example.org"), found.has_login("t", "kim@example.org")) == (True, False)
    assert (found.has_item("i1"), found.has_item("i2"), found.has_annotator("i1")) == (True, False, False)
    more = found.with_marks(annotators=["a-0123456789abcdef"])
    assert more.has_login("s", "kim@example.org")
    assert more.has_annotator("a-0123456789abcdef")


def test_the_file_tells_no_name_and_no_guess_can_be_tested_without_the_key(tmp_path: Path) -> None:
    """Loss: the list of the erased, in the one file that is kept for ever."""
    path = tmp_path / "tombstones.json"
    write_tombstones(path, ONE, KEY)
    text = path.read_text()
    assert "kim" not in text
    assert ONE.key.hex() not in text
    told = json.loads(text)
    guess = Tombstones(bytes.fromhex(told["sealed"]), frozenset(told["marks"]))  # who has the file and no key
    assert not guess.has_login("s", "kim@example.org")


def test_another_key_is_refused_and_can_be_sealed_in(tmp_path: Path) -> None:
    """Loss: a night with a wrong key that takes everybody in again, without a word."""
    path = tmp_path / "tombstones.json"
    write_tombstones(path, ONE, KEY)
    with pytest.raises(UserError, match=r"are sealed with pseudonym key [0-9a-f]{8}, this one is [0-9a-f]{8}"):
        read_tombstones(path, OTHER)
    write_tombstones(path, read_tombstones(path, KEY), OTHER)
    assert read_tombstones(path, OTHER) == ONE


@pytest.mark.parametrize("text", ["", "{", "{}", '{"sealed": "xx", "sealed_by": "1", "has_items": false, "marks": []}'])
def test_a_damaged_file_is_no_empty_one(tmp_path: Path, text: str) -> None:
    """Loss: tombstones that a crash of the disk emptied, and everybody back."""
    path = tmp_path / "tombstones.json"
    path.write_text(text)
    with pytest.raises(UserError, match="cannot be read"):
        read_tombstones(path, KEY)
    assert read_tombstones(tmp_path / "none.json", KEY) == Tombstones()


def test_every_login_of_an_erased_person_is_barred() -> None:
    """Loss: the second login, of which nobody thought, brings the person back."""
    persons = Persons(KEY, {("s", "kim"): "Kim", ("t", "kk"): "Kim"})
    marked = Tombstones().with_marks(annotators=[persons.annotator("s", "kim")])
    barred = Barred(marked, persons)
    assert (barred.login("s", "kim"), barred.login("t", "kk"), barred.login("s", "lee")) == (True, True, False)
    # The roster has forgotten the person: the login's own mark still holds.
    logins = marked.with_marks(logins=[("s", "kim")])
    assert Barred(logins, Persons(KEY)).login("s", "kim")
