"""The re-identification map: nothing that was met is lost, whoever writes at once, and nobody else reads it."""

from __future__ import annotations

import multiprocessing
from datetime import date
from pathlib import Path

import pytest

from label_pipeline.errors import UserError
from label_pipeline.privacy.identity_map import Known, forget, known, map_file, remember
from label_pipeline.privacy.persons import Persons

DAY, LATER = date(2026, 10, 5), date(2026, 10, 6)
WHO = Persons(b"s" * 32, {("crowd", "jane"): "E-17", ("shop", "W1"): "E-17"})
JANE, W1, BOB = WHO.met("crowd", "jane"), WHO.met("shop", "W1"), WHO.met("crowd", "bob")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABEL_PIPELINE_MAP", str(tmp_path / "map"))
    return tmp_path / "map" / "people.sqlite"


def test_a_login_is_remembered_once_with_its_first_day(place: Path) -> None:
    """Loss: a map that grows with every night, or forgets since when somebody is known."""
    remember("p", DAY, WHO.key, [JANE, BOB])
    remember("p", LATER, WHO.key, [JANE, W1])
    assert known("p") == [
        Known("p", BOB, WHO.key, DAY),
        Known("p", JANE, WHO.key, DAY),
        Known("p", W1, WHO.key, LATER),
    ]
    assert known("q") == []
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700


def test_a_pseudonym_tells_all_logins_of_the_person() -> None:
    """Loss: one login of a person is found, and the others stay after an erasure."""
    remember("p", DAY, WHO.key, [JANE, W1, BOB])
    assert [k.met for k in known("p", pseudonym=JANE.annotator_id)] == [JANE, W1]
    assert [k.met for k in known("p", pseudonym=W1.login)] == [W1]
    assert [k.met for k in known("p", identity="bob")] == [BOB]
    assert known("p", pseudonym="a-0000000000000000") == []


def test_what_somebody_was_called_under_an_older_key_is_told() -> None:
    """Loss: after a new key nobody can tell whom an old audit entry is about."""
    other = Persons(b"t" * 32)
    remember("p", DAY, WHO.key, [BOB])
    remember("p", LATER, other.key, [other.met("crowd", "bob")])
    assert [k.met.annotator_id for k in known("p", pseudonym=BOB.annotator_id)] == [
        BOB.annotator_id,
        other.annotator("crowd", "bob"),
    ]


def test_who_is_forgotten_leaves_no_bytes(place: Path) -> None:
    """Loss: a deleted row of SQLite stays readable in the file."""
    remember("p", DAY, WHO.key, [WHO.met("crowd", "planted@example.com"), BOB])
    remember("q", DAY, WHO.key, [WHO.met("crowd", "bob")])
    assert b"planted@example.com" in place.read_bytes()
    assert forget("p", [("crowd", "planted@example.com")]) == 1
    assert forget("p", [("crowd", "planted@example.com")]) == 0
    assert b"planted" not in b"".join(f.read_bytes() for f in place.parent.iterdir())
    assert [k.met for k in known("p")] == [BOB]
    assert [k.met for k in known("q")] == [BOB]


@pytest.mark.parametrize("which", ["file", "folder"])
def test_others_may_not_read_it(place: Path, which: str) -> None:
    """Loss: everybody on the machine undoes the pseudonyms."""
    remember("p", DAY, WHO.key, [BOB])
    (place if which == "file" else place.parent).chmod(0o750)
    for do in (
        lambda: known("p"),
        lambda: remember("p", DAY, WHO.key, [JANE]),
        lambda: forget("p", [("crowd", "bob")]),
    ):
        with pytest.raises(UserError, match=r"others may read the re-identification map.*chmod [67]00"):
            do()


def test_without_a_map_nights_write_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: whoever wants no map at all has one."""
    monkeypatch.setenv("LABEL_PIPELINE_MAP", "off")
    remember("p", DAY, WHO.key, [BOB])
    assert map_file() is None
    assert known("p") == []
    assert forget("p", [("crowd", "bob")]) == 0


def _write(name: str) -> None:
    for k in range(20):
        remember(name, DAY, WHO.key, [WHO.met("crowd", f"{name}-{k}"), BOB])


def test_nights_that_end_at_once_lose_nothing() -> None:
    """Loss: of two projects whose nights end together, one's people are in no map."""
    names = ["p", "q", "r"]
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(_write, names)
        pool.close()  # what `with` does at its end waits for ever where SIGTERM is ignored
        pool.join()
    assert [len(known(name)) for name in names] == [21, 21, 21]
