"""A landed file without a person or an item: every format, by hand and by property, and what cannot be rewritten."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.landing import LandedFile
from label_pipeline.privacy.redact import Redacted, Wanted, find, redact, telling
from label_pipeline.project import Project, parse_project
from label_pipeline.project_sources import SourceFormat
from label_pipeline.sql import connect
from label_pipeline_tests.privacy.planted import ANA, BEN, CYD, FORMATS, ITEMS, Format, Someone
from label_pipeline_tests.sources.reader import read


def project_of(settings: str) -> Project:
    return parse_project(
        "project: p\nstart: 2026-10-01\nlabels: {classes: [a, b]}\nitems: {fields: [text]}\n"
        f"sources: {{s: {{{settings}}}}}\n",
        "project.yaml",
    )


def identity(form: Format, who: Someone) -> str:
    """Who it is, as the format's adapter reads it."""
    written = {"label_studio_json": who.identity[-3:-1], "prodigy": f"set-{who.identity}"}
    return written.get(form.format, who.identity)


def redacted(path: Path, settings: str, *, person: str = "", item: str = "", words: tuple[str, ...] = ()) -> Any:
    project = project_of(settings)
    wanted = Wanted(lambda source, name: name == person, lambda name: name == item, telling([person, *words]))
    with connect() as con:
        found = find(con, project, LandedFile("s", path, f"s/{path.name}"), wanted)
        if found is None:
            return None
        more = Wanted(wanted.login, wanted.item, wanted.words | found.words)
        return redact(con, project, found, more)


def answers(folder: Path, content: bytes, form: Format) -> list[tuple[Any, ...]]:
    folder.mkdir(exist_ok=True)
    found = read(folder, content, form.settings, fields="[text]", name=form.name)
    rows = found.answers.drop_columns(["landed_row", "answer"]).to_pylist()
    payloads = sorted(set(zip(found.items["item_id"].to_pylist(), found.items["payload"].to_pylist(), strict=True)))
    return [*sorted(tuple(map(str, row.values())) for row in rows), *payloads]


@pytest.mark.parametrize("name", FORMATS)
def test_a_person_goes_and_nothing_else_does(tmp_path: Path, name: str) -> None:
    """Loss: a person who stays in landing comes back with the next rebuild; an answer of others that goes is lost."""
    form = FORMATS[name]
    path = tmp_path / form.name
    path.write_bytes(form.content([BEN, ANA, CYD], ITEMS))
    before = answers(tmp_path / "before", path.read_bytes(), form)
    assert any(identity(form, ANA) in map(str, row) for row in before)
    outcome = redacted(path, form.settings, person=identity(form, ANA))
    assert outcome == Redacted(f"s/{form.name}", "rewritten", len(ITEMS))
    assert answers(tmp_path / "after", path.read_bytes(), form) == answers(
        tmp_path / "never", form.content([BEN, CYD], ITEMS), form
    )
    text = path.read_bytes().replace(b"\0", b"").decode("latin-1")
    assert not [word for word in (ANA.identity, *ANA.more) if word in text]
    assert redacted(path, form.settings, person=identity(form, ANA)) is None  # again: nothing is left to do


@pytest.mark.parametrize("name", FORMATS)
def test_an_item_goes_and_nothing_else_does(tmp_path: Path, name: str) -> None:
    """Loss: an item's text that stays in landing, or others of its page that go with it."""
    form = FORMATS[name]
    path = tmp_path / form.name
    path.write_bytes(form.content([BEN, CYD], ITEMS))
    outcome = redacted(path, form.settings, item=ITEMS[1])
    assert outcome == Redacted(f"s/{form.name}", "rewritten", 2)
    stay = answers(tmp_path / "after", path.read_bytes(), form)
    if form.format != "mturk_csv":  # whose page keeps its number, and an empty place
        assert stay == answers(tmp_path / "never", form.content([BEN, CYD], [ITEMS[0], ITEMS[2]]), form)
    assert len(stay) == 2 * 2 + 2
    text = path.read_bytes().replace(b"\0", b"").decode("latin-1")
    assert ITEMS[1] not in text
    assert ITEMS[0] in text or form.name.endswith((".zip", ".parquet"))


def test_every_format_of_people_is_planted() -> None:
    """Loss: a new format whose files nobody can erase a person from."""
    assert {form.format for form in FORMATS.values()} == {*get_args(SourceFormat)} - {"items", "predictions"}


def test_the_file_of_one_person_goes_whole(tmp_path: Path) -> None:
    """Loss: a job's export that keeps its assignee because every image is theirs."""
    path = tmp_path / "job.xml"
    path.write_text(
        "<annotations><meta><job><id>7</id><assignee><username>anaworker41X</username></assignee></job></meta>"
        '<image id="0" name="0.jpg"><tag label="a" source="manual"/></image></annotations>'
    )
    outcome = redacted(path, "format: cvat", person="anaworker41X")
    assert (outcome.fate, path.exists()) == ("removed", False)


def test_an_image_goes_from_a_job(tmp_path: Path) -> None:
    """Loss: an erased picture whose marks stay in the job's export."""
    path = tmp_path / "job.xml"
    image = '<image id="{0}" name="{0}.jpg"><tag label="a" source="manual"/></image>'
    path.write_text(
        "<annotations><meta><job><id>7</id><assignee><username>kim</username></assignee></job></meta>"
        f"{image.format(0)}{image.format(1)}</annotations>"
    )
    assert redacted(path, "format: cvat", item="1.jpg").fate == "rewritten"
    assert "1.jpg" not in path.read_text()
    assert "0.jpg" in path.read_text()


def test_what_cannot_be_read_goes_whole_only_where_it_names_them(tmp_path: Path) -> None:
    """Loss: a damaged export that nobody can read, with an address in it; or one that has nothing to do with it."""
    for text, fate in (("{damaged ana.41@example.org", "kept"), ("{damaged", None)):
        path = tmp_path / "x.jsonl"
        path.write_text(text)
        outcome = redacted(path, "format: jsonl", words=("ana.41@example.org",))
        assert (outcome.fate if outcome else None) == fate
        assert path.exists()  # it goes with what was taken in of it made safe


def test_others_keep_their_records_without_the_name(tmp_path: Path) -> None:
    """Loss: an address in somebody else's comment, or that other answer with it."""
    path = tmp_path / "x.csv"
    path.write_text("item_id,annotator_id,label,note\n1,ben,a,ask ana.41@example.org\n2,ana.41@example.org,a,\n")
    assert redacted(path, "format: csv", person="ana.41@example.org").fate == "rewritten"
    assert path.read_text() == "item_id,annotator_id,label,note\n1,ben,a,ask [erased]\n"


def test_a_broken_line_that_names_them_goes(tmp_path: Path) -> None:
    """Loss: the line that a tool cut off in the middle, with the address at its start."""
    path = tmp_path / "x.csv"
    path.write_text("item_id,annotator_id,label\n1,ben,a\n2,ana.41@example.org\n3,cut\n4,cyd,b\n")
    assert redacted(path, "format: csv", person="ana.41@example.org").fate == "rewritten"
    assert path.read_text() == "item_id,annotator_id,label\n1,ben,a\n3,cut\n4,cyd,b\n"


def test_a_common_word_is_taken_out_only_where_people_are_named(tmp_path: Path) -> None:
    """Loss: everybody's texts, because somebody's login is a word."""
    path = tmp_path / "x.csv"
    path.write_text("item_id,annotator_id,label,text\n1,ben,a,the expert said\n2,expert,a,x\n")
    assert redacted(path, "format: csv", person="expert").fate == "rewritten"
    assert path.read_text() == "item_id,annotator_id,label,text\n1,ben,a,the expert said\n"


def test_a_login_that_another_begins_with_stays(tmp_path: Path) -> None:
    """Loss: worker A2PLANTED77's answers, because worker A2PLANTED7 was erased."""
    path = tmp_path / "x.csv"
    path.write_text("item_id,annotator_id,label\n1,A2PLANTED7,a\n2,A2PLANTED77,b\n")
    assert redacted(path, "format: csv", person="A2PLANTED7").fate == "rewritten"
    assert path.read_text() == "item_id,annotator_id,label\n2,A2PLANTED77,b\n"


@pytest.mark.parametrize("source", ["format: items, item: item_id", "format: predictions, item: item_id"])
def test_an_item_goes_from_lists(tmp_path: Path, source: str) -> None:
    """Loss: the item's own list, or a model's numbers, bring it back."""
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps({"item_id": item, "a": 0.5, "b": 0.5, "text": item}) + "\n" for item in ITEMS))
    assert redacted(path, source, item=ITEMS[0]).fate == "rewritten"
    assert [json.loads(line)["item_id"] for line in path.read_text().splitlines()] == list(ITEMS[1:])


WORDS = st.text(st.sampled_from('ab,;"\n\r é5-@. '), max_size=6)
ROWS = st.lists(st.tuples(WORDS, st.sampled_from(["kim", " kim ", "lee", "kim5", "5", ""]), WORDS, WORDS), max_size=8)


@pytest.mark.slow
@given(ROWS, st.sampled_from(["csv", "jsonl"]), st.sampled_from(["kim", "5"]))
@settings(max_examples=40)
def test_whatever_stands_in_the_cells_others_keep_theirs(rows: list[tuple[str, ...]], kind: str, who: str) -> None:
    """Loss: a quote, a line end or a number in somebody else's cell, at which a record ends too early or is taken."""
    names = ("item_id", "annotator_id", "label", "note")

    def content(kept: list[tuple[str, ...]]) -> bytes:
        if kind == "jsonl":
            return "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in kept).encode()
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\r\n").writerows([names, *kept])
        return out.getvalue().encode()

    with TemporaryDirectory() as name:
        path = Path(name) / f"x.{kind}"
        path.write_bytes(content(rows))
        outcome = redacted(path, f"format: {kind}", person=who)
        others = [row for row in rows if row[1].strip() != who]
        if outcome is None or outcome.fate == "removed":
            assert others == (rows if outcome is None else [])
        else:
            assert path.read_bytes() == content(others)


@pytest.mark.parametrize("shift", [-12, -5, 0, 3])
@pytest.mark.parametrize("code", ["utf-8", "utf-16-le"])
def test_a_word_is_found_wherever_large_files_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: int, code: str
) -> None:
    """Loss: a name that a cut parts; or a longer name taken for it because a cut hides its end."""
    monkeypatch.setattr("label_pipeline.privacy.redact.CHUNK", 128)
    monkeypatch.setattr("label_pipeline.privacy.redact.OVERLAP", 64)
    wanted = Wanted(lambda s, i: False, lambda i: False, frozenset(["A2PLANTED7"]))
    for word, is_it in (("A2PLANTED7", True), ("A2PLANTED77", False), ("XA2PLANTED7", False)):
        path = tmp_path / "x"
        path.write_bytes((" " * (64 + shift) + word + " " * 80 + word + " " * 9).encode(code))
        assert wanted.told_by(path) == is_it
