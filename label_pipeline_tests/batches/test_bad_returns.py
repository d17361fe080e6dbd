"""What comes back and should not: quarantined with its reason, and nothing else with it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from label_pipeline.batches import send as sending
from label_pipeline.batches.compose import FOR_ADJUDICATORS, plain_batch
from label_pipeline.batches.send import Outgoing, send
from label_pipeline.batches.sent import record_sent, sent_path, sent_rows
from label_pipeline.errors import UserError
from label_pipeline.ingest import Ingested, Known, ingest_day
from label_pipeline.landing import sent_files
from label_pipeline_tests.ingest.house import D1, D2, WHO, House, check, person

SOURCE = "  s: {format: csv, batch: lot}"
ROSTER = "people: {roster: people.csv}"


def house(root: Path, more: str = "", classes: str = "[a, b]") -> House:
    """A project that sent `i` and `j` to everybody on the first day, and `hard` to adjudicators."""
    made = House(root, SOURCE, more=more, classes=classes)
    if not sent_files(made.folder, "p", D1):
        everybody = plain_batch(["i", "j"], "new", "b", people=1, seed="s")
        experts = plain_batch(["hard"], "adjudication", "b" + FOR_ADJUDICATORS, people=1, seed="s")
        for batch in (everybody, experts.assign(route="adjudicator")):
            record_sent(made.folder, "p", batch, D1)
    return made


def night(made: House, answers: str, day: date = D1, **known: Any) -> Ingested:
    made.put("s/answers.csv", "item_id,annotator_id,label,lot\n" + answers, day)
    found = ingest_day(made.project, day, made.files(day), Known(sent=sent_files(made.folder, "p", day), **known), WHO)
    check(found)
    return found


def broken(found: Ingested) -> list[tuple[int, str]]:
    return [(row["landed_row"], row["rule"]) for row in found.quarantine.to_pylist()]


def test_answers_for_items_never_sent(tmp_path: Path) -> None:
    """Loss: people who are paid by answer answer what nobody asked."""
    answers = "i,u,a,b\nj,u,a,\nj,u,a,another tool's\nhard,u,a,b\nfree,u,a,\nfree,u,a,b\n,u,a,b\n"
    made = house(tmp_path, "batches: {require_from: 2026-10-05}")
    assert broken(night(made, answers)) == [
        (4, "item_not_sent"),  # sent, but in another batch than the one it names
        (5, "item_not_sent"),
        (6, "item_not_sent"),
        (7, "item_missing"),
    ]
    assert "free" not in night(made, answers).items["item_id"].to_pylist()  # or it would be sent tomorrow
    later = house(tmp_path, "batches: {require_from: 2026-10-06}")
    assert broken(night(later, answers)) == [(7, "item_missing")]
    nothing = House(tmp_path / "other", SOURCE, more="batches: {require_from: 2026-10-05}")
    assert broken(night(nothing, "i,u,a,b\n")) == [(1, "item_not_sent")]


def test_what_is_sent_tomorrow_is_not_known_today(tmp_path: Path) -> None:
    """Loss: a rebuild that knows more than the night did makes other tables of the same landing."""
    made = house(tmp_path, "batches: {require_from: 2026-10-05}")
    record_sent(made.folder, "p", plain_batch(["k"], "new", "b2", people=1, seed="s"), D2)
    assert broken(night(made, "k,u,a,\n")) == [(1, "item_not_sent")]
    assert broken(night(made, "k,v,a,b2\n", D2)) == []


def test_adjudication_by_someone_without_the_role(tmp_path: Path) -> None:
    """Loss: a vote that takes a decision's place, from whoever opened the wrong project."""
    batch = "b" + FOR_ADJUDICATORS
    answers = f"hard,judge,a,{batch}\nhard,worker,a,{batch}\nhard,nobody,a,{batch}\nhard,worker,a,\ni,worker,a,b\n"
    known = {"adjudicators": (person("judge"),), "annotators": (person("judge"), person("worker"))}
    assert broken(night(house(tmp_path, ROSTER), answers, **known)) == [
        (2, "adjudicator_only"),
        (3, "adjudicator_only"),
    ]
    strict = house(tmp_path, "people: {roster: people.csv, unknown: quarantine}")
    assert broken(night(strict, answers, **known)) == [(2, "adjudicator_only"), (3, "annotator_unknown")]


def test_a_batch_that_returns_after_its_project_changed_classes(tmp_path: Path) -> None:
    """Loss: an answer in yesterday's words taken for one of today's classes, or the whole file refused for it."""
    made = house(tmp_path, classes="[a, b2, b3]")
    found = night(made, "i,u,a,b\nj,u,b,b\n")
    assert broken(found) == [(2, "label_unknown")]
    assert "the label is none of the classes a, b2, b3: 'b'" in found.quarantine["reason"].to_pylist()


def test_sent_batches_are_found_again(tmp_path: Path) -> None:
    """Loss: a batch that is recorded twice, or changed, is one of which nobody knows what people were shown."""
    made = house(tmp_path)
    path = sent_path(made.folder, "p", "b")
    assert path is not None
    rows = sent_rows([path])
    assert sorted(rows["item_id"]) == ["i", "j"]
    assert set(rows["sent_on"]) == {D1}
    assert sent_path(made.folder, "p", "c") is None
    assert sent_rows([]).empty
    assert sent_files(made.folder, "p", D1 - timedelta(days=1)) == []
    with pytest.raises(UserError, match="batch b was sent before"):
        record_sent(made.folder, "p", rows, D2)
    with pytest.raises(UserError, match="2 rows of 2 batches"):
        record_sent(made.folder, "p", pd.concat([rows[:1], rows[1:].assign(batch_id="c")]), D2)
    path.write_text(path.read_text().replace('"i"', '"x"').replace('"batch_id": "b"', '"batch_id": "c"'))
    with pytest.raises(UserError, match="is not what was written when the batch was sent"):
        sent_rows([path])
    path.write_text("{")
    with pytest.raises(UserError, match="landing files are never changed"):
        sent_rows([path])


def test_what_was_sent_is_no_source(tmp_path: Path) -> None:
    """Loss: the pipeline's own record quarantined every night as a file that lies in no source's folder."""
    made = house(tmp_path)
    made.put("s/answers.csv", "item_id,annotator_id,label,lot\n")
    assert [file.name for file in made.files()] == ["s/answers.csv"]


def test_the_same_batch_sent_by_two_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: the schedule and a person send in the same second, and one of them is told that landing was changed."""
    made = house(tmp_path)
    monkeypatch.setattr(sending, "today", lambda timezone: D2)
    rows = plain_batch(["k", "l"], "new", "twice", people=1, seed="s")
    both = [Outgoing("twice", rows, None), Outgoing("twice", rows.copy(), None)]
    assert [send(made.folder, made.project, one).sent_on for one in both] == [D2, D2]
    assert len(sent_files(made.folder, "p", D2)) == 3
    with pytest.raises(UserError, match="by somebody else, with other rows"):
        send(made.folder, made.project, Outgoing("twice", rows[:1], None))
