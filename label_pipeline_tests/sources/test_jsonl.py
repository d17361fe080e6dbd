"""JSON lines: one object a line, whatever its keys; a broken line costs that line."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from label_pipeline.errors import UserError
from label_pipeline_tests.sources.reader import column, outcome, problem, read

GOOD: dict[str, Any] = {"item_id": "1", "annotator_id": "x", "label": "a"}


def lines(*parts: Any) -> str:
    return "".join((part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)) + "\n" for part in parts)


def triples(folder: Path, content: str | bytes, source: str = "format: jsonl") -> list[tuple[str, ...]]:
    return column(read(folder, content, source).answers, "item_id", "annotator", "label")


def test_broken_lines_are_set_aside_with_their_number(tmp_path: Path) -> None:
    """Loss: one truncated line would stop the file, and its text would stand in a table."""
    secret = '{"item_id": "2", "mail": "jane@example.com"'
    surrogate = '{"item_id": "\\ud800"}'
    content = lines(GOOD, secret, GOOD | {"item_id": 3}, "[1]", "7", "null", '"x"', "", "  ", surrogate, GOOD)
    found = read(tmp_path, content, "format: jsonl")
    assert column(found.answers, "landed_row", "item_id") == [(1, "1"), (3, "3"), (11, "1")]
    assert column(found.broken, "landed_row") == [2, 4, 5, 6, 7, 10]
    assert set(column(found.broken, "reason")) == {"the line is not a JSON object"}


def test_a_first_line_whose_key_is_no_text(tmp_path: Path) -> None:
    """Loss: the first line tells the usual keys; half a surrogate pair in one of them would stop the night."""
    found = read(tmp_path, '{"item_id": "1", "tex\\ud800t": 1}\n' + lines(GOOD | {"item_id": 2}), "format: jsonl")
    assert column(found.answers, "item_id") == ["2"]
    assert column(found.broken, "landed_row", "reason") == [(1, "the line is not a JSON object")]


def test_a_key_given_twice_is_a_broken_line(tmp_path: Path) -> None:
    """Loss: which of two values counts differs between programs, so neither may."""
    found = read(tmp_path, lines(GOOD, '{"item_id": 1, "item_id": 2}'), "format: jsonl")
    assert column(found.broken, "landed_row", "reason") == [(2, "a key is given twice")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_that_are_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes) -> None:
    """Loss: one line in another encoding, or one far too long, must cost one line."""
    monkeypatch.setattr("label_pipeline.sources.landed.LONGEST_LINE", 4096)
    parts = [json.dumps(GOOD).encode(), b'{"item_id": "\xe9"}', b'{"item_id": "' + b"z" * 5000 + b'"}']
    content = end.join([*parts, b'{"item_id": "\x01"}', json.dumps(GOOD | {"item_id": 5}).encode()]) + end
    found = read(tmp_path, content, "format: jsonl")
    assert column(found.answers, "landed_row", "item_id") == [(1, "1"), (5, "5")]
    assert column(found.broken, "landed_row") == [2, 3, 4]


@pytest.mark.parametrize(
    ("encoding", "source"),
    [
        ("utf-8-sig", "format: jsonl"),
        ("latin-1", "format: jsonl, encoding: latin-1"),
        ("utf-16", "format: jsonl, encoding: utf-16"),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, source: str) -> None:
    """Loss: as in CSV."""
    content = lines(GOOD, GOOD | {"item_id": "ü"}).encode(encoding)
    assert triples(tmp_path, content, source) == [("1", "x", "a"), ("ü", "x", "a")]


def test_values_as_text(tmp_path: Path) -> None:
    """Loss: a number that loses digits on its way is another item; NaN read as a name is a person nobody is."""
    values = [10**30, 2**63, -1, 1905.0, 1e300, True, None, {"a": 1}, ["x"], "", " y ", 'q"\n;🙂\u2028']
    content = lines(
        *(GOOD | {"item_id": value} for value in values), '{"item_id": NaN, "label": "a", "annotator_id": 7}'
    )
    assert column(read(tmp_path, content, "format: jsonl").answers, "item_id") == [
        "1000000000000000000000000000000",
        "9223372036854775808",
        "-1",
        "1905.0",
        "1e+300",
        "true",
        None,
        '{"a":1}',
        '["x"]',
        "",
        " y ",
        'q"\n;🙂\u2028',
        "NaN",
    ]


@pytest.mark.parametrize(
    "key", ["", 'we"ird', "a.b", "$.x", "a/b", "a~1b", "back\\slash", "it's", "*", "0", "[0]", "ü"]
)
def test_keys_of_any_spelling(tmp_path: Path, key: str) -> None:
    """Loss: a dot or a quote in a key must not make another key of it."""
    row = {"annotator_id": "x", "label": "a", "a": {"b": "wrong"}, key: "right"}
    if key:
        assert triples(tmp_path, lines(row), f"format: jsonl, item: {json.dumps(key)}") == [("right", "x", "a")]
    else:
        assert triples(tmp_path, lines(row | GOOD)) == [("1", "x", "a")]


def test_keys_that_differ_in_case_only(tmp_path: Path) -> None:
    """Loss: `Label` beside `label` would take its place, or stop the file."""
    content = lines(GOOD | {"Label": "b", "landed_row": 99}, {"LABEL": "b", "item_id": 2})
    assert triples(tmp_path, content) == [("1", "x", "a"), ("2", None, None)]


def test_item_fields_keep_their_types(tmp_path: Path) -> None:
    """Loss: a list of numbers kept as text is no feature for the model."""
    row = GOOD | {"px": [1, 2.5], "nest": {"q": None, "r": 1}, "n": 3, "none": None, "secret": "x"}
    found = read(tmp_path, lines(row, GOOD), "format: jsonl, fields: {pixels: px}", fields="[pixels, nest, n, none]")
    assert [json.loads(payload) for payload in column(found.items, "payload")] == [
        {"pixels": [1, 2.5], "nest": {"q": None, "r": 1}, "n": 3, "none": None},
        {"pixels": None, "nest": None, "n": None, "none": None},
    ]


@pytest.mark.parametrize("depth", [200, 100_000])
def test_nesting_without_end(tmp_path: Path, depth: int) -> None:
    """Loss: a value that Python's JSON reader cannot take in would stop every night after this one."""
    deep = '{"item_id": 2, "annotator_id": "x", "label": "a", "text": ' + "[" * depth + "]" * depth + "}"
    content = lines(GOOD | {"text": '[[{"' * 100}, deep)
    words = problem(tmp_path, content, "format: jsonl", fields="[text]")
    assert words == "nested_too_deep: the item of row 2 is nested deeper than 100 levels"
    assert triples(tmp_path, content) == [("1", "x", "a"), ("2", "x", "a")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "file_empty: the file is empty"),
        ("\n\n", "file_unreadable: no line is a JSON object"),
        ("item_id,label\n1,a\n", "file_unreadable: no line is a JSON object"),
        (json.dumps([GOOD]), "file_unreadable: no line is a JSON object"),
        (json.dumps(GOOD, indent=1), "file_unreadable: no line is a JSON object"),
        ('{"a": "\0"}\n', "file_unreadable: the file is binary or damaged: it holds NUL bytes"),
        (lines({"item": 1}), "column_missing: column 'annotator_id' is missing"),
    ],
)
def test_a_file_that_is_something_else(tmp_path: Path, content: str, words: str) -> None:
    """Loss: as in CSV."""
    assert problem(tmp_path, content, "format: jsonl") == words


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text("ab", max_size=2), st.floats(), max_size=2),
)
OBJECTS = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("item_id", "annotator_id", "label", "text", "more"), VALUES)),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=25)
@given(OBJECTS, st.booleans(), st.sampled_from(["\n", "\r\n"]))
@example([GOOD | {"item_id": 1e300}, GOOD | {"item_id": 1e-7, "text": None}], True, "\n")
@example([GOOD | {"annotator_id": -(2**63) - 1}, GOOD | {"item_id": 2**70}, {"more": None}], True, "\n")
@example([GOOD | {"item_id": 1.5e16, "text": 1e16}, GOOD, {"more": None}], False, "\n")
def test_sound_files_are_read_as_line_by_line(objects: list[dict[str, Any]], ascii_only: bool, end: str) -> None:
    """Loss: an id is spelled otherwise on the night on which one line of its file is broken, and counts twice."""
    content = end.join(json.dumps(row, ensure_ascii=ascii_only) for row in objects) + end

    def found(folder: Path) -> Any:
        result = outcome(folder, content, "format: jsonl", fields="[text]")
        if isinstance(result, UserError):
            return result.rule, result.what
        return [sorted(map(repr, table.to_pylist())) for table in (result.answers, result.items, result.broken)]

    with tempfile.TemporaryDirectory() as folder:
        whole = found(Path(folder))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("label_pipeline.sources.landed._load_sound", lambda *_: None)
            assert found(Path(folder)) == whole


def test_sound_files_are_read_by_the_fast_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: large files are silently read line by line, three times as slow."""
    monkeypatch.setattr("label_pipeline.sources.landed._load_by_line", lambda *_: pytest.fail("read line by line"))
    sparse = lines(GOOD, GOOD | {"text": "later"}, GOOD | {"more": 1})
    assert len(read(tmp_path, sparse, "format: jsonl", fields="[text, never]").answers) == 3
