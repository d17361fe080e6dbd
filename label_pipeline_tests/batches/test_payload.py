"""What people get to see of a row: nothing that tells a gold check, and what every tool reads back as it was sent."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from label_pipeline.batches.compose import GOLD_CHECK, NEW, RELABEL, pack
from label_pipeline.batches.payload import KEY, Control, Shown, batch_key, shown_rows, task, word_for
from label_pipeline.batches.written import FORMATS, written
from label_pipeline.errors import UserError
from label_pipeline.project import Project, parse_project
from label_pipeline_tests.ingest.house import House

PROJECT = """\
project: p
start: 2026-10-01
labels: {classes: [a, b], aliases: {eins: a}}
items: {fields: [text, size]}
batches: {prelabel: true}
sources:
  ls: {format: label_studio_json, item: review, label: tone, fields: {text: body}}
  lines: {format: jsonl}
  table: {format: csv, item: review, batch: lot}
  turk: {format: mturk_csv, item: "Input.review<n>", label: "Answer.tone<n>", fields: {text: "Input.text<n>"},
         batch: Input.lot}
"""
SOURCES = dict(zip(FORMATS, ("ls", "table", "lines", "turk"), strict=True))
CONTROL = Control("tone", "body", words={"a": "eins"})


def project(more: str = "") -> Project:
    return parse_project(PROJECT + more, "project.yaml")


def row(item: str = "i", label: str | None = None, people: int = 1, **fields: Any) -> Shown:
    return Shown("p-2026-10-05", item, fields, people, label)


def files(rows: list[Shown], form: str, **more: Any) -> dict[str, str]:
    source = project().sources[SOURCES[form]]
    found = written(rows, project(), source, form, control=CONTROL, **more)
    return {name: content.decode() for name, content in found.items()}


def test_a_task_by_hand() -> None:
    """Loss: a task whose item field has another name comes back as another item."""
    made = task(row(text="Hm", size=2, label="a"), project(), project().sources["ls"], CONTROL)
    assert [*made] == ["data", "meta", "predictions"]
    assert [*made["data"]] == ["review", "body", "size", KEY]
    assert made["data"]["review"] == "i"
    assert made["data"][KEY].startswith(batch_key("p-2026-10-05"))
    assert made["meta"] == {"batch_id": "p-2026-10-05"}
    (prediction,) = made["predictions"]
    assert prediction["result"] == [
        {"from_name": "tone", "to_name": "body", "type": "choices", "value": {"choices": ["eins"]}}
    ]
    assert task(row(label="a"), project(), project().sources["ls"], None)["predictions"] == []
    assert Control("t", "x", "rating").prediction("4")["result"][0]["value"] == {"rating": 4}


VALUES = st.one_of(st.none(), st.text(max_size=8), st.integers(-9, 9), st.lists(st.integers(0, 3), max_size=2))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.text("abcdefg", min_size=1, max_size=3), VALUES),
        min_size=1,
        max_size=6,
        unique_by=lambda pair: pair[0],
    ),
    st.sampled_from(FORMATS),
    st.randoms(use_true_random=False),
)
def test_no_purpose_can_be_told_from_what_is_sent(items: list[tuple[str, Any]], form: str, chance: Any) -> None:
    """Loss: one key more, another order, another kind of id, and everybody works with care where it is counted.

    Whatever the purposes of a batch's rows are, its files are the same bytes: nothing in them can depend on purpose.
    """
    payloads = {item: json.dumps({"text": value, "size": 1}) for item, value in items}
    rows = pd.DataFrame({"item_id": [item for item, _ in items], "people": 1, "suggested_label": None})
    sent = []
    for _ in range(2):
        purposes = [chance.choice([NEW, RELABEL, GOLD_CHECK]) for _ in items]
        batch = pack(rows.assign(purpose=purposes, route="annotator"), "p-2026-10-05", "seed")
        sent.append(files(shown_rows(batch, payloads), form))
    assert sent[0] == sent[1]
    for text in sent[0].values():
        assert not {"gold", "check", NEW, RELABEL, "purpose"} & set(text.replace('"', " ").replace(",", " ").split())
    if form == "label-studio":
        tasks = json.loads(next(iter(sent[0].values())))
        assert len({tuple(one["data"]) for one in tasks}) == 1
        assert {len(one["data"][KEY]) for one in tasks} == {33}


def test_tables_by_hand() -> None:
    """Loss: a column that the source does not read back, and every answer lies on no item."""
    rows = [row("i", text="x", size=1), row("j", label="b", text="y")]
    assert files(rows, "csv") == {
        "p-2026-10-05.csv": "review,text,size,lot,suggested_label\r\ni,x,1,p-2026-10-05,\r\nj,y,,p-2026-10-05,b\r\n"
    }
    assert [json.loads(line) for line in files(rows, "jsonl")["p-2026-10-05.jsonl"].splitlines()] == [
        {"item_id": "i", "text": "x", "size": 1, "batch_id": "p-2026-10-05", "suggested_label": None},
        {"item_id": "j", "text": "y", "batch_id": "p-2026-10-05", "suggested_label": "b"},
    ]


def test_mturk_by_hand() -> None:
    """Loss: MTurk asks one number of people for all of a file, and puts `Input.` before what the file calls x."""
    rows = [row("i", text="x"), row("j", text="y"), row("k", text="z", people=3)]
    assert files(rows, "mturk", per_hit=2) == {
        "p-2026-10-05-1-people.csv": "review1,text1,lot,suggested_label1,review2,text2,suggested_label2\r\n"
        "i,x,p-2026-10-05,,j,y,\r\n",
        "p-2026-10-05-3-people.csv": "review1,text1,lot,suggested_label1\r\nk,z,p-2026-10-05,\r\n",
    }
    plain = parse_project(PROJECT.replace("<n>", ""), "p")
    with pytest.raises(UserError, match="a task of 2 items needs as many columns"):
        written(rows, plain, plain.sources["turk"], "mturk", control=None, per_hit=2)
    spaced = parse_project(PROJECT.replace("Input.text<n>", "Input.the text"), "p")
    with pytest.raises(UserError, match="MTurk takes no column 'the text'"):
        written(rows, spaced, spaced.sources["turk"], "mturk", control=None)


@pytest.mark.parametrize("form", ["csv", "mturk"])
@pytest.mark.parametrize("evil", ["=1+1", "+cmd|'/C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(form: str, evil: str) -> None:
    """Loss: a product review that starts a program on the computer of whoever opens the batch."""
    text = next(iter(files([row(text=evil)], form).values()))
    cells = [cell for line in csv.reader(io.StringIO(text, newline="")) for cell in line]
    assert f"'{evil}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    with pytest.raises(UserError, match="would be a formula"):
        files([row(evil)], form)


def test_numbers_are_no_formulas() -> None:
    """Loss: an apostrophe before every negative number."""
    assert "i,-2,-1.5e3," in files([row(text="-2", size=-1500.0)], "csv")["p-2026-10-05.csv"].replace(
        "-1500.0", "-1.5e3"
    )


def test_one_name_for_two_things() -> None:
    """Loss: a field that overwrites the item's id, and answers on an item called 'blue'."""
    mixed = parse_project(PROJECT.replace("fields: {text: body}", "fields: {text: review}"), "p")
    with pytest.raises(UserError, match="'review' would hold both the item and its field 'text'"):
        task(row(text="blue"), mixed, mixed.sources["ls"], None)
    assert task(row("blue", text="blue"), mixed, mixed.sources["ls"], None)["data"]["review"] == "blue"


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_hidden_is_not_sent(form: str) -> None:
    """Loss: a gold check of last year among items of this week, told by the day on which it arrived."""
    text = PROJECT.replace("fields: [text, size]", "fields: [text, size, came], arrived_at: came")
    shown = [row(text="x", size=1, came="2025-01-01")]
    for more, sent in (("", False), ("hide: [size], ", True), ("hide: [came, size], ", False)):
        made = parse_project(text.replace("batches: {", "batches: {" + more), "project.yaml")
        (content,) = written(shown, made, made.sources[SOURCES[form]], form, control=CONTROL).values()
        assert ("2025-01-01" in content.decode()) == sent
        assert ("size" in content.decode()) == (more == "")


def test_classes_in_the_tools_words() -> None:
    """Loss: the tool takes any choice of a prediction without a word, and shows none that it does not know."""
    assert word_for(project(), "a", ["a", "b"]) == "a"
    assert word_for(project(), "a", ["eins", "b"]) == "eins"
    assert word_for(project(), "a", ["b"]) is None


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_is_read_back_as_the_same_items(tmp_path: Path, form: str) -> None:
    """Loss: an export that our own adapter reads otherwise; the answers come back on other items.

    Each file is answered as its tool would write it: with a label beside every row.
    """
    house = House(tmp_path, PROJECT.split("sources:\n")[1], more="items: {fields: [text, size]}")
    rows = [row("i, j", text='say "hi"\nthere', size=1), row("ü", text="", size=2)]
    source = SOURCES[form]
    for name, text in files(rows, form).items():
        house.put(f"{source}/{name}", answered(text, form))
    found = house.ingest()
    assert found.quarantine.num_rows == 0
    assert sorted(found.events["item_id"].to_pylist()) == ["i, j", "ü"]
    assert set(found.events["batch_id"].to_pylist()) == {"p-2026-10-05"}
    payloads = {item["item_id"]: json.loads(item["payload"]) for item in found.items.to_pylist()}
    assert payloads["i, j"]["text"] == 'say "hi"\nthere'


def answered(text: str, form: str) -> str:
    """The file of a batch as it comes back, every item labelled `a`."""
    if form == "label-studio":
        tasks = json.loads(text)
        for k, one in enumerate(tasks):
            result = {"from_name": "tone", "value": {"choices": ["a"]}}
            one["annotations"] = [{"id": k, "completed_by": 1, "result": [result]}]
        return json.dumps(tasks)
    if form == "jsonl":
        return "".join(
            json.dumps(json.loads(line) | {"label": "a", "annotator_id": "u"}) + "\n" for line in text.splitlines()
        )
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    if form == "csv":
        rows = [each | {"label": "a", "annotator_id": "u"} for each in rows]
    else:
        rows = [
            {f"Input.{name}": value for name, value in each.items()}
            | {"Answer.tone1": "a", "WorkerId": "u", "AssignmentStatus": "Approved", "AssignmentId": str(k),
               "AcceptTime": "", "SubmitTime": "", "WorkTimeInSeconds": "9"}
            for k, each in enumerate(rows)
        ]  # fmt: skip
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [*rows[0]])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
