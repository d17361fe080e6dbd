"""The audit log: what it keeps, and that nothing in it can be changed unseen."""

from __future__ import annotations

import json
import multiprocessing
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from label_pipeline.audit import Act, entries, erase, record, record_all
from label_pipeline.cli import BAD_INPUT, OK, STOPPED, main
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder

AT = datetime(2026, 10, 5, 2, 30, tzinfo=UTC)
ACTS = [
    Act("lena", "override", "2026-10-05 label_accuracy", "the gold of batch 7 is wrong"),
    Act("night of 2026-10-06", "exclusion", "a-12", "3 of 14 gold checks", "counting", "not counting"),
    Act("lena", "rollback", "LATEST", "évaluation ratée; \"see\" 'ticket'\n12", "2026-10-06-0a", "2026-10-05-0b"),
]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path)
    record_all(folder, "p", ACTS, at=AT)
    return folder


def test_acts_come_back_in_order(folder: DataFolder) -> None:
    """Guards against acts that are lost, reordered or reworded."""
    found = entries(folder, "p")
    assert [e.act for e in found] == ACTS
    assert [e.seq for e in found] == [1, 2, 3]
    assert {e.at for e in found} == {AT}
    assert [e.act for e in entries(folder, "p", "rollback")] == ACTS[2:]
    assert entries(folder, "other") == []


def test_a_rerun_tells_nothing_twice(folder: DataFolder) -> None:
    """Guards against a log that grows with every re-run, and against a person's second act being swallowed."""
    record_all(folder, "p", [ACTS[1], ACTS[1]], at=AT, once=True)
    assert len(entries(folder, "p")) == 3
    record(folder, "p", at=AT, actor="lena", action="rollback", subject="LATEST", reason="again")
    record(folder, "p", at=AT, actor="lena", action="rollback", subject="LATEST", reason="again")
    assert len(entries(folder, "p")) == 5


@pytest.mark.parametrize("line", [1, 2, 3])
@pytest.mark.parametrize("how", ["word", "hash", "drop", "swap", "double", "garbage"])
def test_any_change_is_found_and_located(folder: DataFolder, line: int, how: str) -> None:
    """Guards against a log whose lines can be changed, dropped, moved or doubled unseen."""
    path = folder.audit("p")
    lines = path.read_text().splitlines(keepends=True)
    k = line - 1
    broken = line
    if how == "word":
        lines[k] = lines[k].replace("lena", "lina").replace("3 of 14", "4 of 14")
    elif how == "hash":
        told = json.loads(lines[k])
        lines[k] = json.dumps(told | {"chain": "f" * 64}) + "\n"
    elif how == "drop":
        del lines[k]
    elif how == "swap":
        other = (k + 1) % 3
        lines[k], lines[other] = lines[other], lines[k]
        broken = min(k, other) + 1
    elif how == "double":
        lines.insert(k, lines[k])
        broken = line + 1
    else:
        lines[k] = "[]\n"
    path.write_text("".join(lines))
    with pytest.raises(UserError, match=f"p.jsonl:{broken}"):
        entries(folder, "p")
    before = path.read_bytes()
    with pytest.raises(UserError, match=f"p.jsonl:{broken}"):
        record_all(folder, "p", ACTS[:1], at=AT)
    assert path.read_bytes() == before


def test_a_kill_in_the_middle_of_a_line_breaks_nothing(folder: DataFolder) -> None:
    """Guards against a log that one power cut makes unreadable for ever."""
    path = folder.audit("p")
    path.write_bytes(path.read_bytes() + b'{"seq": 4, "at": "2026-')
    assert len(entries(folder, "p")) == 3
    record(folder, "p", at=AT, actor="lena", action="override", subject="x", reason="y")
    assert [e.seq for e in entries(folder, "p")] == [1, 2, 3, 4]


def test_a_kill_before_the_head_is_written_breaks_nothing(folder: DataFolder) -> None:
    """Guards against refusing a log whose newest entry is there while the note of it is one behind."""
    head = folder.audit("p").with_suffix(".head")
    before = head.read_bytes()
    record(folder, "p", at=AT, actor="lena", action="override", subject="x", reason="y")
    head.write_bytes(before)
    assert len(entries(folder, "p")) == 4


def test_a_rerun_mends_the_head_that_a_kill_left_behind(folder: DataFolder) -> None:
    """Loss: the entries since then could be cut off unseen, and a night run again is not the night undisturbed."""
    head = folder.audit("p").with_suffix(".head")
    behind = head.read_text()
    more = [Act("nightly", "publish", "2026-10-07-0c", "all gates hold")]
    record_all(folder, "p", more, at=AT, once=True)
    undisturbed = head.read_text()
    head.write_text(behind)
    record_all(folder, "p", more, at=AT, once=True)
    assert head.read_text() == undisturbed
    head.unlink()
    record_all(folder, "p", [], at=AT)
    assert head.read_text() == undisturbed


def _writes(root: str, name: str) -> None:
    for k in range(20):
        record(DataFolder(Path(root)), "p", at=AT, actor=name, action="override", subject=str(k), reason="r")


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    """Guards against two processes that write over each other's entries."""
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_writes, args=(str(tmp_path), name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = entries(DataFolder(tmp_path), "p")
    assert sorted((e.act.actor, int(e.act.subject)) for e in found) == [(n, k) for n in "abc" for k in range(20)]


def test_the_command(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Guards against a command that shows another log, or calls a broken chain whole."""
    home = folder.project("p")
    home.mkdir(parents=True)
    source = "{format: csv, item: i, annotator: a, label: l}"
    words = f"project: p\nstart: 2026-10-01\nlabels: {{classes: [a, b]}}\nsources: {{s: {source}}}\n"
    (home / "project.yaml").write_text(words)
    call = ["audit", "p", "--data", str(folder.root)]
    assert main([*call, "--json", "--limit", "1"]) == OK
    assert json.loads(capsys.readouterr().out)["action"] == "rollback"
    assert main(call) == OK
    assert "not counting" in capsys.readouterr().out
    assert main([*call, "--verify"]) == OK
    path = folder.audit("p")
    path.write_text(path.read_text().replace("batch 7", "batch 8"))
    capsys.readouterr()
    assert main([*call, "--verify"]) == STOPPED
    assert main(call) == BAD_INPUT


def blank(folder: DataFolder, subject: str = "erasure 1") -> int:
    def without(text: str) -> str:
        return text.replace("a-12", "[erased]")

    return erase(folder, "p", without, at=AT, actor="lena", subject=subject, reason="asked by the person")


def test_an_erasure_blanks_names_and_the_chain_holds(folder: DataFolder) -> None:
    """Loss: a name that stays in the log, or a log that counts as broken for ever after the first erasure."""
    chains = [entry.chain for entry in entries(folder, "p")]
    assert blank(folder) == 1
    found = entries(folder, "p")
    assert "a-12" not in folder.audit("p").read_text()
    assert found[1].act.subject == "[erased]"
    assert [entry.chain for entry in found[:3]] == chains  # comparable with a copy from before
    assert (found[3].act.action, found[3].act.subject, found[3].act.after.count(":")) == ("erase", "erasure 1", 1)
    assert blank(folder) == 0  # as a resumed erasure does it
    assert len(entries(folder, "p")) == 4
    record(folder, "p", at=AT, actor="lena", action="rollback", subject="LATEST", reason="a-13 and a-12")
    assert blank(folder, "erasure 2") == 1
    assert len(entries(folder, "p")) == 6


@pytest.mark.parametrize("how", ["word", "blank", "unblank"])
def test_what_only_an_erasure_may_do_is_found(folder: DataFolder, how: str) -> None:
    """Loss: a tamperer who calls a changed line blanked, or changes what an erasure left of one."""
    blank(folder)
    path = folder.audit("p")
    lines = path.read_text().splitlines(keepends=True)
    if how == "word":
        lines[1], line = lines[1].replace("3 of 14", "4 of 14"), 2
    elif how == "unblank":
        lines[1], line = lines[1].replace("[erased]", "a-12").replace(', "blanked": true', ""), 0
    else:
        told = json.loads(lines[0]) | {"actor": "mallory", "blanked": True}
        lines[0], line = json.dumps(told, ensure_ascii=False) + "\n", 1
    path.write_text("".join(lines))
    if not line:  # what it was before, as a copy has it: the chain proves it
        assert entries(folder, "p")[1].act.subject == "a-12"
        return
    with pytest.raises(UserError, match=rf"audit/p.jsonl:{line}: the entry was blanked, and not so by any erasure"):
        entries(folder, "p")


def test_a_writer_that_waited_for_an_erasure_loses_nothing(folder: DataFolder) -> None:
    """Loss: an act written into the file that an erasure has just replaced."""
    with folder.audit("p").open("a+b") as old:
        blank(folder)
        assert os.fstat(old.fileno()).st_ino != folder.audit("p").stat().st_ino
    record(folder, "p", at=AT, actor="lena", action="rollback", subject="LATEST", reason="later")
    assert [entry.act.reason for entry in entries(folder, "p")][-1] == "later"
