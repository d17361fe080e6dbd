"""doccano: who labelled stands only in a zip's file names, and a zip may be anything but harmless."""

from __future__ import annotations

import io
import json
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from label_pipeline_tests.ingest.house import D1, D2, House, account, keeps_contracts, person, reasons, rows
from label_pipeline_tests.sources.reader import column, problem, read

SOURCE = "format: doccano"


def example(number: int, *labels: Any, **more: Any) -> dict[str, Any]:
    return {"id": number, "text": "The lamp hums.", "label": list(labels), "Comments": []} | more


def lines(*examples: Any) -> str:
    return "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in examples)


def packed(entries: dict[str, str | bytes] | list[tuple[str | zipfile.ZipInfo, str | bytes]]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items() if isinstance(entries, dict) else entries:
            archive.writestr(name, text)
    return content.getvalue()


def test_a_zip_in_full(tmp_path: Path) -> None:
    """Loss: the annotator is only in the file's name; rows of two people must not carry one number."""
    content = packed(
        {
            "jane.doe@example.com.jsonl": lines(example(1, "a", shop="X"), example(2)) + "{broken\n\n",
            "bob.jsonl": lines(example(1, "b", batch_id="b3"), example(2, "a")),
            "eve.jsonl": "\n",  # confirmed nothing
        }
    )
    found = read(tmp_path, content, SOURCE, fields="[text, shop]", name="x.zip")
    assert found.answers.to_pylist()[0] == {
        "landed_row": 1,
        "answer": 1,
        "annotation_id": None,
        "item_id": "1",
        "annotator": "bob",
        "label": "b",
        "status": "submitted",
        "is_gold_check": False,
        "started_at": None,
        "annotated_at": None,
        "duration_s": None,
        "duration_source": "none",
        "batch_id": "b3",
    }
    assert column(found.answers, "landed_row", "annotator", "item_id", "label")[1:] == [
        (2, "bob", "2", "a"),
        (3, "jane.doe@example.com", "1", "a"),
    ]
    assert column(found.items, "landed_row", "item_id") == [(1, "1"), (2, "2"), (3, "1"), (4, "2")]
    assert json.loads(column(found.items, "payload")[2]) == {"text": "The lamp hums.", "shop": "X"}
    assert column(found.broken, "landed_row") == [5]


def test_unlabelled_examples_are_items_and_no_answers(tmp_path: Path) -> None:
    """Loss: an empty list taken for "none applies" is a vote by everybody on everything."""
    empty = {"id": 4, "text": "x", "entities": [], "relations": [], "label": None}
    found = read(tmp_path, lines(example(1, "a"), example(2), example(3) | {"label": None}, empty), SOURCE)
    assert (column(found.answers, "item_id"), column(found.items, "item_id")) == (["1"], ["1", "2", "3", "4"])


def test_labels_of_every_project(tmp_path: Path) -> None:
    """Loss: half of several labels would pass for the answer; spans and boxes cannot be labelled again."""

    def label(source: str = SOURCE, **keys: Any) -> Any:
        (found,) = column(read(tmp_path, lines({"id": 1} | keys), source).answers, "label")
        return found

    spans = [[0, 2, "ORG"]]
    entities = [{"id": 1, "label": "ORG", "start_offset": 0, "end_offset": 6}]
    relations = [{"id": 1, "from_id": 1, "to_id": 2, "type": "x"}]
    box = [{"uuid": "u", "x": 1.5, "y": 2, "width": 3, "height": 4, "label": "LAMP"}]

    def compact(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"))

    assert label(text="x", label=["a"]) == "a"
    assert label(text="x", label=["a#b"]) == "a#b"
    assert label(text="x", label=["a", "b"]) == "a|b"
    assert label(text="x", label=spans) == compact(spans)
    assert label(text="x", entities=entities, relations=relations) == compact(
        {"entities": entities, "relations": relations}
    )
    assert label(text="x", entities=entities, relations=[]) == compact({"entities": entities, "relations": []})
    assert label(text="x", cats=["a"], entities=spans) == "a"
    assert label(text="x", cats=[], entities=spans) == compact(spans)
    assert label(SOURCE + ", label: entities", text="x", cats=["a"], entities=spans) == compact(spans)
    assert label(filename="x.png", bbox=box) == compact(box)
    assert label(filename="x.png", segmentation=[{"points": [1, 2]}]) == '[{"points":[1,2]}]'
    assert label(SOURCE + ", label: labels", text="x", labels=["a"]) == "a"


def test_a_file_without_people(tmp_path: Path) -> None:
    """Loss: a shared project's labels are nobody's own, and must not become the votes of a person called all."""
    examples = lines(example(1, "a"), example(2, "b", annotator_id="jane"), example(3, "b", who="bob"))
    for content in (examples, packed({"all.jsonl": examples})):
        assert column(read(tmp_path, content, SOURCE).answers, "annotator") == [None, "jane", None]
        named = read(tmp_path, content, SOURCE + ", annotator: who").answers
        assert column(named, "annotator") == [None, None, "bob"]


def test_what_names_the_item(tmp_path: Path) -> None:
    """Loss: doccano's own ids start anew with every import; a meta key does not."""
    content = lines(example(1, "a", item_id="m1"), example(2, "a"), example(3, "a", item_id=None))
    assert column(read(tmp_path, content, SOURCE).answers, "item_id") == ["m1", "2", "3"]


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


GOOD = lines(example(1, "a"))
HARMFUL: dict[str, list[tuple[str | zipfile.ZipInfo, str | bytes]]] = {
    "up": [("../up.jsonl", GOOD)],
    "up behind a good one": [("bob.jsonl", GOOD), ("x/../../up.jsonl", GOOD)],
    "absolute": [("/tmp/absolute.jsonl", GOOD)],
    "backslashes": [("..\\up.jsonl", GOOD)],
    "a drive": [("C:up.jsonl", GOOD)],
    "a folder": [("folder/", "")],
    "in a folder": [("folder/bob.jsonl", GOOD)],
    "hidden": [(".jsonl", GOOD)],
    "another kind": [("bob.jsonl", GOOD), ("bob.csv", "id,label\n")],
    "a zip in it": [("bob.zip", packed({"bob.jsonl": GOOD}))],
    "a link": [(link("bob.jsonl"), "/etc/passwd")],
    "one name twice": [("bob.jsonl", GOOD), ("bob.jsonl", GOOD)],
}


@pytest.fixture
def nothing_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to land in, beside which nothing may appear, and a folder for temporary files that must end empty."""
    folder, temporary = tmp_path / "deep" / "landed", tmp_path / "temporary"
    folder.mkdir(parents=True)
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield folder
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"deep", "deep/landed", "deep/landed/x", "temporary"}
    assert not Path("/tmp/absolute.jsonl").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", HARMFUL)
def test_a_zip_that_may_do_harm_is_refused(nothing_written: Path, case: str) -> None:
    """Loss: a file written outside the data folder, or one read that is no part of the export."""
    words = problem(nothing_written, packed(HARMFUL[case]), SOURCE)
    assert words.startswith("zip_refused: the zip holds ")
    assert "bob" not in words


def test_bombs_are_refused(nothing_written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a small file that unpacks to all of the disk stops every project's night."""
    refused = "zip_refused: the zip unpacks to far more than an export holds"
    assert problem(nothing_written, packed({"bob.jsonl": b" " * (100 << 20)}), SOURCE) == refused
    with monkeypatch.context() as patch:
        patch.setattr("label_pipeline.sources.doccano.MOST_BYTES", 100)
        assert problem(nothing_written, packed({"bob.jsonl": GOOD, "eve.jsonl": GOOD}), SOURCE) == refused
    with monkeypatch.context() as patch:
        patch.setattr("label_pipeline.sources.doccano.MOST_ENTRIES", 1)
        assert problem(nothing_written, packed({"bob.jsonl": GOOD, "eve.jsonl": GOOD}), SOURCE) == refused


def test_a_zip_that_lies_about_its_size(nothing_written: Path) -> None:
    """Loss: a size in the directory that is smaller than what comes out would get round the limit."""
    content = packed({"bob.jsonl": GOOD * 1000})
    size = len(GOOD * 1000).to_bytes(4, "little")
    assert content.count(size) == 2
    lying = content.replace(size, (10).to_bytes(4, "little"))
    assert problem(nothing_written, lying, SOURCE).startswith("file_unreadable: the zip is damaged")


def encrypted() -> bytes:
    content = bytearray(packed({"bob.jsonl": GOOD}))
    for start, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(start) + place] |= 1
    return bytes(content)


def flipped() -> bytes:
    content = bytearray(packed({"bob.jsonl": GOOD}))
    content[50] ^= 0xFF
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (packed({}), "file_empty: the zip holds no file"),
        (packed({"bob.jsonl": GOOD})[:-30], "file_unreadable: the zip is damaged"),
        (flipped(), "file_unreadable: the zip is damaged"),
        (encrypted(), "file_unreadable: the zip is damaged or encrypted"),
        (packed({"bob.jsonl": GOOD, "eve.jsonl": "id,label\n"}), "file_unreadable: no line is a JSON object"),
        (packed({"bob.jsonl": lines({"id": 1, "text": "x"})}), "column_missing: column 'label' is missing"),
        ("", "file_empty: the file is empty"),
        ("id,text,label\n1,x,a#b\n", "file_unreadable: no line is a JSON object"),
    ],
)
def test_a_file_that_is_something_else(nothing_written: Path, content: str | bytes, words: str) -> None:
    """Loss: part of a zip taken for the whole would delete the other people's answers in a snapshot source."""
    assert problem(nothing_written, content, SOURCE).startswith(words)


def test_a_good_zip_leaves_nothing_behind(nothing_written: Path) -> None:
    """Loss: people's data left in a temporary folder every night."""
    assert len(read(nothing_written, packed({"bob.jsonl": GOOD, "eve.jsonl": GOOD}), SOURCE).answers) == 2


def test_nights(tmp_path: Path) -> None:
    """Loss: an answer that is neither accepted nor quarantined nor a duplicate is gone; a name in a table stays."""
    house = House(tmp_path, f"  s: {{{SOURCE}, mode: snapshot}}\n", more="items: {fields: [text]}")
    jane = lines(example(1, "a"), example(2), example(3, "a", "b"))
    house.put("s/export.zip", packed({"jane.jsonl": jane, "bob.jsonl": lines(example(1, "b"), example(1, "b"))}))
    house.put("s/shared.zip", packed({"all.jsonl": lines(example(1, "a"), example(4, "c"))}))
    night = house.night(D1)
    keeps_contracts(night, house.project)
    assert account(night) == {"s/export.zip": (4, 2, 1, 1), "s/shared.zip": (2, 0, 2, 0)}
    votes = {(person("bob"), "1", "b"), (person("jane"), "1", "a")}
    assert set(rows(night.events, "annotator_id", "item_id", "label")) == votes
    assert reasons(night) == [
        ("s/export.zip", 5, "label_unknown"),
        ("s/shared.zip", 1, "annotator_missing"),
        ("s/shared.zip", 2, "annotator_missing"),
    ]
    for table in (night.events, night.items, night.quarantine, night.landings):
        assert not {"jane", "bob"} & set(str(table.to_pylist()).replace("'", " ").split())
    # The label that was taken back, and the person that is gone, are deletions in a whole export.
    house.put("s/export.zip", packed({"jane.jsonl": lines(example(1), example(2, "b"))}), D2)
    second = house.ingest(D2)
    assert rows(second.events, "status", "item_id", "label") == [
        ("deleted", "1", None),
        ("deleted", "1", None),
        ("submitted", "2", "b"),
    ]
