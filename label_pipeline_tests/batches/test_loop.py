"""The loop without a tool: nights compose, the command line sends, people answer, and the next night knows."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from label_pipeline import audit
from label_pipeline.batches import send
from label_pipeline.batches.compose import ADJUDICATION, GOLD_CHECK, RELABEL
from label_pipeline.cli import main
from label_pipeline.folders import DataFolder
from label_pipeline.gold.life import is_drawn
from label_pipeline.gold.told import ADJUDICATED, LOST, OPENED
from label_pipeline.privacy.pseudonyms import key, pseudonyms
from label_pipeline_tests.orchestration.runs import (
    D2,
    D3,
    D4,
    ITEMS,
    TRUTH,
    answers,
    mart,
    partition,
    pets,
    put,
    run,
    state,
    write,
)

PROJECT = """\
project: pets
start: 2026-10-06
labels: {classes: [cat, dog]}
items: {fields: [weight]}
sources: {crowd: {format: csv, annotated_at: at}}
people: {roster: people.csv, unknown: quarantine, gold_checks: {at_least: 0.7, otherwise: exclude}}
gold: {seeds: gold/*.csv, draw: {share: 0.3, since: 2026-10-07}, promote: {independent: 3, confidence: 0.5,
       model_agrees: false, wait_days: 0, at_most: 2}}
consensus: {method: majority, accept_at: 0.75}
batches: {size: 20, shares: {new: 0.5, relabel: 0.5, gold: 1.0}, require_from: 2026-10-08}
queue: {adjudicate_after: 4}
publish: {splits: {train: 0.6, validation: 0.4}}
"""
SEEDS = "item_id,label,role\n" + "".join(
    f"{item},{TRUTH[item]},{('evaluation', 'check')[k // 2 % 2]}\n" for k, item in enumerate(ITEMS[:16])
)
CHECKS = {item for k, item in enumerate(ITEMS[:16]) if k // 2 % 2}
ROSTER = "source,identity,group,role\n" + "".join(
    f"crowd,{who},g,{'adjudicator' if who in 'xy' else 'annotator'}\n" for who in "abcdefsxy"
)
SPLIT = ITEMS[16:20]  # two say this and two say that
TWO = ITEMS[20:22]  # one says this and one says that
LATER = ITEMS[24:]
DRAWN = {item for item in ITEMS[16:] if is_drawn(item, 0.3)}


def person(who: str) -> str:
    return pseudonyms([("crowd", who)], key())["crowd", who]


@dataclass(frozen=True)
class Loop:
    """What the nights up to the first batch left, what was sent, and the folder after the night of the answers."""

    folder: DataFolder
    sent: dict[str, list[dict[str, str]]]
    before: list[dict[str, Any]]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """A day of gold, a day of disputes, their nights; the batches sent and answered; another night.

    `s` answers everything wrong. Of what was sent, annotators `e` and `f` answer with the truth, `x` decides.
    """
    root = tmp_path_factory.mktemp("loop")
    folder = pets(root / "data", days=0, project=PROJECT, seeds=SEEDS)
    write(folder.project("pets") / "people.csv", ROSTER)
    put(folder, D2, "gold.csv", answers(ITEMS[:16], D2, who="abcs", wrong={"s" + item for item in ITEMS}))
    astray = {who + item for who in "cd" for item in SPLIT} | {"b" + item for item in TWO}
    for who, items in (("abcd", SPLIT), ("ab", TWO), ("abc", ITEMS[22:24])):
        put(folder, D3, f"{who}.csv", answers(items, D3, who=who, wrong=astray))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(send, "today", lambda timezone: D4)
        assert not run(folder, D2, D3).failed_checks - {("candidate", "accepted")}
        before = partition(folder, "consensus_labels", D3)
        out = root / "out"
        for purpose in ((), ("--purpose", "adjudication")):
            asked = ["batch", "pets", "--data", str(folder.root), "--out", str(out), "--format", "csv", *purpose]
            assert main(asked) == 0
            assert main(asked) == 0  # once more: the same files, and no second sending
    sent = {path.stem: rows_of(path) for path in sorted(out.iterdir())}
    put(folder, D4, "returned.csv", _returned(sent))
    run(folder, D4, D4)
    return Loop(folder, sent, before)


def _returned(sent: dict[str, list[dict[str, str]]]) -> str:
    """What comes back, every row as it was sent: good answers, and four that should not have come."""
    lines = ["item_id,annotator_id,label,at,batch_id"]
    for batch, rows in sent.items():
        experts = batch.endswith("adjudication")
        for k, row in enumerate(rows):
            for who in "x" if experts else "ef":
                lines.append(f"{row['item_id']},{who},{TRUTH[row['item_id']]},{D4}T09:{k:02d}:00,{row['batch_id']}")
    everybody, experts_only = (next(rows for name, rows in sent.items() if name.endswith(end)) for end in ("07", "on"))
    of_all, of_experts = everybody[0], experts_only[0]
    lines += [
        f"{LATER[0]},e,cat,{D4}T10:00:00,{of_all['batch_id']}",
        f"{of_experts['item_id']},e,cat,{D4}T10:00:00,{of_experts['batch_id']}",
        f"{of_all['item_id']},nobody,cat,{D4}T10:00:00,{of_all['batch_id']}",
        f"{of_all['item_id']},d,bird,{D4}T10:00:00,{of_all['batch_id']}",
    ]
    return "\n".join(lines) + "\n"


def test_what_goes_out(loop: Loop) -> None:
    """Loss: evaluation gold before everybody's eyes, a file that tells the gold checks, an item twice."""
    (experts, decisions), (name, rows) = loop.sent.items()
    assert (name, experts) == ("pets-2026-10-07", "pets-2026-10-07-adjudication")
    assert {tuple(row) for row in rows} == {("item_id", "weight", "batch_id")}
    purposes = {r["item_id"]: r["purpose"] for r in partition(loop.folder, "batches", D3)}
    assert {row["item_id"] for row in rows} >= set(TWO) - DRAWN
    assert Counter(purposes.values())[GOLD_CHECK] >= 1
    assert {item for item, purpose in purposes.items() if purpose == GOLD_CHECK} <= CHECKS
    assert {item for item, purpose in purposes.items() if purpose == RELABEL} & {*ITEMS[:16]} == set()
    # People differ on these after four answers, or they are drawn to measure with; both need a decision.
    assert {row["item_id"] for row in decisions} == {*SPLIT, *(DRAWN & {*TWO, *ITEMS[22:24]})}
    assert len({row["item_id"] for row in rows + decisions}) == len(rows + decisions)


def test_what_is_out_is_shown_with_what_waits_for_adjudicators(loop: Loop, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: decisions that wait in a batch nobody knows of."""
    asked = ["batch", "pets", "--data", str(loop.folder.root), "--day", str(D3)]
    assert main(asked) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.split() == ["batch", "rows", "answers", "of", "which", "sent"]
    assert [line.split()[0] for line in lines[:2]] == ["pets-2026-10-07", "pets-2026-10-07-adjudication"]
    assert all(line.endswith(str(D4)) for line in lines[:2])
    assert f"label-pipeline batch pets --day {D3} --purpose adjudication ..." in "\n".join(lines[2:])
    assert main([*asked, "--purpose", "new"]) == 0
    assert capsys.readouterr().out == f"Nothing to label as of {D3} for new.\n"


def test_a_night_after_it_fewer_are_disputed_and_all_has_come_back(loop: Loop) -> None:
    """Loss: answers that find their batch, their item or the consensus not."""
    was = {row["item_id"] for row in loop.before if row["status"] == "disputed"}
    now = {row["item_id"]: row["status"] for row in partition(loop.folder, "consensus_labels", D4)}
    assert was >= {*SPLIT, *TWO}
    assert not [item for item in was if now[item] == "disputed"]
    sent = partition(loop.folder, "dispatches", D4)
    assert {row["state"] for row in sent} == {"returned"}
    by = {row["item_id"]: row["answered_by"] for row in sent if row["purpose"] == ADJUDICATION}
    assert {tuple(people) for people in by.values()} == {(person("x"),)}
    assert not {row["item_id"] for row in partition(loop.folder, "batches", D4)} & {
        item for item, role in roles(loop).items() if role == "evaluation"
    }


def roles(loop: Loop) -> dict[str, str]:
    return {row["item_id"]: row["role"] for row in partition(loop.folder, "gold_set", D4)}


def test_decisions_bind_and_feed_gold(loop: Loop) -> None:
    """Loss: an expert's word that counts as one vote of five, or gold that measures what it has taught."""
    gold = {row["item_id"]: row for row in partition(loop.folder, "gold_set", D4)}
    for item in SPLIT:
        assert (gold[item]["label"], gold[item]["origin"]) == (TRUTH[item], "adjudication")
        assert gold[item]["role"] == ("evaluation" if item in DRAWN else "check")
    labels = {row["item_id"]: row for row in partition(loop.folder, "consensus_labels", D4)}
    assert {labels[item]["label"] == TRUTH[item] for item in SPLIT} == {True}
    assert {labels[item]["status"] for item in SPLIT} == {"adjudicated"}
    log = audit.entries(loop.folder, "pets")
    assert {e.act.actor for e in log if e.act.action == ADJUDICATED} == {person("x")}
    assert {f"item {item} version 1" for item in SPLIT} <= {e.act.subject for e in log if e.act.action == OPENED}


def test_who_gets_gold_checks_wrong_does_not_count(loop: Loop) -> None:
    """Loss: a spammer who answered first is a third of every consensus, and nobody can read why one is none."""
    (fallen,) = (row for row in partition(loop.folder, "annotator_standing", D4) if row["state"] != "counting")
    assert (fallen["annotator_id"], fallen["state"], fallen["from_day"]) == (person("s"), "not counting", D2)
    told = [e.act for e in audit.entries(loop.folder, "pets") if e.act.action == LOST]
    assert [(act.subject, act.reason) for act in told] == [(f"annotator {person('s')}", fallen["reason"])]
    assert fallen["reason"].startswith("0 of ")
    counted = {row["item_id"]: row["n_annotations"] for row in loop.before}
    assert {counted[item] for item in ITEMS[:16]} == {3}  # of four answers
    scored = {row["true_label"] for row in partition(loop.folder, "gold_scores", D4)}
    assert scored == {"", "cat", "dog"}


def test_bad_returns_are_quarantined_with_reasons(loop: Loop) -> None:
    """Loss: an answer nobody asked for, or of nobody known, is paid and believed."""
    found = Counter(row["rule"] for row in partition(loop.folder, "quarantine", D4))
    assert found == {"item_not_sent": 1, "adjudicator_only": 1, "annotator_unknown": 1, "label_unknown": 1}
    assert all(row["reason"] for row in partition(loop.folder, "quarantine", D4))


def test_what_is_drawn_is_not_learnt_from(loop: Loop) -> None:
    """Loss: next week's evaluation items are in tonight's training set."""
    held = {row["item_id"]: row["held_back"] for row in partition(loop.folder, "splits", D3) if row["held_back"]}
    learnt = {row["item_id"] for row in partition(loop.folder, "splits", D3)} - set(held)
    assert not learnt & {*DRAWN, *(item for item in ITEMS[:16] if item not in CHECKS)}
    gates = {row["gate"]: row for row in partition(loop.folder, "gates", D4)}
    assert (gates["gold_leak"]["severity"], gates["gold_leak"]["passed"]) == ("block", True)


def test_people_read_it_in_the_mart(loop: Loop) -> None:
    """Loss: what the nights know of gold is known to nobody."""
    tables = mart(loop.folder.mart("pets"))
    for name in ("dispatches", "gold_set", "gold_plan", "annotator_standing", "gold_scores"):
        assert tables[name], name


@pytest.mark.slow
def test_a_full_rebuild_gives_the_same_batches(loop: Loop, tmp_path: Path) -> None:
    """Loss: a batch that was sent and one that a rebuild composes for the same night are two."""
    again = DataFolder(tmp_path / "again")
    shutil.copytree(loop.folder.root, again.root)
    for part in ("lake", "marts", "published", "reports"):
        shutil.rmtree(again.root / part)
    run(again, D2, D4)
    for day in (D3, D4):
        assert partition(again, "batches", day) == partition(loop.folder, "batches", day)
    lake = {name: digest for name, digest in state(loop.folder).items() if name.startswith("lake")}
    assert {name: digest for name, digest in state(again).items() if name.startswith("lake")} == lake
