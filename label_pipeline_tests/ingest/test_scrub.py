"""What the project scrubs never gets past landing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from label_pipeline.errors import UserError
from label_pipeline.ingest.day import ingest_day
from label_pipeline.ingest.known import Known
from label_pipeline.project_files import scrubber
from label_pipeline_tests.ingest.house import D1, WHO, House

SCRUB = "items: {fields: [text, note]}\nprivacy: {scrub: {fields: [text], kinds: [email], names: names.txt}}"
ROW = {
    "item_id": "i",
    "annotator_id": "x",
    "label": "a",
    "text": "Ada wrote a@b.org, 4111 1111 1111 1111",
    "note": "Ada",
}


def _house(root: Path, names: str | bytes | None) -> House:
    house = House(root, "  s: {format: jsonl}", more=SCRUB)
    home = house.folder.project("p")
    home.mkdir(parents=True, exist_ok=True)
    if names is not None:
        (home / "names.txt").write_bytes(names if isinstance(names, bytes) else names.encode())
    house.put("s/a.jsonl", [ROW, ROW | {"item_id": "j", "text": "nobody"}])
    return house


def test_identifiers_are_gone_before_the_lake(tmp_path: Path) -> None:
    """Loss: an e-mail address in a review is published with the training set for everybody to read."""
    house = _house(tmp_path, "Ada\n\n")
    found = ingest_day(house.project, D1, house.files(), Known(scrub=scrubber(house.folder, house.project)), WHO)
    payloads = [json.loads(text) for text in found.items["payload"].to_pylist()]
    assert payloads == [
        {"text": "[name] wrote [email], 4111 1111 1111 1111", "note": "Ada"},
        {"text": "nobody", "note": "Ada"},
    ]
    assert "a@b.org" not in str([table.to_pylist() for table in (found.events, found.quarantine, found.landings)])


@pytest.mark.parametrize(
    ("names", "words"), [(None, "there is no file 'names.txt'"), (b"\xff\xfe", "the file is not UTF-8 text")]
)
def test_a_list_that_cannot_be_read_stops_the_night(tmp_path: Path, names: bytes | None, words: str) -> None:
    """Loss: a list of names with a typo in its name scrubs nothing, and nobody is told."""
    house = _house(tmp_path, names)
    with pytest.raises(UserError, match=words):
        scrubber(house.folder, house.project)


def test_mistakes_in_the_project_file(tmp_path: Path) -> None:
    """Loss: a misspelt field or kind is not scrubbed, and nobody is told."""
    for wrong, words in (("fields: [txet]", "Did you mean 'text'"), ("fields: [text], kinds: [mail]", "'email'")):
        with pytest.raises(UserError, match=words):
            House(tmp_path, "  s: {format: jsonl}", more=f"items: {{fields: [text]}}\nprivacy: {{scrub: {{{wrong}}}}}")
