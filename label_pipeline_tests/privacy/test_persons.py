"""From login to person to pseudonym: the same person is the same one everywhere, and nobody else is."""

from __future__ import annotations

from label_pipeline.privacy.persons import PSEUDONYM, Persons, key_id
from label_pipeline.privacy.pseudonyms import pseudonym

SECRET = b"s" * 32


def test_logins_of_one_person_have_one_pseudonym() -> None:
    """Loss: somebody with two logins counts as two people who agree with each other."""
    who = Persons(SECRET, {("crowd", "jane"): "E-17", ("shop", "W1"): "E-17"})
    jane, w1, bob = who.met("crowd", "jane"), who.met("shop", "W1"), who.met("crowd", "bob")
    assert jane.annotator_id == w1.annotator_id == pseudonym(SECRET, "", "E-17")
    assert len({jane.login, w1.login, bob.login, jane.annotator_id}) == 4
    assert bob.annotator_id == bob.login == pseudonym(SECRET, "crowd", "bob")
    assert all(PSEUDONYM.fullmatch(name) for name in (jane.login, jane.annotator_id))


def test_a_person_is_no_login_of_the_same_name() -> None:
    """Loss: the login `E-17` of a source is taken for the person whom the roster calls so."""
    who = Persons(SECRET, {("crowd", "jane"): "E-17"})
    assert who.annotator("crowd", "E-17") != who.annotator("crowd", "jane")


def test_keys_are_told_apart_without_telling_them() -> None:
    """Loss: what names a key gives it away, or names two keys alike."""
    assert key_id(SECRET) != key_id(b"t" * 32)
    assert Persons(SECRET).key == key_id(SECRET)
    assert SECRET.decode() not in repr(Persons(SECRET))
