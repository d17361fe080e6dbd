"""What a pilot told, and how it is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd
import pytest

from label_pipeline.contracts.tables import KPIS
from label_pipeline.pilot.outcome import Outcome, Pilot, outcome
from label_pipeline.pilot.sections import sections, stand
from label_pipeline.pilot.written import About, as_json, markdown, text
from label_pipeline_tests.guidelines.said import votes_of
from label_pipeline_tests.pilot.test_cost import Price


@dataclass(frozen=True)
class Asked:
    """A target."""

    at_least: float | None = None
    at_most: float | None = None


ABOUT = About("reviews", date(2026, 10, 6), ("reviews-1",), "v1")


def pilot_of(said: list[str], status: list[str], decided: str = "") -> Pilot:
    """A pilot on these answers; `decided` are labels that adjudicators gave, item by item."""
    votes = votes_of(said, "abc")
    voted = [max(sorted(set(each)), key=each.count) if each else None for each in said]
    consensus = pd.DataFrame(
        {
            "item_id": votes.items,
            "label": list(decided) or voted,
            "voted_label": voted,
            "status": status,
            "n_annotations": [len(each) for each in said],
        }
    )
    answers = pd.DataFrame({"group": ["crowd", "house"] * (votes.n // 2 + 1), "duration_s": 12.0}).head(votes.n)
    return Pilot(
        votes=votes,
        kind="single_choice",
        answers=answers,
        consensus=pd.concat([consensus, consensus.assign(item_id="x", status="unlabelled", n_annotations=0).head(1)]),
        kpis=pd.DataFrame(columns=KPIS.names),
        targets={"alpha": Asked(at_least=0.67)},
        rates={"crowd": Price(per_annotation=0.1)},
        least=2,
        most=5,
    )


SAID = ["aab", "aba", "baa"] * 6 + ["bb"] * 8 + ["cc"] * 8 + ["aa", "a", ""]
STATUS = ["disputed"] * 18 + ["accepted"] * 17 + ["open", "unlabelled"]


@pytest.fixture(scope="module")
def found() -> Outcome:
    return outcome(pilot_of(SAID, STATUS))


def test_counts_by_hand(found: Outcome) -> None:
    """Loss: a pilot that looks complete. Of 37 items 36 have an answer, 35 two; the item of no pilot is not counted."""
    assert (found.asked, found.answered, found.pairable, found.answers) == (37, 36, 35, 18 * 3 + 17 * 2 + 1)
    assert found.annotators == 3
    assert found.statuses == {"accepted": 17, "disputed": 18, "open": 1, "unlabelled": 1}
    assert stand(found).startswith("89 answers by 3 people on 36 of 37 items; 1 still wait")


def test_classes_pairs_and_what_is_unclear(found: Outcome) -> None:
    """Loss: the guideline is mended where it is clear. a and b are said of 18 items, by all three people alike."""
    assert [row.name for row in found.classes][-1] == "c"
    assert {row.name: row.items for row in found.classes} == {"a": 20, "b": 26, "c": 8}
    (pair,) = found.pairs
    assert (pair.confusion.first, pair.confusion.second, pair.confusion.both) == ("a", "b", 18)
    assert [each.item_id for each in pair.examples] == ["i000", "i001", "i002", "i003"]
    assert pair.examples[0].words == "a: 2, b: 1"
    assert found.unclear[0].startswith("a or b: 3 people gave the rarer answer on 18 items")
    assert found.verdict.decision == "no-go"


def test_a_class_without_one_rival_is_named_too() -> None:
    """Loss: a class everybody mistakes for something else each time is not told."""
    said = ["ab", "ac", "ba", "ca"] * 10 + ["bb", "cc"] * 20
    classes = {words.split(":")[0] for words in outcome(pilot_of(said, ["disputed"] * 80)).unclear}
    assert "a" in classes


def test_accuracy_is_told_only_where_nearly_all_is_decided() -> None:
    """Loss: label accuracy measured on the disputed items alone. 19 of 20 decided, one of them otherwise."""
    said, decided = ["aa"] * 20, "b" + "a" * 19
    all_but_one = outcome(pilot_of(said, ["adjudicated"] * 19 + ["accepted"], decided))
    assert (all_but_one.accuracy.value, all_but_one.accuracy.n) == (18 / 19, 19)
    few = outcome(pilot_of(said, ["adjudicated"] * 18 + ["accepted"] * 2, decided))
    assert (few.accuracy.value, few.accuracy.n) == (None, 18)


def test_one_group_is_not_told_twice(found: Outcome) -> None:
    """Loss: a table that says everything twice."""
    assert [row.group for row in found.times] == ["", "crowd", "house"]
    pilot = pilot_of(SAID, STATUS)
    alone = outcome(replace(pilot, answers=pilot.answers.assign(group="crowd")))
    assert [row.group for row in alone.times] == [""]


def test_every_form_says_the_same(found: Outcome) -> None:
    """Loss: the file that is mailed says something else than the screen."""
    shown = "\n".join(part if isinstance(part, str) else str(part) for part in text(found, ABOUT))
    file = markdown(found, ABOUT)
    for section in sections(found):
        assert section.title.upper() in shown
        assert f"## {section.title}" in file
    for words in ("No-go: alpha is missed", "i000"):
        assert words in shown
        assert words in file
    assert "\N{NO-BREAK SPACE}" not in shown
    table = [line for line in file.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table if "alpha of" in line}) == 1


def test_markup_of_people_stays_text(found: Outcome) -> None:
    """Loss: a class named like a link sends the reader elsewhere."""
    about = replace(ABOUT, project="[x](http://y)|<b>")
    assert "\\[x\\](http://y)\\|\\<b\\>" in markdown(found, about)


def test_json_has_no_numbers_that_are_none() -> None:
    """Loss: a program stumbles over NaN, which is no JSON."""
    told = json.loads(as_json(outcome(pilot_of(["a", "b", ""], ["open", "open", "unlabelled"])), project="reviews"))
    assert told["project"] == "reviews"
    assert told["alpha"] == {"value": None, "ci_low": None, "ci_high": None, "n": 0}
    assert told["verdict"]["decision"] == "undecided"
